"""Sheets of other towns: the formats the import has not seen, and every kind of bad row."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.kernel.entity import value_of
from machinami.kernel.errors import Refusal
from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.linkage.importing.difference import diff
from machinami.linkage.importing.mapping import SheetMapping
from machinami.linkage.importing.model import Table, attribute_iri
from machinami.linkage.importing.plan import ImportOptions
from machinami.linkage.importing.planning import plan_import

HEADING = ["名称", "住所", "緯度", "経度", "電話番号"]
ROW = ["中央図書館", "高松市昭和町1-2-20", "34.34397", "134.03447", "087-861-4501"]


def values(entity):
    return {name.rpartition("/")[2]: value_of(instances[0]) for name, instances in entity.attributes.items()}


def codes(planned, *severities):
    return [one.code for one in planned.findings if not severities or one.severity in severities]


def test_plan_import_reads_two_heading_rows_when_merged_below_a_title(table, plan):
    planned = plan(
        table(
            ["宇都宮市 指定緊急避難場所一覧(令和7年4月1日現在)"],
            [],
            ["No.", "施設名", "所在地", None, "位置", None, "対応する災害", None, "収容人数(人)", "指定日"],
            [None, None, "町名", "番地", "緯度", "経度", "洪水", "地震", None, None],
            [1, "中央小学校", "中央本町", "1-29", 36.559, 139.884, "○", "○", "４５０", "令和元年5月1日"],
            [2, "西小学校", "西", "2-1-3", 36.56, 139.87, "○", "×", "1,200人", "H30.4.1"],
            [],
            ["合計", None, None, None, None, None, None, None, 1650],
            ["※ 収容人数は目安です。"],
            file="避難所_R7.xlsx",
            merged=((2, 0, 3, 0), (2, 1, 3, 1), (2, 2, 2, 3), (2, 4, 2, 5), (2, 6, 2, 7), (2, 8, 3, 8), (2, 9, 3, 9)),
        ),
        town="092011",
    )
    first = values(planned.entities[0])
    assert planned.entities[0].types == (attribute_iri("EvacuationSpace"),)
    assert (first["name"], first["address"], first["capacity"], first["指定日"]) == (
        "中央小学校",
        "中央本町1-29",
        450,
        "2019-05-01",
    )
    assert first["location"] == {"type": "Point", "coordinates": [139.884, 36.559]}
    assert values(planned.entities[1])["capacity"] == 1200
    assert planned.sheets[0].publication == "避難所"
    assert {"import.row.total", "import.row.note", "import.sheet.title"} <= set(codes(planned))
    assert len(planned.entities) == 2


def test_plan_import_reads_older_recommended_headings_when_numbers_are_padded(table, plan):
    planned = plan(
        table(
            [
                "都道府県コード又は市区町村コード",
                "NO",
                "都道府県名",
                "市区町村名",
                "名称",
                "名称_カナ",
                "住所",
                "方書",
                "緯度",
                "経度",
                "設置位置",
                "小児対応設備の有無",
            ],
            [
                "092011",
                "0000000001",
                "栃木県",
                "宇都宮市",
                "市役所",
                "シヤクショ",
                "栃木県宇都宮市旭1-1-5",
                "1F",
                "36.555",
                "139.883",
                "受付",
                "有",
            ],
            file="09201_aed.csv",
            spreadsheet=False,
        ),
        town="092011",
    )
    assert planned.sheets[0].model == "aed"
    assert "0000000001" not in planned.entities[0].id
    assert values(planned.entities[0])["installationLocation"] == "受付"
    assert ("import.value.not_allowed", "あり") in [(one.code, one.proposal) for one in planned.findings]


def test_plan_import_uses_published_code_when_the_standard_gives_one(table, plan):
    planned = plan(
        table(
            ["全国地方公共団体コード", "ID", "名称", "所在地_連結表記", "緯度", "経度", "災害種別_洪水", "災害種別_地震"],
            ["092011", "0920110001", "中央小学校", "栃木県宇都宮市中央本町1-29", "36.559", "139.884", "1", "1"],
        ),
        town="092011",
    )
    assert planned.entities[0].id == "urn:ngsi-ld:EvacuationSpace:092011:0920110001"


def test_plan_import_ignores_published_ids_as_identity_when_they_only_count(table, plan):
    planned = plan(table(["ID", *HEADING], ["1", *ROW], ["2", "牟礼図書館", "高松市牟礼町牟礼130-2", "34.34", "134.14", ""]))
    assert "import.column.counter" in codes(planned)
    assert not planned.entities[0].id.endswith(":1")
    assert values(planned.entities[0])["identifier"] == "1"


def test_plan_import_keeps_all_columns_when_no_model_fits(table, plan):
    planned = plan(
        table(
            ["店舗名", "住所", "座席数", "status", "席 種/形", "メモ"],
            ["うどん屋", "高松市番町1-1", 20, "営業中", "椅子", None],
        )
    )
    found = values(planned.entities[0])
    assert planned.sheets[0].model == "place"
    assert (found["座席数"], found["status_"], found["席_種_形"]) == (20, "営業中", "椅子")
    assert codes(planned).count("import.column.unknown") == 4


def test_plan_import_keeps_values_when_their_column_has_no_heading(table, plan):
    planned = plan(table([*HEADING, ""], [*ROW, "予備"]))
    assert values(planned.entities[0])["column6"] == "予備"
    assert "import.column.unnamed" in codes(planned, "warning")


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "import.sheet.empty"),
        ([["この表は参考です"], ["1", "2"]], "import.sheet.no_heading"),
        ([["名称", "備考"], ["第1地区", "毎週月曜"]], "import.sheet.no_places"),
        ([["地域名", "総人口", "世帯数", "男性"], ["塩屋町", 402, 230, 187]], "import.sheet.statistics"),
    ],
)
def test_plan_import_says_why_when_a_sheet_is_not_taken(table, plan, rows, code):
    planned = plan(table(*rows))
    assert (planned.entities, codes(planned)) == ((), [code])
    assert planned.sheets[0].model == ""


def test_plan_import_takes_each_sheet_for_itself_when_there_are_several(table, plan):
    planned = plan(
        table(HEADING, ROW, sheet="一覧"),
        table(["凡例"], sheet="説明"),
        table(HEADING, ["甲", "乙町1", "", "", ""], sheet="追加"),
    )
    assert [(one.sheet, one.planned) for one in planned.sheets] == [("一覧", 1), ("説明", 0), ("追加", 1)]


def test_plan_import_refuses_row_when_it_has_no_name(table, plan):
    planned = plan(table(HEADING, ROW, ["", "高松市番町1", "34.3", "134.0", ""]))
    assert codes(planned, "error") == ["import.row.no_name"]
    assert (planned.sheets[0].planned, planned.sheets[0].rejected) == (1, 1)


def test_plan_import_joins_rows_when_they_repeat_word_for_word(table, plan):
    planned = plan(table(["NO", *HEADING], ["1", *ROW], ["2", *ROW]))
    assert (planned.sheets[0].planned, planned.sheets[0].merged) == (1, 1)
    (told,) = [one for one in planned.findings if one.code == "import.row.duplicate"]
    assert (told.place.row, told.parameters["other"]) == (3, "2")


def test_plan_import_keeps_both_rows_when_a_code_is_used_twice(table, plan):
    planned = plan(
        table(["施設コード", *HEADING], ["A-0017", *ROW], ["A-0017", "牟礼図書館", "高松市牟礼町130", "34.34", "134.14", ""])
    )
    assert len({entity.id for entity in planned.entities}) == 2
    (told,) = [one for one in planned.findings if one.code == "import.row.duplicate_code"]
    assert (told.value, told.parameters["rows"]) == ("A-0017", "2-3")


def test_plan_import_keeps_row_without_location_when_coordinates_are_swapped(table, plan):
    planned = plan(table(HEADING, ["甲", "乙町1", "134.04", "34.34", ""]))
    found = values(planned.entities[0])
    assert "location" not in found
    assert found["publishedPosition"] == "134.04, 34.34"
    assert [(one.code, one.proposal) for one in planned.findings if "position" in one.code] == [
        ("import.position.swapped", "34.34, 134.04")
    ]


def test_plan_import_reads_combined_cell_when_there_are_no_two_columns(table, plan):
    planned = plan(
        table(["名称", "住所", "緯度経度"], ["甲", "乙町1", "34.34, 134.04"], ["乙", "丙町2", "町役場前"], ["丙", "丁町3", ","])
    )
    assert values(planned.entities[0])["location"]["coordinates"] == [134.04, 34.34]
    assert [code for code in codes(planned, "warning") if "position" in code] == [
        "import.position.unreadable",
        "import.position.missing",
    ]


def test_plan_import_notes_formulas_when_their_results_are_taken_or_missing(table, plan):
    planned = plan(table(HEADING, ROW, ["乙", None, "34.3", "134.0", ""], formulas={(1, 0): True, (2, 1): False}))
    assert [(one.code, one.place.row, one.place.column) for one in planned.findings if "formula" in one.code] == [
        ("import.value.formula", 2, "A"),
        ("import.value.formula_empty", 3, "B"),
    ]
    assert [values(entity)["name"] for entity in planned.entities] == ["中央図書館", "乙"]


def test_plan_import_reads_dates_and_times_when_cells_are_typed(table, plan):
    planned = plan(
        table(
            ["行事名", "開催日", "開始時間", "場所名称"],
            ["講座", datetime.date(2026, 8, 22), datetime.time(13, 30), "会館"],
            ["祭り", datetime.datetime(2026, 8, 23), datetime.timedelta(hours=24), "公園"],
        )
    )
    assert [(values(entity)["eventDate"], values(entity)["startTime"]) for entity in planned.entities] == [
        ("2026-08-22", "13:30"),
        ("2026-08-23", "24:00"),
    ]


def test_plan_import_follows_model_when_it_is_given(table, plan):
    planned = plan(table(HEADING, ROW), model="park")
    assert planned.entities[0].types == (attribute_iri("Park"),)
    with pytest.raises(Refusal) as refused:
        plan(table(HEADING, ROW), model="parks")
    assert refused.value.code == "import.model.unknown"


def test_plan_import_follows_stored_mapping_when_headings_are_the_same(table, plan):
    sheet = table(["館の呼び名", "住所", "緯度", "経度", "名称"], ["愛称", "乙町1", "34.3", "134.0", "正式名"], file="館.xlsx")
    document = plan(sheet).sheets[0].mapping.to_document()
    document["columns"][0].update(use="item", attribute="alternateName")
    document["model"] = "library"
    stored = SheetMapping.from_json(document)
    moved = table(
        ["館の呼び名", None, "住　所", "緯度", "経度", "名称"],
        ["愛称", None, "乙町1", "34.3", "134.0", "正式名"],
        file="館.xlsx",
    )
    for one in (sheet, moved):
        planned = plan(one, mappings=(stored,))
        assert planned.entities[0].types == (attribute_iri("Library"),)
        found = values(planned.entities[0])
        assert (found["alternateName"], found["name"], found["address"]) == ("愛称", "正式名", "乙町1")


def test_plan_import_marks_rows_withdrawn_when_a_new_edition_lacks_them(table, plan):
    first = plan(table(HEADING, ROW, ["牟礼図書館", "高松市牟礼町130", "34.34", "134.14", "087-1"], file="図書館_R7.xlsx"))
    second = plan(table(HEADING, [*ROW[:4], ""], file="図書館_R8.xlsx"), existing=first.entities)
    change = diff(second, first.entities)
    assert (len(change.created), len(change.updated), len(change.withdrawn)) == (0, 1, 1)
    assert "contactPointPhoneNumber" not in values(change.updated[0])
    assert values(change.withdrawn[0])["withdrawn"] is True
    assert change.sheets == ({"created": 0, "updated": 1, "unchanged": 0, "withdrawn": 1},)
    back = diff(plan(table(HEADING, ROW, file="図書館_R9.xlsx"), existing=change.withdrawn), change.withdrawn)
    assert [len(kind) for kind in (back.created, back.withdrawn)] == [1, 0]


def test_plan_import_doubts_edition_when_most_rows_are_missing(table, plan):
    rows = [[f"第{index}公園", f"高松市番町{index}", "", "", ""] for index in range(1, 12)]
    first = plan(table(HEADING, *rows, file="公園.xlsx"))
    change = diff(plan(table(HEADING, rows[0], file="公園.xlsx"), existing=first.entities), first.entities)
    assert [one.code for one in change.findings] == ["import.withdrawal.many"]


def test_plan_import_updates_values_when_a_later_list_knows_the_same_thing(table, plan):
    first = plan(table(HEADING, ROW, file="図書館.xlsx"))
    other = plan(
        table([*HEADING, "備考"], [*ROW[:2], "", "", "087-999-9999", "駐輪場あり"], file="文化施設.xlsx"),
        existing=first.entities,
    )
    change = diff(other, first.entities)
    found = values(change.updated[0])
    assert (found["contactPointPhoneNumber"], found["remarks"], found["publication"]) == (
        "087-999-9999",
        "駐輪場あり",
        "図書館",
    )
    assert found["location"]["coordinates"] == [134.03447, 34.34397]
    (told,) = [one for one in other.findings if one.code == "import.row.values_updated"]
    assert told.parameters["attributes"] == "contactPointPhoneNumber"
    assert not change.withdrawn


def test_plan_import_keeps_the_first_values_when_two_lists_of_one_run_differ(table, plan):
    planned = plan(table(HEADING, ROW, file="図書館.xlsx"), table(HEADING, [*ROW[:4], "087-1"], file="文化施設.xlsx"))
    assert [values(one)["contactPointPhoneNumber"] for one in planned.entities] == ["087-861-4501"]
    assert "import.row.differs" in codes(planned)


@pytest.mark.parametrize("name", ["避難所_新版.xlsx", "避難所(改訂版).xlsx", "避難所_R8.xlsx"])
def test_plan_import_takes_a_renamed_file_for_the_next_edition_when_its_name_says_so(table, plan, name):
    heading = ["名称", "住所", "緯度", "経度", "収容人数"]
    gone = ["西小学校", "高松市西町1", "34.34", "134.14", "100"]
    first = plan(table(heading, [*ROW[:4], "300"], gone, file="避難所.xlsx"))
    second = plan(table(heading, [*ROW[:4], "310"], file=name), existing=first.entities)
    change = diff(second, first.entities)
    assert [values(one)["capacity"] for one in change.updated] == [310]
    assert [values(one)["name"] for one in change.withdrawn] == ["西小学校"]


@pytest.mark.parametrize("twins_before", [1, 2])
def test_plan_import_takes_both_rows_when_a_later_list_tells_them_apart(table, plan, twins_before):
    heading = ["名称", "住所", "緯度", "経度", "収容人数"]
    rows = [[*ROW[:4], "300"], [*ROW[:4], "310"]]
    first = plan(table(heading, *rows[:twins_before], file="避難所.xlsx"))
    other = plan(table(heading, *rows, file="緊急避難場所.xlsx"), existing=first.entities)
    assert "import.row.same_key" in codes(other)
    assert "import.row.possible_duplicate" not in codes(other)
    assert sorted(values(one)["capacity"] for one in other.entities) == [300, 310]
    assert (other.sheets[0].planned, other.sheets[0].rejected) == (2, 0)


def test_plan_import_names_the_titles_row_when_blank_rows_follow_it(table, plan):
    planned = plan(table(["公園一覧"], [], [None, "令和7年4月1日"], [], ["(単位:箇所)"], [*HEADING, "しらべ"], [*ROW, "甲"]))
    (told,) = [one for one in planned.findings if one.code == "import.sheet.title"]
    assert (told.place.row, told.parameters["rows"]) == (1, "1, 3, 5")
    assert values(planned.entities[0])["しらべ"] == "甲"


@pytest.mark.parametrize(("cell", "doubted"), [("-50", True), (-20, True), ("−50人", True), ("0", False), ("450", False)])
def test_plan_import_doubts_counts_when_they_are_negative(table, plan, cell, doubted):
    planned = plan(table(["名称", "住所", "収容人数", "標高"], ["避難所", "乙町1", cell, "-3"], file="避難所.xlsx"))
    told = [(one.place.row, one.place.column) for one in planned.findings if one.code == "import.value.negative"]
    assert told == ([(2, "C")] if doubted else [])
    assert isinstance(values(planned.entities[0])["capacity"], int)


def test_plan_import_replaces_spreadsheet_rows_when_told_that_csv_supersedes(table, plan):
    first = plan(table(HEADING, ROW, file="図書館.xlsx"))
    newer = table(HEADING, [*ROW[:4], "087-999-9999"], file="図書館.csv", sheet="", spreadsheet=False)
    kept = diff(plan(newer, existing=first.entities), first.entities)
    assert [len(kept.updated), len(kept.unchanged)] == [0, 1]
    change = diff(plan(newer, existing=first.entities, supersedes=True), first.entities)
    assert values(change.updated[0])["contactPointPhoneNumber"] == "087-999-9999"


def test_plan_import_keeps_what_others_added_when_a_new_edition_comes(table, plan):
    (entity,) = plan(table(HEADING, ROW)).entities
    live = entity.with_attributes({**entity.attributes, attribute_iri("visitors"): [{"type": "Property", "value": 12}]})
    change = diff(plan(table(HEADING, [*ROW[:4], "087-1"]), existing=[live]), [live])
    assert values(change.updated[0])["visitors"] == 12


def test_plan_import_leaves_another_town_alone_when_places_have_the_same_name(table, plan):
    there = plan(table(HEADING, ["中央図書館", "中央1-1", "36.55", "139.88", ""], file="図書館.xlsx"), town="092011")
    here = plan(table(HEADING, ["中央図書館", "中央1-1", "", "", ""], file="文化.xlsx"), existing=there.entities)
    change = diff(here, there.entities)
    assert (len(change.created), len(change.withdrawn)) == (1, 0)


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        (
            "都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,イベント名,イベント名_カナ,開始日,終了日,料金(基本),場所名称,住所,緯度,経度",
            "event",
        ),
        (
            "都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,名称,名称_カナ,医療機関の種類,住所,緯度,経度,診療科目,病床数",
            "medical-institution",
        ),
        (
            "都道府県コード又は市区町村コード,NO,名称,名称_カナ,住所,緯度,経度,男性トイレ_総数,男性トイレ_数(小便器),多機能トイレ_数",
            "public-toilet",
        ),
        ("市区町村コード,NO,名称,住所,緯度,経度,設置者,SSID,提供エリア", "public-wireless-lan"),
        (
            "都道府県コード又は市区町村コード,NO,名称,住所,緯度,経度,種別,収容定員,受入年齢,一時預かりの有無",
            "childcare-facility",
        ),
        (
            "都道府県コード又は市区町村コード,NO,名称,文化財分類,種類,場所名称,住所,緯度,経度,所有者等,文化財指定日",
            "cultural-property",
        ),
        (
            "都道府県コード又は市区町村コード,NO,名称,住所,緯度,経度,料金(基本),料金(詳細),説明,アクセス方法,駐車場情報",
            "tourist-facility",
        ),
        (
            "共通ID,都道府県名及び市町村名,施設・場所名,住所,洪水,崖崩れ、土石流及び地滑り,高潮,地震,津波,緯度,経度",
            "evacuation-space",
        ),
        ("全国地方公共団体コード,ID,種別,所在地_連結表記,緯度,経度,口径", "fire-water-supply"),
        ("全国地方公共団体コード,ID,名称,実施サービス,事業所番号,所在地_連結表記,緯度,経度", "care-service-office"),
        ("ため池名,所在地,緯度,経度,総貯水量", "reservoir"),
        ("施設名,ＡＥＤ設置場所,所在地,小児対応,緯度,経度", "aed"),
    ],
)
def test_plan_import_recognises_models_when_only_the_headings_speak(table, plan, heading, model):
    texts = heading.split(",")
    cells = ["34.3" if "緯" in text else "134.0" if "経" in text else f"値{index}" for index, text in enumerate(texts)]
    assert plan(table(texts, cells, file="data.csv", spreadsheet=False)).sheets[0].model == model


def test_plan_import_reports_progress_when_asked():
    seen = []
    rows = tuple((f"第{index}公園", "高松市番町") for index in range(450))
    sheet = Table("公園.xlsx", "一覧", (("名称", "住所"), *rows))
    plan_import([sheet], load_models(), ImportOptions(find_town("372013")), progress=lambda *step: seen.append(step))
    assert seen == [("一覧", 0, 450), ("一覧", 200, 450), ("一覧", 400, 450)]


CELLS = st.one_of(st.none(), st.text(max_size=12), st.floats(), st.integers(), st.booleans(), st.dates(), st.times())


@given(st.lists(st.lists(CELLS, max_size=7), max_size=8))
def test_plan_import_never_raises_and_accounts_for_rows_when_cells_are_arbitrary(rows):
    heading = ("名称", "住所", "緯度", "経度", "収容人数", "指定日")
    sheet = Table("x.xlsx", "s", (heading, *(tuple(row) for row in rows)))
    planned = plan_import([sheet], load_models(), ImportOptions(find_town("372013")))
    summary = planned.sheets[0]
    assert summary.rows == summary.planned + summary.merged + summary.rejected
    assert len(planned.entities) == summary.planned
