"""How strong JMA's kinds of warnings are, on the one scale of `standards.alerts.Grade`.

Sources: the code tables of 気象庁防災情報XMLフォーマット (警報等情報要素), the 警戒レベル attached to each kind by
避難情報に関するガイドライン (内閣府), and 大津波警報 counted as a 特別警報 (気象業務法 13条の2).
"""

from __future__ import annotations

import re
from typing import Final

from machinami.standards.alerts import Grade
from machinami.standards.jma.model import Kind

_OVER: Final = frozenset({"なし", "解除"})

TSUNAMI: Final = {
    "00": Grade.NONE,  # 津波なし
    "50": Grade.NONE,  # 警報解除
    "51": Grade.WARNING,  # 津波警報
    "52": Grade.EMERGENCY,  # 大津波警報
    "53": Grade.EMERGENCY,  # 大津波警報：発表
    "60": Grade.NONE,  # 津波注意報解除
    "62": Grade.ADVISORY,  # 津波注意報
    "71": Grade.INFORMATION,  # 津波予報（若干の海面変動）
    "72": Grade.INFORMATION,
    "73": Grade.INFORMATION,
}

INTENSITY: Final = {
    "1": Grade.INFORMATION,
    "2": Grade.INFORMATION,
    "3": Grade.INFORMATION,
    "4": Grade.ADVISORY,
    "5-": Grade.WARNING,
    "5+": Grade.WARNING,
    "6-": Grade.EMERGENCY,
    "6+": Grade.EMERGENCY,
    "7": Grade.EMERGENCY,
}
"""Observed or expected intensity, graded as 緊急地震速報 is: 警報 from 5弱, 特別警報 from 6弱."""

_FLOOD: Final = {
    "1": Grade.NONE,  # 氾濫注意情報解除
    "2": Grade.ADVISORY,  # 氾濫注意情報
    "3": Grade.WARNING,  # 氾濫警戒情報
    "4": Grade.DANGER,  # 氾濫危険情報
    "5": Grade.EMERGENCY,  # 氾濫発生情報
}

NANKAI: Final = {
    "111": Grade.ADVISORY,  # 調査中
    "112": Grade.ADVISORY,
    "113": Grade.ADVISORY,
    "120": Grade.DANGER,  # 巨大地震警戒
    "130": Grade.WARNING,  # 巨大地震注意
    "190": Grade.NONE,  # 調査終了
}

_BY_ENDING: Final = (
    ("特別警報", Grade.EMERGENCY),
    ("危険警報", Grade.DANGER),
    ("注意報", Grade.ADVISORY),
    ("警報", Grade.WARNING),
)
_PREFIX: Final = re.compile(r"^レベル[１-５1-5]")
_SAME_PHENOMENON: Final = {"強風": "暴風", "風雪": "暴風雪"}

_VOLCANO: Final = (
    (re.compile(r"レベル[４５]|噴火警報（居住地域）|居住地域.*警戒|避難|噴火速報|^噴火$"), Grade.EMERGENCY),
    (re.compile(r"レベル[２３]|警報：|火口周辺警報|入山|火口周辺|周辺海域警戒|海上警報"), Grade.WARNING),
    (re.compile(r"多量の降灰"), Grade.ADVISORY),
)


def weather_grade(kind: Kind) -> Grade:
    """気象警報・注意報 of all formats: by the ending of the name, which R06's レベル names keep."""
    if is_over(kind):
        return Grade.NONE
    for ending, grade in _BY_ENDING:
        if ending in kind.name:
            return grade
    return Grade.INFORMATION


def weather_phenomenon(kind: Kind) -> str:
    """What the warning is about, the same for all its grades: レベル４大雨危険警報, 大雨注意報 → 大雨; 強風注意報 → 暴風."""
    name = _PREFIX.sub("", kind.name)
    for ending, _ in _BY_ENDING:
        if ending in name:
            name = name.partition(ending)[0]
            break
    return _SAME_PHENOMENON.get(name, name)


def flood_grade(kind: Kind) -> Grade:
    """指定河川洪水予報 and 水位周知河川: the tens digit of the code is the 警戒レベル."""
    return Grade.NONE if is_over(kind) else _FLOOD.get(kind.code[:1], Grade.INFORMATION)


def volcano_grade(kind: Kind) -> Grade:
    """噴火警報・予報 and 噴火速報: 噴火警戒レベル 4-5 and 居住地域 are 特別警報, 2-3 警報."""
    if "警報解除" in kind.name:
        return Grade.NONE
    return next((grade for pattern, grade in _VOLCANO if pattern.search(kind.name)), Grade.INFORMATION)


def is_over(kind: Kind) -> bool:
    """Whether the kind says that nothing is in force: なし or 解除 as name or status."""
    return kind.name in _OVER or kind.status in _OVER or kind.name.endswith("解除")
