"""A page of instances ends at one instant, for all entities, and leaves out nothing before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from machinami.data.temporal.model import Evolution, Point, Series
from machinami.data.temporal.paging import cut, span
from machinami.kernel.entity import Entity

START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 4


def series(entity: int, name: str, minutes: list[int]) -> Series:
    points = [Point(START + timedelta(minutes=one), {"type": "Property", "value": one}) for one in minutes]
    return Series(f"urn:x:{entity}", name, "Property", tuple(points))


def minutes_of(found: list[Evolution]) -> list[list[list[int]]]:
    return [[[point.instance["value"] for point in one.points] for one in each.series] for each in found]


def asked(minutes: list[list[list[int]]], newest_first: bool) -> list[Evolution]:
    """Entities of attributes of minutes, each series as far as a store gives it for pages of SIZE."""
    found = []
    for number, attributes in enumerate(minutes):
        given_ = [sorted(one)[-SIZE - 1 :] if newest_first else sorted(one)[: SIZE + 1] for one in attributes]
        parts = tuple(series(number, f"a{place}", one) for place, one in enumerate(given_) if one)
        found.append(Evolution(Entity(f"urn:x:{number}", ("T",)), parts))
    return found


def test_what_fits_is_not_cut():
    found = asked([[[1, 2], [3, 4]], [[1, 2, 3, 4]]], newest_first=False)
    assert cut(found, SIZE, newest_first=False) == (found, None)


def test_the_cut_falls_between_instants_and_is_the_same_for_all():
    shown, end = cut(asked([[[1, 2, 3, 3, 5]], [[2, 9]]], newest_first=False), SIZE, newest_first=False)
    assert (minutes_of(shown), end) == ([[[1, 2, 3, 3]], [[2]]], START + timedelta(minutes=3))
    shown, end = cut(asked([[[1, 2, 3, 4, 4]], [[2, 9]]], newest_first=False), SIZE, newest_first=False)
    assert minutes_of(shown) == [[[1, 2, 3]], [[2]]]


def test_the_newest_come_first_when_the_last_ones_are_asked_for():
    shown, end = cut(asked([[[1, 2], [5, 6, 7]]], newest_first=True), SIZE, newest_first=True)
    assert (minutes_of(shown), end) == ([[[2], [5, 6, 7]]], START + timedelta(minutes=2))
    assert span(shown) == (START + timedelta(minutes=2), START + timedelta(minutes=7))


def test_a_series_of_which_nothing_is_left_stays_empty():
    shown, _ = cut(asked([[[1, 2, 3, 4, 5], [8, 9]]], newest_first=False), SIZE, newest_first=False)
    assert minutes_of(shown) == [[[1, 2, 3, 4], []]]


_MINUTES = st.lists(st.lists(st.lists(st.integers(0, 12), max_size=9), min_size=1, max_size=3), min_size=1, max_size=3)


@given(_MINUTES, st.booleans())
def test_a_page_holds_all_up_to_its_end_and_pages_go_on(minutes, newest_first):
    shown, end = cut(asked(minutes, newest_first), SIZE, newest_first)
    everything = [[one for one in attributes if one] for attributes in minutes]
    if end is None:
        assert minutes_of(shown) == [[sorted(one) for one in attributes] for attributes in everything]
        return
    last = int((end - START).total_seconds() // 60)
    for attributes, pages in zip(everything, minutes_of(shown), strict=True):
        for one, page in zip(attributes, pages, strict=True):
            within = sorted(each for each in one if (each >= last if newest_first else each <= last))
            alone = len({each for pair in attributes for each in pair}) == 1
            assert page == within or (alone and len(page) > SIZE) or (one.count(last) > SIZE)
    assert any(page for pages in minutes_of(shown) for page in pages)
