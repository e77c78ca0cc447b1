"""The examples of CIM 009 4.9 from their text to the answer: parser and evaluator together."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.matching import matches
from machinami.kernel.query import EntityQuery
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.entities import parse_entity
from machinami.standards.ngsi_ld.q import parse_q

NOW = "2026-11-26T01:00:00Z"


def entity(**members: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Thing:1", "type": "Thing", **members}


CAR = entity(
    speed={"type": "Property", "value": 60},
    rpm={"type": "Property", "value": 2000},
    brandName={"type": "Property", "value": "Mercedes"},
    isParked={"type": "Relationship", "object": "urn:ngsi-ld:OffStreetParking:Downtown1"},
    temperature={"type": "Property", "value": 20, "observedAt": "2017-12-24T13:00:00Z"},
    color={"type": "LanguageProperty", "languageMap": {"fr": "rouge", "en": "red"}},
    address={"type": "Property", "value": {"city": "Berlin", "street": "Ulrich Strasse"}},
    sensor={"type": "Property", "value": 40, "rawdata": {"type": "Property", "value": {"airquality": {"particulate": 40}}}},
    parkingTickets={"type": "JsonProperty", "json": {"id": "85a6cc52", "value": "Overstay 60 minutes"}},
    steps={"type": "ListProperty", "valueList": [1, 2, 3]},
    on={"type": "Property", "value": True},
)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("temperature", True),
        ("humidity", False),
        ("temperature==20", True),
        ('brandName!="Mercedes"', False),
        ('brandName!="Isuzu"', True),
        ('isParked=="urn:ngsi-ld:OffStreetParking:Downtown1"', True),
        ("isParked==urn:ngsi-ld:OffStreetParking:Downtown1", True),
        ('speed>50;brandName!="Mercedes"', False),
        ('((speed>50|rpm>3000);brandName=="Mercedes")', True),
        ("(temperature>=20;temperature<=25)|speed<=10", True),
        ("temperature.observedAt>=2017-12-24T12:00:00Z", True),
        ("temperature.observedAt<2017-12-24T12:00:00Z", False),
        ('address[city]=="Berlin"', True),
        ('address[country]!="Japan"', False),
        ("sensor.rawdata[airquality.particulate]==40", True),
        ('parkingTickets[value]=="Overstay 60 minutes"', True),
        ('color[en]=="red"', True),
        ('color[fr]=="red"', False),
        ('color[*]=="rouge"', True),
        ("temperature==10..20", True),
        ("temperature!=10..20", False),
        ('brandName=="Isuzu","Mercedes"', True),
        ("steps==2", True),
        ("on==true", True),
        ("on==false", False),
        ("brandName~=^Mer", True),
        ("brandName!~=^Mer", False),
    ],
)
def test_matches_answers_the_examples_of_the_standard(q: str, expected: bool) -> None:
    context = core_context()
    query = EntityQuery(condition=parse_q(q, context))
    assert matches(parse_entity(CAR, context), query, NOW) is expected
