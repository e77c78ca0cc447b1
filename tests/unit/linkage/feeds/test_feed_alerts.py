"""Telegrams become Alert entities."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from machinami.kernel.entity import VALUE_MEMBER, Entity, value_of
from machinami.linkage.feeds.alerts import FAMILIES, alerts_of, areas_of, bulletin_of, family_of, fold
from machinami.standards.alerts import GRADES, term
from machinami.standards.jma.model import Telegram
from machinami.standards.jma.telegram import parse_telegram

ARCHIVE = ZipFile(Path(__file__).parents[3] / "data" / "jma" / "telegrams.zip")
NAMES = ARCHIVE.namelist()


def _telegram(start: str, *changes: tuple[str, str]) -> Telegram:
    xml = ARCHIVE.read(next(name for name in NAMES if name.startswith(start)))
    for old, new in changes:
        assert old.encode() in xml
        xml = xml.replace(old.encode(), new.encode(), 1)
    return parse_telegram(xml)


def _alert(start: str, *changes: tuple[str, str], label: str | None = None) -> Entity:
    (alert,) = alerts_of(_telegram(start, *changes), label)
    return alert


def _value(entity: Entity, name: str):
    instances = entity.attributes.get(term(name))
    return value_of(instances[0]) if instances else None


def test_alerts_of_and_bulletin_of_read_every_sample():
    ids = set()
    for name in NAMES:
        telegram = _telegram(name)
        bulletin = bulletin_of(telegram)
        ids.add(bulletin.id)
        for entity in (bulletin, *alerts_of(telegram)):
            for instances in entity.attributes.values():
                assert all(VALUE_MEMBER[instance["type"]] in instance for instance in instances), name
                assert all(value_of(instance) is not None for instance in instances), name
    assert len(ids) == 171 - 4, "a bulletin per telegram; the samples have four telegrams twice"


def test_alerts_of_covers_the_kinds_that_warn():
    found = Counter(_value(alert, "subCategory") for name in NAMES for alert in alerts_of(_telegram(name)))
    assert set(found) == {family.alert for family in FAMILIES}
    assert found["tsunami"] == 4
    assert found["weatherWarning"] == 11
    assert alerts_of(_telegram("24_11_01")) == []


def test_alerts_of_marks_a_drill_and_keeps_the_areas_with_their_levels():
    alert = _alert("32-39_12_02")
    assert (_value(alert, "status"), _value(alert, "infoType"), _value(alert, "severity")) == ("Exercise", "発表", "critical")
    assert _value(alert, "dateIssued") == "2016-08-31T22:13:00Z"
    assert len(_value(alert, "areas")) == 66
    assert _value(alert, "name") == _value(alert, "title") == "大津波警報・津波警報・津波注意報"
    (kagawa,) = areas_of(alert, ["590", "3720100"])
    assert (kagawa["name"], kagawa["grade"], kagawa["kindEn"]) == ("香川県", "emergency", "Major tsunami warning")
    assert (kagawa["arrivalAt"], kagawa["heightText"]) == ("2016-08-31T22:20:00Z", "巨大")
    assert alert.attributes[term("location")][0]["value"]["coordinates"] == [136.0, 33.2]


def test_alerts_of_gives_the_same_id_when_a_later_telegram_updates_the_event():
    raised, lowered = _alert("32-39_12_02"), _alert("32-39_12_13")
    assert raised.id == lowered.id
    assert areas_of(lowered, ["590"])[0]["grade"] == "information"
    assert fold(raised, lowered) is lowered
    assert fold(lowered, raised) is None
    assert fold(None, raised) is raised
    assert fold(raised, raised) is None


def test_alerts_of_gives_other_ids_when_status_label_or_kind_differ():
    alerts = [
        _alert("32-39_12_02"),
        _alert("32-39_12_02", ("訓練</Status>", "通常</Status>")),
        _alert("32-39_12_02", ("訓練</Status>", "試験</Status>")),
        _alert("32-39_12_02", label="replay"),
        _alert("32-39_12_05"),
        _alert("32-39_12_14"),
    ]
    assert len({alert.id for alert in alerts}) == len(alerts)
    assert _value(alerts[3], "label") == "replay"


def test_alerts_of_replaces_when_a_correction_comes():
    original = _alert("32-39_12_02")
    corrected = _alert(
        "32-39_12_02",
        ("発表</InfoType>", "訂正</InfoType>"),
        ("2016-08-31T22:13:00Z", "2016-08-31T22:14:00Z"),
        ("<Area><Name>香川県</Name><Code>590</Code></Area>\n\t\t\t<Category>\n\t\t\t\t<Kind><Name>大津波警報：発表</Name><Code>53</Code>",
         "<Area><Name>香川県</Name><Code>590</Code></Area>\n\t\t\t<Category>\n\t\t\t\t<Kind><Name>津波警報</Name><Code>51</Code>"),
    )  # fmt: skip
    assert corrected.id == original.id
    assert fold(original, corrected) is corrected
    assert areas_of(corrected, ["590"])[0]["grade"] == "warning"


def test_alerts_of_leaves_no_area_in_force_when_cancelled():
    warned, cancelled = _alert("37_01_02"), _alert("37_01_03")
    assert warned.id == cancelled.id
    assert areas_of(warned, ["610"])[0]["kind"] == "予想震度4"
    assert (_value(cancelled, "infoType"), _value(cancelled, "areas"), _value(cancelled, "severity")) == (
        "取消",
        [],
        "informational",
    )
    assert fold(warned, cancelled) is cancelled
    assert _value(_alert("32-39_12_02", ("発表</InfoType>", "取消</InfoType>")), "areas") == []


@pytest.mark.parametrize(
    ("start", "code", "kind", "grade", "phenomenon"),
    [
        ("15_13_01", "1342100", "大雨特別警報", "emergency", "大雨"),
        ("15_17_01", "3220100", "レベル３大雨警報", "warning", "大雨"),
        ("15_16_01", "0121400", "レベル４土砂災害危険警報", "danger", "土砂災害"),
        ("15_06_05", "1620400", "強風注意報", "none", "暴風"),
        ("17_04_02", "1420600", "土砂災害警戒情報", "danger", None),
        ("18_02_01", "260000", "記録的短時間大雨情報", "warning", None),
        ("16_06_01", "1234567890", "氾濫危険情報", "danger", None),
        ("32-35_04_02", "771", "震度4", "advisory", None),
        ("78_01_01", "220", "震度4", "advisory", None),
        ("82_01_02_250630", "013010", "記録雨", "warning", None),
        ("74_01_04", "nankai-trough", "巨大地震警戒", "danger", None),
    ],
)
def test_alerts_of_grades_the_areas_of_each_family(start, code, kind, grade, phenomenon):
    entries = areas_of(_alert(start), [code])
    assert (kind, grade, phenomenon) in [(one["kind"], one["grade"], one.get("phenomenon")) for one in entries]


def test_areas_of_puts_the_strongest_first():
    ranks = [GRADES[one["grade"]] for one in areas_of(_alert("32-39_11_09"), ["590", "220", "210"])]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == 3


def test_alerts_of_links_the_stages_of_a_standing_event():
    stages = [_alert(f"74_01_0{number}") for number in (3, 4, 5, 7)]
    assert len({stage.id for stage in stages}) == 1
    assert _value(stages[-1], "grade") == "none"


def test_family_of_takes_the_most_special_title_first():
    assert family_of(_telegram("62_01_01")).alert == "weatherEmergencyNotice"
    assert family_of(_telegram("24_11_01")) is None
