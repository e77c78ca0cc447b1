"""A copy of a subscription at a source, and what bounds the work on copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from machinami.federation.registrations.model import Registered
from machinami.federation.registrations.service import record_of, registered_of

Place = tuple[str, str, str, str | None]
"""Whose copy, and where: when the subscription was made, the registration's id, its endpoint and tenant."""


@dataclass(frozen=True, slots=True)
class CopyLimits:
    """How copies are worked on. `public_url` is where sources reach us, empty: where the subscriber did."""

    public_url: str = ""
    split_entities: bool = False
    in_flight_max: int = 32
    per_source_max: int = 4
    backoff_min_s: float = 1.0
    backoff_max_s: float = 300.0
    removal_s_max: float = 72 * 3600.0
    whole_s_max: float = 3.0
    entities_max: int = 5_000


@dataclass(frozen=True, slots=True)
class Copy:
    """Our subscription at a source, on behalf of one that was made here at `made_at`.

    Nobody but the source knows the `token`, by which its notifications come. We choose `remote_id`, so that a creation
    whose answer got lost can be repeated. `sent` is what the source has, None: nothing. Unless we are `sure`, it is all that
    it may have: noted before a request, and settled by the answer.
    """

    tenant: str
    token: str
    subscription_id: str
    made_at: str
    registered: Registered
    remote_id: str
    sent: dict[str, Any] | None = None
    sure: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """The subscription that it is a copy of."""
        return self.tenant, self.subscription_id

    @property
    def place(self) -> Place:
        """Whose copy it is, and where."""
        return place_of(self.made_at, self.registered)


def place_of(made_at: str, registered: Registered) -> Place:
    """The place of a copy: a source that moves is another one."""
    registration = registered.registration
    return made_at, registration.id, registration.endpoint, registration.source_tenant


def copy_record(copy: Copy) -> dict[str, Any]:
    """What is stored of a copy."""
    return {
        "subscription": copy.subscription_id,
        "madeAt": copy.made_at,
        "registration": record_of(copy.registered),
        "remoteId": copy.remote_id,
        "sent": copy.sent,
        "sure": copy.sure,
    }


def copy_of(tenant: str, token: str, record: dict[str, Any]) -> Copy:
    """What `copy_record` wrote."""
    registered = registered_of(tenant, 0, record["registration"])
    return Copy(
        tenant, token, record["subscription"], record["madeAt"], registered, record["remoteId"], record["sent"], record["sure"]
    )
