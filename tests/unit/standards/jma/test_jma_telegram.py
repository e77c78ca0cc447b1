"""All telegrams parse, and agree with two readings made by others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from machinami.kernel.clock import parse_instant
from machinami.kernel.errors import Refusal
from machinami.standards.alerts import Grade
from machinami.standards.jma import grades
from machinami.standards.jma.errors import ROWS
from machinami.standards.jma.telegram import parse_telegram

SCALES = {"1": 10, "2": 20, "3": 30, "4": 40, "5-": 45, "5+": 50, "6-": 55, "6+": 60, "7": 70, "": -1}


def _coded(node: Any, key: str = "") -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(key, code, name, object) of all coded things in a JSON tree."""
    if isinstance(node, dict):
        if "code" in node and "name" in node:
            code = node["code"]["value"] if isinstance(node["code"], dict) else node["code"]
            yield key, code, node["name"], node
        for name, value in node.items():
            yield from _coded(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _coded(value, key)


def test_parse_telegram_reads_all_official_samples(telegrams):
    for name in telegrams.names:
        telegram = parse_telegram(telegrams.xml(name))
        assert telegram.head.title, name
    assert len(telegrams.names) == 171


def test_parse_telegram_agrees_on_control_and_head_with_independent_reading(telegrams):
    for name in telegrams.names_with_json:
        telegram, expected = parse_telegram(telegrams.xml(name)), telegrams.expected(name)
        control, head = expected["control"], expected["head"]
        assert telegram.control.title == control["title"], name
        assert telegram.control.status == control["status"], name
        assert telegram.control.sent_at == parse_instant(control["dateTime"]), name
        assert telegram.control.editorial_office == control["editorialOffice"], name
        assert list(telegram.control.publishing_offices) == control["publishingOffices"], name
        ours = (telegram.head.title, telegram.head.info_type, telegram.head.info_kind, telegram.head.info_kind_version)
        assert ours == (head["title"], head["infoType"], head["infoKind"], head["infoKindVersion"]), name
        assert (telegram.head.event_id, telegram.head.serial) == (head.get("eventID") or "", head.get("serial") or ""), name
        for ours_at, theirs in (
            (telegram.head.reported_at, head["reportDateTime"]),
            (telegram.head.target_at, head.get("targetDateTime")),
            (telegram.head.valid_until, head.get("validDateTime")),
        ):
            assert ours_at == (parse_instant(theirs) if theirs else None), name
        assert telegram.head.headline == (head["headline"].get("text") or "").strip(), name
    assert len(telegrams.names_with_json) == 109


def test_parse_telegram_agrees_on_areas_with_independent_reading(telegrams):
    compared = 0
    for name in telegrams.names_with_json:
        telegram, expected = parse_telegram(telegrams.xml(name)), telegrams.expected(name)
        theirs = [
            (kind["name"], kind.get("code") or "", area["name"], area.get("code") or "")
            for information in expected["head"]["headline"].get("informations", [])
            for item in information["items"]
            for kind in item["kinds"]
            for area in item["areas"]["areas"]
        ]
        ours = [
            (kind.name, kind.code, area.name, area.code)
            for item in telegram.head.items
            for kind in item.kinds
            for area in item.areas
        ]
        assert ours == theirs, name
        coded = {(code, area) for key, code, area, _ in _coded(expected["body"]) if key in ("area", "areas", "prefs") and code}
        assert {(area.code, area.name) for area in telegram.body_areas} == coded, name
        compared += len(coded) + len(theirs)
    assert compared > 500


def test_parse_telegram_agrees_on_kinds_of_warnings_with_independent_reading(telegrams):
    compared = 0
    for name in telegrams.names_with_json:
        body = telegrams.expected(name)["body"]
        theirs = []
        for layer in body.get("warnings", []):
            for item in layer["items"]:
                areas = [item["area"]] if "area" in item else item.get("areas", {}).get("areas", [])
                theirs += [
                    (layer["type"], area.get("code", ""), kind.get("name", ""), kind.get("code", ""), kind.get("status", ""))
                    for area in areas
                    for kind in item.get("kinds", [])
                ]
        telegram = parse_telegram(telegrams.xml(name))
        ours = [
            (item.layer, area.code, kind.name, kind.code, kind.status if kind.status != kind.condition else "")
            for item in telegram.warnings
            for area in item.areas
            for kind in item.kinds
        ]
        if theirs:
            assert ours == theirs, name
            compared += len(theirs)
    assert compared > 100


def test_parse_telegram_agrees_on_tsunami_with_independent_reading(telegrams):
    compared = 0
    for name in telegrams.names_with_json:
        forecast = telegrams.expected(name)["body"].get("tsunami", {}).get("forecast", {"items": []})
        ours = parse_telegram(telegrams.xml(name)).tsunami
        assert len(ours) == len(forecast["items"]), name
        for area, item in zip(ours, forecast["items"], strict=True):
            kind, last = item["category"]["kind"], item["category"]["lastKind"]
            assert (area.area.name, area.area.code) == (item["area"]["name"], item["area"]["code"])
            assert (area.kind.name, area.kind.code, area.kind.last, area.kind.last_code) == (
                kind["name"], kind["code"], last["name"], last["code"],
            )  # fmt: skip
            first, height = item.get("firstHeight", {}), item.get("maxHeight", {}).get("tsunamiHeight", {})
            arrival = first.get("arrivalTime")
            assert area.first_arrival_at == (parse_instant(arrival) if arrival else None)
            assert area.first_condition == first.get("condition", "")
            assert (area.height_m, area.height_text) == (height.get("value"), height.get("description", ""))
            compared += 1
    assert compared > 100


def test_parse_telegram_agrees_on_earthquakes_with_independent_reading(telegrams):
    quakes = areas = 0
    for name in telegrams.names_with_json:
        body, telegram = telegrams.expected(name)["body"], parse_telegram(telegrams.xml(name))
        theirs = body.get("earthquakes", [])
        assert len(telegram.earthquakes) == len(theirs), name
        for ours, quake in zip(telegram.earthquakes, theirs, strict=True):
            magnitude = quake["magnitudes"][0]
            assert (ours.magnitude, ours.magnitude_text) == (magnitude["value"], magnitude["description"]), name
            assert (ours.name, ours.code) == (quake["hypocenter"]["area"]["name"], quake["hypocenter"]["area"]["code"]["value"])
            assert ours.origin_at == parse_instant(quake["originTime"])
            quakes += 1
        intensity = body.get("intensity", {})
        if "observation" in intensity and telegram.intensity:
            assert telegram.intensity.maximum == intensity["observation"]["maxInt"], name
            coded = {code: item["maxInt"] for _, code, _, item in _coded(intensity["observation"]["prefs"]) if "maxInt" in item}
            assert {one.code: one.intensity for one in telegram.intensity.areas} == coded, name
            areas += len(coded)
        elif "forecast" in intensity and telegram.intensity:
            assert telegram.intensity.forecast
            coded = {
                code: item["forecastInt"]["to"] for _, code, _, item in _coded(intensity["forecast"]) if "forecastInt" in item
            }
            assert {one.code: one.intensity for one in telegram.intensity.areas if one.layer == "area"} == coded, name
            areas += len(coded)
    assert quakes >= 17
    assert areas > 80


def test_parse_telegram_agrees_with_p2pquake_on_real_earthquakes(telegrams):
    compared = points = 0
    for folder, xml, published in telegrams.real():
        telegram = parse_telegram(xml)
        for one in published:
            if "earthquake" not in one:
                continue
            hypocentre = one["earthquake"]["hypocenter"]
            maximum = telegram.intensity.maximum if telegram.intensity and not telegram.intensity.forecast else ""
            assert SCALES[maximum] == one["earthquake"].get("maxScale", -1), folder
            if hypocentre["name"]:
                quake = telegram.earthquakes[0]
                assert (quake.detailed_name or quake.name) == hypocentre["name"], folder
                assert (quake.latitude, quake.longitude) == (hypocentre["latitude"], hypocentre["longitude"]), folder
                assert (-1 if quake.depth_km is None else quake.depth_km) == hypocentre["depth"], folder
                assert (-1 if quake.magnitude is None else quake.magnitude) == hypocentre["magnitude"], folder
            compared += 1
            if one["issue"].get("type") == "DetailScale" and telegram.intensity:
                stations = {
                    (s.name.removesuffix("＊"), SCALES[s.intensity]) for s in telegram.intensity.areas if s.layer == "station"
                }
                assert {(point["addr"].removesuffix("＊"), point["scale"]) for point in one["points"]} == stations, folder
                points += len(stations)
    assert compared >= 45
    assert points > 800


def test_parse_telegram_agrees_with_p2pquake_on_tsunami_grades(telegrams):
    words = {Grade.ADVISORY: "Watch", Grade.WARNING: "Warning", Grade.EMERGENCY: "MajorWarning"}
    compared = 0
    for folder, xml, published in telegrams.real():
        telegram = parse_telegram(xml)
        for one in published:
            if "VTSE41" not in folder:
                continue
            graded = {area.area.name: grades.TSUNAMI[area.kind.code] for area in telegram.tsunami}
            in_force = {name: words[grade] for name, grade in graded.items() if grade >= Grade.ADVISORY}
            assert in_force == {area["name"]: area["grade"] for area in one["areas"]}, folder
            assert (not in_force) == one["cancelled"], folder
            compared += 1
    assert compared == 4


def test_parse_telegram_keeps_unknown_as_none_when_jma_says_unknown(telegrams):
    drill = parse_telegram(telegrams.xml("32-39_12_02"))
    assert drill.control.status == "訓練"
    assert drill.earthquakes[0].magnitude is None
    assert drill.earthquakes[0].magnitude_text == "Ｍ８を超える巨大地震"
    kagawa = next(area for area in drill.tsunami if area.area.code == "590")
    assert (kagawa.height_m, kagawa.height_text) == (None, "巨大")
    assert kagawa.first_condition == "ただちに津波来襲と予測"


def test_order_rises_with_report_time_serial_and_sending_time(telegrams):
    first, second, cancelled = (parse_telegram(telegrams.xml(f"37_01_0{n}")).order for n in (1, 2, 3))
    assert first < second < cancelled


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "standards.jma.not_xml"),
        (b"<Report", "standards.jma.not_xml"),
        (b'<?xml version="1.0"?><!DOCTYPE Report [<!ENTITY a "b">]><Report>&a;</Report>', "standards.jma.not_xml"),
        (b"<Report/>", "standards.jma.not_a_telegram"),
        (b"<Report xmlns='http://xml.kishou.go.jp/jmaxml1/'/>", "standards.jma.element_missing"),
        (b"\xff\xfe\x00", "standards.jma.not_xml"),
        (b"x" * 9_000_000, "standards.jma.too_large"),
    ],
)
def test_parse_telegram_refuses_when_it_is_no_telegram(body, code):
    with pytest.raises(Refusal) as refused:
        parse_telegram(body)
    assert refused.value.code == code
    assert ROWS[code].ja.format(**refused.value.parameters)


def test_parse_telegram_refuses_when_a_time_is_broken(telegrams):
    xml = telegrams.xml("32-39_12_02").replace(b"2016-09-01T07:13:00+09:00</ReportDateTime>", "七時</ReportDateTime>".encode())
    with pytest.raises(Refusal) as refused:
        parse_telegram(xml)
    assert refused.value.code == "standards.jma.value_wrong"


def test_parse_telegram_refuses_when_the_title_is_missing(telegrams):
    xml = telegrams.xml("32-39_12_02").replace("<Title>津波警報・注意報・予報a</Title>".encode(), b"")
    with pytest.raises(Refusal) as refused:
        parse_telegram(xml)
    assert refused.value.parameters["element"] == "Control/Title"
