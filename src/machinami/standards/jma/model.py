"""What a telegram says: Control and Head as JMA defines them for all telegrams, and the bodies that we understand.

Instants are aware UTC. Names are kept as published, also full-width digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Area:
    """A named area: `code` by the code table `code_type` (empty where the telegram names none)."""

    name: str
    code: str
    code_type: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of warning: `status` is 発表, 継続, 解除 or なし where the telegram has it, else its condition."""

    name: str
    code: str
    status: str = ""
    condition: str = ""
    last: str = ""
    last_code: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """Kinds that hold for areas, as in Headline/Information, Warning and VolcanoInfo; `layer` is their `type`."""

    layer: str
    kinds: tuple[Kind, ...]
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """Routing part. `status` is 通常, 訓練 or 試験; `sent_at` is when JMA's system sent it."""

    title: str
    sent_at: datetime
    status: str
    editorial_office: str
    publishing_offices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Common part. `info_type` is 発表, 訂正, 取消 (遅延 in a few kinds); `serial` is the text as sent."""

    title: str
    reported_at: datetime
    target_at: datetime | None
    valid_until: datetime | None
    event_id: str
    info_type: str
    serial: str
    info_kind: str
    info_kind_version: str
    headline: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Earthquake:
    """Origin of an earthquake. Degrees as published (`datum` where it is the old Japanese one), depth in km.

    None means unknown; a depth of 0 is ごく浅い. `magnitude_text` is e.g. Ｍ８を超える巨大地震 when there is no number.
    `detailed_name` is given for earthquakes abroad.
    """

    origin_at: datetime | None
    arrival_at: datetime | None
    name: str
    code: str
    latitude: float | None
    longitude: float | None
    depth_km: float | None
    datum: str
    magnitude: float | None
    magnitude_type: str
    magnitude_text: str
    detailed_name: str = ""


@dataclass(frozen=True, slots=True)
class IntensityArea:
    """Seismic intensity of an area: `layer` is `pref`, `area`, `city` or `station`; `within` the codes above it.

    `intensity` is `1`-`4`, `5-`, `5+`, `6-`, `6+`, `7`, or empty when only a condition is known (e.g. 震度５弱以上未入電);
    forecasts carry the upper end, or the lower one where the upper is open (`over`). `kind` is set in 緊急地震速報.
    """

    layer: str
    name: str
    code: str
    intensity: str
    within: tuple[str, ...] = ()
    condition: str = ""
    arrival_at: datetime | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Intensity:
    """Observed (`forecast` False) or expected intensities; `maximum` as in `IntensityArea.intensity`."""

    forecast: bool
    maximum: str
    areas: tuple[IntensityArea, ...]


@dataclass(frozen=True, slots=True)
class TsunamiArea:
    """Forecast for one tsunami forecast area (津波予報区). Height in metres; text such as 巨大, １０ｍ超 as published."""

    area: Area
    kind: Kind
    first_arrival_at: datetime | None
    first_condition: str
    height_m: float | None
    height_text: str


@dataclass(frozen=True, slots=True)
class TideObservation:
    """What one tide station saw: arrival of the first wave, largest wave so far in metres."""

    area: Area
    station: Area
    first_arrival_at: datetime | None
    first_condition: str
    height_m: float | None
    height_text: str
    height_at: datetime | None


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram. Parts that its kind does not have are empty; `body_areas` lists each area its body names, once."""

    control: Control
    head: Head
    earthquakes: tuple[Earthquake, ...] = ()
    intensity: Intensity | None = None
    tsunami: tuple[TsunamiArea, ...] = ()
    tide: tuple[TideObservation, ...] = ()
    warnings: tuple[Item, ...] = ()
    serial_kind: Kind | None = None
    body_areas: tuple[Area, ...] = ()
    text: str = ""
    comments: tuple[str, ...] = ()

    @property
    def order(self) -> str:
        """The source's order within one event, compared as text: report time, serial number, sending time.

        A correction has the report time of what it corrects and a later sending time, so it follows it and stays
        before the next serial.
        """
        serial = "-".join(part.zfill(4) for part in self.head.serial.split("-")) if self.head.serial else ""
        return f"{self.head.reported_at:%Y-%m-%dT%H:%M:%SZ}|{serial:>9}|{self.control.sent_at:%Y-%m-%dT%H:%M:%SZ}"
