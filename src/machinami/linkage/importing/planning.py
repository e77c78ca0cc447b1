"""The plan of an import: tables in, entities and findings out; no clock, no I/O, nothing written."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from machinami.kernel.entity import Attributes, Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.finding import Finding, Place
from machinami.linkage.importing.findings import ITEM_JOINT, collapse, finding, row_ranges
from machinami.linkage.importing.headings import Heading, find_heading, known_headings, text_of, title_rows
from machinami.linkage.importing.identity import Keyed, assign_keys, digest_of, is_counter, urn, usable_code
from machinami.linkage.importing.mapping import SheetMapping, Use, aligned, build_mapping, stored_mapping
from machinami.linkage.importing.merging import (
    LICENCE,
    NAME,
    NOT_PLACED,
    PROVIDER,
    PUBLICATION,
    SOURCE,
    Neighbours,
    authority,
    is_withdrawn,
    publication_name,
    replaced,
    supplemented,
    text_value,
    updated,
    withdrawn,
)
from machinami.linkage.importing.model import GENERIC_MODEL, DataModel, Subject, Table, attribute_iri
from machinami.linkage.importing.plan import ImportOptions, ImportPlan, SheetSummary
from machinami.linkage.importing.ports import Progress
from machinami.linkage.importing.recognition import describes_places, publication_of, recognise, title_text
from machinami.linkage.importing.rows import POSITION_ITEMS, ReadRow, SheetReader, filled_columns, property_of

ROWS_SAMPLED: Final = 500
EDITION_SHARE_MIN: Final = 0.5


def plan_import(
    tables: Sequence[Table],
    models: Sequence[DataModel],
    options: ImportOptions,
    existing: Iterable[Entity] = (),
    progress: Progress | None = None,
) -> ImportPlan:
    """Plan the import of tables into a town that already has the entities `existing` (those with a `publication`).

    Spreadsheets come before their csv twins and archived LinkData editions last, whatever the order given. Refuses only
    an unknown `options.model`; everything about the data is a finding.
    """
    if options.model is not None and options.model not in {model.id for model in models}:
        raise Refusal("import.model.unknown", model=options.model, known=", ".join(model.id for model in models))
    planner = _Planner(models, options, existing, progress)
    headings = [find_heading(table, planner.known) for table in tables]
    order = sorted(range(len(tables)), key=lambda index: _rank(tables[index], headings[index]))
    for index in order:
        planner.add(tables[index], headings[index])
    return planner.result()


def _rank(table: Table, heading: Heading | None) -> tuple[bool, bool]:
    return (heading is not None and bool(heading.directives), not table.spreadsheet)


@dataclass(slots=True)
class _Planned:
    entity: Entity
    sheet: int


@dataclass(frozen=True, slots=True)
class _Match:
    """A row, its entity, and the entity that is already known for the same thing (same id or probably the same)."""

    row: ReadRow
    entity: Entity
    known: Entity | None


class _Planner:
    """Goes through the tables one by one; what is planned is known to the tables after it."""

    def __init__(
        self, models: Sequence[DataModel], options: ImportOptions, existing: Iterable[Entity], progress: Progress | None
    ) -> None:
        self.known = known_headings(models)
        self._models = {model.id: model for model in models}
        self._options = options
        self._progress = progress
        self._existing = {entity.id: entity for entity in existing if f":{options.town.code}:" in entity.id}
        self._neighbours = Neighbours(options.town, self._existing.values())
        self._planned: dict[str, _Planned] = {}
        self._findings: list[Finding] = []
        self._sheets: list[SheetSummary] = []

    def result(self) -> ImportPlan:
        """The plan so far."""
        entities = tuple(one.entity for one in self._planned.values())
        origins = {one.entity.id: one.sheet for one in self._planned.values()}
        return ImportPlan(entities, tuple(self._findings), tuple(self._sheets), origins, self._options.town)

    def add(self, table: Table, heading: Heading | None) -> None:
        """Plan one table; a table that can't be used leaves a summary without a model and a finding that says why."""
        empty = SheetSummary(table.file, table.sheet)
        place = Place(table.file, table.sheet)
        if not any(text_of(cell) for row in table.rows for cell in row):
            self._skip(empty, finding("import.sheet.empty", place))
            return
        if heading is None:
            self._skip(empty, finding("import.sheet.no_heading", place))
            return
        publication = self._options.publication or publication_of(table, heading)
        model = self._model_of(table, heading)
        if model.subject is Subject.STATISTICS:
            self._skip(empty, finding("import.sheet.statistics", place, model_ja=model.ja, model_en=model.en))
            return
        mapping = self._mapping_of(table, heading, model, publication)
        model = self._models[mapping.model]
        if not describes_places(model, heading) and not _named_by(mapping, model):
            self._skip(empty, finding("import.sheet.no_places", place))
            return
        self._plan_sheet(table, heading, mapping, model, publication)

    def _skip(self, summary: SheetSummary, why: Finding) -> None:
        self._sheets.append(summary)
        self._findings.append(why)

    def _model_of(self, table: Table, heading: Heading) -> DataModel:
        if self._options.model is not None:
            return self._models[self._options.model]
        below = table.rows[heading.last + 1 : heading.last + 1 + ROWS_SAMPLED]
        found = recognise(self._models.values(), heading, title_text(table, heading), below)
        return found or self._models[GENERIC_MODEL]

    def _mapping_of(self, table: Table, heading: Heading, model: DataModel, publication: str) -> SheetMapping:
        filled = filled_columns(table, heading)
        stored = stored_mapping(self._options.mappings, heading.fingerprint, publication)
        if stored is not None and stored.model in self._models and self._options.model in (None, stored.model):
            return aligned(stored, heading, publication, filled)
        return build_mapping(heading, model, publication, filled)

    def _plan_sheet(self, table: Table, heading: Heading, mapping: SheetMapping, model: DataModel, publication: str) -> None:
        reader = SheetReader(table, heading, mapping, model, self._options.town, self._options.today)
        _note_sheet(reader, publication)
        rows = list(reader.data_rows())
        read: list[ReadRow] = []
        for done, (index, row) in enumerate(rows):
            if (one := reader.read(index, row)) is not None:
                read.append(one)
            if self._progress is not None and done % 200 == 0:
                self._progress(table.sheet, done, len(rows))
        if not rows:
            reader.note("import.sheet.no_rows", None)
        keyed = _keyed(reader, read)
        named, repeated = _named(reader, keyed, model, self._options)
        provenance, own = self._provenance(table, heading, publication), frozenset(named.values())
        matches = [
            self._match(one, Entity(named[one.number], (model.type_iri,), {**one.expanded(), **provenance}), own)
            for one in read
            if one.number in named
        ]
        lesser = self._is_lesser_edition(matches, publication, model)
        spoken_of = frozenset(attribute_iri(name) for name in mapping.attributes - POSITION_ITEMS) | {NOT_PLACED}
        outcomes = Counter(self._take(reader, match, lesser, spoken_of) for match in matches)
        for match in matches:
            if (taken := self._planned.get(match.entity.id)) is not None and taken.sheet == len(self._sheets):
                self._neighbours.add(taken.entity)
        if not lesser:
            self._retire_archives(reader, matches)
        merged = repeated + outcomes["merged"]
        planned = outcomes["planned"]
        rejected = reader.counted - planned - merged
        self._sheets.append(
            SheetSummary(
                table.file, table.sheet, publication, model.id, reader.counted, planned, merged, rejected, mapping, not lesser
            )
        )
        self._findings += collapse(reader.findings)

    def _provenance(self, table: Table, heading: Heading, publication: str) -> Attributes:
        provider = heading.directive("attribution_name") or self._options.town.name
        attributes = {
            SOURCE: property_of(f"{table.file}#{table.sheet}" if table.sheet else table.file),
            PROVIDER: property_of(provider),
            PUBLICATION: property_of(publication),
        }
        if licence := heading.directive("license"):
            attributes[LICENCE] = property_of(licence)
        return attributes

    def _match(self, row: ReadRow, entity: Entity, own: frozenset[str]) -> _Match:
        """What is already known of the thing that a row describes: by id, else by name, address and place.

        `own` are the ids of all rows of the sheet.
        """
        if (twin := self._planned.get(entity.id)) is not None:
            return _Match(row, entity, twin.entity)
        if (known := self._existing.get(entity.id)) is not None:
            return _Match(row, entity, known)
        generic = entity.types[0] == self._models[GENERIC_MODEL].type_iri
        archived = authority(entity) == 0
        return _Match(row, entity, self._neighbours.same_thing(entity, own, any_type=generic and archived))

    def _is_lesser_edition(self, matches: Sequence[_Match], publication: str, model: DataModel) -> bool:
        """Whether a sheet is a twin or an older edition of a list that is known from a better source.

        It is when the list itself is known from a better source, or when half of the rows are.
        """
        if self._options.supersedes or not matches:
            return False
        own = authority(matches[0].entity)
        better = sum(1 for match in matches if match.known is not None and authority(match.known) > own)
        if better >= len(matches) * EDITION_SHARE_MIN:
            return True
        everything = [*self._existing.values(), *(one.entity for one in self._planned.values())]
        return any(
            one.types == (model.type_iri,) and publication_name(one) == publication and authority(one) > own
            for one in everything
        )

    def _take(self, reader: SheetReader, match: _Match, lesser: bool, spoken_of: frozenset[str]) -> str:
        """Put a row into the plan; says whether it was `planned`, `merged` into another's entity, or `rejected`.

        A thing with the same key that another list brought in before gets this later file's values, unless the file is a
        lesser edition (a csv twin of a spreadsheet, an archive); of files of one run the first one's values stay.
        """
        entity, known, row = match.entity, match.known, match.row
        name = row.texts.get("name", "")
        if known is None and lesser:
            reader.note("import.row.only_in_edition", row.number - 1, None, name)
            return "rejected"
        if known is not None and known.id != entity.id and self._replaces(known, entity):
            known = None
        if known is not None and known.id != entity.id:
            other, publication = text_value(known, NAME), publication_name(known)
            reader.note(
                "import.row.possible_duplicate", row.number - 1, None, name, known.id, other=other, publication=publication
            )
            return "rejected"
        planned = self._planned.get(entity.id)
        if known is not None and (planned is not None or not self._replaces(known, entity)):
            later = planned is None and not lesser and authority(entity) >= max(authority(known), 1)
            entity, differing = (updated if later else supplemented)(known, entity)
            self._note_differing(reader, row, known, differing, later)
        elif known is not None:
            entity = replaced(known, entity, spoken_of)
        self._planned[entity.id] = _Planned(entity, planned.sheet if planned is not None else len(self._sheets))
        return "merged" if planned is not None else "planned"

    def _retire_archives(self, reader: SheetReader, matches: Sequence[_Match]) -> None:
        """Mark what an archived edition said, once the current list has come that half of it is found in."""
        found: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
        for match in matches:
            if match.known is not None and authority(match.known) == 0 < authority(match.entity):
                found[publication_name(match.known), match.known.types].add(match.known.id)
        for (publication, types), ids in found.items():
            edition = [one for one in self._existing.values() if one.types == types and publication_name(one) == publication]
            gone = [one for one in edition if one.id not in self._planned and not is_withdrawn(one)]
            if len(ids) < len(edition) * EDITION_SHARE_MIN:
                gone = [one for one in gone if one.id in ids]
            if gone:
                reader.note("import.list.superseded", None, publication=publication, number=str(len(gone)))
            for one in gone:
                self._planned[one.id] = _Planned(withdrawn(one), len(self._sheets))

    def _replaces(self, known: Entity, new: Entity) -> bool:
        """Whether a row is a new edition of what is known, rather than another list's word on the same thing."""
        if self._options.supersedes:
            return True
        same_list = publication_name(known) == publication_name(new)
        return authority(new) >= authority(known) if same_list else authority(known) == 0 < authority(new)

    def _note_differing(self, reader: SheetReader, row: ReadRow, known: Entity, differing: Sequence[str], taken: bool) -> None:
        if differing:
            names = ", ".join(re.split(r"[/#]", name)[-1] for name in differing)
            reader.note(
                "import.row.values_updated" if taken else "import.row.differs",
                row.number - 1,
                None,
                row.texts.get("name", ""),
                known.id,
                publication=publication_name(known),
                attributes=names,
            )


