from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.linkage.importing.identity import Keyed, address_key, assign_keys, digest_of, is_running_number, name_key

TOWN = find_town("372013")
TOILET = next(model for model in load_models() if model.id == "public-toilet")


@pytest.mark.parametrize(
    "text",
    ["高松市番町一丁目10番地の16", "香川県高松市番町１丁目10-16", "高松市番町1丁目10番16号", "番町1-10-16", "高松市 番町１－１０－１６"],
)
def test_address_key_agrees_when_editions_write_differently(text):
    assert address_key(text, TOWN) == "番町1-10-16"


def test_address_key_reads_kanji_numbers_when_above_ten():
    assert address_key("旭町二十三丁目4番5号", TOWN) == "旭町23-4-5"
    assert address_key("朝日町十丁目", TOWN) == address_key("朝日町10丁目", TOWN)


def test_name_key_agrees_when_width_and_blanks_differ():
    assert name_key("ＪＲホテル　クレメント（高松）") == name_key("JRホテルクレメント高松")


@pytest.mark.parametrize(
    ("values", "running"),
    [
        (["1", "2", "3"], True),
        (["1", "2", "5", "9"], True),
        (["jp.example.Hospital.1", "jp.example.Hospital.2"], True),
        (["", ""], True),
        (["372010006", "372010063"], False),
        (["0000000001", "0000000002"], False),
        (["A1", "B1"], False),
        (["17021", "17033", "17048"], False),
    ],
)
def test_is_running_number_tells_counters_from_codes_when_given_a_column(values, running):
    assert is_running_number(values) is running


def toilet(row, place="", number="", **values):
    texts = {"name": "中央公園", "address": "番町1-11", "installationPosition": place, **values}
    return Keyed(row, texts, number=number, point="34.34000,134.04000", digest=digest_of([place, number]))


def test_assign_keys_extends_only_the_colliding_rows_when_columns_tell_them_apart():
    rows = [toilet(1, "東"), toilet(2, "西"), toilet(3, name="別の公園")]
    collisions = assign_keys(rows, TOILET, TOWN)
    assert [(one.rows, one.told_apart_by) for one in collisions] == [((1, 2), ("installationPosition",))]
    assert rows[2].key == ["別の公園", "番町1-11"]
    assert len({tuple(row.key) for row in rows}) == 3


def test_assign_keys_counts_by_published_number_when_nothing_else_differs():
    rows = [toilet(8, number="101"), toilet(7, number="100")]
    assign_keys(rows, TOILET, TOWN)
    assert rows[1].key == ["中央公園", "番町1-11"]
    assert rows[0].key == ["中央公園", "番町1-11", "ordinal=2"]


@given(st.permutations(range(6)))
def test_assign_keys_gives_the_same_keys_when_rows_are_shuffled(order):
    made = [toilet(index, "東" if index < 2 else "", number=str(100 + index)) for index in range(6)]
    shuffled = [made[index] for index in order]
    assign_keys(shuffled, TOILET, TOWN)
    again = [toilet(index, "東" if index < 2 else "", number=str(100 + index)) for index in range(6)]
    assign_keys(again, TOILET, TOWN)
    assert [row.key for row in made] == [row.key for row in again]
    assert len({tuple(row.key) for row in made}) == 6


def test_assign_keys_follows_the_mapping_when_it_names_other_attributes():
    rows = [Keyed(1, {"name": "甲", "address": "乙"}), Keyed(2, {"name": "甲", "address": "丙"})]
    assign_keys(rows, replace(TOILET, key=("name",), tell_apart=("address",)), TOWN)
    assert [row.key[0] for row in rows] == ["甲", "甲"]
    assert rows[0].key != rows[1].key
