"""Reading and writing entities: forms, nulls, refusals; render then parse is the identity for all eight kinds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.kernel.entity import LOCATION, NGSI_LD_NULL, Entity
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import complete
from machinami.standards.ngsi_ld.contexts import build_context, core_context
from machinami.standards.ngsi_ld.entities import parse_attribute, parse_entity, parse_fragment
from machinami.standards.ngsi_ld.fragment import is_deletion
from machinami.standards.ngsi_ld.render import (
    Format,
    Representation,
    geojson_feature,
    parse_projection,
    render_entity,
)
from machinami.standards.ngsi_ld.temporal_render import temporal_attribute, temporal_entity, temporal_values

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"
POINT = {"type": "Point", "coordinates": [134.04, 34.34]}


def entity_of(**attributes):
    return {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **attributes}


def only(body, **options):
    return parse_entity(entity_of(a=body), CORE, **options).attributes[D + "a"]


def refused(call):
    with pytest.raises(Refusal) as refusal:
        call()
    return refusal.value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
URIS = st.integers(0, 999).map(lambda number: f"urn:ngsi-ld:X:{number}")
WORDS = st.sampled_from(["monument", "museum", "水位"])
VALUES = st.one_of(
    st.tuples(st.just("Property"), st.just("value"), JSON.filter(lambda value: value is not None) | st.just(POINT)),
    st.tuples(st.just("Relationship"), st.just("object"), URIS | st.lists(URIS, min_size=1, max_size=3)),
    st.tuples(st.just("GeoProperty"), st.just("value"), st.just(POINT)),
    st.tuples(
        st.just("LanguageProperty"),
        st.just("languageMap"),
        st.dictionaries(st.sampled_from(["ja", "en", "@none"]), st.text(max_size=4), min_size=1),
    ),
    st.tuples(st.just("VocabProperty"), st.just("vocab"), WORDS.map(D.__add__) | st.lists(WORDS.map(D.__add__), min_size=1)),
    st.tuples(st.just("ListProperty"), st.just("valueList"), st.lists(JSON, max_size=3)),
    st.tuples(st.just("ListRelationship"), st.just("objectList"), st.lists(URIS.map(lambda uri: {"object": uri}), max_size=3)),
    st.tuples(st.just("JsonProperty"), st.just("json"), JSON),
)


@st.composite
def instances(draw, depth=2):
    kind, member, value = draw(VALUES)
    instance = {"type": kind, member: value}
    if draw(st.booleans()):
        instance["observedAt"] = "2026-03-11T14:46:18.121Z"
    if kind == "Property" and draw(st.booleans()):
        instance["unitCode"] = "MTR"
    if kind == "Relationship" and draw(st.booleans()):
        instance["objectType"] = D + "Gauge"
    if depth and draw(st.booleans()):
        instance["attributes"] = {D + draw(st.sampled_from(["quality", "source"])): [draw(instances(depth=depth - 1))]}
    return instance


@st.composite
def entities(draw):
    attributes = {}
    for name in draw(st.lists(st.sampled_from(["level", "名前", "a", "b"]), unique=True, max_size=4)):
        datasets = [{"datasetId": f"urn:ngsi-ld:Dataset:{number}"} for number in range(draw(st.integers(0, 2)))]
        attributes[D + name] = [{**draw(instances()), **dataset} for dataset in ({}, *datasets)]
    kinds = draw(st.lists(st.sampled_from([D + "Gauge", D + "水位計"]), min_size=1, unique=True))
    scopes = draw(st.lists(st.sampled_from(["/a/b", "/港"]), unique=True))
    return Entity(
        "urn:ngsi-ld:Gauge:1",
        tuple(kinds),
        attributes,
        tuple(scopes),
        expires_at=draw(st.none() | st.just("2030-01-01T00:00:00Z")),
    )


@settings(max_examples=120)
@given(entities())
def test_parse_entity_gives_the_entity_back_when_its_normalized_form_is_read(entity):
    assert parse_entity(render_entity(entity, CORE, Representation(sys_attrs=True)), CORE) == entity


@settings(max_examples=120)
@given(entities())
def test_parse_entity_gives_the_entity_back_when_its_concise_form_is_read(entity):
    assert parse_entity(render_entity(entity, CORE, Representation(Format.CONCISE, sys_attrs=True)), CORE) == entity


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (5, {"type": "Property", "value": 5}),
        (False, {"type": "Property", "value": False}),
        ([1, None], {"type": "Property", "value": [1, None]}),
        ([{"x": 1}], {"type": "Property", "value": [{"x": 1}]}),
        ({"street": "x"}, {"type": "Property", "value": {"street": "x"}}),
        ({"value": 5, "unitCode": "MTR"}, {"type": "Property", "value": 5, "unitCode": "MTR"}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"type": "Property", "value": POINT}, {"type": "Property", "value": POINT}),
        ({"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
        ({"languageMap": {"ja": "堤"}}, {"type": "LanguageProperty", "languageMap": {"ja": "堤"}}),
        ({"vocab": "dam"}, {"type": "VocabProperty", "vocab": D + "dam"}),
        ({"valueList": [1]}, {"type": "ListProperty", "valueList": [1]}),
        ({"objectList": ["urn:x:1"]}, {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}]}),
        ({"json": None}, {"type": "JsonProperty", "json": None}),
        ({"type": "https://uri.etsi.org/ngsi-ld/Property", "value": 1}, {"type": "Property", "value": 1}),
        ({"type": "Property", "value": 1, "createdAt": "x", "previousValue": 3}, {"type": "Property", "value": 1}),
        ({"value": 1, "datasetId": "@none"}, {"type": "Property", "value": 1}),
        (
            {"value": 1, "quality": 0.5},
            {"type": "Property", "value": 1, "attributes": {D + "quality": [{"type": "Property", "value": 0.5}]}},
        ),
    ],
)
def test_parse_entity_infers_the_kind_when_the_form_is_concise(body, expected):
    assert only(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"type": "Property"},
        {"type": "Property", "value": None},
        {"type": "Property", "value": 1, "object": "urn:x:1"},
        {"type": "Property", "object": "urn:x:1"},
        {"type": "Relationship", "object": "not a uri"},
        {"type": "Relationship", "object": []},
        {"type": "Relationship", "object": 5},
        {"type": "Relationship", "object": "urn:x:1", "unitCode": "MTR"},
        {"type": "Property", "value": 1, "objectType": "X"},
        {"type": "Property", "value": 1, "observedAt": "yesterday"},
        {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00"},
        {"type": "Property", "value": 1, "observedAt": "2026-13-01T00:00:00Z"},
        {"type": "Property", "value": 1, "unitCode": 5},
        {"type": "Property", "value": 1, "datasetId": "no uri"},
        {"type": "Property", "value": NGSI_LD_NULL},
        {"type": "PostalAddress", "street": "x"},
        {"type": 7, "value": 1},
        {"type": "LanguageProperty", "languageMap": "x"},
        {"type": "LanguageProperty", "languageMap": {}},
        {"type": "LanguageProperty", "languageMap": {"j a": "x"}},
        {"type": "LanguageProperty", "languageMap": {"ja": 5}},
        {"type": "VocabProperty", "vocab": 5},
        {"type": "ListProperty", "valueList": 5},
        {"type": "ListRelationship", "objectList": ["x"]},
        {"value": 1, "object": "urn:x:1"},
        {"observedAt": "2026-01-01T00:00:00Z"},
        {"type": "Property", "value": 1, "sub": {"type": "Property"}},
        {"type": "Property", "value": 1, "ngsildproof": 4},
        [{"value": 1}, {"value": 2}],
        [{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}],
        NGSI_LD_NULL,
        {"type": "GeoProperty", "value": "34.3,134.0"},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [34.34]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": ["134", "34"]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [34.34, 134.04]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [True, False]}},
        {"type": "GeoProperty", "value": {"type": "LineString", "coordinates": [[1, 2]]}},
        {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}},
        {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0]]]}},
        {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [0, 0]]]}},
        {"type": "GeoProperty", "value": {"type": "Circle", "coordinates": [1, 2]}},
        {"type": "GeoProperty", "value": {"type": "MultiPolygon", "coordinates": []}},
        {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": 5}},
    ],
)
def test_parse_entity_names_the_attribute_when_it_is_refused(body):
    refusal = refused(lambda: only(body))
    assert refusal.code.startswith(("ngsi_ld.attribute.", "ngsi_ld.geometry."))
    assert refusal.parameters["attribute"].startswith("a")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "not_an_object"),
        ("x", "not_an_object"),
        ({"type": "A"}, "id_missing"),
        ({"id": "x", "type": "A"}, "id_not_valid"),
        ({"id": "urn:a b", "type": "A"}, "id_not_valid"),
        ({"id": 5, "type": "A"}, "id_not_valid"),
        ({"id": "urn:x:1"}, "type_missing"),
        ({"id": "urn:x:1", "type": []}, "type_not_valid"),
        ({"id": "urn:x:1", "type": [5]}, "type_not_valid"),
        ({"id": "urn:x:1", "type": ""}, "type_not_valid"),
        ({"id": "urn:x:1", "type": "A", "scope": "/a/#"}, "scope_not_valid"),
        ({"id": "urn:x:1", "type": "A", "scope": 5}, "scope_not_valid"),
        ({"id": "urn:x:1", "type": "A", "expiresAt": "soon"}, "time_not_valid"),
    ],
)
def test_parse_entity_refuses_when_a_member_is_wrong(document, code):
    assert refused(lambda: parse_entity(document, CORE)).code == f"ngsi_ld.entity.{code}"


def test_parse_entity_reads_json_ld_names_and_aliases_of_id_and_type():
    context = build_context({"ident": "@id"}, lambda url: None)
    entity = parse_entity({"ident": "urn:x:1", "@type": ["A", "A"], "scope": ["a/b", "/a/b"]}, context)
    assert (entity.id, entity.types, entity.scopes) == ("urn:x:1", (D + "A",), ("/a/b",))


def test_parse_entity_refuses_when_two_names_mean_the_same():
    assert refused(lambda: parse_entity(entity_of(a=1, **{D + "a": 2}), CORE)).code == "ngsi_ld.attribute.not_valid"


def test_parse_entity_keeps_equal_datasets_when_repeats_are_allowed():
    series = [{"type": "Property", "value": number, "observedAt": f"2026-01-0{number}T00:00:00Z"} for number in (1, 2)]
    assert only(series, repeats=True) == series


def test_parse_entity_puts_the_default_instance_first():
    found = only([{"value": 1, "datasetId": "urn:d:1"}, {"value": 2}])
    assert [one["value"] for one in found] == [2, 1]


@pytest.mark.parametrize(
    "body",
    [
        NGSI_LD_NULL,
        {"value": NGSI_LD_NULL},
        {"type": "Property", "value": NGSI_LD_NULL},
        {"type": "GeoProperty", "value": NGSI_LD_NULL},
        {"object": NGSI_LD_NULL},
        {"languageMap": {"@none": NGSI_LD_NULL}},
        {"type": "VocabProperty", "vocab": NGSI_LD_NULL},
        {"json": NGSI_LD_NULL},
    ],
)
def test_parse_fragment_deletes_when_the_value_is_ngsi_ld_null(body):
    for partial in (False, True):
        fragment = parse_fragment({"a": body}, CORE, nulls=True, partial=partial)
        assert all(map(is_deletion, fragment.attributes[D + "a"]))
    assert refused(lambda: parse_fragment({"a": body}, CORE, nulls=False)).code == "ngsi_ld.attribute.null"


def test_parse_fragment_keeps_member_nulls_in_place_and_names_the_dataset_of_a_deletion():
    body = {"observedAt": NGSI_LD_NULL, "languageMap": {"fr": NGSI_LD_NULL, "ja": "x"}, "note": NGSI_LD_NULL}
    fragment = parse_fragment({"a": body, "scope": NGSI_LD_NULL, "expiresAt": NGSI_LD_NULL}, CORE, nulls=True, partial=True)
    assert fragment.attributes[D + "a"] == [
        {
            "type": "LanguageProperty",
            "observedAt": NGSI_LD_NULL,
            "languageMap": {"fr": NGSI_LD_NULL, "ja": "x"},
            "attributes": {D + "note": [{"deleted": True}]},
        }
    ]
    assert (fragment.scopes, fragment.expires_at) == ((), "")
    one = parse_fragment({"a": {"value": NGSI_LD_NULL, "datasetId": "urn:d:1"}}, CORE, nulls=True)
    assert one.attributes[D + "a"] == [{"deleted": True, "datasetId": "urn:d:1"}]


@pytest.mark.parametrize(
    ("body", "stored", "expected"),
    [
        ({"value": 2}, {"type": "Property", "value": 1}, {"type": "Property", "value": 2}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, None, {"type": "GeoProperty", "value": POINT}),
        ({"unitCode": "MTR"}, {"type": "Property", "value": 1}, {"type": "Property", "unitCode": "MTR"}),
        ({"object": "urn:x:1"}, None, {"type": "Relationship", "object": "urn:x:1"}),
    ],
)
def test_complete_finds_the_type_when_a_partial_update_omits_it(body, stored, expected):
    iri, (partial,) = parse_attribute("a", body, CORE, nulls=True, partial=True)
    assert iri == D + "a"
    assert complete("a", partial, stored) == expected


@pytest.mark.parametrize(
    ("body", "stored", "code"),
    [
        ({"value": 2}, {"type": "Relationship", "object": "urn:x:1"}, "type_mismatch"),
        ({"unitCode": "MTR"}, None, "value_missing"),
    ],
)
def test_complete_refuses_when_the_value_does_not_fit_the_stored_type(body, stored, code):
    _, (partial,) = parse_attribute("a", body, CORE, nulls=True, partial=True)
    assert refused(lambda: complete("a", partial, stored)).code == f"ngsi_ld.attribute.{code}"


@pytest.mark.parametrize(
    ("value", "stored", "expected"),
    [
        (5, {"type": "Property", "value": 1}, {"type": "Property", "value": 5}),
        ("urn:x:2", {"type": "Relationship", "object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:2"}),
        ("dam", {"type": "VocabProperty", "vocab": D + "x"}, {"type": "VocabProperty", "vocab": D + "dam"}),
        ([1], {"type": "ListProperty", "valueList": []}, {"type": "ListProperty", "valueList": [1]}),
        ({"x": 1}, {"type": "JsonProperty", "json": {}}, {"type": "JsonProperty", "json": {"x": 1}}),
        ("x", None, {"type": "Property", "value": "x"}),
    ],
)
def test_complete_uses_the_stored_type_when_the_input_is_simplified(value, stored, expected):
    fragment = parse_fragment({"a": value}, CORE, nulls=True, partial=True, simplified=True)
    assert complete("a", fragment.attributes[D + "a"][0], stored) == expected


def sample():
    return parse_entity(
        entity_of(
            scope="/港",
            level={"value": 1.5, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"},
            name={"languageMap": {"ja": "堤", "en": "Dam"}},
            location=POINT,
            kind={"vocab": ["dam", "pond"]},
            owner=[{"object": "urn:x:1"}, {"object": "urn:x:2", "datasetId": "urn:d:1"}],
        ),
        CORE,
    )


def test_render_entity_writes_the_simplified_form_with_datasets():
    assert render_entity(sample(), CORE, Representation(Format.SIMPLIFIED)) == {
        "id": "urn:ngsi-ld:Gauge:1",
        "type": "Gauge",
        "scope": "/港",
        "level": 1.5,
        "name": {"languageMap": {"ja": "堤", "en": "Dam"}},
        "location": POINT,
        "kind": {"vocab": ["dam", "pond"]},
        "owner": {"dataset": {"@none": "urn:x:1", "urn:d:1": "urn:x:2"}},
    }


@pytest.mark.parametrize(
    ("asked", "text", "language"),
    [
        ("en", "Dam", "en"),
        ("fr, ja;q=0.5", "堤", "ja"),
        ("fr", "Dam", "en"),
        ("ja-JP", "堤", "ja"),
        ("*", "Dam", "en"),
        ("en;q=0.1, ja", "堤", "ja"),
    ],
)
def test_render_entity_chooses_a_text_when_a_language_is_asked_for(asked, text, language):
    shown = render_entity(sample(), CORE, Representation(language=asked))
    assert shown["name"] == {"type": "Property", "value": text, "lang": language}
    assert render_entity(sample(), CORE, Representation(Format.SIMPLIFIED, language=asked))["name"] == text


def test_render_entity_keeps_the_type_when_a_concise_property_holds_a_geometry():
    entity = parse_entity(entity_of(a={"type": "Property", "value": POINT}), CORE)
    shown = render_entity(entity, CORE, Representation(Format.CONCISE))
    assert shown["a"] == {"type": "Property", "value": POINT}


def test_render_entity_projects_when_pick_omit_attrs_or_datasets_are_given():
    def shown(**options):
        return set(render_entity(sample(), CORE, Representation(**options)))

    assert shown(pick=parse_projection("id,level", CORE)) == {"id", "level"}
    assert shown(omit=parse_projection("type,level,owner", CORE)) == {"id", "scope", "name", "location", "kind"}
    assert shown(attributes=parse_projection("level", CORE)) == {"id", "type", "scope", "level"}
    assert shown(dataset_ids=frozenset({"urn:d:1"})) == {"id", "type", "scope", "owner"}


def test_geojson_feature_takes_the_geometry_of_the_chosen_property():
    shown = Representation(Format.SIMPLIFIED)
    document = render_entity(sample(), CORE, shown)
    feature = geojson_feature(sample(), document, shown, LOCATION)
    assert (feature["type"], feature["id"], feature["geometry"]) == ("Feature", "urn:ngsi-ld:Gauge:1", POINT)
    assert feature["properties"]["level"] == 1.5
    assert "id" not in feature["properties"]
    assert geojson_feature(sample(), document, shown, D + "level")["geometry"] is None


def test_temporal_attribute_and_values_are_written_as_instances_and_pairs():
    series = [
        {"type": "Property", "value": number, "observedAt": f"2026-01-0{number}T00:00:00Z", "instanceId": f"urn:i:{number}"}
        for number in (2, 1)
    ]
    assert temporal_attribute(series, CORE) == series
    values = temporal_values(series, CORE)
    assert values == {"type": "Property", "values": [[2, "2026-01-02T00:00:00Z"], [1, "2026-01-01T00:00:00Z"]]}
    texts = [{"type": "LanguageProperty", "languageMap": {"ja": "x"}, "modifiedAt": "2026-01-01T00:00:00Z"}]
    assert temporal_entity("urn:x:1", [D + "Gauge"], {D + "name": temporal_values(texts, CORE)}, CORE, {}) == {
        "id": "urn:x:1",
        "type": "Gauge",
        "name": {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "x"}}, "2026-01-01T00:00:00Z"]]},
    }


def test_temporal_attribute_writes_a_deletion_as_ngsi_ld_null():
    stone = {"type": "LanguageProperty", "deletedAt": "2026-01-01T00:00:00Z", "datasetId": "urn:d:1"}
    assert temporal_attribute([stone], CORE) == [stone | {"languageMap": {"@none": "urn:ngsi-ld:null"}}]
    assert temporal_values([], CORE, kind="Relationship") == {"type": "Relationship", "objects": []}


@pytest.mark.parametrize(
    ("instance", "wanted"),
    [
        ({"type": "ListProperty", "valueList": [1, 2]}, [1, 2]),
        ({"type": "ListRelationship", "objectList": [{"object": "urn:a:1"}, {"object": "urn:a:2"}]}, ["urn:a:1", "urn:a:2"]),
        ({"type": "Relationship", "object": ["urn:a:1", "urn:a:2"]}, ["urn:a:1", "urn:a:2"]),
        ({"type": "VocabProperty", "vocab": D + "red"}, {"vocab": "red"}),
        ({"type": "JsonProperty", "json": {"x": None}}, {"json": {"x": None}}),
        ({"type": "GeoProperty", "value": POINT}, POINT),
        ({"type": "ListRelationship", "deletedAt": "2026-01-01T00:00:00Z"}, ["urn:ngsi-ld:null"]),
    ],
)
def test_temporal_values_are_as_bare_as_their_kind_allows(instance, wanted):
    told = temporal_values([{**instance, "observedAt": "2026-01-01T00:00:00Z"}], CORE)
    [series] = [value for member, value in told.items() if member != "type"]
    assert series == [[wanted, "2026-01-01T00:00:00Z"]]
