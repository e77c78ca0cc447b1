"""Base maps that the town imported: PMTiles archives with name, credit and licence (console.md 5, law rule 4)."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from machinami.citymap.basemaps import OnlineBasemap
from machinami.citymap.ports import Archive, BasemapRecords, TileFiles
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.errors import Refusal

KIND: Final = "basemap"
BASEMAPS_MAX: Final = 50
LOCAL: Final = "local:"
_LONGEST: Final = {"name": 60, "credit": 300, "licence": 2_000, "link": 500}
_TAG: Final = re.compile(r"<[^<>]*>")
_HREF: Final = re.compile(r"""href\s*=\s*["'](https?://[^"'\s<>]+)["']""", re.IGNORECASE)
_LINK: Final = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Words:
    """What people say about an archive; an empty field is taken from the archive's own metadata."""

    name: str
    credit: str = ""
    licence: str = ""
    link: str = ""


def completed(given: Words, metadata: Mapping[str, Any]) -> Words:
    """The words that will be kept and shown. Refusal `citymap.basemap.no_credit` and others if they can't be."""
    told = {name: value for name, value in metadata.items() if isinstance(value, str)}
    attribution = told.get("attribution", "")
    href = _HREF.search(attribution)
    words = Words(
        given.name.strip(),
        " ".join((given.credit or html.unescape(_TAG.sub("", attribution))).split()),
        (given.licence or told.get("license") or told.get("licence") or "").strip(),
        given.link.strip() or (html.unescape(href[1]) if href and not given.credit else ""),
    )
    if not words.credit:
        raise Refusal("citymap.basemap.no_credit")
    for name, most in _LONGEST.items():
        text: str = getattr(words, name)
        if len(text) > most or not text.replace("\n", "").isprintable():
            raise Refusal("citymap.basemap.text", field=name, most=str(most))
    if not words.name or "/" in words.name or "\n" in words.name:
        raise Refusal("citymap.basemap.text", field="name", most=str(_LONGEST["name"]))
    if words.link and not _LINK.fullmatch(words.link):
        raise Refusal("citymap.basemap.link", link=words.link[:100])
    return words


def drawable(archive: Archive) -> None:
    """Refuse vector tiles that don't name their layers: nothing could be drawn of them."""
    layers = archive.metadata.get("vector_layers")
    named = isinstance(layers, list) and any(isinstance(one, dict) and isinstance(one.get("id"), str) for one in layers)
    if archive.header.kind == "vector" and not named:
        raise Refusal("citymap.basemap.no_layers")


class Basemaps:
    """The base maps to choose from: online ones by setting, imported ones by record and file."""

    def __init__(self, records: BasemapRecords, files: TileFiles, online: Sequence[OnlineBasemap]) -> None:
        self._records = records
        self._files = files
        self._online = online
        self._one_at_a_time = asyncio.Lock()

    async def add(self, caller: Caller, path: str, given: Words) -> dict[str, Any]:
        """Copy an archive into the data folder and offer it, in the place of one of the same name.

        `path` is a file of this computer, therefore only commands on it may give one.
        """
        require(caller, Role.ADMIN)
        if not caller.principal.startswith(LOCAL):
            raise Refusal("citymap.basemap.local_only")
        async with self._one_at_a_time:
            known = {one["name"]: one for one in await self.listing(caller)}
            words = replace(given, name=given.name.strip())
            if words.name not in known and len(known) >= BASEMAPS_MAX:
                raise Refusal("citymap.basemap.too_many", most=str(BASEMAPS_MAX))
            source = Path(path)
            archive = await asyncio.to_thread(self._files.inspect, source)
            drawable(archive)
            words = completed(words, archive.metadata)

            def name_for(digest: str) -> str:
                told = f"{caller.tenant}\0{words.name}\0{digest}"
                return "town-" + hashlib.sha256(told.encode()).hexdigest()[:16]

            kept = await asyncio.to_thread(self._files.keep, source, name_for)
            document = _document(kept.id, kept.sha256, words, kept.archive)
            await self._records.put(caller.tenant, KIND, kept.id, document)
            before = known.get(words.name)
            if before is not None and before["id"] != kept.id:
                await self._forget(caller.tenant, before["id"])
            return document

    async def listing(self, caller: Caller) -> list[dict[str, Any]]:
        """The imported ones in order of import."""
        require(caller, Role.READER)
        return await self._records.listing(caller.tenant, KIND, BASEMAPS_MAX)

    async def remove(self, caller: Caller, name: str) -> None:
        """Stop offering an imported base map and delete its file."""
        require(caller, Role.ADMIN)
        async with self._one_at_a_time:
            found = next((one for one in await self.listing(caller) if one["name"] == name), None)
            if found is None:
                raise Refusal("citymap.basemap.does_not_exist", name=name[:100])
            await self._forget(caller.tenant, found["id"])

    async def choices(self, caller: Caller) -> list[dict[str, Any]]:
        """Rows for `/api/city`: online ones, then imported ones; whoever may not read sees no imported ones."""
        imported = await self.listing(caller) if caller.has(Role.READER) else []
        return [*(one.document() for one in self._online), *map(_choice, imported)]

    async def file(self, caller: Caller, basemap_id: str) -> Path:
        """The archive of an imported base map."""
        require(caller, Role.READER)
        found = await self._records.fetch(caller.tenant, KIND, basemap_id)
        path = self._files.path(found["id"]) if found else None
        if path is None or not path.is_file():
            raise Refusal("citymap.basemap.does_not_exist", name=basemap_id[:100])
        return path

    async def _forget(self, tenant: str, basemap_id: str) -> None:
        await self._records.remove(tenant, KIND, basemap_id)
        await asyncio.to_thread(self._files.remove, basemap_id)


def _document(basemap_id: str, sha256: str, words: Words, archive: Archive) -> dict[str, Any]:
    header = archive.header
    return {
        "id": basemap_id, "name": words.name, "credit": words.credit, "licence": words.licence, "link": words.link,
        "kind": header.kind, "min_zoom": header.min_zoom, "max_zoom": header.max_zoom, "bounds": list(header.bounds),
        "sha256": sha256, "bytes": archive.bytes,
    }  # fmt: skip


def _choice(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": record["id"], "name_ja": record["name"], "name_en": record["name"], "kind": "pmtiles", "tiles": record["kind"],
        "url": f"/basemaps/{record['id']}.pmtiles", "min_zoom": record["min_zoom"], "max_zoom": record["max_zoom"],
        "bounds": record["bounds"], "credit_ja": record["credit"], "credit_en": record["credit"], "link": record["link"],
        "licence": record["licence"],
    }  # fmt: skip
