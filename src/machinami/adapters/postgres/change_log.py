"""Reading the change log in its order, with its newest part kept in memory for all its readers.

Alarm rules, subscriptions and live pages each read the same changes shortly after this process committed them. The database
says which changes there are and in what order, whoever wrote them; what a change was is read from it only if it is not known
here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Final

import asyncpg
import orjson

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.change import Change, ChangeKind, Commit, Cursor, InstanceChange, Told
from machinami.kernel.entity import Entity, from_document

READERS_S: Final = 5.0
"""Nothing is kept when nobody has read for so long; a reader with nothing to do reads about once a second."""

_PLACES: Final = """select transaction, min(at) as at, array_agg(position order by position) as positions
from (select transaction, position, at from change_log
  where (transaction, position) > ($1::xid8, $2) and transaction < pg_snapshot_xmin(pg_current_snapshot())
  order by transaction fetch first $3 rows with ties) as l
group by transaction order by transaction"""
"""The transactions behind a cursor that hold at least so many changes, each to its end."""

_ROWS: Final = """select transaction, position, at, tenant, sequence, version, kind, document::text as document,
  changed::text as changed, principal, label
from change_log where transaction = any($1::xid8[]) and (transaction, position) >= ($2::xid8, $3)
  and (transaction, position) <= ($4::xid8, $5)"""
_NEWEST: Final = """select transaction, position from change_log where transaction < pg_snapshot_xmin(pg_current_snapshot())
order by transaction desc, position desc limit 1"""


@dataclass(slots=True)
class _Kept:
    """What is known of a transaction: its changes as the writer told them, and by position once their places are known."""

    at: datetime
    told: list[Told]
    size_bytes: int
    changes: dict[int, Change] = field(default_factory=dict)


class ChangeLog:
    """`keep` takes what this process committed, `read` gives what lies behind a cursor, `forget` is for an emptied store."""

    def __init__(self, pool: Pool, bytes_max: int) -> None:
        self._pool = pool
        self._bytes_max = bytes_max
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self.size_bytes = 0
        self.read_from_store = 0
        self._read_at = -math.inf

    def keep(self, commit: Commit) -> None:
        """Have a commit's changes ready for those who read on, if somebody does."""
        if time.monotonic() > self._read_at + READERS_S:
            self.forget()
            return
        self._drop(commit.transaction)
        self._add(commit.transaction, _Kept(commit.at, commit.told, commit.size_bytes))

    async def read(self, after: Cursor, limit: int) -> list[Change]:
        """Committed changes behind `after`, oldest first; one that commits late is never skipped (trust-N9).

        Nothing behind a change that went meanwhile, because the store is being emptied, is given.
        """
        async with self._turn:
            self._read_at = time.monotonic()
            places: list[tuple[int, int]] = []
            found: dict[tuple[int, int], Change] = {}
            for row in await self._pool.fetch(_PLACES, after.transaction, after.position, limit):
                transaction, positions = row["transaction"], row["positions"]
                known = self._known(transaction, row["at"], positions)
                for position in positions[: limit - len(places)]:
                    places.append((transaction, position))
                    if position in known:
                        found[transaction, position] = known[position]
            if len(found) < len(places):
                found |= await self._fetch([one for one in places if one not in found])
            return [found[one] for one in takewhile(found.__contains__, places)]

    async def newest(self) -> Cursor:
        """The end of the log now."""
        row = await self._pool.fetch_row(_NEWEST)
        return Cursor(row["transaction"], row["position"]) if row else Cursor()

    def forget(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self.size_bytes = 0

    def _known(self, transaction: int, at: datetime, positions: list[int]) -> dict[int, Change]:
        """The changes of a transaction that are in memory; those that the writer told get their places when all are seen.

        A transaction that is not the one told of, because the server was put back to an earlier state, is not taken for it.
        """
        kept = self._kept.get(transaction)
        if kept is None or kept.at != at:
            return {}
        if kept.told and len(kept.told) == len(positions):
            told = zip(positions, kept.told, strict=True)
            kept.changes = {place: Change(Cursor(transaction, place), at, *one) for place, one in told}
            kept.told = []
        return kept.changes

    async def _fetch(self, places: list[tuple[int, int]]) -> dict[tuple[int, int], Change]:
        """Read changes from the store, and keep them for the other readers."""
        transactions = list({transaction for transaction, _ in places})
        found: dict[tuple[int, int], Change] = {}
        for row in await self._pool.fetch(_ROWS, transactions, *places[0], *places[-1]):
            place = row["transaction"], row["position"]
            found[place] = _as_stored(row)
            self.read_from_store += 1
            size_bytes = len(row["document"].encode()) + len(row["changed"].encode())
            self._add(place[0], _Kept(found[place].at, [], size_bytes, {place[1]: found[place]}))
        return found

    def _add(self, transaction: int, new: _Kept) -> None:
        """Keep changes as long as there is room; the oldest go first."""
        kept = self._kept.get(transaction)
        if kept is None or kept.at != new.at:
            self._drop(transaction)
            self._kept[transaction] = kept = new
            if transaction < next(iter(self._kept)):
                self._kept.move_to_end(transaction, last=False)
        else:
            kept.changes |= new.changes
            kept.size_bytes += new.size_bytes
        self.size_bytes += new.size_bytes
        while self.size_bytes > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, transaction: int) -> None:
        kept = self._kept.pop(transaction, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes


def _as_stored(row: asyncpg.Record) -> Change:
    kind = ChangeKind(row["kind"])
    entity = from_document(orjson.loads(row["document"]), row["version"], row["sequence"])
    return Change(
        Cursor(row["transaction"], row["position"]), row["at"].astimezone(UTC), row["tenant"], entity, kind,
        _instances(entity, kind, orjson.loads(row["changed"])), row["principal"], row["label"],
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
