"""The query language `q` (CIM 009 4.9), example by example."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.data.matching.conditions import holds
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.query import And, AttributePath, Compare, Comparison, Condition, Exists, Instant, Operand, Or, Range

EQ, NE, GT, GE, LT, LE = (Comparison(one) for one in ("==", "!=", ">", ">=", "<", "<="))
MATCHES, NOT_MATCHES = Comparison.MATCHES, Comparison.NOT_MATCHES
RED, BLUE, BLACK = (f"http://example.com/{one}" for one in ("red", "blue", "black"))


def entity(**attributes: Instance | list[Instance]) -> Entity:
    lists: Attributes = {name: one if isinstance(one, list) else [one] for name, one in attributes.items()}
    return Entity("urn:x:1", ("T",), lists, (), "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def compare(path: str | AttributePath, operator: Comparison, *operands: Operand) -> Compare:
    return Compare(path if isinstance(path, AttributePath) else AttributePath(path), operator, operands)


def language(**texts: Any) -> Instance:
    return {"type": "LanguageProperty", "languageMap": texts}


@pytest.mark.parametrize(
    ("value", "operator", "operands", "expected"),
    [
        # equal and unequal, single values
        ("red", EQ, ("red",), True),
        ("black", EQ, ("red",), False),
        (20, EQ, (20.0,), True),
        (20.5, NE, (20,), True),
        (True, EQ, (True,), True),
        (False, EQ, (True,), False),
        # data types differ: never equal, always unequal
        (1, EQ, (True,), False),
        (True, EQ, (1,), False),
        ("20", EQ, (20,), False),
        ("20", NE, (20,), True),
        ({"a": 1}, NE, ("red",), True),
        # arrays
        (["blue", "red", "green"], EQ, ("red",), True),
        (["blue", "black", "green"], NE, ("red",), True),
        (["blue", "red", "green"], NE, ("red",), False),
        ([1, 5], GT, (3,), False),
        # lists of values
        ("red", EQ, ("black", "red"), True),
        (["red", "blue"], EQ, ("black", "red"), True),
        ("blue", NE, ("black", "red"), True),
        ("red", NE, ("black", "red"), False),
        (["blue", "yellow"], NE, ("black", "red"), True),
        # ranges, both ends included
        (15, EQ, (Range(10, 20),), True),
        (10, EQ, (Range(10, 20),), True),
        (20, EQ, (Range(10, 20),), True),
        (9, NE, (Range(10, 20),), True),
        (9, EQ, (Range(10, 20),), False),
        ("15", EQ, (Range(10, 20),), False),
        ("b", EQ, (Range("a", "c"),), True),
        # order
        (51, GT, (50,), True),
        (50, GT, (50,), False),
        (50, GE, (50,), True),
        (50, LE, (50,), True),
        (49.9, LT, (50,), True),
        ("b", GT, ("a",), True),
        ("51", GT, (50,), False),
        (51, GT, ("50",), False),
        (True, GT, (0,), False),
        # patterns: text only
        ("Mercedes-Benz", MATCHES, ("^Mer.*z$",), True),
        ("Mercedes", MATCHES, ("ced",), True),
        ("Mercedes", NOT_MATCHES, ("^Isuzu",), True),
        ("Mercedes", NOT_MATCHES, ("ced",), False),
        (5, MATCHES, ("5",), False),
        (5, NOT_MATCHES, ("6",), False),
        ("高松市", MATCHES, ("松",), True),
        # dates and times
        ("2026-11-26T10:00:00+09:00", EQ, (Instant("2026-11-26T01:00:00Z"),), True),
        ("2026-11-26T10:00:00+09:00", LT, (Instant("2026-11-26T01:00:00.001Z"),), True),
        ("2026-11-26T01:00:00.500Z", GT, (Instant("2026-11-26T01:00:00Z"),), True),
        ("2026-11-26", LT, (Instant("2026-11-27"),), True),
        ("2026-11-26T05:00:00Z", EQ, (Range(Instant("2026-11-26T00:00:00Z"), Instant("2026-11-27T00:00:00Z")),), True),
        ({"@type": "DateTime", "@value": "2026-11-26T05:00:00Z"}, GT, (Instant("2026-11-26T00:00:00Z"),), True),
        ("soon", GT, (Instant("2026-11-26T00:00:00Z"),), False),
        (2027, GT, (Instant("2026-11-26T00:00:00Z"),), False),
    ],
)
def test_compare_follows_the_standard_for_properties(
    value: Any, operator: Comparison, operands: tuple[Operand, ...], expected: bool
) -> None:
    assert holds(compare("a", operator, *operands), entity(a=prop(value))) is expected


@pytest.mark.parametrize("operator", list(Comparison))
def test_compare_never_holds_when_the_attribute_is_not_there(operator: Comparison) -> None:
    assert not holds(compare("a", operator, "x"), entity(b=prop(1)))


@pytest.mark.parametrize(
    ("instance", "operator", "operands", "expected"),
    [
        ({"type": "Relationship", "object": RED}, EQ, (RED,), True),
        ({"type": "Relationship", "object": [BLUE, RED]}, EQ, (RED,), True),
        ({"type": "Relationship", "object": [BLUE, BLACK]}, NE, (RED,), True),
        ({"type": "Relationship", "object": [BLUE, RED]}, NE, (RED,), False),
        ({"type": "Relationship", "object": RED}, EQ, (BLACK, RED), True),
        ({"type": "Relationship", "object": RED}, GT, ("http",), False),
        ({"type": "Relationship", "object": RED}, MATCHES, ("red",), False),
        ({"type": "ListRelationship", "objectList": [BLUE, RED]}, EQ, (RED,), True),
        ({"type": "ListRelationship", "objectList": [{"object": BLUE}, {"object": RED}]}, EQ, (RED,), True),
        ({"type": "ListProperty", "valueList": [1, 2, 3]}, EQ, (2,), True),
        ({"type": "ListProperty", "valueList": [1, 2, 3]}, NE, (2,), False),
        ({"type": "VocabProperty", "vocab": RED}, EQ, (RED,), True),
        ({"type": "VocabProperty", "vocab": [BLUE, RED]}, EQ, (BLACK, RED), True),
        ({"type": "VocabProperty", "vocab": BLUE}, NE, (RED,), True),
        ({"type": "JsonProperty", "json": "x"}, EQ, ("x",), True),
    ],
)
def test_compare_follows_the_standard_for_other_kinds(
    instance: Instance, operator: Comparison, operands: tuple[Operand, ...], expected: bool
) -> None:
    assert holds(compare("a", operator, *operands), entity(a=instance)) is expected


@pytest.mark.parametrize(
    ("texts", "member", "operator", "expected"),
    [
        ({"fr": "rouge", "en": "red", "de": "rot"}, "en", EQ, True),
        ({"fr": "red", "en": "black", "de": "blau"}, "en", EQ, False),
        ({"fr": ["chat", "rouge"], "en": ["red", "cat"]}, "en", EQ, True),
        ({"fr": ["chat", "red"], "en": ["coal", "black"]}, "en", EQ, False),
        ({"fr": "rouge", "en": "red"}, "*", EQ, True),
        ({"fr": "rouge", "en": "red"}, None, EQ, True),
        ({"fr": "noir", "en": "black"}, "en", NE, True),
        ({"fr": "rouge", "en": "red"}, "en", NE, False),
        ({"fr": "noir", "en": "black"}, "*", NE, True),
        ({"fr": "rouge", "en": "red"}, "*", NE, False),
        ({"fr": ["rouge"], "en": ["red", "black"]}, "*", NE, False),
        ({"fr": "rouge"}, "en", NE, False),
        ({"fr": "rouge", "en": "red"}, "*", MATCHES, True),
        ({"fr": "rouge", "en": "red"}, "*", NOT_MATCHES, False),
        ({"fr": "rouge", "en": "red"}, "fr", NOT_MATCHES, True),
    ],
)
def test_compare_follows_the_standard_for_language_properties(
    texts: dict[str, Any], member: str | None, operator: Comparison, expected: bool
) -> None:
    path = AttributePath("color", (), (member,) if member else ())
    assert holds(compare(path, operator, "red"), entity(color=language(**texts))) is expected


EXAMPLE = entity(
    address=prop({"city": "Berlin", "street": "Ulrich Strasse", "geo": {"floor": 3}}),
    sensor=prop(40, attributes={"rawdata": [prop({"airquality": {"particulate": 40, "PM20": 85}})]}),
    tickets={"type": "JsonProperty", "json": {"value": "Overstay 60 minutes"}},
    temperature=prop(20, observedAt="2017-12-24T13:00:00Z", unitCode="CEL", createdAt="2017-01-01T00:00:00Z"),
)


@pytest.mark.parametrize(
    ("path", "operator", "operand", "expected"),
    [
        (AttributePath("address", (), ("city",)), EQ, "Berlin", True),  # example 9
        (AttributePath("address", (), ("geo", "floor")), GE, 3, True),
        (AttributePath("address", (), ("country",)), NE, "Japan", False),
        (AttributePath("sensor", ("rawdata",), ("airquality", "particulate")), EQ, 40, True),  # example 10
        (AttributePath("tickets", (), ("value",)), EQ, "Overstay 60 minutes", True),  # example 11
        (AttributePath("temperature", ("observedAt",)), GE, Instant("2017-12-24T12:00:00Z"), True),  # example 8
        (AttributePath("temperature", ("unitCode",)), EQ, "CEL", True),
        (AttributePath("temperature", ("modifiedAt",)), GE, Instant("2017-12-24T12:00:00Z"), False),
        (AttributePath("temperature", ("https://uri.etsi.org/ngsi-ld/createdAt",)), LT, Instant("2018-01-01T00:00:00Z"), True),
        (AttributePath("createdAt"), EQ, Instant("2026-01-01T09:00:00+09:00"), True),
        (AttributePath("https://uri.etsi.org/ngsi-ld/modifiedAt"), GT, Instant("2026-01-15T00:00:00Z"), True),
        (AttributePath("expiresAt"), GT, Instant("2000-01-01T00:00:00Z"), False),
    ],
)
def test_compare_follows_paths(path: AttributePath, operator: Comparison, operand: Operand, expected: bool) -> None:
    assert holds(compare(path, operator, operand), EXAMPLE) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (AttributePath("address"), True),
        (AttributePath("nothing"), False),
        (AttributePath("address", (), ("city",)), True),
        (AttributePath("address", (), ("city", "x")), False),
        (AttributePath("sensor", ("rawdata",)), True),
        (AttributePath("sensor", ("nothing",)), False),
        (AttributePath("sensor", ("observedAt",)), False),
        (AttributePath("temperature", ("observedAt",)), True),
        (AttributePath("temperature", ("observedAt", "x")), False),
        (AttributePath("temperature", ("observedAt",), ("x",)), False),
        (AttributePath("createdAt"), True),
        (AttributePath("expiresAt"), False),
    ],
)
def test_exists_asks_for_the_target_only(path: AttributePath, expected: bool) -> None:
    assert holds(Exists(path), EXAMPLE) is expected


def test_compare_holds_when_any_instance_does() -> None:
    many = entity(speed=[prop(10), prop(90, datasetId="urn:d:1")])
    assert holds(compare("speed", GT, 50), many)
    assert holds(compare("speed", NE, 10), many)
    assert not holds(compare("speed", GT, 100), many)
    assert holds(compare(AttributePath("speed", ("datasetId",)), EQ, "urn:d:1"), many)


def test_and_or_combine_conditions() -> None:
    yes, no = compare("temperature", EQ, 20), compare("temperature", EQ, 21)
    assert holds(And((yes, yes)), EXAMPLE)
    assert not holds(And((yes, no)), EXAMPLE)
    assert holds(Or((no, yes)), EXAMPLE)
    assert not holds(Or((no, no)), EXAMPLE)


def test_pattern_refuses_what_re2_can_not_do() -> None:
    with pytest.raises(Refusal, match="bad_pattern"):
        holds(compare("a", MATCHES, "(?=x)"), entity(a=prop("x")))


values = st.one_of(st.integers(-3, 3), st.booleans(), st.sampled_from(["", "a", "b", "2026-01-01T00:00:00Z"]), st.floats(-2, 2))
operands = st.one_of(values, st.just(Instant("2026-01-01T00:00:00Z")), st.builds(Range, st.integers(-3, 0), st.integers(0, 3)))


@given(st.one_of(values, st.lists(values, max_size=3)), st.lists(operands, min_size=1, max_size=3))
@settings(deadline=None)
def test_unequal_is_the_opposite_of_equal_for_one_target(value: Any, many: list[Operand]) -> None:
    one = entity(a=prop(value))
    assert holds(compare("a", EQ, *many), one) is not holds(compare("a", NE, *many), one)


@given(values, operands.filter(lambda one: not isinstance(one, Range)))
@settings(deadline=None)
def test_order_operators_agree_with_each_other(value: Any, operand: Operand) -> None:
    one = entity(a=prop(value))
    less, equal, greater = (holds(compare("a", operator, operand), one) for operator in (LT, EQ, GT))
    assert [less, equal, greater].count(True) <= 1
    assert holds(compare("a", LE, operand), one) is (less or equal)
    assert holds(compare("a", GE, operand), one) is (greater or equal)


@given(st.dictionaries(st.sampled_from("abcd"), values, min_size=1), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_conditions_do_not_depend_on_the_order_of_attributes(attributes: dict[str, Any], random: Any) -> None:
    names = list(attributes)
    condition: Condition = Or(tuple(compare(name, GE, 1) for name in names))
    one = entity(**{name: prop(attributes[name]) for name in names})
    random.shuffle(names)
    other = entity(**{name: prop(attributes[name]) for name in names})
    assert holds(condition, one) is holds(condition, other)
