"""Which sources get a copy of a subscription, and what the copy says: pure (CIM 009 5.8.1.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from machinami.federation.distribution.model import Target
from machinami.federation.distribution.rules import Narrowed, narrowed, offered
from machinami.federation.registrations.model import Match, Mode, Wanted
from machinami.federation.registrations.ports import Evaluate
from machinami.federation.registrations.rules import as_entity, may_hold
from machinami.kernel.entity import NGSI_LD_NULL
from machinami.kernel.query import EntityQuery, chains
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context
from machinami.standards.ngsi_ld.registration_subscriptions import RegistrationSubscription
from machinami.standards.ngsi_ld.subscription_model import Subscription

LD_JSON: Final = "application/ld+json"
_KEPT: Final = ("subscriptionName", "description", "expiresAt", "throttling", "timeInterval", "datasetId")
_FILTERS: Final = ("q", "geoQ", "scopeQ")


def stays_here(subscription: Subscription) -> bool:
    """Whether it is about entities held here alone: it says so, or asks for entities of any type (5.2.33)."""
    return subscription.local_only or any(one.types is None and one.ids is None for one in subscription.query.selectors)


def wanted_of(subscription: Subscription, previous_sources: frozenset[str]) -> Wanted:
    """What registrations are matched with (5.11.2.4, 5.12)."""
    query = subscription.query
    attributes = RegistrationSubscription(subscription).attributes
    return Wanted(query.selectors, attributes, frozenset(query.dataset_ids), previous_sources)


def meant(subscription: Subscription, matches: Iterable[Match], evaluate: Evaluate, now_text: str) -> list[Match]:
    """Those of the matches that get a copy: sources of latest information that the filters don't rule out.

    What a registration doesn't say (no location, no scope) rules nothing out.
    """
    return [one for one in matches if _is_meant(subscription, one, evaluate, now_text)]


def _is_meant(subscription: Subscription, match: Match, evaluate: Evaluate, now_text: str) -> bool:
    registration, query = match.registration, subscription.query
    if registration.mode is Mode.AUXILIARY or registration.temporal or watched(subscription, match) == frozenset():
        return False
    shown = as_entity(match.registered)
    geo = query.geo if query.geo is not None and query.geo.property_name in shown.attributes else None
    if geo is not None and not may_hold(geo, shown, evaluate, now_text):
        return False
    scope = query.scope if registration.scopes else None
    return evaluate(shown, EntityQuery(condition=subscription.csf, scope=scope), now_text)


def watched(subscription: Subscription, match: Match) -> frozenset[str] | None:
    """The attributes to watch at the source: those watched here that it is registered for; None: any."""
    return offered(match.information, frozenset(subscription.watched) or None)


def copy_document(
    subscription: Subscription, match: Match, target: Target, given: Context, remote_id: str, uri: str, *, split: bool
) -> dict[str, Any]:
    """The copy: reduced to what the source is registered for, with our endpoint; what is shown is chosen here (5.8.1.4).

    Filters are left out where entities may be split, and where their text can't be said in the source's @context: they
    are applied here again anyway. `csf` has done its work.
    """
    context, told = target.context, subscription.document
    document: dict[str, Any] = {"id": remote_id, "type": "Subscription", "isActive": subscription.active}
    document |= {name: told[name] for name in _KEPT if name in told}
    entities = _entities(narrowed(subscription.query.selectors, match.information), context)
    if entities:
        document["entities"] = entities
    names = watched(subscription, match)
    if names and subscription.interval_s is None:
        document["watchedAttributes"] = [context.compacted[one] for one in sorted(names)]
    if "notificationTrigger" in told:
        document["notificationTrigger"] = sorted(subscription.triggers)
    if not split:
        document |= _filters(subscription, context, readable=context is given)
    if match.registration.management.local_only:
        document["localOnly"] = True
    document["notification"] = _notification(subscription, uri)
    return _with_context(document, target)


def _entities(parts: Iterable[Narrowed], context: Context) -> list[dict[str, Any]]:
    found = []
    for part in parts:
        types = [{"type": ";".join(context.compacted[one] for one in sorted(kinds))} for kinds in part.types] or [{}]
        names: list[dict[str, Any]] = [{"id": one} for one in part.ids]
        names = names or ([{"idPattern": part.id_pattern}] if part.id_pattern else [{}])
        found += [{**name, **kind} for kind in types for name in names]
    return [one for one in found if one]


def _filters(subscription: Subscription, context: Context, *, readable: bool) -> dict[str, Any]:
    told, query = subscription.document, subscription.query
    found: dict[str, Any] = {name: told[name] for name in _FILTERS if name in told}
    if not readable or chains(query.condition):
        found.pop("q", None)
    elif "q" in found:
        found |= {name: told[name] for name in ("expandValues", "jsonKeys") if name in told}
    if query.geo is not None and "geoproperty" in found.get("geoQ", {}):
        found["geoQ"] = {**found["geoQ"], "geoproperty": context.compacted[query.geo.property_name]}
    return found


def _notification(subscription: Subscription, uri: str) -> dict[str, Any]:
    changes = {"showChanges": True} if subscription.notification.show_changes else {}
    return {"format": "normalized", "sysAttrs": True, **changes, "endpoint": {"uri": uri, "accept": "application/json"}}


def _with_context(document: dict[str, Any], target: Target) -> dict[str, Any]:
    """The document with its @context where a header can't name it; notifications then speak in the core one."""
    source = target.context.source
    if source is None or isinstance(source, str):
        return {**document, "@context": source or CORE_CONTEXT_URL} if target.media_type == LD_JSON else document
    return {**document, "jsonldContext": CORE_CONTEXT_URL, "@context": source}


def changes(sent: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The fragment that makes `document` of what a source has (5.8.2)."""
    gone = dict.fromkeys(sent.keys() - document.keys() - {"@context"}, NGSI_LD_NULL)
    return gone | {name: value for name, value in document.items() if name not in ("id", "type")}
