"""The query language: every construct, exact refusals, and that a printed tree reads back as itself."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.kernel.query import And, AttributePath, Compare, Comparison, Exists, Instant, Link, Or, Range
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.q import parse_q

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"


def path(name, *sub, members=()):
    return AttributePath(D + name, tuple(sub), tuple(members))


def compare(name, operator, *operands):
    return Compare(path(name), Comparison(operator), operands)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("level", Exists(path("level"))),
        ("level==5", compare("level", "==", 5)),
        ("level!=-5.5e1", compare("level", "!=", -55.0)),
        ("level>=5", compare("level", ">=", 5)),
        ("level<=5", compare("level", "<=", 5)),
        ("level>5", compare("level", ">", 5)),
        ("level<0", compare("level", "<", 0)),
        ("open==true", compare("open", "==", True)),
        ("open!=false", compare("open", "!=", False)),
        ('name=="高松;(|)"', compare("name", "==", "高松;(|)")),
        ('name=="say \\"a\\""', compare("name", "==", 'say "a"')),
        ('name=="true"', compare("name", "==", "true")),
        ("name==commercial", compare("name", "==", "commercial")),
        ("ref==urn:ngsi-ld:X:1", compare("ref", "==", "urn:ngsi-ld:X:1")),
        ("ref==https://a.example/b?c", compare("ref", "==", "https://a.example/b?c")),
        ("level==1..3", compare("level", "==", Range(1, 3))),
        ("level!=1.5..3.5", compare("level", "!=", Range(1.5, 3.5))),
        ('name=="a".."c"', compare("name", "==", Range("a", "c"))),
        ('name=="a","b",c', compare("name", "==", "a", "b", "c")),
        ("level!=1,2", compare("level", "!=", 1, 2)),
        ("seen>2026-01-01T00:00:00Z", compare("seen", ">", Instant("2026-01-01T00:00:00Z"))),
        (
            "seen==2026-01-01T00:00:00Z..2026-02-01T00:00:00+09:00",
            compare("seen", "==", Range(Instant("2026-01-01T00:00:00Z"), Instant("2026-02-01T00:00:00+09:00"))),
        ),
        ("seen==2026-01-01", compare("seen", "==", Instant("2026-01-01"))),
        ("seen<12:30:00Z", compare("seen", "<", Instant("12:30:00Z"))),
        (
            'level.observedAt>="2026-01-01T00:00:00Z"',
            Compare(path("level", "observedAt"), Comparison.GREATER_EQUAL, (Instant("2026-01-01T00:00:00Z"),)),
        ),
        (
            'modifiedAt>"2026-01-01T00:00:00Z"',
            Compare(AttributePath("modifiedAt"), Comparison.GREATER, (Instant("2026-01-01T00:00:00Z"),)),
        ),
        ("level.quality.source", Exists(path("level", D + "quality", D + "source"))),
        ("level.unitCode==MTR", Compare(path("level", "unitCode"), Comparison.EQUAL, ("MTR",))),
        ("address[city.name]==x", Compare(path("address", members=("city", "name")), Comparison.EQUAL, ("x",))),
        ("https://a.example/b.c>1", Compare(AttributePath("https://a.example/b.c"), Comparison.GREATER, (1,))),
        ('name~="^a(b|c);"', compare("name", "~=", "^a(b|c);")),
        ("name~=^a(b|c)d", compare("name", "~=", "^a(b|c)d")),
        ("name!~=x", compare("name", "!~=", "x")),
        ("(name~=a|b)", Or((compare("name", "~=", "a"), Exists(path("b"))))),
        ("a;b|c;d", Or((And((Exists(path("a")), Exists(path("b")))), And((Exists(path("c")), Exists(path("d"))))))),
        ("a;(b|c);d", And((Exists(path("a")), Or((Exists(path("b")), Exists(path("c")))), Exists(path("d"))))),
        ("((a))", Exists(path("a"))),
    ],
)
def test_parse_q_gives_the_tree_when_the_text_is_good(text, tree):
    assert parse_q(text, CORE) == tree


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("speed>", 7),
        ("==5", 1),
        ("a;", 3),
        ("a||b", 3),
        ("a;(b", 5),
        ("a)", 2),
        ('name=="x', 7),
        ('name=="\\q"', 7),
        ("a.b.", 1),
        ("a[b", 3),
        ("a[]==1", 3),
        ("a>1..2", 4),
        ("a<1,2", 4),
        ("a==1..", 7),
        ("a==1..x", 8),
        ("a==1,", 6),
        ("a>true", 7),
        ("a===5", 4),
        ("a== 5", 4),
        ("a==99999999999999999999", 4),
        ("a~=", 4),
        ("a b", 2),
        ("!a", 1),
    ],
)
def test_parse_q_tells_the_position_when_the_text_is_wrong(text, position):
    with pytest.raises(Refusal) as refusal:
        parse_q(text, CORE)
    assert (refusal.value.code, refusal.value.parameters["position"]) == ("ngsi_ld.query.not_valid", position)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (";".join(["a"] * 201), "too_complex"),
        ("a==" + ",".join(["1"] * 201), "too_complex"),
        ("(" * 60 + "a" + ")" * 60, "too_complex"),
        ("a~=" + "x" * 513, "pattern_not_valid"),
        ('a~="(?=x)"', "pattern_not_valid"),
        ('a~="("', "pattern_not_valid"),
        ("owner{name}==x", "too_deep"),
    ],
)
def test_parse_q_refuses_when_a_budget_or_the_tree_does_not_allow_it(text, code):
    with pytest.raises(Refusal) as refusal:
        parse_q(text, CORE)
    assert refusal.value.code == f"ngsi_ld.query.{code}"


def test_parse_q_expands_operands_when_the_attribute_is_listed():
    tree = parse_q("kind==dam;other==dam", CORE, expand_values=frozenset({D + "kind"}))
    assert tree == And((compare("kind", "==", D + "dam"), compare("other", "==", "dam")))


@pytest.mark.parametrize(
    ("text", "links", "name", "sub"),
    [
        ("owner{name}", [("owner", ())], "name", ()),
        ("owner{Person,Company:name.accuracy}", [("owner", ("Person", "Company"))], "name", ("accuracy",)),
        ("owner{worksAt{Town:locatedIn{level}}}", [("owner", ()), ("worksAt", ()), ("locatedIn", ())], "level", ()),
    ],
)
def test_parse_q_leads_through_relationships_when_a_path_has_braces(text, links, name, sub):
    wanted = tuple(Link(D + one, frozenset(D + kind for kind in types)) for one, types in links)
    if len(wanted) == 3:
        wanted = (wanted[0], Link(D + "worksAt", frozenset({D + "Town"})), wanted[2])
    path = AttributePath(D + name, tuple(D + one for one in sub), (), wanted)
    assert parse_q(f"{text}>=3;a", CORE, links_max=3) == And(
        (Compare(path, Comparison.GREATER_EQUAL, (3,)), Exists(AttributePath(D + "a")))
    )
    with pytest.raises(Refusal) as refusal:
        parse_q(text, CORE, links_max=len(wanted) - 1)
    assert refusal.value.code == "ngsi_ld.query.too_deep"


@pytest.mark.parametrize(("text", "position"), [("a{b", 4), ("a{}", 3), ("a.b{c}", 5), ("a{{b}}", 3), ("a{b}c", 5)])
def test_parse_q_tells_the_position_when_braces_are_wrong(text, position):
    with pytest.raises(Refusal) as refusal:
        parse_q(text, CORE, links_max=9)
    assert (refusal.value.code, refusal.value.parameters["position"]) == ("ngsi_ld.query.not_valid", position)


NAMES = st.sampled_from(["level", "水位", "name_2"])
SUBS = st.sampled_from(["quality", "observedAt", "unitCode"])
PATHS = st.builds(
    AttributePath,
    NAMES.map(D.__add__),
    st.lists(SUBS.map(lambda name: D + name if name == "quality" else name), max_size=2).map(tuple),
    st.lists(st.sampled_from(["x", "住所"]), max_size=2).map(tuple),
)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False, width=32)
INSTANTS = st.datetimes().map(lambda at: Instant(at.strftime("%Y").zfill(4) + at.strftime("-%m-%dT%H:%M:%SZ")))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _operands(path):
    temporal = bool(path.sub) and path.sub[-1] == "observedAt"
    texts = INSTANTS if temporal else TEXTS
    scalars = st.booleans() | NUMBERS | texts | INSTANTS
    ranges = st.builds(Range, NUMBERS, NUMBERS) | st.builds(Range, texts, texts)
    equal = st.sampled_from([Comparison.EQUAL, Comparison.NOT_EQUAL])
    order = st.sampled_from([Comparison.GREATER, Comparison.LESS_EQUAL])
    return st.one_of(
        st.builds(Compare, st.just(path), equal, st.lists(scalars, min_size=1, max_size=3).map(tuple)),
        st.builds(Compare, st.just(path), equal, ranges.map(lambda one: (one,))),
        st.builds(Compare, st.just(path), order, (NUMBERS | texts | INSTANTS).map(lambda one: (one,))),
        st.builds(Compare, st.just(path), st.just(Comparison.MATCHES), TEXTS.filter(bool).map(lambda t: (_literal(t),))),
        st.just(Exists(path)),
    )


def _literal(text):
    return "".join(sign if sign.isalnum() else "." for sign in text)


CONDITIONS = st.recursive(
    PATHS.flatmap(_operands),
    lambda inner: st.lists(inner, min_size=2, max_size=3).map(And) | st.lists(inner, min_size=2, max_size=3).map(Or),
    max_leaves=8,
).map(lambda tree: _tupled(tree))


def _tupled(tree):
    return type(tree)(tuple(_tupled(one) for one in tree.items)) if isinstance(tree, (And, Or)) else tree


def _printed(tree):
    if isinstance(tree, (And, Or)):
        return (";" if isinstance(tree, And) else "|").join(
            f"({_printed(one)})" if isinstance(one, (And, Or)) else _printed(one) for one in tree.items
        )
    where = tree.path
    text = ".".join(one.removeprefix(D) for one in (where.name, *where.sub))
    text += f"[{'.'.join(where.members)}]" if where.members else ""
    if isinstance(tree, Exists):
        return text
    return f"{text}{tree.operator}" + ",".join(map(_operand, tree.operands))


def _operand(value):
    if isinstance(value, Range):
        return f"{_operand(value.low)}..{_operand(value.high)}"
    if isinstance(value, Instant):
        return value.text
    return json.dumps(value, ensure_ascii=False)


@settings(max_examples=120)
@given(CONDITIONS)
def test_parse_q_gives_the_tree_back_when_it_is_printed(tree):
    assert parse_q(_printed(tree), CORE) == tree


@settings(max_examples=120)
@given(st.text(st.sampled_from('ab.;|()[]{}!=<>~",1 "\\'), max_size=20))
def test_parse_q_answers_with_a_tree_or_a_refusal_when_the_text_is_noise(text):
    with contextlib.suppress(Refusal):
        assert isinstance(parse_q(text, CORE), Compare | Exists | And | Or)
