"""A stored registration subscription and what came of its notifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.clock import parse_instant
from machinami.standards.ngsi_ld.registration_subscriptions import RegistrationSubscription, TriggerReason

__all__ = ["RegistrationSubscription", "Standing", "TriggerReason"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscription of one tenant with the @context it was made under and its times; `number` is its place in order."""

    tenant: str
    wish: RegistrationSubscription
    context_source: Any
    created_at: str
    modified_at: str
    number: int = 0

    @property
    def lane(self) -> str:
        """The name of its notifications among all: subscriptions to entities may have the same id."""
        return lane_of(self.wish.id)

    @property
    def sending(self) -> tuple[str, str, str]:
        """What names this subscription and no later one of the same id."""
        return self.tenant, self.wish.id, self.created_at

    def status(self, now_text: str) -> str:
        """`active`, `paused` or `expired` (5.2.12)."""
        expires_at = self.wish.subscription.expires_at
        if expires_at is not None and parse_instant(expires_at) <= parse_instant(now_text):
            return "expired"
        return "active" if self.wish.subscription.active else "paused"


_LANES: Final = "csourceSubscriptions/"


def lane_of(subscription_id: str) -> str:
    """The lane of a subscription's notifications."""
    return f"{_LANES}{subscription_id}"


def subscription_of(lane: str) -> str:
    """The subscription whose notifications go by a lane."""
    return lane.removeprefix(_LANES)
