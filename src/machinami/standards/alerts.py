"""The Alert entity: names and words that its writers (feeds) and its readers (alarm rules, map) share.

Attribute names follow Smart Data Models' Alert where it has one (alertSource, category, subCategory, severity,
dateIssued, validFrom, validTo, description); the rest says what Japanese warnings need: the status of a drill, the
kind of message, the source's own order, and each area with its level.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from machinami.kernel.entity import DEFAULT_VOCABULARY, LOCATION

_CORE_TERMS: Final = {
    "description": "http://purl.org/dc/terms/description",
    "title": "http://purl.org/dc/terms/title",
    "status": "https://uri.etsi.org/ngsi-ld/status",
    "location": LOCATION,
}


def term(name: str) -> str:
    """The expanded name of a type or attribute under the core context alone (CIM 009 5.5.7)."""
    return _CORE_TERMS.get(name, DEFAULT_VOCABULARY + name)


ALERT: Final = term("Alert")
BULLETIN: Final = term("DisasterBulletin")
SOURCE: Final = term("alertSource")
EVENT: Final = term("eventId")
CATEGORY: Final = term("category")
SUB_CATEGORY: Final = term("subCategory")
SEVERITY: Final = term("severity")
ISSUED: Final = term("dateIssued")
VALID_FROM: Final = term("validFrom")
VALID_TO: Final = term("validTo")
TITLE: Final = term("title")
DESCRIPTION: Final = term("description")
STATUS: Final = term("status")
MESSAGE_TYPE: Final = term("infoType")
ISSUER: Final = term("issuer")
ORDER: Final = term("messageOrder")
AREAS: Final = term("areas")
AREA_CODES: Final = term("areaCodes")
LABEL: Final = term("label")

STATUS_WORDS: Final = {"通常": "Actual", "訓練": "Exercise", "試験": "Test"}
"""Control/Status of JMA → the word in `status` (as in CAP)."""


class Grade(IntEnum):
    """How strong a warning is, on one scale for all kinds, aligned with the five 警戒レベル (1-5).

    EMERGENCY 特別警報・大津波警報・氾濫発生; DANGER レベル4 (危険警報, 土砂災害警戒情報, 氾濫危険); WARNING 警報;
    ADVISORY 注意報; INFORMATION 予報・早期注意情報; NONE なし・解除.
    """

    NONE = 0
    INFORMATION = 1
    ADVISORY = 2
    WARNING = 3
    DANGER = 4
    EMERGENCY = 5

    @property
    def word(self) -> str:
        """The word that entities and rules use, e.g. `warning`."""
        return self.name.lower()


GRADES: Final = {grade.word: grade for grade in Grade}

SEVERITY_OF_GRADE: Final = {
    Grade.NONE: "informational",
    Grade.INFORMATION: "informational",
    Grade.ADVISORY: "low",
    Grade.WARNING: "medium",
    Grade.DANGER: "high",
    Grade.EMERGENCY: "critical",
}
"""Smart Data Models' five words for `severity`."""