def _named_by(mapping: SheetMapping, model: DataModel) -> bool:
    """Whether a mapping that a person edited gives the rows a name and a place or day."""
    taken = mapping.attributes
    return bool(taken & {"name", "identifier"}) and bool(
        taken & {"address", "latitude", "latitudeLongitude", "eventDate", "startDate"}
    )


def _note_sheet(reader: SheetReader, publication: str) -> None:
    """What is to be said about the sheet and its columns as a whole."""
    table, heading, mapping, model = reader.table, reader.heading, reader.mapping, reader.model
    if table.hidden:
        reader.note("import.sheet.hidden", None)
    if titles := title_rows(table, heading):
        rows = row_ranges(row + 1 for row in titles)
        reader.note("import.sheet.title", titles[0], None, " / ".join(heading.titles), rows=rows)
    if model.id == GENERIC_MODEL:
        reader.note("import.sheet.generic", None)
    for index, column in enumerate(mapping.columns):
        row = heading.last
        if column.use is Use.ROW_NUMBER:
            reader.note("import.column.row_number", row, index, column.heading)
        elif column.use is Use.IGNORE and column.heading:
            reader.note("import.column.ignored", row, index, column.heading)
        elif column.use is Use.EXTRA:
            code = "import.column.unknown" if column.heading else "import.column.unnamed"
            reader.note(code, row, index, column.heading, attribute=column.attribute)
    missing = [item.ja for item in model.items if item.item_required and item.name not in mapping.attributes]
    if missing and model.id != GENERIC_MODEL:
        reader.note("import.sheet.items_missing", None, items=ITEM_JOINT.join(missing))
    if not POSITION_ITEMS & mapping.attributes:
        reader.note("import.sheet.no_coordinates", None)


