"""A group of mutations decided together and laid out as the parameters of one `write_group` call.

Pure: given the entities as read, it applies each mutation in order and collects entity, index, history and log rows.
Several mutations of one entity fold into one entity row but keep a history and a log row each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from machinami.adapters.postgres.connection import encode_jsonb
from machinami.adapters.postgres.index_rows import IndexRows, differing, rows_of
from machinami.adapters.postgres.name_uses import Shapes, columns, shape_of
from machinami.data.entities.decisions import ChangeSet, Decision, Edit, Keep, Put, Remove
from machinami.data.entities.expiry import expiries, expiries_of
from machinami.data.entities.past import history_of, kept_instance
from machinami.data.ports import Mutation
from machinami.kernel.change import ChangeKind, Commit, InstanceChange, Told
from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity, Instance, to_document
from machinami.kernel.ids import shard_of

NOTHING, INSERT, UPDATE, DELETE = 0, 1, 2, 3
Key = tuple[str, str]
_LogRow = tuple[int, str, bytes, bytes, str, str]

_COLUMN_NAMES: Final = """
tenant shard id action version new_version sequence document expires
type_gone_i type_gone type_new_i type_new attribute_gone_i attribute_gone attribute_new_i attribute_new
number_gone_i number_gone_path number_gone number_new_i number_new_path number_new
text_gone_i text_gone_path text_gone text_new_i text_new_path text_new
cell_gone_i cell_gone_path cell_gone cell_new_i cell_new_path cell_new
history_i history_attribute history_at history_instance erase_i
log_i log_version log_kind log_document log_changed log_principal log_label
"""
COLUMNS: Final = tuple(_COLUMN_NAMES.split())
_ROW: Final = COLUMNS[:9]
_LOG: Final = COLUMNS[-7:]
_NUMBERS: Final = {
    **dict.fromkeys(("shard", "action"), "smallint"),
    **dict.fromkeys(("version", "new_version", "sequence", "log_version", "cell_gone", "cell_new"), "bigint"),
    **{name: "int" for name in COLUMNS if name.endswith("_i")},
    **{name: "bigint" for name in COLUMNS if name.endswith("_path")},
    **dict.fromkeys(("attribute_gone", "attribute_new"), "bigint"),
    **dict.fromkeys(("number_gone", "number_new"), "float8"),
}
"""Columns of numbers travel as array literals: the driver looks at each element of an array, a text it only copies."""

_PLACES: Final = (f"${n}::text::{_NUMBERS[name]}[]" if name in _NUMBERS else f"${n}" for n, name in enumerate(COLUMNS, start=1))
CALL: Final = f"select write_group({', '.join(_PLACES)}, ${len(COLUMNS) + 1}), pg_current_xact_id()"
"""Gives the entities' sequences and the transaction."""

_NAMES: Final = "note_name_use({}, {}, {}, {}, {})"
_EXPIRY: Final = "note_attribute_expiry({}, {}, {})"
"""Called beside `write_group`, in its transaction, by the groups that have something to note."""


@dataclass(slots=True)
class _Entry:
    """One entity row of the group: `base` as read, `current` as decided so far."""

    tenant: str
    id: str
    base: Entity | None
    current: Entity | None
    place: int
    changed_names: set[str] = field(default_factory=set)
    log: list[_LogRow] = field(default_factory=list)
    told: list[tuple[Put | Remove, Mutation]] = field(default_factory=list)
    history: list[InstanceChange] = field(default_factory=list)
    changes: list[InstanceChange] = field(default_factory=list)
    edits: tuple[Edit, ...] = ()
    encoded: bytes = b""
    closed: bool = False
    forgotten: bool = False

    @property
    def action(self) -> int:
        if self.base is None:
            return NOTHING if self.current is None else INSERT
        if self.current is None:
            return DELETE
        return UPDATE if self.log else NOTHING


