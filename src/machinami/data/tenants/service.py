"""Which tenants exist: those in which something was created once; the default one always does (CIM 009 5.5.10)."""

from __future__ import annotations

from typing import Final

from machinami.data.ports import DocumentStore, EntityStore
from machinami.kernel.caller import DEFAULT_TENANT

KIND: Final = "tenant"
HOLDER: Final = ""
"""The list of tenants is of no tenant."""
REMEMBERED_MAX: Final = 10_000


class Tenants:
    """Remembers tenants durably; asked on each call that names one, so those that exist are kept in memory."""

    def __init__(self, documents: DocumentStore, entities: EntityStore) -> None:
        self._documents = documents
        self._entities = entities
        self._known: set[str] = set()

    async def exists(self, tenant: str) -> bool:
        """Whether anything was ever created in the tenant; entities that stand in it count, however they came there."""
        if tenant == DEFAULT_TENANT or tenant in self._known:
            return True
        if await self._documents.fetch(HOLDER, KIND, tenant) is None:
            if not await self._entities.types(tenant):
                return False
            await self._documents.add(HOLDER, KIND, tenant, {"name": tenant})
        self._keep(tenant)
        return True

    async def remember(self, tenant: str) -> None:
        """The tenant exists from now on."""
        if tenant != DEFAULT_TENANT and tenant not in self._known:
            await self._documents.add(HOLDER, KIND, tenant, {"name": tenant})
            self._keep(tenant)

    def forget_all(self) -> None:
        """The store was emptied."""
        self._known.clear()

    def _keep(self, tenant: str) -> None:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known.add(tenant)
