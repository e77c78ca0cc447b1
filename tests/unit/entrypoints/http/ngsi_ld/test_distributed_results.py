"""What became of the parts of a distributed write, as one answer (CIM 009 6.5.3, 6.6.3, 5.2.16-5.2.19)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from machinami.bootstrap.errors import register_all
from machinami.entrypoints.http.messages import Answer, json_answer
from machinami.entrypoints.http.ngsi_ld.distributed_results import (
    attributes_answer,
    batch_answer,
    conflict_part,
    entity_answer,
    own_part,
    source_part,
)
from machinami.federation.distribution.model import Reply
from machinami.kernel.errors import Refusal, Unavailable

ID, REGISTRATION = "urn:1", "urn:r"
SILENT = Unavailable("federation.source.no_answer", registration=REGISTRATION, reason="nobody is there")


@pytest.fixture(autouse=True)
def texts() -> None:
    register_all()


def shown(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_entity_answer_is_ours_when_all_went_well() -> None:
    ours = Answer(201, headers={"location": "/x"})
    assert entity_answer([own_part([ID], (), ours), source_part([ID], (), REGISTRATION, Reply(201))], Answer(204), ID) is ours


def test_entity_answer_is_the_one_error_when_one_place_alone_failed() -> None:
    answer = entity_answer([source_part([ID], (), REGISTRATION, Reply(404, {"title": "gone"}))], Answer(204), ID)
    assert (answer.status, shown(answer)["title"], shown(answer)["status"]) == (404, "gone", 404)
    assert entity_answer([source_part([ID], (), REGISTRATION, SILENT)], Answer(204), ID).status == 504
    assert entity_answer([source_part([ID], (), REGISTRATION, Reply(302))], Answer(204), ID).status == 502
    assert entity_answer([conflict_part([ID], (), REGISTRATION, "mergeEntity")], Answer(204), ID).status == 409


def test_entity_answer_tells_each_failure_with_its_source() -> None:
    own = own_part([ID], (), Refusal("data.entity.does_not_exist", id=ID))
    answer = entity_answer([own, source_part([ID], (), REGISTRATION, Reply(204))], Answer(204), ID)
    assert answer.status == 207
    assert shown(answer)["success"] == [ID]
    [error] = shown(answer)["errors"]
    assert (error["entityId"], error["error"]["status"], "registrationId" in error) == (ID, 404, False)
    both = entity_answer([own, source_part([ID], (), REGISTRATION, SILENT)], Answer(204), ID)
    assert (shown(both)["success"], [one.get("registrationId") for one in shown(both)["errors"]]) == ([], [None, REGISTRATION])


def test_attributes_answer_lists_what_was_written_and_what_was_not() -> None:
    own = own_part([ID], ["a"], json_answer({"updated": [], "notUpdated": [{"attributeName": "a", "reason": "there"}]}, 207))
    answer = attributes_answer(
        [own, source_part([ID], ["b"], REGISTRATION, Reply(204)), source_part([ID], ["c"], "urn:s", SILENT)]
    )
    assert answer.status == 207
    assert shown(answer)["updated"] == ["b"]
    told = [(one["attributeName"], one.get("registrationId")) for one in shown(answer)["notUpdated"]]
    assert told == [("a", None), ("c", "urn:s")]


def test_attributes_answer_names_attributes_in_full_also_where_a_source_did_not() -> None:
    document = {"updated": ["a"], "notUpdated": [{"attributeName": "b", "reason": "there"}]}
    source = source_part([ID], ["x:a", "x:b"], REGISTRATION, Reply(207, document), lambda name: f"x:{name}")
    answer = shown(attributes_answer([source]))
    assert answer["updated"] == ["x:a"]
    assert answer["notUpdated"] == [{"attributeName": "x:b", "reason": "there", "registrationId": REGISTRATION}]


def test_source_part_does_not_take_a_partial_success_for_a_full_one() -> None:
    unsaid = attributes_answer([source_part([ID], ["a"], REGISTRATION, Reply(207))])
    assert (unsaid.status, shown(unsaid)["updated"]) == (207, [])


def test_batch_answer_merges_what_sources_tell_of_their_items() -> None:
    document = {"success": ["urn:1"], "errors": [{"entityId": "urn:2", "error": {"status": 409}}]}
    parts = [
        own_part(["urn:1", "urn:2"], (), Answer(204)),
        source_part(["urn:1", "urn:2"], (), REGISTRATION, Reply(207, document)),
    ]
    answer = batch_answer(parts, ["urn:1", "urn:2"], Answer(204))
    assert shown(answer) == {
        "success": ["urn:1"],
        "errors": [{"entityId": "urn:2", "error": {"status": 409}, "registrationId": REGISTRATION}],
    }
