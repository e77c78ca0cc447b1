"""What import and feeds need of the city's entities; `bootstrap` joins it to the data group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError

Fold = Callable[[Entity | None, Entity], Entity | None]


class CityEntities(Protocol):
    """The entities of the caller's town."""

    async def save(
        self, caller: Caller, entities: Sequence[Entity], label: str = "", fold: Fold | None = None
    ) -> list[MachinamiError | None]:
        """Create or replace each entity, durably; unchanged ones are not written again.

        `fold` may choose another entity from the stored one and the new one, or None to leave the stored one. Results
        are in order; a refused entity never holds up the others. Raises `Unavailable` if the store can't answer.
        """

    async def having(self, caller: Caller, attribute: str) -> list[Entity]:
        """All entities with an attribute (expanded name)."""


class LateAlerts(Protocol):
    """Told of warnings that came in after newer messages of their event: they are not stored, but not forgotten."""

    async def late(self, caller: Caller, alert: Entity) -> None:
        """Judge an Alert that was overtaken."""


class Records(Protocol):
    """Small durable records by kind."""

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None: ...
    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None: ...
    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]: ...


class Announcer(Protocol):
    """Tells open pages what goes on (SSE)."""

    def announce(self, tenant: str, event: str, data: dict[str, Any]) -> None:
        """Send an event to all pages of a tenant; returns at once."""
