"""Which registrations an operation concerns (5.12) and which exclude each other (4.3.6.3)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.federation.registrations import rules
from machinami.federation.registrations.live import LiveRegistrations
from machinami.federation.registrations.model import (
    EntityInfo,
    Mode,
    Registered,
    Registration,
    RegistrationInfo,
    Wanted,
)
from machinami.kernel.query import Selector, TypeSelection
from machinami.standards.ngsi_ld.operations import GROUPS

NOW = "2026-01-01T00:00:00Z"


def of(*alternatives: str, ids: str = "", id_pattern: str | None = None) -> Selector:
    chosen = TypeSelection(tuple(frozenset(one.split("+")) for one in alternatives)) if alternatives else None
    return Selector(chosen, frozenset(ids.split(",")) if ids else None, id_pattern)


def registration(*information: RegistrationInfo, name: str = "1", **members: object) -> Registration:
    return Registration(f"urn:csr:{name}", "http://source.example", information, **members)  # type: ignore[arg-type]


def about(entity_type: str, *attributes: str, **which: str) -> RegistrationInfo:
    return RegistrationInfo((EntityInfo(frozenset({entity_type}), **which),), attributes)


@pytest.mark.parametrize(
    ("info", "selector", "expected"),
    [
        (about("Bus"), of("Bus"), True),
        (about("Bus"), of("Tram"), False),
        (about("Bus"), of("Bus+Tram"), False),
        (about("Bus"), of(ids="urn:x:1"), True),
        (about("Bus", id="urn:x:1"), of("Bus"), True),
        (about("Bus", id="urn:x:1"), of("Bus", ids="urn:x:1,urn:x:2"), True),
        (about("Bus", id="urn:x:1"), of("Bus", ids="urn:x:2"), False),
        (about("Bus", id="urn:x:1"), of("Bus", id_pattern="x:1$"), True),
        (about("Bus", id="urn:x:1"), of("Bus", id_pattern="x:2$"), False),
        (about("Bus", id_pattern=".*downtown$"), of("Bus", ids="urn:x:downtown"), True),
        (about("Bus", id_pattern=".*downtown$"), of("Bus", ids="urn:x:port"), False),
        (about("Bus", id_pattern=".*downtown$"), of("Bus", id_pattern="anything"), True),
        (RegistrationInfo((), ("speed",)), of("Bus"), True),
    ],
)
def test_info_matches_by_entities_as_clause_5_12_says(info: RegistrationInfo, selector: Selector, expected: bool) -> None:
    assert rules.info_matches(info, (selector,), frozenset()) is expected


@pytest.mark.parametrize(
    ("registered", "asked", "expected"),
    [
        ((), {"speed"}, True),
        (("speed", "colour"), {"speed"}, True),
        (("colour",), {"speed"}, False),
        (("colour",), set(), True),
    ],
)
def test_info_matches_by_attributes_as_clause_5_12_says(registered: tuple[str, ...], asked: set[str], expected: bool) -> None:
    assert rules.info_matches(about("Bus", *registered), (), frozenset(asked)) is expected


def live(*registrations: Registration) -> LiveRegistrations:
    found = LiveRegistrations()
    for number, one in enumerate(registrations):
        found.keep(Registered("default", one, None, NOW, NOW, number))
    return found


def test_matches_tells_the_elements_that_match_and_skips_what_is_not_meant() -> None:
    held = live(
        registration(about("Tram"), about("Bus", "speed"), name="1"),
        registration(about("Bus"), name="expired", expires_at="2025-12-31T23:59:59Z"),
        registration(about("Bus"), name="loop", source_alias="us"),
        registration(about("Bus"), name="other", operations=GROUPS["updateOps"]),
        registration(RegistrationInfo((), ("speed",)), name="any"),
    )
    wanted = Wanted((of("Bus"),), frozenset({"speed"}), previous_sources=frozenset({"us"}))
    found = held.matches("default", "queryEntity", wanted, NOW)
    assert [one.registration.id for one in found] == ["urn:csr:1", "urn:csr:any"]
    assert found[0].information == (about("Bus", "speed"),)
    assert held.matches("elsewhere", "queryEntity", wanted, NOW) == []


def test_matches_compares_datasets_when_both_sides_name_some() -> None:
    held = live(registration(about("Bus"), dataset_ids=("urn:d:1",)))
    for asked, expected in ((set(), 1), ({"urn:d:1", "urn:d:2"}, 1), ({"urn:d:2"}, 0)):
        assert len(held.matches("default", "queryEntity", Wanted(dataset_ids=frozenset(asked)), NOW)) == expected


def test_a_replaced_registration_is_found_by_its_new_types_only() -> None:
    held = live(registration(about("Bus")), registration(about("Tram")))
    assert held.matches("default", "queryEntity", Wanted((of("Bus"),)), NOW) == []
    assert len(held.matches("default", "queryEntity", Wanted((of("Tram"),)), NOW)) == 1
    held.forget("default", "urn:csr:1")
    assert len(held) == 0


TYPES = st.sampled_from(("A", "B", "C"))
INFOS = st.builds(
    lambda entities, names: RegistrationInfo(tuple(entities), tuple(names)),
    st.lists(
        st.builds(
            EntityInfo, st.frozensets(TYPES, min_size=1), st.sampled_from((None, "urn:x:1")), st.sampled_from((None, "1$"))
        ),
        max_size=2,
    ),
    st.lists(st.sampled_from(("p", "q")), max_size=2),
)
SELECTORS = st.builds(
    Selector,
    st.one_of(
        st.none(), st.builds(TypeSelection, st.lists(st.frozensets(TYPES, min_size=1), min_size=1, max_size=2).map(tuple))
    ),
    st.sampled_from((None, frozenset({"urn:x:1"}), frozenset({"urn:x:2"}))),
    st.sampled_from((None, "x:1")),
)


@given(st.lists(st.lists(INFOS, min_size=1, max_size=2), max_size=6), st.lists(SELECTORS, max_size=2))
@settings(deadline=None)
def test_the_filed_answer_is_that_of_looking_at_all(informations: list[list[RegistrationInfo]], asked: list[Selector]) -> None:
    registrations = [registration(*one, name=str(number)) for number, one in enumerate(informations)]
    wanted = Wanted(tuple(asked))
    expected = [
        one.id
        for one in registrations
        if any(rules.info_matches(info, wanted.selectors, wanted.attributes) for info in one.information)
    ]
    found = live(*registrations).matches("default", "queryEntity", wanted, NOW)
    assert [one.registration.id for one in found] == expected


ONE = about("Bus", "speed", id="urn:x:1")


@pytest.mark.parametrize(
    ("mode", "info", "clashes"),
    [
        (Mode.EXCLUSIVE, ONE, True),
        (Mode.EXCLUSIVE, about("Bus", "colour", id="urn:x:1"), False),
        (Mode.EXCLUSIVE, about("Bus", "speed", id="urn:x:2"), False),
        (Mode.REDIRECT, about("Bus"), True),
        (Mode.REDIRECT, about("Tram"), False),
        (Mode.REDIRECT, about("Bus", "speed", id_pattern="x:1"), True),
        (Mode.REDIRECT, about("Bus", "speed", id_pattern="x:2"), False),
        (Mode.REDIRECT, RegistrationInfo((), ("speed",)), True),
        (Mode.INCLUSIVE, ONE, False),
    ],
)
def test_conflict_finds_a_registration_of_the_same_data_when_one_is_exclusive(
    mode: Mode, info: RegistrationInfo, clashes: bool
) -> None:
    exclusive, other = registration(ONE, mode=Mode.EXCLUSIVE), registration(info, name="2", mode=mode)
    assert (rules.conflict(exclusive, [other]) is other) is clashes
    assert (rules.conflict(other, [exclusive]) is exclusive) is clashes


def test_conflict_lets_redirects_overlap_and_a_registration_replace_itself() -> None:
    redirect = registration(about("Bus"), mode=Mode.REDIRECT)
    assert rules.conflict(redirect, [registration(about("Bus"), name="2", mode=Mode.REDIRECT)]) is None
    exclusive = registration(ONE, mode=Mode.EXCLUSIVE)
    assert rules.conflict(exclusive, [exclusive]) is None
