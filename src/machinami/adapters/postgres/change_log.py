"""Reading the change log in its order, with the newest part kept in memory for all its readers.

Alarm rules, subscriptions and live pages each read the same changes shortly after they were committed. The log below
the oldest open transaction never changes, so what one of them has read is what the others will read.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

import asyncpg

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.entity import Entity, from_document

CHANGES_KEPT: Final = 1_000
_READ: Final = """select transaction, position, at, tenant, sequence, version, kind, document->>'id' as id, changed, principal,
  label
from change_log where (transaction, position) > ($1::xid8, $2) and transaction < pg_snapshot_xmin(pg_current_snapshot())
order by transaction, position limit $3"""
_DOCUMENTS: Final = """select l.transaction, l.position, l.document
from unnest($1::xid8[], $2::bigint[]) as g(transaction, position)
join change_log l on l.transaction = g.transaction and l.position = g.position"""
_NEWEST: Final = """select transaction, position from change_log where transaction < pg_snapshot_xmin(pg_current_snapshot())
order by transaction desc, position desc limit 1"""


class ChangeLog:
    """`read` gives what lies behind a cursor; `forget` is for a store that was emptied.

    `known` gives an entity as the writer has it in memory: a change that led to just that state needs no document.
    """

    def __init__(self, pool: Pool, known: Callable[[tuple[str, str]], Entity | None]) -> None:
        self._pool = pool
        self._known = known
        self._turn = asyncio.Lock()
        self._from: Cursor | None = None
        self._tail: list[Change] = []
        self._lives = 0

    async def read(self, after: Cursor, limit: int) -> list[Change]:
        """Committed changes behind `after`, oldest first; one that commits late is never skipped (trust-N9)."""
        async with self._turn:
            if self._from is None or after >= self._from:
                return await self._read_on(after, limit)
        return await self._fetch(after, limit)

    async def newest(self) -> Cursor:
        """The end of the log now."""
        row = await self._pool.fetch_row(_NEWEST)
        return Cursor(row["transaction"], row["position"]) if row else Cursor()

    def forget(self) -> None:
        """Keep nothing of what was read, nor of what is being read now."""
        self._from, self._tail = None, []
        self._lives += 1

    async def _read_on(self, after: Cursor, limit: int) -> list[Change]:
        """From a cursor that does not lie before the kept part; only one reader at a time."""
        start = bisect_right(self._tail, after, key=lambda change: change.cursor)
        if start < len(self._tail):
            return self._tail[start : start + limit]
        life = self._lives
        found = await self._fetch(after, limit)
        if found and life == self._lives:
            self._keep(after, found)
        return found

    def _keep(self, after: Cursor, found: list[Change]) -> None:
        """Add what was read behind `after`; the kept part stays without gaps."""
        end = self._tail[-1].cursor if self._tail else self._from
        if after != end:
            self._from, self._tail = after, []
        self._tail += found
        surplus = len(self._tail) - CHANGES_KEPT
        if surplus > 0:
            self._from = self._tail[surplus - 1].cursor
            del self._tail[:surplus]

    async def _fetch(self, after: Cursor, limit: int) -> list[Change]:
        rows = await self._pool.fetch(_READ, after.transaction, after.position, limit)
        entities = [self._in_memory(row) for row in rows]
        places = [(row["transaction"], row["position"]) for row, one in zip(rows, entities, strict=True) if one is None]
        documents = await self._documents(places) if places else {}
        return [
            _change(row, one or from_document(documents[row["transaction"], row["position"]], row["version"], row["sequence"]))
            for row, one in zip(rows, entities, strict=True)
        ]

    def _in_memory(self, row: asyncpg.Record) -> Entity | None:
        """The state that a change led to, if it is the one in memory; sequences tell namesakes apart."""
        if row["kind"] == ChangeKind.DELETED:
            return None
        entity = self._known((row["tenant"], row["id"]))
        same = entity is not None and entity.version == row["version"] and entity.sequence == row["sequence"]
        return entity if same else None

    async def _documents(self, places: list[tuple[int, int]]) -> dict[tuple[int, int], Any]:
        transactions, positions = zip(*places, strict=True)
        rows = await self._pool.fetch(_DOCUMENTS, transactions, positions)
        return {(row["transaction"], row["position"]): row["document"] for row in rows}


def _change(row: asyncpg.Record, entity: Entity) -> Change:
    kind = ChangeKind(row["kind"])
    return Change(
        Cursor(row["transaction"], row["position"]), row["at"].astimezone(UTC), row["tenant"], entity, kind,
        _instances(entity, kind, row["changed"]), row["principal"], row["label"],
    )  # fmt: skip


def _instances(entity: Entity, kind: ChangeKind, changed: list[list[Any]]) -> tuple[InstanceChange, ...]:
    if kind is not ChangeKind.UPDATED:
        created = kind is ChangeKind.CREATED
        return tuple(
            [
                InstanceChange(name, one.get("datasetId"), None if created else one, one if created else None)
                for name, instances in entity.attributes.items()
                for one in instances
            ]
        )
    found = []
    for name, dataset_id, before, removed in changed:
        after = None
        if not removed:
            for one in entity.attributes.get(name, ()):
                if one.get("datasetId") == dataset_id:
                    after = one
                    break
        found.append(InstanceChange(name, dataset_id, before, after))
    return tuple(found)
