"""The linkage group joined: import of people's files, and feeds. Loaded when somebody first imports or feeds something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.citymap.live import LiveFeed
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.linkage.feeds.service import Feeds
from machinami.linkage.importing.model import Table
from machinami.linkage.importing.runs import Imports
from machinami.linkage.ports import CityEntities, LateAlerts


@dataclass(frozen=True, slots=True)
class Linkage:
    """The use cases of linkage."""

    imports: Imports
    feeds: Feeds


def join_linkage(
    city: CityEntities, alerts: LateAlerts, records: PostgresRecords, live: LiveFeed, clock: Clock, settings: Settings
) -> Linkage:
    """The linkage group over these parts; `live` tells open pages how an import goes."""
    bounds = sheet_bounds(settings)

    def read(data: bytes, name: str, progress: Callable[[str, int, int], None]) -> list[Table]:
        return read_tables(data, name, bounds, progress)

    return Linkage(Imports(read, city, records, live, clock, settings.integer("import_commit_rows")), Feeds(city, alerts))


def sheet_bounds(settings: Settings) -> SheetBounds:
    """The bounds of spreadsheets."""
    return SheetBounds(
        file_bytes_max=settings.integer("import_file_bytes_max"),
        unpacked_bytes_max=settings.integer("import_unpacked_bytes_max"),
        unpack_ratio_max=settings.integer("import_unpack_ratio_max"),
        rows_max=settings.integer("import_rows_max"),
        columns_max=settings.integer("import_columns_max"),
        cells_max=settings.integer("import_cells_max"),
    )
