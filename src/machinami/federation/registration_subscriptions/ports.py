"""What registration subscriptions need from outside of their group, beside the store of registrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from machinami.standards.ngsi_ld.contexts import Context


class Sendings(Protocol):
    """What came of a subscription's notifications so far (5.2.14)."""

    @property
    def times_sent(self) -> int: ...
    @property
    def times_failed(self) -> int: ...
    @property
    def last_notification(self) -> datetime | None: ...
    @property
    def last_success(self) -> datetime | None: ...
    @property
    def last_failure(self) -> datetime | None: ...


class Lanes(Protocol):
    """The lanes that notifications leave by."""

    async def settled(self) -> None:
        """Until finished tries are counted, for a bounded time: a receiver that was told finds itself counted."""

    async def states(self, tenant: str, subscription_ids: Sequence[str]) -> Mapping[str, Sendings]:
        """What is known of the notifications of these lanes."""

    async def drop_lane(self, tenant: str, subscription_id: str) -> None:
        """Forget waiting notifications and figures of a lane."""


class ContextResolver(Protocol):
    """Makes names readable."""

    async def resolve(self, tenant: str, local: Any) -> Context:
        """The Context of a user's @context; Refusal `data.context.*` if it can't be had."""
