"""Rules as data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machinami.command.alarms.conditions import LevelRule, ThresholdRule
from machinami.command.alarms.errors import ROWS
from machinami.command.alarms.model import Severity
from machinami.command.alarms.rule_files import parse_rules
from machinami.kernel.errors import Refusal
from machinami.standards.alerts import Grade, term

LEVEL = {
    "id": "tsunami", "when": "level", "name": {"ja": "津波", "en": "Tsunami"}, "alert": "tsunami", "areas": ["590"],
    "at_least": "warning", "severity": {"emergency": "critical"},
}  # fmt: skip
THRESHOLD = {
    "id": "river", "when": "threshold", "name": {"ja": "水位", "en": "Level"}, "type": "WaterLevelObserved",
    "attribute": "https://example.org/level", "above": 3.2, "clear": 3.0, "for_s": 600, "severity": "major",
    "kind": "waterLevel",
}  # fmt: skip


def _parse(*rules: dict):
    return parse_rules(json.dumps({"rules": rules}))


def test_parse_rules_reads_both_kinds():
    level, threshold = _parse(LEVEL, THRESHOLD)
    assert isinstance(level, LevelRule)
    assert (level.areas, level.at_least) == (frozenset({"590"}), Grade.WARNING)
    assert level.severity_of(Grade.EMERGENCY) is Severity.CRITICAL
    assert level.severity_of(Grade.WARNING) is Severity.MAJOR
    assert isinstance(threshold, ThresholdRule)
    assert threshold.entity_type == term("WaterLevelObserved")
    assert threshold.attribute == "https://example.org/level"
    assert (threshold.raise_at, threshold.clear_at, threshold.duration_s, threshold.clear_duration_s) == (3.2, 3.0, 600, 0)


def test_parse_rules_reads_the_rules_of_takamatsu():
    rules = parse_rules((Path(__file__).parents[4] / "cities" / "takamatsu" / "rules.json").read_bytes())
    assert {rule.id for rule in rules} >= {"tsunami", "weather-warning", "river-level"}


@pytest.mark.parametrize(
    ("rule", "change", "code", "member"),
    [
        (LEVEL, {"at_least": "heavy"}, "value_wrong", "at_least"),
        (LEVEL, {"at_least": "none"}, "value_wrong", "at_least"),
        (LEVEL, {"areas": []}, "value_wrong", "areas"),
        (LEVEL, {"areas": [590]}, "value_wrong", "areas"),
        (LEVEL, {"severity": {"warning": "huge"}}, "value_wrong", "severity"),
        (LEVEL, {"severity": {"huge": "major"}}, "value_wrong", "severity"),
        (LEVEL, {"severity": "major"}, "value_wrong", "severity"),
        (LEVEL, {"clear_after_s": 0}, "value_wrong", "clear_after_s"),
        (LEVEL, {"when": "sometimes"}, "value_wrong", "when"),
        (LEVEL, {"when": None}, "value_wrong", "when"),
        (LEVEL, {"id": None}, "value_wrong", "id"),
        (LEVEL, {"name": {"ja": "津波"}}, "member_missing", "en"),
        (LEVEL, {"arreas": ["590"]}, "member_unknown", '"arreas"'),
        (THRESHOLD, {"clear": 3.3}, "value_wrong", "clear"),
        (THRESHOLD, {"above": "3.2"}, "value_wrong", "above"),
        (THRESHOLD, {"above": True}, "value_wrong", "above"),
        (THRESHOLD, {"below": 1.0}, "value_wrong", "above"),
        (THRESHOLD, {"for_s": -1}, "value_wrong", "for_s"),
        (THRESHOLD, {"severity": "huge"}, "value_wrong", "severity"),
        (THRESHOLD, {"severity": []}, "value_wrong", "severity"),
        (THRESHOLD, {"areas": ["590"]}, "member_unknown", '"areas"'),
    ],
)
def test_parse_rules_names_the_place_when_a_rule_is_wrong(rule, change, code, member):
    with pytest.raises(Refusal) as refused:
        _parse({**rule, **change})
    assert refused.value.code == f"command.rule.{code}"
    assert refused.value.parameters["member"] == member
    assert refused.value.parameters["where"].startswith("rules[0]")
    assert ROWS[refused.value.code].ja.format(**refused.value.parameters)


@pytest.mark.parametrize("missing", ["id", "name", "type", "attribute", "severity", "kind", "when"])
def test_parse_rules_refuses_when_a_member_is_missing(missing):
    with pytest.raises(Refusal) as refused:
        _parse({name: value for name, value in THRESHOLD.items() if name != missing})
    assert refused.value.code == "command.rule.member_missing"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"rules": {}}', '{"rules": [3]}', '{"rules": [{"id": NaN}]}', b"\xff", "[" * 100_000],
)
def test_parse_rules_refuses_when_it_is_no_rules_file(text):
    with pytest.raises(Refusal) as refused:
        parse_rules(text)
    assert refused.value.code.startswith("command.rule.")


def test_parse_rules_refuses_when_two_rules_would_fight_over_an_alarm():
    with pytest.raises(Refusal) as refused:
        _parse(LEVEL, LEVEL)
    assert (refused.value.code, refused.value.parameters["member"]) == ("command.rule.twice", "id")
    with pytest.raises(Refusal) as refused:
        _parse(LEVEL, {**LEVEL, "id": "other", "areas": ["600", "590"]})
    assert refused.value.parameters["value"] == "tsunami 590"


def test_parse_rules_reads_the_example_of_the_manual():
    manual = (Path(__file__).parents[4] / "docs" / "rules.md").read_text("utf-8")
    rules = parse_rules(manual.partition("```json")[2].partition("```")[0])
    assert [rule.id for rule in rules] == ["tsunami", "river-level"]
    for member in (*LEVEL, *THRESHOLD, "below", "clear_for_s", "clear_after_s", "area_code", "area_name", "unit"):
        assert f"`{member}`" in manual or f'"{member}"' in manual, member