class Group:
    """Decides mutations on `found` (entities as read, missing ones absent) at the instant `now`."""

    def __init__(self, found: dict[Key, Entity], now: datetime, keep_history: bool) -> None:
        self._found = found
        self.now = now
        self._now_text = iso(now)
        self._keep_history = keep_history
        self._entries: list[_Entry] = []
        self._open: dict[Key, _Entry] = {}
        self._shapes: Shapes = Counter()
        self._expiry: dict[Key, datetime | None] = {}

    def apply(self, mutation: Mutation) -> Decision:
        """Decide one mutation; raises what its rule raises and then leaves the group as it was."""
        key = (mutation.tenant, mutation.entity_id)
        entry = self._open.get(key)
        if entry is not None and not entry.closed:
            current = entry.current
        else:
            current = None if entry is not None else self._found.get(key)
        decision = mutation.decide(current, self._now_text)
        if isinstance(decision, Keep):
            return decision
        row = _log_row(decision.entity, decision.changed, mutation)
        if entry is None or entry.closed:
            entry = self._enter(key, current)
        if isinstance(decision, Put) and decision.supplants is not None:
            entry.current, entry.closed = None, True
            entry = self._enter(key, None)
        if isinstance(decision, Remove):
            entry.current, entry.closed, entry.forgotten = None, True, decision.forget
        else:
            entry.current, entry.encoded = decision.entity, row[2]
            entry.edits += decision.edits
        entry.changed_names |= decision.changed.names
        entry.changes.extend(decision.changed.instances)
        entry.history.extend(history_of(decision, self._now_text))
        entry.log.append(row)
        entry.told.append((decision, mutation))
        return decision

    def copy(self, tenant: str, entity: Entity) -> None:
        """Insert an entity as it is, that the tenant has not: no rule is asked, and neither history nor log is written."""
        entry = self._enter((tenant, entity.id), None)
        entry.current, entry.encoded = entity, encode_jsonb(to_document(entity))

    @property
    def edits(self) -> list[tuple[Key, Edit]]:
        """Corrections of the history, to be made before anything is written."""
        return [((entry.tenant, entry.id), edit) for entry in self._entries for edit in entry.edits]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written."""
        return not self._entries

    def results(self, sequences: list[int]) -> list[tuple[Key, Entity | None]]:
        """The entities as they stand after the commit (None: gone), with the sequences the store gave."""
        after: dict[Key, Entity | None] = {}
        for entry in self._entries:
            entity = entry.current
            after[(entry.tenant, entry.id)] = None if entity is None else _numbered(entity, sequences[entry.place])
        return list(after.items())

    def commit(self, transaction: int, sequences: list[int]) -> Commit:
        """What readers of the change log are told once the group is committed."""
        told, size = [], 0
        for entry in self._entries:
            sequence = sequences[entry.place]
            for (decision, mutation), row in zip(entry.told, entry.log, strict=True):
                entity, changed = _numbered(decision.entity, sequence), decision.changed
                told.append(Told(entry.tenant, entity, changed.kind, changed.instances, mutation.principal, mutation.label))
                size += len(row[2]) + len(row[3])
        return Commit(transaction, self.now, told, size)

    def statement(self) -> tuple[str, list[Any], int]:
        """The one statement that writes the group, its arguments, and how many changed uses of names it notes."""
        sql, arguments = CALL, wire(self.parameters())
        names = columns(self._shapes)
        expiry = [list(column) for column in zip(*((*key, at) for key, at in self._expiry.items()), strict=True)]
        for call, noted in ((_NAMES, names), (_EXPIRY, expiry)):
            if noted:
                places = [f"${place}" for place in range(len(arguments) + 1, len(arguments) + len(noted) + 1)]
                sql, arguments = f"{sql}, {call.format(*places)}", arguments + noted
        return sql, arguments, len(names[0]) if names else 0

    def parameters(self) -> list[Any]:
        """The arguments of `CALL`, in order."""
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for entry in self._entries:
            self._lay_out(entry, columns)
        return [*columns.values(), self.now]

    def _enter(self, key: Key, base: Entity | None) -> _Entry:
        entry = _Entry(key[0], key[1], base, base, len(self._entries))
        self._entries.append(entry)
        self._open[key] = entry
        return entry

    def _lay_out(self, entry: _Entry, columns: dict[str, list[Any]]) -> None:
        i = entry.place + 1
        final = entry.current
        row: tuple[Any, ...] = (
            entry.tenant, shard_of(entry.tenant, entry.id), entry.id, entry.action,
            entry.base.version if entry.base else 0, final.version if final else 0,
            entry.base.sequence if entry.base else 0,
            entry.encoded if final else None,
            _instant(final.expires_at) if final and final.expires_at else None,
        )  # fmt: skip
        for name, value in zip(_ROW, row, strict=True):
            columns[name].append(value)
        self._lay_out_index(entry, i, columns)
        self._note(entry)
        erase = entry.closed and (entry.forgotten or not self._keep_history)
        if erase:
            columns["erase_i"].append(i)
        else:
            for change in entry.history:
                self._lay_out_history(change, i, columns)
        for version, kind, document, before, principal, label in entry.log:
            same = final is not None and document is entry.encoded
            values = (i, version, kind, None if same else document, before, principal, label)
            for name, value in zip(_LOG, values, strict=True):
                columns[name].append(value)

    def _note(self, entry: _Entry) -> None:
        """Note what the entry changes for discovery and for the sweep; most updates change nothing for either."""
        base, final = entry.base, entry.current
        other_shape = base is None or final is None or base.types != final.types
        for one in entry.changes:
            if one.before is None or one.after is None or one.before["type"] != one.after["type"]:
                other_shape = True
        if other_shape:
            if base is not None:
                self._shapes[shape_of(entry.tenant, base)] -= 1
            if final is not None:
                self._shapes[shape_of(entry.tenant, final)] += 1
        if any(_may_expire(one.before) or _may_expire(one.after) for one in entry.changes) or (final is None and _times(base)):
            self._expiry[entry.tenant, entry.id] = min(_times(final), default=None)

    def _lay_out_index(self, entry: _Entry, i: int, columns: dict[str, list[Any]]) -> None:
        names = None
        if entry.base is not None and entry.current is not None:
            names = differing(entry.base, entry.current, entry.changed_names)
            if not names and entry.base.types == entry.current.types and entry.base.scopes == entry.current.scopes:
                return
        before, after = rows_of(entry.base, names), rows_of(entry.current, names)
        types_before = set(entry.base.types) if entry.base else set()
        types_after = set(entry.current.types) if entry.current else set()
        for suffix, types, one, other in (
            ("gone", types_before - types_after, before, after),
            ("new", types_after - types_before, after, before),
        ):
            if types:
                columns[f"type_{suffix}_i"].extend([i] * len(types))
                columns[f"type_{suffix}"].extend(types)
            _lay_out_rows(one, other, i, suffix, columns)

    def _lay_out_history(self, change: InstanceChange, i: int, columns: dict[str, list[Any]]) -> None:
        at, instance = kept_instance(change, self.now)
        columns["history_i"].append(i)
        columns["history_attribute"].append(change.attribute)
        columns["history_at"].append(at)
        columns["history_instance"].append(encode_jsonb(instance))


def wire(parameters: list[Any]) -> list[Any]:
    """A group's parameters as `CALL` takes them."""
    return [
        "{" + ",".join(map(repr, values)) + "}" if name in _NUMBERS else values
        for name, values in zip((*COLUMNS, ""), parameters, strict=True)
    ]


