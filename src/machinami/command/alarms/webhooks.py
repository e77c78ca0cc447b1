"""Who is told about alarms: webhooks that every notice of an alarm is sent to (issue part F)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.errors import Refusal

KIND: Final = "alarm-webhook"
WEBHOOKS_MAX: Final = 100
NAME_CHARACTERS_MAX: Final = 60


class WebhookRecords(Protocol):
    """Durable records by kind."""

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None: ...
    async def remove(self, tenant: str, kind: str, key: str) -> bool: ...
    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]: ...


class WebhookGuard(Protocol):
    """Judges an address before it is kept; it is judged again at every send."""

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        """Refusal if notices may not go there."""


class WebhookLanes(Protocol):
    """What waits to be sent."""

    async def drop_lane(self, tenant: str, subscription_id: str) -> None:
        """Forget the waiting notices of a receiver that is gone."""


class AlarmWebhooks:
    """Add, list and remove receivers of alarm notices; only administrators change them."""

    def __init__(self, records: WebhookRecords, guard: WebhookGuard, lanes: WebhookLanes) -> None:
        self._records = records
        self._guard = guard
        self._lanes = lanes

    async def add(self, caller: Caller, name: str, url: str) -> dict[str, Any]:
        """Keep a receiver under its name, replacing one of the same name."""
        require(caller, Role.ADMIN)
        if not name or len(name) > NAME_CHARACTERS_MAX or "/" in name or not name.isprintable():
            raise Refusal("command.webhook.name", most=str(NAME_CHARACTERS_MAX))
        self._guard.check(url, ())
        known = {one["id"] for one in await self.listing(caller)}
        if name not in known and len(known) >= WEBHOOKS_MAX:
            raise Refusal("command.webhook.too_many", most=str(WEBHOOKS_MAX))
        document = {"id": name, "name": name, "url": url}
        await self._records.put(caller.tenant, KIND, name, document)
        return document

    async def listing(self, caller: Caller) -> list[dict[str, Any]]:
        """All receivers in order of creation."""
        require(caller, Role.READER)
        return await self._records.listing(caller.tenant, KIND, WEBHOOKS_MAX)

    async def remove(self, caller: Caller, name: str) -> None:
        """Forget a receiver and what waits for it."""
        require(caller, Role.ADMIN)
        if not await self._records.remove(caller.tenant, KIND, name):
            raise Refusal("command.webhook.does_not_exist", name=name)
        await self._lanes.drop_lane(caller.tenant, f"{KIND}:{name}")
