"""An attribute is left out of an update's index rows only if its rows are the same before and after."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from machinami.adapters.postgres.index_rows import differing, rows_of
from machinami.kernel.entity import Entity

SCALARS = st.sampled_from([0, 1, 1.0, 2.5, True, False, "1", "true", "", None])
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.fixed_dictionaries({"inner": SCALARS})


def entity(value: Any, observed: str) -> Entity:
    return Entity("urn:x:1", ("T",), {"level": [{"type": "Property", "value": value, "observedAt": observed}]})


@given(VALUES, VALUES)
def test_differing_names_an_attribute_when_its_rows_change(before: Any, after: Any) -> None:
    old, new = entity(before, "2026-01-01T00:00:00Z"), entity(after, "2026-01-02T00:00:00Z")
    if rows_of(old, None) != rows_of(new, None):
        assert differing(old, new, {"level"}) == {"level"}


def test_differing_names_nothing_when_only_times_change() -> None:
    old, new = entity([1, "a"], "2026-01-01T00:00:00Z"), entity([1, "a"], "2026-01-02T00:00:00Z")
    assert differing(old, new, {"level"}) == frozenset()
    assert differing(entity(1, ""), entity(True, ""), {"level"}) == {"level"}
