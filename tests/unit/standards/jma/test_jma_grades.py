"""Grades of kinds of warnings."""

from __future__ import annotations

import pytest

from machinami.standards.alerts import Grade
from machinami.standards.jma.grades import flood_grade, volcano_grade, weather_grade, weather_phenomenon
from machinami.standards.jma.model import Kind


@pytest.mark.parametrize(
    ("name", "status", "grade", "phenomenon"),
    [
        ("大雨特別警報", "発表", Grade.EMERGENCY, "大雨"),
        ("レベル４大雨危険警報", "発表", Grade.DANGER, "大雨"),
        ("レベル３大雨警報", "継続", Grade.WARNING, "大雨"),
        ("大雨警報", "発表", Grade.WARNING, "大雨"),
        ("レベル２大雨注意報", "発表", Grade.ADVISORY, "大雨"),
        ("大雨注意報", "解除", Grade.NONE, "大雨"),
        ("暴風警報", "発表", Grade.WARNING, "暴風"),
        ("強風注意報", "発表", Grade.ADVISORY, "暴風"),
        ("風雪注意報", "発表", Grade.ADVISORY, "暴風雪"),
        ("解除", "解除", Grade.NONE, "解除"),
        ("なし", "", Grade.NONE, "なし"),
    ],
)
def test_weather_grade_follows_the_name_and_status(name, status, grade, phenomenon):
    kind = Kind(name, "00", status)
    assert weather_grade(kind) is grade
    assert weather_phenomenon(kind) == phenomenon


@pytest.mark.parametrize(
    ("name", "code", "grade"),
    [
        ("氾濫発生情報", "51", Grade.EMERGENCY),
        ("氾濫危険情報", "41", Grade.DANGER),
        ("氾濫警戒情報", "31", Grade.WARNING),
        ("氾濫注意情報（警戒情報解除）", "22", Grade.ADVISORY),
        ("氾濫注意情報解除", "10", Grade.NONE),
    ],
)
def test_flood_grade_is_the_warning_level(name, code, grade):
    assert flood_grade(Kind(name, code)) is grade


@pytest.mark.parametrize(
    ("name", "grade"),
    [
        ("レベル５（避難）", Grade.EMERGENCY),
        ("レベル３（入山規制）", Grade.WARNING),
        ("レベル１（活火山であることに留意）", Grade.INFORMATION),
        ("噴火予報：警報解除", Grade.NONE),
        ("噴火", Grade.EMERGENCY),
        ("やや多量の降灰", Grade.ADVISORY),
    ],
)
def test_volcano_grade_follows_the_alert_level(name, grade):
    assert volcano_grade(Kind(name, "")) is grade
