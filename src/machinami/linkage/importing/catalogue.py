"""The data models and the towns that ship with the package (`models/*.json`, `towns.csv`; sources in `models/README.md`)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from machinami.kernel.errors import Refusal
from machinami.linkage.importing.headings import normalise
from machinami.linkage.importing.model import DataModel, Item, ItemKind, Subject, Town, Width


def _item(row: dict[str, Any]) -> Item:
    return Item(
        name=row["name"],
        ja=row["ja"],
        example=row["example"],
        kind=ItemKind(row["type"]),
        item_required=row["item_required"],
        value_required=row["value_required"],
        width=Width(row["width"]),
        values=tuple(row["values"]),
        unit=row["unit"],
        also=tuple(row["also"]),
        standard_name=row.get("standard_name", ""),
    )


def _joined(own: list[Item], shared: list[Item]) -> tuple[Item, ...]:
    """A model's items: its own first; an own item inherits the headings of the shared item of the same name."""
    shared_by_name = {item.name: item for item in shared}
    joined = []
    for item in own:
        twin = shared_by_name.pop(item.name, None)
        if twin is not None:
            also = tuple(dict.fromkeys((*item.also, twin.ja, *twin.also)))
            item = replace(item, also=also)
        joined.append(item)
    return (*joined, *shared_by_name.values())


def _headings(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(normalise(text) for item in items for text in (item.ja, item.name, item.standard_name, *item.also) if text)


def parse_model(row: dict[str, Any], common: dict[str, list[Item]]) -> DataModel:
    """Read one model document (the shape of `models/*.json`)."""
    own = [_item(one) for one in row["items"]]
    shared = [item for group in row["include"] for item in common[group]]
    return DataModel(
        id=row["id"],
        type=row["type"],
        ja=row["ja"],
        en=row["en"],
        source=row["source"],
        subject=Subject(row["subject"]),
        items=_joined(own, shared),
        own=_headings(own) - _headings(item for group in common.values() for item in group),
        key=tuple(row["key"]),
        tell_apart=tuple(row["tell_apart"]),
        words=tuple(row["words"]),
        name_pattern=row["name_pattern"],
        evidence=row["evidence"],
        order=row["order"],
    )


@cache
def load_models() -> tuple[DataModel, ...]:
    """All models of the package in their order."""
    folder = files("machinami.linkage.importing") / "models"
    common = {
        group: [_item(one) for one in rows] for group, rows in json.loads((folder / "common.json").read_text("utf-8")).items()
    }
    documents = [
        json.loads(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".json") and entry.name != "common.json"
    ]
    return tuple(sorted((parse_model(document, common) for document in documents), key=lambda model: model.order))


@cache
def type_names() -> dict[str, tuple[str, str]]:
    """What the models' types are called, in Japanese and English."""
    return {model.type_iri: (model.ja, model.en) for model in load_models()}


@cache
def towns() -> dict[str, Town]:
    """The municipalities of Japan by their six-digit code (localgovjp, CC0)."""
    text = (files("machinami.linkage.importing") / "towns.csv").read_text("utf-8")
    return {
        row["code"]: Town(
            row["code"],
            row["prefecture"],
            row["name"],
            float(row["latitude"]) if row["latitude"] else None,
            float(row["longitude"]) if row["longitude"] else None,
        )
        for row in csv.DictReader(text.splitlines())
    }


def find_town(text: str) -> Town:
    """The town of a code (six digits, or five without the check digit) or of a name (高松市, 香川県高松市)."""
    wanted = text.strip()
    everything = towns()
    if wanted in everything:
        return everything[wanted]
    found = [
        town
        for town in everything.values()
        if wanted in (town.name, town.prefecture + town.name)
        or (len(wanted) == 5 and wanted.isdigit() and town.code.startswith(wanted))
    ]
    if not found:
        raise Refusal("import.town.unknown", town=wanted)
    if len(found) > 1:
        raise Refusal(
            "import.town.ambiguous", town=wanted, found=", ".join(f"{town.code} {town.prefecture}{town.name}" for town in found)
        )
    return found[0]
