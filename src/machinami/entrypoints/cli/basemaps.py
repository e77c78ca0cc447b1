"""`machinami basemap`: base maps that the town brings itself, as PMTiles files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from machinami.bootstrap.core import read_archive
from machinami.bootstrap.options import Options
from machinami.citymap.imported import Words, completed, drawable
from machinami.entrypoints.cli.joining import joined
from machinami.entrypoints.cli.terminal import terminal

NONE = "-"


async def import_basemap(options: Options, file: Path, name: str, credit: str, licence: str, link: str) -> int:
    """Hand a file to the city; it copies the file itself."""
    words = {"name": name, "credit": credit, "licence": licence, "link": link}
    async with joined(options, begin=True) as city:
        made = await city.json("POST", "/api/basemaps", {"path": str(file), **words})
    show({"name": made["name"], "id": made["id"], "credit": made["credit"], "licence": made["licence"] or NONE})
    return 0


async def list_basemaps(options: Options) -> int:
    """All imported base maps."""
    async with joined(options) as city:
        found = (await city.json("GET", "/api/basemaps"))["basemaps"]
    table = Table("name", "tiles", "zooms", "MB", "credit", "licence")
    for one in found:
        zooms, size = f"{one['min_zoom']}-{one['max_zoom']}", f"{one['bytes'] / 1e6:,.1f}"
        table.add_row(*map(escape, (one["name"], one["kind"], zooms, size, one["credit"], one["licence"] or NONE)))
    terminal().print(table)
    return 0


async def remove_basemap(options: Options, name: str) -> int:
    """Remove an imported base map."""
    async with joined(options) as city:
        await city.json("DELETE", f"/api/basemaps/{quote(name, safe='')}")
    terminal().print(f"{name}: 削除しました / removed", markup=False, highlight=False)
    return 0


async def check_basemap(options: Options, file: Path, credit: str, licence: str, link: str) -> int:
    """What a file holds and what the map would show of it; refuses what an import would refuse."""
    archive = await asyncio.to_thread(read_archive, options, file)
    header = archive.header
    west, south, east, north = header.bounds
    show(
        {
            "tiles": f"{header.kind} ({header.tile_type})",
            "zooms": f"{header.min_zoom}-{header.max_zoom}",
            "bounds": f"{west:.5f}, {south:.5f}, {east:.5f}, {north:.5f} (west, south, east, north)",
            "bytes": f"{archive.bytes:,}",
        }
    )
    drawable(archive)
    words = completed(Words(file.name, credit, licence, link), archive.metadata)
    show({"licence": words.licence or NONE, "credit": words.credit, "link": words.link or NONE})
    return 0


def show(facts: dict[str, str]) -> None:
    """One fact per line, as it is: no markup, no line breaks of ours."""
    console = terminal(soft_wrap=True, markup=False, highlight=False)
    for name, value in facts.items():
        console.print(f"{name + ':':<9} {value}")
