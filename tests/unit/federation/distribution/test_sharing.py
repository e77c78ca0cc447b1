"""Who carries out which part of an operation, and how far a request to a source goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from machinami.federation.distribution.rules import Narrowed, kept_of_answer, narrowed, split, without_proxied
from machinami.federation.registrations.model import EntityInfo, Match, Mode, Registered, Registration, RegistrationInfo
from machinami.kernel.entity import Entity
from machinami.kernel.query import Selector, TypeSelection

NAMES = ("a", "b", "c", "d")
ROOM = frozenset({"Room"})


def match(name: str, mode: Mode, *attributes: str, operations: str = "op", entity: EntityInfo | None = None) -> Match:
    info = RegistrationInfo((entity or EntityInfo(ROOM),), attributes)
    registration = Registration(name, "http://s", (info,), mode, frozenset(operations.split()))
    return Match(Registered("t", registration, None, "", ""), (info,))


def shares(matches: list[Match], names: frozenset[str] | None) -> dict[str, frozenset[str] | None]:
    return {one.registered.registration.id: one.attributes for one in split(matches, frozenset({"op"}), names).shares}


def test_split_gives_exclusive_sources_first_then_all_redirects_then_inclusive_ones() -> None:
    matches = [
        match("inc", Mode.INCLUSIVE),
        match("red1", Mode.REDIRECT, "a", "b"),
        match("red2", Mode.REDIRECT, "b", "c"),
        match("exc", Mode.EXCLUSIVE, "b"),
        match("aux", Mode.AUXILIARY),
    ]
    names = frozenset(NAMES)
    assert shares(matches, names) == {
        "exc": frozenset("b"), "red1": frozenset("a"), "red2": frozenset("c"), "inc": frozenset("d"),
    }  # fmt: skip
    found = split(matches, frozenset({"op"}), names)
    assert (found.local, found.here, found.proxied) == (frozenset("d"), True, True)


def test_split_leaves_nothing_here_when_a_proxied_source_took_all() -> None:
    found = split([match("red", Mode.REDIRECT)], frozenset({"op"}), frozenset("ab"))
    assert (found.here, found.local) == (False, frozenset())


def test_split_is_in_conflict_when_a_proxied_source_does_not_offer_the_operation() -> None:
    found = split([match("exc", Mode.EXCLUSIVE, "a", operations="other")], frozenset({"op"}), frozenset("ab"))
    assert [one.attributes for one in found.conflicts] == [frozenset("a")]
    assert (found.shares, found.local) == ((), frozenset("b"))


def test_split_skips_inclusive_sources_that_do_not_offer_the_operation() -> None:
    found = split([match("inc", Mode.INCLUSIVE, operations="other")], frozenset({"op"}), frozenset("a"))
    assert (found.shares, found.conflicts, found.local) == ((), (), frozenset("a"))


def test_split_sends_a_deletion_everywhere() -> None:
    matches = [match("red", Mode.REDIRECT), match("inc", Mode.INCLUSIVE), match("exc", Mode.EXCLUSIVE, "a")]
    assert set(shares(matches, None)) == {"red", "inc", "exc"}
    assert split(matches, frozenset({"op"}), None).here


registered = st.lists(st.tuples(st.sampled_from(list(Mode)), st.sets(st.sampled_from(NAMES)), st.booleans()), max_size=6)


@given(registered, st.sets(st.sampled_from(NAMES), min_size=1))
def test_split_carries_out_each_attribute_where_it_belongs_and_nowhere_else(
    sources: list[tuple[Mode, set[str], bool]], given_names: set[str]
) -> None:
    matches = [
        match(str(number), mode, *sorted(attributes), operations="op" if offers else "other")
        for number, (mode, attributes, offers) in enumerate(sources)
    ]
    names = frozenset(given_names)
    found = split(matches, frozenset({"op"}), names)
    for name in names:
        takers = {
            mode
            for one in (*found.shares, *found.conflicts)
            if name in (one.attributes or ())
            for mode in [one.registered.registration.mode]
        }
        covering = {mode for mode, attributes, _ in sources if not attributes or name in attributes}
        wanted = next((mode for mode in (Mode.EXCLUSIVE, Mode.REDIRECT) if mode in covering), None)
        assert (name in (found.local or ())) is (wanted is None)
        assert takers <= ({wanted} if wanted else {Mode.INCLUSIVE})


def test_narrowed_asks_for_no_more_than_is_registered() -> None:
    info = RegistrationInfo((EntityInfo(ROOM), EntityInfo(frozenset({"Hall"}), id="urn:h")))
    everything = narrowed((), [info])
    assert everything == [Narrowed((ROOM,)), Narrowed((frozenset({"Hall"}),), ("urn:h",))]
    rooms = Selector(TypeSelection((ROOM, frozenset({"Street"}))), frozenset({"urn:1"}))
    assert narrowed((rooms,), [info]) == [Narrowed((ROOM,), ("urn:1",))]
    assert narrowed((Selector(TypeSelection((frozenset({"Street"}),))),), [info]) == []


def test_narrowed_keeps_the_pattern_of_the_registration() -> None:
    info = RegistrationInfo((EntityInfo(ROOM, id_pattern="^urn:a"),))
    assert narrowed((Selector(ids=frozenset({"urn:a1", "urn:b1"})),), [info]) == [Narrowed((ROOM,), ("urn:a1",))]
    assert narrowed((Selector(id_pattern="x$"),), [info]) == [Narrowed((ROOM,), (), "^urn:a")]


def test_kept_of_answer_drops_what_a_source_is_not_registered_for() -> None:
    [info] = match("s", Mode.INCLUSIVE, "a").information
    room = Entity("urn:1", ("Room",), {"a": [{}], "b": [{}]})
    kept = kept_of_answer(room, [info])
    assert kept is not None
    assert set(kept.attributes) == {"a"}
    assert kept_of_answer(Entity("urn:1", ("Hall",), {"a": [{}]}), [info]) is None


def test_without_proxied_hides_what_a_source_alone_may_hold() -> None:
    room = Entity("urn:1", ("Room",), {"a": [{}], "b": [{}]})
    left = without_proxied(room, [match("exc", Mode.EXCLUSIVE, "a"), match("inc", Mode.INCLUSIVE)])
    assert left is not None
    assert set(left.attributes) == {"b"}
    assert without_proxied(room, [match("red", Mode.REDIRECT)]) is None
