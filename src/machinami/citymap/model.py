"""Layers and how an entity looks on the map."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credit:
    """Who the data come from: shown on the map whenever the layer is."""

    ja: str
    en: str
    url: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the entities of a type (expanded), drawn with an icon and a colour.

    `label` is `simulation`, `replay` or `snapshot` when the layer's data are no live measurements. `value` names the
    attribute (expanded) shown as the figure. `stale_after_s` is the age at which a live value is greyed.
    """

    id: str
    domain: str
    ja: str
    en: str
    type: str
    color: str
    icon: str
    order: int
    visible: bool = False
    live: bool = False
    label: str | None = None
    value: str | None = None
    stale_after_s: float | None = None
    credit: Credit | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """A group of layers (防災, 交通 …)."""

    id: str
    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class CityView:
    """What the profile says about a city's map."""

    profile: str
    code: str
    ja: str
    en: str
    center: tuple[float, float]
    zoom: float
    domains: tuple[Domain, ...]
    layers: tuple[Layer, ...]