def _numbered(entity: Entity, sequence: int) -> Entity:
    """The entity with the sequence that the store gave it."""
    if entity.sequence == sequence:
        return entity
    return Entity(
        entity.id, entity.types, entity.attributes, entity.scopes, entity.created_at, entity.modified_at,
        entity.expires_at, entity.version, sequence,
    )  # fmt: skip


def _log_row(entity: Entity, changed: ChangeSet, mutation: Mutation) -> _LogRow:
    """The change's row: version, kind, document, what was before (of updates), principal, label."""
    before = (
        [[one.attribute, one.dataset_id, one.before, one.after is None] for one in changed.instances]
        if changed.kind is ChangeKind.UPDATED
        else []
    )
    document = encode_jsonb(to_document(entity))
    return entity.version, changed.kind.value, document, encode_jsonb(before), mutation.principal, mutation.label


def _lay_out_rows(one: IndexRows, other: IndexRows, i: int, suffix: str, columns: dict[str, list[Any]]) -> None:
    attributes = one.attributes - other.attributes
    if attributes:
        columns[f"attribute_{suffix}_i"].extend([i] * len(attributes))
        columns[f"attribute_{suffix}"].extend(attributes)
    pairs: tuple[tuple[str, set[Any]], ...] = (
        ("number", one.numbers - other.numbers),
        ("text", one.texts - other.texts),
        ("cell", one.cells - other.cells),
    )
    for table, rows in pairs:
        if rows:
            columns[f"{table}_{suffix}_i"].extend([i] * len(rows))
            columns[f"{table}_{suffix}_path"].extend(path for path, _ in rows)
            columns[f"{table}_{suffix}"].extend(value for _, value in rows)


def _may_expire(instance: Instance | None) -> bool:
    return instance is not None and ("expiresAt" in instance or ("attributes" in instance and any(expiries_of(instance))))


def _times(entity: Entity | None) -> list[datetime]:
    """When attribute instances of an entity expire: the sweep has to come at the first of them (4.22)."""
    return [_instant(one) for one in expiries(entity.attributes)] if entity else []


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
