"""Entities, attributes and sub-attributes that last for a time only (CIM 009 4.22)."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.entities import rules
from machinami.data.entities.decisions import Keep, Put, Remove
from machinami.data.entities.expiry import can_expire, faded, living
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal

BEFORE, AT, AFTER = "2026-05-14T02:59:59Z", "2026-05-14T12:00:00+09:00", "2026-05-14T03:00:01Z"
"""The second names the instant between the other two, in another zone."""


def prop(value: Any = 1, expires_at: str | None = None, **subs: Instance) -> Instance:
    one: Instance = {"type": "Property", "value": value}
    if expires_at:
        one["expiresAt"] = expires_at
    if subs:
        one["attributes"] = {name: [sub] for name, sub in subs.items()}
    return one


def thing(expires_at: str | None = None, **attributes: Instance) -> Entity:
    return Entity("urn:x:1", ("T",), {name: [one] for name, one in attributes.items()}, expires_at=expires_at)


@pytest.mark.parametrize("lasting", [thing(a=prop()), thing(a=prop(b=prop())), thing(AT, a=prop(1, AT, b=prop(2, AT)))])
def test_living_is_the_entity_itself_when_nothing_has_expired(lasting: Entity) -> None:
    assert living(lasting, BEFORE) is lasting
    assert faded(lasting, BEFORE) == []


@pytest.mark.parametrize("now", [AT, AFTER])
def test_living_is_nothing_when_the_entity_has_expired(now: str) -> None:
    assert living(thing(AT, a=prop()), now) is None


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (thing(a=prop(1, AT), b=prop()), thing(b=prop())),
        (thing(a=prop(1, b=prop(2, AT), c=prop(3))), thing(a=prop(1, c=prop(3)))),
        (thing(a=prop(1, b=prop(2, AT))), thing(a=prop(1))),
        (thing(a=prop(1, b=prop(2, c=prop(3, AT)))), thing(a=prop(1, b=prop(2)))),
        (thing(a=prop(1, AT, b=prop(2)), b=prop(9)), thing(b=prop(9))),
    ],
)
def test_living_leaves_out_what_has_expired_at_any_depth(stored: Entity, shown: Entity) -> None:
    assert can_expire(stored)
    assert living(stored, AFTER) == shown
    swept = rules.remove_expired()(stored, AFTER)
    assert isinstance(swept, Put)
    assert swept.entity.attributes == shown.attributes
    assert living(swept.entity, AFTER) is swept.entity


def test_sweep_tells_what_is_left_of_an_attribute() -> None:
    stored = thing(a=prop(1, b=prop(2, AT)), c=prop(3, AT))
    swept = rules.remove_expired()(stored, AFTER)
    assert isinstance(swept, Put)
    assert [(one.attribute, one.after) for one in swept.changed.instances] == [("a", prop(1)), ("c", None)]


def test_sweep_removes_an_expired_entity_and_keeps_a_living_one() -> None:
    assert isinstance(rules.remove_expired()(thing(AT, a=prop()), AFTER), Remove)
    assert isinstance(rules.remove_expired()(thing(AT, a=prop()), BEFORE), Keep)
    assert isinstance(rules.remove_expired()(None, AFTER), Keep)


@pytest.mark.parametrize("late", [thing(AT), thing(a=prop(1, AT)), thing(a=prop(1, b=prop(2, AT)))])
def test_create_refuses_what_would_vanish_at_once(late: Entity) -> None:
    with pytest.raises(Refusal, match=r"data\.entity\.expires_in_past"):
        rules.create(late)(None, AFTER)
    assert isinstance(rules.create(late)(None, BEFORE), Put)
