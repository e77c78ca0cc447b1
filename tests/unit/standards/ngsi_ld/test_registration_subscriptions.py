"""Registration subscriptions as documents (5.2.12, 5.11.2, 5.11.3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import build_context
from machinami.standards.ngsi_ld.registration_subscriptions import (
    from_record,
    parse_registration_subscription,
    patch_registration_subscription,
    render_registration_subscription,
    to_record,
)
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

CONTEXT = build_context({"Bus": "https://example.org/Bus", "owner": "https://example.org/owner"}, lambda url: None)
LIMITS = SubscriptionLimits()
FULL: dict[str, Any] = {
    "id": "urn:ngsi-ld:Subscription:1",
    "type": "Subscription",
    "entities": [{"type": "Bus"}],
    "watchedAttributes": ["a"],
    "notification": {"attributes": ["b"], "endpoint": {"uri": "http://a.example", "accept": "application/json"}},
    "temporalQ": {"timerel": "between", "timeAt": "2020-01-01T00:00:00Z", "endTimeAt": "2021-01-01T00:00:00Z", "lastN": 2},
    "csf": 'owner=="city"',
    "throttling": 5,
    "subscriptionName": "x",
}


def test_a_record_read_back_is_the_same_subscription() -> None:
    wish = parse_registration_subscription(FULL, CONTEXT, LIMITS)
    assert from_record(to_record(wish)) == wish
    assert wish.attributes == {
        "https://uri.etsi.org/ngsi-ld/default-context/a",
        "https://uri.etsi.org/ngsi-ld/default-context/b",
    }


def test_render_registration_subscription_shows_what_was_given() -> None:
    wish = parse_registration_subscription(FULL, CONTEXT, LIMITS)
    assert render_registration_subscription(wish, CONTEXT, status="active") == {**FULL, "status": "active"}


@pytest.mark.parametrize("member", ["temporalQ", "csf"])
def test_patch_registration_subscription_removes_a_member_when_it_is_null(member: str) -> None:
    wish = parse_registration_subscription(FULL, CONTEXT, LIMITS)
    patched = patch_registration_subscription(wish, {member: None}, CONTEXT, LIMITS)
    assert member not in render_registration_subscription(patched, CONTEXT, status="active")
    assert (patched.temporal is None, patched.csf is None) == (member == "temporalQ", member == "csf")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("urn:ngsi-ld:null"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["timerel", "timeAt", "timeproperty", "endpoint", "uri", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FULL)), ODD, st.booleans())
@settings(deadline=None, max_examples=400)
def test_odd_values_are_refused_or_read_but_nothing_breaks(member: str, value: Any, patched: bool) -> None:
    try:
        if patched:
            whole = parse_registration_subscription(FULL, CONTEXT, LIMITS)
            wish = patch_registration_subscription(whole, {member: value}, CONTEXT, LIMITS)
        else:
            wish = parse_registration_subscription({**FULL, member: value}, CONTEXT, LIMITS)
    except Refusal:
        return
    assert from_record(to_record(wish)) == wish
    render_registration_subscription(wish, CONTEXT, status="active")
