"""What copies of subscriptions need from outside of their group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.notifications import Told
from machinami.standards.ngsi_ld.subscription_model import Subscription


class Subscriber(Protocol):
    """A subscription that was made here: under which @context, when, and how the request came (`via`, `base_url`)."""

    @property
    def tenant(self) -> str: ...
    @property
    def subscription(self) -> Subscription: ...
    @property
    def context_source(self) -> Any: ...
    @property
    def created_at(self) -> str: ...
    @property
    def via(self) -> str: ...
    @property
    def base_url(self) -> str: ...


class Subscribers(Protocol):
    """The subscriptions that stand here."""

    def live(self, tenant: str, subscription_id: str) -> Subscriber | None:
        """One of them."""

    def keys(self) -> Iterable[tuple[str, str]]:
        """(tenant, id) of all."""


class Relay(Protocol):
    """Hands on to a subscriber what a source told."""

    async def pass_on(self, tenant: str, subscription_id: str, told: Sequence[Told], place: str) -> None:
        """Queue a notification of what the subscription is about, durably. The same `place` gives the same notification id."""


class OwnEntities(Protocol):
    """The entities held here."""

    async def one(self, caller: Caller, entity_id: str) -> Entity | None: ...
