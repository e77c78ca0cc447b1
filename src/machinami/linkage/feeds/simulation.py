"""Synthetic movement: a river gauge and a bus, pure functions of time, labelled `simulation`.

The same instant gives the same value on every run, so that a demonstration can be repeated and tested. Nothing here
pretends to be a measurement: the label is part of each entity and is shown wherever the value is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from machinami.kernel.entity import Entity
from machinami.linkage.feeds.shape import attributes, point, prop
from machinami.standards.alerts import term

LABEL: Final = "simulation"
Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GaugePlan:
    """A gauge whose level rises and falls as a wave: `base_m` ± `swing_m` over `period_s`, with ripples of `ripple_m`.

    `location` is (longitude, latitude) in degrees.
    """

    id: str
    name_ja: str
    name_en: str
    location: Position
    base_m: float
    swing_m: float
    period_s: float
    ripple_m: float = 0.03


@dataclass(frozen=True, slots=True)
class BusPlan:
    """A bus that runs back and forth along `route` (longitude, latitude) at `speed_m_s`, resting `stop_s` at the ends."""

    id: str
    name_ja: str
    name_en: str
    route: tuple[Position, ...]
    speed_m_s: float
    stop_s: float = 20.0


def water_level_m(plan: GaugePlan, at: datetime) -> float:
    """The level in metres at an instant, to the centimetre."""
    seconds = at.timestamp()
    wave = math.sin(2 * math.pi * seconds / plan.period_s)
    ripple = math.sin(seconds / 7.3) * math.sin(seconds / 3.1)
    return round(plan.base_m + plan.swing_m * wave + plan.ripple_m * ripple, 2)


def gauge(plan: GaugePlan, at: datetime) -> Entity:
    """The gauge as a WaterLevelObserved entity."""
    named = {
        "name": prop(plan.name_ja),
        "alternateName": prop(plan.name_en),
        "location": point(*plan.location),
        "waterLevel": prop(water_level_m(plan, at), at, "MTR"),
        "source": prop("machinami simulation"),
    }
    return Entity(plan.id, (term("WaterLevelObserved"),), attributes(named, LABEL))


def bus(plan: BusPlan, at: datetime) -> Entity:
    """The bus as a Vehicle entity: location, speed in km/h, heading in degrees clockwise from north."""
    position, heading, speed_m_s = bus_state(plan, at)
    named = {
        "name": prop(plan.name_ja),
        "alternateName": prop(plan.name_en),
        "category": prop(["public"]),
        "vehicleType": prop("bus"),
        "location": point(*position, at),
        "speed": prop(round(speed_m_s * 3.6, 1), at, "KMH"),
        "heading": prop(round(heading, 1), at, "DD"),
        "source": prop("machinami simulation"),
    }
    return Entity(plan.id, (term("Vehicle"),), attributes(named, LABEL))


def bus_state(plan: BusPlan, at: datetime) -> tuple[Position, float, float]:
    """(longitude, latitude), heading in degrees and speed in m/s at an instant."""
    lengths = [_distance_m(start, end) for start, end in zip(plan.route, plan.route[1:], strict=False)]
    run_s = sum(lengths) / plan.speed_m_s
    phase_s = at.timestamp() % (2 * (run_s + plan.stop_s))
    back = phase_s >= run_s + plan.stop_s
    if back:
        phase_s -= run_s + plan.stop_s
    moving = phase_s < run_s
    along_m = min(phase_s, run_s) * plan.speed_m_s
    route, steps = (plan.route[::-1], lengths[::-1]) if back else (plan.route, lengths)
    position, heading = _along(route, steps, along_m)
    return position, heading, plan.speed_m_s if moving else 0.0


def _along(route: Sequence[Position], lengths: Sequence[float], along_m: float) -> tuple[Position, float]:
    for start, end, length in zip(route, route[1:], lengths, strict=False):
        if along_m <= length:
            share = along_m / length if length else 0.0
            place = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            return (round(place[0], 6), round(place[1], 6)), _heading(start, end)
        along_m -= length
    return route[-1], _heading(route[-2], route[-1])


def _distance_m(start: Position, end: Position) -> float:
    east, north = _east_north_m(start, end)
    return math.hypot(east, north)


def _heading(start: Position, end: Position) -> float:
    east, north = _east_north_m(start, end)
    return math.degrees(math.atan2(east, north)) % 360


def _east_north_m(start: Position, end: Position) -> Position:
    """Metres on a sphere, flat for the length of a street."""
    degree_m = 111_195.0
    return (end[0] - start[0]) * degree_m * math.cos(math.radians(start[1])), (end[1] - start[1]) * degree_m
