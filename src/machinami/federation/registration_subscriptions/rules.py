"""When a registration subscription fires, and with which reason: pure (CIM 009 5.3.3, 5.11.7)."""

from __future__ import annotations

from machinami.federation.registration_subscriptions.model import RegistrationSubscription, TriggerReason
from machinami.federation.registrations import rules
from machinami.federation.registrations.model import Interest, Match, Registered, Wanted
from machinami.federation.registrations.ports import Evaluate


def interest_of(wish: RegistrationSubscription) -> Interest:
    """Which registrations a subscription is about (5.11.2.4)."""
    query = wish.subscription.query
    wanted = Wanted(query.selectors, wish.attributes, frozenset(query.dataset_ids), temporal=wish.temporal)
    return Interest(wanted, wish.csf, query.geo, query.scope)


def trigger(
    wish: RegistrationSubscription, before: Registered | None, after: Registered | None, evaluate: Evaluate, now_text: str
) -> tuple[TriggerReason, Match] | None:
    """Why a change of a registration is told and what of it: as it matches now, else as it matched before."""
    interest = interest_of(wish)
    was, is_now = (None if one is None else rules.meant(one, interest, evaluate, now_text) for one in (before, after))
    if is_now is not None:
        return (TriggerReason.NEWLY_MATCHING if was is None else TriggerReason.UPDATED), is_now
    return None if was is None else (TriggerReason.NO_LONGER_MATCHING, was)
