import json

import pytest

from machinami.kernel.errors import Refusal
from machinami.linkage.importing.mapping import SheetMapping, Use, attribute_name, stored_mapping
from machinami.linkage.importing.model import CORE_TERMS


def test_from_json_reads_what_to_json_wrote_when_exported(table, plan):
    mapping = (
        plan(table(["NO", "名称", "住所", "定員", "←項目名"], ["1", "甲公園", "乙町1", "5", ""], file="公園.xlsx"))
        .sheets[0]
        .mapping
    )
    assert SheetMapping.from_json(mapping.to_json()) == mapping
    assert [one.use for one in mapping.columns] == [Use.ROW_NUMBER, Use.ITEM, Use.ITEM, Use.EXTRA, Use.IGNORE]
    assert json.loads(mapping.to_json())["columns"][1] == {"heading": "名称", "use": "item", "attribute": "name"}


@pytest.mark.parametrize(
    "change",
    [
        {"machinamiMapping": 2},
        {"columns": [{"heading": "a"}]},
        {"columns": [{"heading": "a", "use": "item", "attribute": "x"}, {"heading": "b", "use": "extra", "attribute": "x"}]},
        {"columns": [{"heading": "a", "use": "item", "attribute": ""}]},
        {"columns": [{"heading": "a", "use": "other", "attribute": "x"}]},
        {"columns": 3},
    ],
)
def test_from_json_refuses_when_the_document_is_wrong(change):
    document = {"machinamiMapping": 1, "fingerprint": "f", "publication": "p", "model": "park", "key": [], "columns": []}
    SheetMapping.from_json(document)
    with pytest.raises(Refusal) as caught:
        SheetMapping.from_json({**document, **change})
    assert caught.value.code == "import.mapping.invalid"


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_from_json_refuses_when_it_is_no_document(text):
    with pytest.raises(Refusal):
        SheetMapping.from_json(text)


def test_stored_mapping_prefers_the_same_list_when_headings_are_shared():
    park, fire, any_list = (SheetMapping("f", name, "place", ()) for name in ("park", "fire_station", ""))
    assert stored_mapping([park, fire, any_list], "f", "fire_station") is fire
    assert stored_mapping([park, fire, any_list], "f", "library") is any_list
    assert stored_mapping([park, fire], "f", "library") is None
    assert stored_mapping([park], "g", "park") is None


def test_attribute_name_avoids_names_that_are_taken_when_made_from_headings():
    assert attribute_name("status") == "status_"
    assert "status" in CORE_TERMS
    assert attribute_name("災害種別_洪水 (L1)") == "災害種別_洪水_L1"
    assert attribute_name("1号認定") == "column_1号認定"
    assert attribute_name("→") == "column"
