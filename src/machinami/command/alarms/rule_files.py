"""Rules as data: a JSON file of a city profile or of an app becomes typed rules, or a refusal that names the place.

    {"rules": [
      {"id": "tsunami", "when": "level", "name": {"ja": "津波", "en": "Tsunami"}, "alert": "tsunami",
       "areas": ["590"], "at_least": "warning",
       "severity": {"emergency": "critical", "warning": "major"}, "clear_after_s": 21600},
      {"id": "river", "when": "threshold", "name": {"ja": "水位", "en": "Water level"}, "type": "WaterLevelObserved",
       "attribute": "waterLevel", "above": 3.2, "clear": 3.0, "for_s": 600, "clear_for_s": 0, "severity": "major",
       "kind": "waterLevel", "unit": "m"}]}

Names of types and attributes are short terms (expanded with the core context) or full IRIs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from machinami.command.alarms.conditions import LevelRule, Rule, ThresholdRule
from machinami.command.alarms.model import Severity
from machinami.kernel.errors import Refusal
from machinami.standards.alerts import GRADES, Grade, term

RULES_MAX: Final = 1_000
_COMMON: Final = {"id", "when", "name", "severity"}
_LEVEL: Final = _COMMON | {"alert", "areas", "at_least", "clear_after_s"}
_THRESHOLD: Final = _COMMON | {
    "type", "attribute", "above", "below", "clear", "for_s", "clear_for_s", "kind", "area_code", "area_name", "unit",
}  # fmt: skip


def parse_rules(text: str | bytes) -> tuple[Rule, ...]:
    """Read a rules file (UTF-8 JSON). Raises `Refusal` `command.rule.*` at the first thing that is wrong."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal("command.rule.not_json", problem=str(error)[:200]) from error
    top = _Place("rules file", document)
    top.only({"rules"})
    listed = top.get("rules", list, "a list")
    if len(listed) > RULES_MAX:
        raise top.wrong("rules", len(listed), f"at most {RULES_MAX} rules")
    rules: list[Rule] = []
    for number, item in enumerate(listed):
        rule = _rule(_Place(f"rules[{number}]", item))
        _refuse_twins(number, rule, rules)
        rules.append(rule)
    return tuple(rules)


class _Place:
    """One JSON object and where it stands, for messages."""

    def __init__(self, where: str, item: Any) -> None:
        if not isinstance(item, dict):
            raise Refusal("command.rule.value_wrong", where=where, member="it", value=_shown(item), expected="an object")
        self.where, self.item = where, item

    def wrong(self, member: str, value: Any, expected: str) -> Refusal:
        return Refusal("command.rule.value_wrong", where=self.where, member=member, value=_shown(value), expected=expected)

    def only(self, members: set[str]) -> None:
        for member in self.item:
            if member not in members:
                raise Refusal("command.rule.member_unknown", where=self.where, member=_shown(member))

    def get(self, member: str, kind: type, expected: str) -> Any:
        if member not in self.item:
            raise Refusal("command.rule.member_missing", where=self.where, member=member)
        value = self.item[member]
        if not isinstance(value, kind) or value in ("", []):
            raise self.wrong(member, value, expected)
        return value

    def text(self, member: str, default: str | None = None) -> str:
        if default is not None and member not in self.item:
            return default
        return str(self.get(member, str, "a text"))

    def number(self, member: str, default: float | None = None, smallest: float | None = None) -> float:
        if default is not None and member not in self.item:
            return default
        if member not in self.item:
            raise Refusal("command.rule.member_missing", where=self.where, member=member)
        value = self.item[member]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            raise self.wrong(member, value, "a number")
        if smallest is not None and value < smallest:
            raise self.wrong(member, value, f"a number of at least {smallest:g}")
        return float(value)


def _rule(place: _Place) -> Rule:
    kinds: Mapping[str, Callable[[_Place], Rule]] = {"level": _level_rule, "threshold": _threshold_rule}
    when = place.text("when")
    if when not in kinds:
        raise place.wrong("when", when, " or ".join(kinds))
    return kinds[when](place)


def _level_rule(place: _Place) -> LevelRule:
    place.only(_LEVEL)
    name = _Place(f"{place.where}.name", place.get("name", dict, "an object"))
    areas = place.get("areas", list, "a list of area codes")
    if not all(isinstance(area, str) and area for area in areas):
        raise place.wrong("areas", areas, "a list of area codes (texts)")
    severities = place.item.get("severity", {})
    if not isinstance(severities, dict):
        raise place.wrong("severity", severities, "an object from grade to severity")
    at_least = _grade(place, "at_least", place.text("at_least"))
    return LevelRule(
        id=place.text("id"),
        name_ja=name.text("ja"),
        name_en=name.text("en"),
        alert=place.text("alert"),
        areas=frozenset(areas),
        at_least=at_least,
        severities={_grade(place, "severity", grade): _severity(place, word) for grade, word in severities.items()},
        clear_after_s=place.number("clear_after_s", smallest=1) if "clear_after_s" in place.item else None,
    )


def _threshold_rule(place: _Place) -> ThresholdRule:
    place.only(_THRESHOLD)
    name = _Place(f"{place.where}.name", place.get("name", dict, "an object"))
    if ("above" in place.item) == ("below" in place.item):
        raise place.wrong("above", place.item.get("above"), "given, or below instead of it")
    above = "above" in place.item
    raise_at = place.number("above" if above else "below")
    clear_at = place.number("clear", raise_at)
    if (clear_at > raise_at) if above else (clear_at < raise_at):
        raise place.wrong("clear", clear_at, f"{'at most' if above else 'at least'} {raise_at:g}")
    return ThresholdRule(
        id=place.text("id"),
        name_ja=name.text("ja"),
        name_en=name.text("en"),
        entity_type=_expanded(place.text("type")),
        attribute=_expanded(place.text("attribute")),
        above=above,
        raise_at=raise_at,
        clear_at=clear_at,
        duration_s=place.number("for_s", 0.0, smallest=0),
        clear_duration_s=place.number("clear_for_s", 0.0, smallest=0),
        severity=_severity(place, place.get("severity", str, "a severity")),
        kind=place.text("kind"),
        area_code=place.text("area_code", ""),
        area_name=place.text("area_name", ""),
        unit=place.text("unit", ""),
    )


def _grade(place: _Place, member: str, word: Any) -> Grade:
    grade = GRADES.get(word) if isinstance(word, str) else None
    if not grade:
        raise place.wrong(member, word, "one of " + ", ".join(one for one in GRADES if GRADES[one]))
    return grade


def _severity(place: _Place, word: Any) -> Severity:
    if word not in list(Severity):
        raise place.wrong("severity", word, "one of " + ", ".join(Severity))
    return Severity(word)


def _refuse_twins(number: int, rule: Rule, rules: list[Rule]) -> None:
    """Two rules on one key would raise and clear each other's alarm."""
    where = f"rules[{number}]"
    for other in rules:
        if other.id == rule.id:
            raise Refusal("command.rule.twice", where=where, member="id", value=rule.id)
        if isinstance(rule, LevelRule) and isinstance(other, LevelRule) and rule.alert == other.alert:
            for area in sorted(rule.areas & other.areas):
                raise Refusal("command.rule.twice", where=where, member="area", value=f"{rule.alert} {area}")


def _expanded(name: str) -> str:
    return name if ":" in name else term(name)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")
