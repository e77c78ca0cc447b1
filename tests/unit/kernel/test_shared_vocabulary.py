"""Callers and access, entities as documents, positions and boxes, the registry of error texts."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.kernel import error_texts
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role, development_caller, system_caller
from machinami.kernel.entity import Entity, default_instance, from_document, to_document, value_of
from machinami.kernel.error_texts import ErrorText, describe, register
from machinami.kernel.errors import Kind, Refusal
from machinami.kernel.geometry import Box, box_of, positions

READER = Caller("default", "user:a", "test", frozenset({Role.READER}))


@pytest.mark.parametrize("role", list(Role))
def test_require_refuses_all_but_the_callers_own_role(role: Role) -> None:
    if role is Role.READER:
        require(READER, role)
        return
    with pytest.raises(Refusal) as refused:
        require(READER, role)
    assert refused.value.code == "security.access.forbidden"
    assert refused.value.parameters == {"principal": "user:a", "role": role.value}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    "caller",
    [Caller("t", "user:b", "", frozenset({Role.ADMIN})), development_caller(), system_caller("feeds")],
    ids=["admin", "development", "system"],
)
def test_require_lets_administrators_and_our_own_work_do_all(caller: Caller, role: Role) -> None:
    require(caller, role)


def test_callers_of_our_own_are_told_apart() -> None:
    assert development_caller("x").tenant == "x"
    assert "試用" in development_caller().display_name
    assert system_caller("feeds", "x").principal == "system:feeds"


def test_require_refuses_everything_when_there_is_no_role() -> None:
    with pytest.raises(Refusal):
        require(Caller("t", "user:c", "", frozenset()), Role.READER)


@pytest.mark.parametrize(
    "entity",
    [
        Entity("urn:1", ("A", "B"), {"x": [{"type": "Property", "value": [1]}]}, ("/a",), "c", "m", "e", 3, 4),
        Entity("urn:2", ("A",), {}, (), "c", "m", None, 1, 2),
    ],
)
def test_from_document_reads_back_what_to_document_wrote(entity: Entity) -> None:
    document = to_document(entity)
    assert from_document(document, entity.version, entity.sequence) == entity
    assert document.keys() >= {"id", "type", "attributes", "createdAt", "modifiedAt"}
    assert ("scope" in document, "expiresAt" in document) == (bool(entity.scopes), entity.expires_at is not None)


def test_default_instance_is_the_one_without_dataset_else_the_first() -> None:
    one, other = {"type": "Property", "value": 1, "datasetId": "urn:d"}, {"type": "Property", "value": 2}
    entity = Entity("urn:1", ("A",), {"both": [one, other], "named": [one], "none": []})
    assert default_instance(entity, "both") is other
    assert default_instance(entity, "named") is one
    assert default_instance(entity, "none") is None
    assert default_instance(entity, "missing") is None


@pytest.mark.parametrize(
    ("kind", "member"),
    [("Property", "value"), ("GeoProperty", "value"), ("Relationship", "object"), ("LanguageProperty", "languageMap"),
     ("VocabProperty", "vocab"), ("ListProperty", "valueList"), ("ListRelationship", "objectList"), ("JsonProperty", "json")],
)  # fmt: skip
def test_value_of_reads_the_member_of_each_type(kind: str, member: str) -> None:
    assert value_of({"type": kind, member: "it", "unitCode": "x"}) == "it"


@pytest.mark.parametrize(
    ("coordinates", "found", "box"),
    [
        ([134, 34.5], [(134.0, 34.5)], Box(134, 34.5, 134, 34.5)),
        ((134.0, 34.0, 20.0), [(134.0, 34.0)], Box(134, 34, 134, 34)),
        ([[1, 2], [0, 5]], [(1.0, 2.0), (0.0, 5.0)], Box(0, 2, 1, 5)),
        ([[[[1, 2], [3, -4], [1, 2]]], [[[9, 0], [8, 1], [9, 0]]]], None, Box(1, -4, 9, 2)),
    ],
)
def test_box_of_holds_all_positions_however_nested(coordinates: Any, found: Any, box: Box) -> None:
    assert box_of(coordinates) == box
    if found is not None:
        assert list(positions(coordinates)) == found


def test_box_of_raises_value_error_when_there_is_no_position() -> None:
    with pytest.raises(ValueError):
        box_of([])


ROW = ErrorText(Kind.BAD_REQUEST_DATA, "No {what}.", "{what} がありません。", "Give {what}.", "{what} を指定してください。")


def test_describe_fills_the_texts_of_a_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_texts, "ERRORS", {})
    register({"test.thing.missing": ROW})
    error = Refusal("test.thing.missing", what="id")
    assert describe(error) == ("No id.", "Give id.")
    assert describe(error, "ja") == ("id がありません。", "id を指定してください。")


def test_register_refuses_a_code_that_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_texts, "ERRORS", {})
    register({"test.thing.missing": ROW})
    with pytest.raises(ValueError, match=r"test\.thing\.missing"):
        register({"test.thing.missing": ROW})