def _keyed(reader: SheetReader, read: Sequence[ReadRow]) -> list[Keyed]:
    """The rows with what may identify them; a number that may only count rows is no code."""
    column = reader.mapping.column_of("identifier")
    if column is not None and any(is_counter(one.texts.get("identifier", "")) for one in read):
        reader.note("import.column.counter", reader.heading.last, column, reader.mapping.columns[column].heading)
    keyed = []
    for one in read:
        number = one.texts.get("identifier", "")
        content = sorted(f"{name}={text}" for name, text in one.texts.items())
        position = one.position
        point = f"{position.latitude:.5f},{position.longitude:.5f}" if position.placed else position.published
        code = number if usable_code(number) else ""
        keyed.append(Keyed(one.number, one.texts, code, number, point, digest_of([*content, point])))
    return keyed


def _named(reader: SheetReader, keyed: Sequence[Keyed], model: DataModel, options: ImportOptions) -> tuple[dict[int, str], int]:
    """Entity ids by row number, and how many rows repeat another row word for word."""
    first: dict[str, int] = {}
    distinct = []
    for one in keyed:
        if one.digest in first:
            reader.note("import.row.duplicate", one.row - 1, None, one.values.get("name", ""), other=str(first[one.digest]))
        else:
            first[one.digest] = one.row
            distinct.append(one)
    codes = Counter(one.code for one in distinct if one.code)
    shared: dict[str, list[int]] = defaultdict(list)
    for one in distinct:
        if codes[one.code] > 1:
            shared[one.code].append(one.row)
    for code, numbers in shared.items():
        reader.note(
            "import.row.duplicate_code", numbers[0] - 1, reader.mapping.column_of("identifier"), code, rows=row_ranges(numbers)
        )
    coded = [one for one in distinct if one.code and codes[one.code] == 1]
    uncoded = [one for one in distinct if not one.code or codes[one.code] > 1]
    key = replace(model, key=reader.mapping.key or model.key)
    for collision in assign_keys(uncoded, key, options.town):
        by = "、".join(_column_name(reader, name) for name in collision.told_apart_by)
        reader.note(
            "import.row.same_key",
            collision.rows[0] - 1,
            reader.mapping.column_of("name"),
            "",
            rows=row_ranges(collision.rows),
            by=by,
        )
    ids = {one.row: urn(model, options.town, one.code) for one in coded}
    ids.update({one.row: urn(model, options.town, digest_of(one.key)) for one in uncoded})
    return ids, len(keyed) - len(distinct)


def _column_name(reader: SheetReader, name: str) -> str:
    special = {"position": "緯度・経度", "number": "番号"}
    index = reader.mapping.column_of(name)
    return reader.mapping.columns[index].heading if index is not None else special.get(name, name)
