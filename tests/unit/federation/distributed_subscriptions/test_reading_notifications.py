"""What one Machinami writes into a notification, another reads out of it again, deletions and previous values included."""

from __future__ import annotations

from typing import Any

from generated_cities import entities
from hypothesis import given
from hypothesis import strategies as st

from machinami.data.subscriptions import rules
from machinami.federation.distributed_subscriptions.reading import is_stone, read_told, with_stones, without_stones
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import build_context, core_context
from machinami.standards.ngsi_ld.notifications import render_notification
from machinami.standards.ngsi_ld.subscriptions import parse_subscription

ONE = "urn:ngsi-ld:Gauge:1"
AT = parse_instant("2026-05-14T00:00:00Z")
TERMS = {"@context": {"ex": "https://example.org/", "Depth": "https://example.org/depth"}}


def changed(before: Entity, after: Entity) -> Change:
    """The change from one to the other."""
    found = []
    for name in {**before.attributes, **after.attributes}:
        left = {one.get("datasetId"): one for one in before.attributes.get(name, [])}
        right = {one.get("datasetId"): one for one in after.attributes.get(name, [])}
        found += [
            InstanceChange(name, dataset, left.get(dataset), right.get(dataset))
            for dataset in {**left, **right}
            if left.get(dataset) != right.get(dataset)
        ]
    return Change(Cursor(1, 1), AT, "default", after, ChangeKind.UPDATED, tuple(found))


@given(entities(ONE), entities(ONE), st.booleans(), st.booleans())
def test_read_told_finds_what_was_told(before: Entity, after: Entity, shows_changes: bool, terms: bool) -> None:
    document: dict[str, Any] = {
        "id": "urn:s:1", "type": "Subscription", "entities": [{"type": "X"}],
        "notification": {"endpoint": {"uri": "http://x.example"}, "showChanges": shows_changes, "sysAttrs": True},
    }  # fmt: skip
    context = build_context(TERMS["@context"], {}.__getitem__) if terms else core_context()
    subscription = parse_subscription(document, core_context())
    told = rules.told(subscription, changed(before, after))
    (shown,) = render_notification(subscription, "urn:n:1", [told], "2026-05-14T00:00:00Z", context)["data"]
    found = read_told(shown, context)
    assert found.entity.attributes == told.entity.attributes
    assert (found.entity.types, found.deleted_at) == (after.types, None)
    living = without_stones(found.entity)
    assert not any(is_stone(one) for each in living.attributes.values() for one in each)
    assert with_stones(living, found.entity).attributes.keys() == found.entity.attributes.keys()


def test_read_told_takes_a_bare_null_for_a_deletion() -> None:
    found = read_told({"id": ONE, "type": "X", "gone": "urn:ngsi-ld:null", "deletedAt": "2026-05-14T00:00:00Z"}, core_context())
    ((stone,),) = found.entity.attributes.values()
    assert is_stone(stone)
    assert found.deleted_at == "2026-05-14T00:00:00Z"
