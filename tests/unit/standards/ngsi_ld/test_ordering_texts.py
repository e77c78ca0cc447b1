"""orderBy and what goes with it (CIM 009 4.23.3)."""

import pytest

from machinami.kernel.errors import Refusal
from machinami.kernel.query import AttributePath, Ordering, OrderTerm
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.ordering import parse_ordering

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"


def test_parse_ordering_reads_members_paths_and_directions():
    found = parse_ordering("id, name.observedAt;desc,address[city.x],type;asc,spot;dist-desc", CORE, coordinates="[8,40]")
    assert found == Ordering(
        (
            OrderTerm(AttributePath("id")),
            OrderTerm(AttributePath(D + "name", ("observedAt",)), True),
            OrderTerm(AttributePath(D + "address", (), ("city", "x"))),
            OrderTerm(AttributePath("type")),
            OrderTerm(AttributePath(D + "spot"), True, True),
        ),
        "",
        "Point",
        (8, 40),
    )


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("", {}, "ngsi_ld.query.not_valid"),
        ("a,", {}, "ngsi_ld.query.not_valid"),
        ("a;down", {}, "ngsi_ld.query.not_valid"),
        ("a{b}", {}, "ngsi_ld.query.too_deep"),
        ("spot;dist-asc", {}, "ngsi_ld.geo_query.not_valid"),
        ("spot;dist-asc", {"coordinates": "8,40"}, "ngsi_ld.geo_query.not_valid"),
        ("spot;dist-asc", {"coordinates": "[8,40]", "geometry": "Circle"}, "ngsi_ld.geo_query.not_valid"),
        ("spot;dist-asc", {"coordinates": "[8,400]"}, "ngsi_ld.geometry.not_valid"),
        ("a", {"collation": "no tag"}, "ngsi_ld.collation.not_valid"),
        (",".join(["a"] * 201), {}, "ngsi_ld.query.too_complex"),
    ],
)
def test_parse_ordering_refuses_when_it_cannot_be_followed(text, more, code):
    with pytest.raises(Refusal) as refusal:
        parse_ordering(text, CORE, **more)
    assert refusal.value.code == code
