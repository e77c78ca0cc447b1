"""City profiles: `cities/<name>/city.toml` and the data beside it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machinami.citymap.model import CityView, Credit, Domain, Layer
from machinami.command.alarms.conditions import Rule
from machinami.command.alarms.rule_files import parse_rules
from machinami.kernel.errors import Refusal
from machinami.kernel.late import Late
from machinami.standards.alerts import term

if TYPE_CHECKING:
    from machinami.linkage.feeds import simulation
    from machinami.linkage.importing import catalogue
else:
    simulation = Late("machinami.linkage.feeds.simulation")
    catalogue = Late("machinami.linkage.importing.catalogue")

PACKAGE = Path(__file__).resolve().parent.parent
TOWN_ZOOM = 11.5
FOLDERS = (PACKAGE / "cities", PACKAGE.parent.parent / "cities")


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded telegrams to send again; see `linkage.feeds.replay.schedule`."""

    files: tuple[Path, ...]
    start_after_s: float
    gap_s_max: float
    speed: float


@dataclass(frozen=True, slots=True)
class Profile:
    """All that Machinami knows of a city before anything is imported."""

    folder: Path
    view: CityView
    areas: dict[str, Any]
    rules: tuple[Rule, ...]
    opendata: Path | None
    weather: tuple[Path, Path] | None
    replays: tuple[Replay, ...]
    gauges: tuple[simulation.GaugePlan, ...]
    buses: tuple[simulation.BusPlan, ...]
    simulation_every_s: float


def profiles() -> dict[str, Path]:
    """The profiles that came with this Machinami."""
    return {
        folder.name: folder
        for parent in FOLDERS
        if parent.is_dir()
        for folder in sorted(parent.iterdir())
        if (folder / "city.toml").is_file()
    }


def load_profile(name: str) -> Profile:
    """Read a profile by its name, or by the path of its folder; Refusal `bootstrap.profile.*`."""
    known = profiles()
    folder = known.get(name) or Path(name).expanduser().absolute()
    if not (folder / "city.toml").is_file():
        raise Refusal("bootstrap.profile.not_found", profile=name, known=", ".join(known) or "-")
    try:
        return _profile(folder, tomllib.loads((folder / "city.toml").read_text("utf-8")))
    except (LookupError, TypeError, ValueError, OSError) as error:
        raise Refusal("bootstrap.profile.not_valid", profile=name, reason=f"{type(error).__name__}: {error}") from error


def plain_profile(town: str = "") -> Profile:
    """A city without a profile of its own: only its name and where it lies, or not even that (`town` "")."""
    view = CityView("", "", "新しいまち", "New town", (137.0, 37.5), 4.6, (), ())
    if town:
        found = catalogue.find_town(town)
        placed = found.longitude is not None and found.latitude is not None
        center = (found.longitude or 0.0, found.latitude or 0.0) if placed else view.center
        view = CityView("", found.code, found.name, found.name, center, TOWN_ZOOM if placed else view.zoom, (), ())
    return Profile(PACKAGE, view, {}, (), None, None, (), (), (), 2.0)


def without_demonstration(profile: Profile) -> Profile:
    """The profile of a real city: no layers for recorded or simulated data."""
    layers = tuple(layer for layer in profile.view.layers if layer.label is None)
    return replace(profile, view=replace(profile.view, layers=layers))


def _profile(folder: Path, document: dict[str, Any]) -> Profile:
    city = document["city"]
    credits = {key: Credit(**row) for key, row in document.get("credits", {}).items()}
    layers = tuple(_layer(row, credits) for row in document.get("layers", []))
    view = CityView(
        profile=folder.name,
        code=city["code"],
        ja=city["name_ja"],
        en=city["name_en"],
        center=(city["center"][0], city["center"][1]),
        zoom=city["zoom"],
        domains=tuple(Domain(**row) for row in document.get("domains", [])),
        layers=layers,
    )
    moving = document.get("simulation", {})
    buses = [{**row, "route": tuple((lon, lat) for lon, lat in row["route"])} for row in moving.get("buses", [])]
    weather = document.get("weather")
    rules, areas, opendata = folder / "rules.json", folder / "areas.json", document.get("opendata")
    return Profile(
        folder=folder,
        view=view,
        areas=json.loads(areas.read_text("utf-8")) if areas.is_file() else {},
        rules=parse_rules(rules.read_bytes()) if rules.is_file() else (),
        opendata=folder / opendata["folder"] if opendata else None,
        weather=(folder / weather["snapshot"], folder / weather["stations"]) if weather else None,
        replays=tuple(_replay(folder, row) for row in document.get("replays", [])),
        gauges=tuple(simulation.GaugePlan(**{**row, "location": tuple(row["location"])}) for row in moving.get("gauges", [])),
        buses=tuple(simulation.BusPlan(**row) for row in buses),
        simulation_every_s=moving.get("every_s", 2.0),
    )


def _replay(folder: Path, row: dict[str, Any]) -> Replay:
    files = tuple(sorted(folder.glob(row["files"])))
    if not files:
        raise ValueError(f"no file is called {row['files']}")
    return Replay(**{**row, "files": files})


def _layer(row: dict[str, Any], credits: dict[str, Credit]) -> Layer:
    values = dict(row)
    values["type"] = term(values["type"])
    if "value" in values:
        values["value"] = term(values["value"])
    if "credit" in values:
        values["credit"] = credits[values["credit"]]
    return Layer(**values)
