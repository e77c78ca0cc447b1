from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.linkage.importing.identity import Keyed, address_key, assign_keys, digest_of, is_counter, name_key, usable_code

TOWN = find_town("372013")
TOILET = next(model for model in load_models() if model.id == "public-toilet")


@pytest.mark.parametrize(
    "text",
    [
        "高松市番町一丁目10番地の16",
        "香川県高松市番町１丁目10-16",
        "高松市番町1丁目10番16号",
        "番町1-10-16",
        "高松市 番町１－１０－１６",
    ],
)
def test_address_key_agrees_when_editions_write_differently(text):
    assert address_key(text, TOWN) == "番町1-10-16"


def test_address_key_reads_kanji_numbers_when_above_ten():
    assert address_key("旭町二十三丁目4番5号", TOWN) == "旭町23-4-5"
    assert address_key("朝日町十丁目", TOWN) == address_key("朝日町10丁目", TOWN)


def test_name_key_agrees_when_width_and_blanks_differ():
    assert name_key("ＪＲホテル　クレメント（高松）") == name_key("JRホテルクレメント高松")


@pytest.mark.parametrize("value", ["1", "12", "99999", "No.7", "A1", "jp.example.Hospital.1"])
def test_is_counter_doubts_numbers_when_they_are_small(value):
    assert is_counter(value)
    assert not usable_code(value)


@pytest.mark.parametrize("value", ["372010006", "0000000001", "A-0017", "011002_carpark00001", "1234567"])
def test_usable_code_trusts_codes_when_long_or_padded(value):
    assert usable_code(value)


def test_usable_code_refuses_when_it_does_not_fit_a_urn():
    assert not usable_code("第１投票区")
    assert not usable_code("a b0")


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
