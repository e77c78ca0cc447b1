"""Smart Data Models' own pairs: the normalized form read, written simplified, equals their key-values form."""

import json
from pathlib import Path

import pytest

from machinami.standards.ngsi_ld.contexts import build_context
from machinami.standards.ngsi_ld.entities import parse_entity
from machinami.standards.ngsi_ld.render import Format, Representation, render_entity

FOLDER = Path(__file__).parents[3] / "data/ngsi-ld/smart-data-models"
PAIRS = json.loads((FOLDER / "pairs.json").read_text("utf-8"))


def _context(entity_type):
    document = json.loads((FOLDER / entity_type.split("/")[0] / "context.jsonld").read_text("utf-8"))
    return build_context("https://models.example/context.jsonld", lambda url: document)


def _example(entity_type, name):
    document = json.loads((FOLDER / entity_type / name).read_text("utf-8"))
    document.pop("@context", None)
    return document


def _unwrapped(value):
    if isinstance(value, dict):
        return _unwrapped(value["@value"]) if "@value" in value else {name: _unwrapped(each) for name, each in value.items()}
    return [_unwrapped(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("entity_type", PAIRS["exact"] + PAIRS["exact_after_unwrapping"])
def test_simplified_equals_the_published_key_values_when_the_normalized_form_is_read(entity_type):
    context = _context(entity_type)
    entity = parse_entity(_example(entity_type, "example-normalized.jsonld"), context)
    shown = render_entity(entity, context, Representation(Format.SIMPLIFIED))
    expected = _example(entity_type, "example.jsonld")
    if entity_type in PAIRS["exact"]:
        assert shown == expected
    else:
        assert _unwrapped(shown) == _unwrapped(expected)


@pytest.mark.parametrize("entity_type", PAIRS["exact"] + PAIRS["exact_after_unwrapping"])
@pytest.mark.parametrize("form", [Format.NORMALIZED, Format.CONCISE])
def test_parse_gives_the_same_entity_when_its_own_rendering_is_read(entity_type, form):
    context = _context(entity_type)
    entity = parse_entity(_example(entity_type, "example-normalized.jsonld"), context)
    assert parse_entity(render_entity(entity, context, Representation(form)), context) == entity


@pytest.mark.parametrize("entity_type", PAIRS["exact"])
def test_simplified_input_renders_the_same_when_it_is_read(entity_type):
    context = _context(entity_type)
    document = _example(entity_type, "example.jsonld")
    entity = parse_entity(document, context, simplified=True)
    assert render_entity(entity, context, Representation(Format.SIMPLIFIED)) == document
