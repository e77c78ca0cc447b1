"""pick and omit (CIM 009 4.21): names, braces, and what they mean for linked entities."""

import pytest

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.projection import Projection, parse_projection_tree
from machinami.standards.ngsi_ld.render import Representation

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"
NAME = Projection(frozenset({D + "name"}))


@pytest.mark.parametrize(
    ("text", "names", "linked", "depth"),
    [
        ("a", {D + "a"}, {}, 0),
        ("id|a, type", {"id", "type", D + "a"}, {}, 0),
        ("id,in{name}", {"id"}, {D + "in": NAME}, 1),
        ("in{name},in{name},in", {D + "in"}, {D + "in": NAME}, 1),
        ("in{id,of{name}}", set(), {D + "in": Projection(frozenset({"id"}), frozenset({(D + "of", NAME)}))}, 2),
    ],
)
def test_parse_projection_tree_reads_names_and_braces(text, names, linked, depth):
    projection = parse_projection_tree(text, CORE)
    assert (projection.names, dict(projection.linked), projection.depth) == (frozenset(names), linked, depth)


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 1), ("a,", 3), ("a,,b", 3), ("a;b", 2), ("a{b", 4), ("a{{b}", 3), ("a{}", 3), ("a{,b}", 3), ("a}", 2)],
)
def test_parse_projection_tree_tells_the_position_when_the_text_is_wrong(text, position):
    with pytest.raises(Refusal) as refusal:
        parse_projection_tree(text, CORE)
    assert (refusal.value.code, refusal.value.parameters["position"]) == ("ngsi_ld.query.not_valid", position)


def test_projected_keeps_a_relationship_named_with_braces_whether_picked_or_omitted():
    both = Representation().projected(parse_projection_tree("id,in{name}", CORE), parse_projection_tree("b,of{name}", CORE))
    assert (both.pick, both.omit) == ({"id", D + "in"}, {D + "b"})
    assert both.behind(D + "in").pick == {D + "name"}
    assert both.behind(D + "of").omit == {D + "name"}
    assert both.behind(D + "other") == Representation()
