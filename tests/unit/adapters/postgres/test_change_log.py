"""Readers of the change log get the same changes, in order and without gaps, whether from memory or from the store."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.adapters.postgres import change_log
from machinami.adapters.postgres.change_log import ChangeLog
from machinami.kernel.change import ChangeKind, Commit, Cursor, InstanceChange, Told
from machinami.kernel.entity import Entity

AT = datetime(2026, 5, 14, tzinfo=UTC)
SIZE = 1_000


class Log:
    """A pool that answers the log's queries from a list of rows, three to a transaction, and counts the rows it gave away."""

    def __init__(self, rows: int) -> None:
        self.rows = [row(number) for number in range(1, rows + 1)]
        self.given = 0

    async def fetch(self, _: str, *parameters: Any) -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        if len(parameters) == 5:
            return self._whole(*parameters)
        transaction, position, limit = parameters
        behind = [one for one in self.rows if (one["transaction"], one["position"]) > (transaction, position)]
        behind = [one for one in behind if one["transaction"] <= behind[:limit][-1]["transaction"]]
        return [
            {"transaction": number, "at": rows[0]["at"], "positions": [one["position"] for one in rows]}
            for number, rows in ((number, list(rows)) for number, rows in groupby(behind, lambda one: one["transaction"]))
        ]

    def _whole(self, transactions: list[int], *bounds: int) -> list[dict[str, Any]]:
        found = [
            one for one in self.rows if bounds[:2] <= (one["transaction"], one["position"]) <= bounds[2:]
            and one["transaction"] in transactions
        ]  # fmt: skip
        self.given += len(found)
        return [{**one, "document": json.dumps(one["document"]), "changed": json.dumps(one["changed"])} for one in found]

    def commit(self, transaction: int, at: datetime = AT) -> Commit:
        """What the writer tells of one of the transactions."""
        rows = [one for one in self.rows if one["transaction"] == transaction]
        return Commit(transaction, at, [told(one["position"]) for one in rows], len(rows) * SIZE)


def row(number: int) -> dict[str, Any]:
    document = {
        "id": f"urn:ngsi-ld:Thing:{number}", "type": ["Thing"], "attributes": {"level": [level(number)]},
        "createdAt": "2026-05-14T00:00:00Z", "modifiedAt": "2026-05-14T00:00:00Z",
    }  # fmt: skip
    return {
        "transaction": number // 3, "position": number, "at": AT, "tenant": "town", "sequence": number, "version": 2,
        "kind": "updated", "document": document, "changed": [["level", None, level(0), False]], "principal": "me", "label": "",
    }  # fmt: skip


def level(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": value, "createdAt": "2026-05-14T00:00:00Z", "modifiedAt": "2026-05-14T00:00:00Z"}


def told(number: int) -> Told:
    times = "2026-05-14T00:00:00Z", "2026-05-14T00:00:00Z"
    entity = Entity(f"urn:ngsi-ld:Thing:{number}", ("Thing",), {"level": [level(number)]}, (), *times, None, 2, number)
    instance = InstanceChange("level", None, level(0), level(number))
    return Told("town", entity, ChangeKind.UPDATED, (instance,), "me", "")


def positions(changes: list[Any]) -> list[int]:
    return [one.cursor.position for one in changes]


async def followed(store: Log, bytes_max: int = 100 * SIZE) -> ChangeLog:
    """A log that somebody reads."""
    log = ChangeLog(store, bytes_max)  # type: ignore[arg-type]
    await log.read(Cursor(1_000_000, 0), 1)
    return log


async def test_read_gives_the_same_from_memory_as_from_the_store() -> None:
    store = Log(8)
    stored = await ChangeLog(store, 0).read(Cursor(), 500)  # type: ignore[arg-type]
    assert store.given == 8
    log = await followed(store)
    for transaction in (1, 0, 2):
        log.keep(store.commit(transaction))
    assert await log.read(Cursor(), 500) == stored
    assert store.given == 8


async def test_read_asks_the_store_only_for_what_other_processes_wrote_between() -> None:
    store = Log(11)
    log = await followed(store)
    for transaction in (0, 1, 3):
        log.keep(store.commit(transaction))
    for _ in range(2):
        assert positions(await log.read(Cursor(), 500)) == list(range(1, 12))
    assert store.given == 3


async def test_read_goes_on_within_a_transaction_that_was_cut() -> None:
    store = Log(5)
    log = await followed(store)
    log.keep(store.commit(1))
    [*_, last] = await log.read(Cursor(), 3)
    assert last.cursor == Cursor(1, 3)
    assert positions(await log.read(last.cursor, 500)) == [4, 5]
    assert store.given == 2


async def test_read_does_not_trust_memory_when_its_begin_was_never_seen() -> None:
    store = Log(5)
    log = await followed(store)
    log.keep(store.commit(1))
    assert positions(await log.read(Cursor(1, 3), 500)) == [4, 5]
    assert positions(await log.read(Cursor(), 500)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("other", ["time", "number"])
async def test_read_does_not_take_another_transaction_for_the_one_that_was_committed(other: str) -> None:
    """After the server was put back to an earlier state its transaction numbers come again."""
    store = Log(5)
    log = await followed(store)
    lost = store.commit(1, AT - timedelta(seconds=1) if other == "time" else AT)
    lost.told[:] = [told(number) for number in ((7, 8, 9) if other == "time" else (7, 8))]
    log.keep(lost)
    assert await log.read(Cursor(), 500) == await ChangeLog(store, 0).read(Cursor(), 500)  # type: ignore[arg-type]


async def test_read_gives_everything_when_memory_holds_less() -> None:
    store = Log(20)
    log = await followed(store, bytes_max=7 * SIZE)
    for transaction in range(7):
        log.keep(store.commit(transaction))
    assert positions(await log.read(Cursor(), 500)) == list(range(1, 21))
    assert store.given > 0
    assert log.size_bytes <= 7 * SIZE


async def test_keep_keeps_nothing_when_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Log(5)
    log = ChangeLog(store, 100 * SIZE)  # type: ignore[arg-type]
    log.keep(store.commit(1))
    assert log.size_bytes == 0
    await log.read(Cursor(1, 5), 1)
    log.keep(store.commit(1))
    assert log.size_bytes == 3 * SIZE
    monkeypatch.setattr(change_log, "READERS_S", -1.0)
    log.keep(store.commit(0))
    assert log.size_bytes == 0


async def test_read_ends_before_a_change_that_goes_while_it_is_read() -> None:
    class Emptied(Log):
        def _whole(self, transactions: list[int], *bounds: int) -> list[dict[str, Any]]:
            return [one for one in super()._whole(transactions, *bounds) if one["position"] != 4]

    log = ChangeLog(Emptied(9), 100 * SIZE)  # type: ignore[arg-type]
    assert positions(await log.read(Cursor(), 9)) == [1, 2, 3]


async def test_read_gives_nothing_old_when_the_store_was_emptied() -> None:
    store = Log(2)
    log = await followed(store)
    log.keep(store.commit(0))
    await log.read(Cursor(), 500)
    store.rows.clear()
    log.forget()
    assert await log.read(Cursor(), 500) == []


steps = st.tuples(st.integers(0, 2), st.integers(1, 7), st.integers(0, 5), st.sets(st.integers(0, 40)))


@given(st.lists(steps, max_size=40), st.integers(0, 12))
async def test_read_skips_and_repeats_nothing_for_readers_of_any_speed(taken: list[tuple[Any, ...]], kept: int) -> None:
    """Some transactions are this process's, others not; memory may be small; only closed transactions are seen."""
    store = Log(2)
    log = await followed(store, kept * SIZE)
    cursors, seen = [Cursor(), Cursor(), Cursor()], [[], [], []]  # type: ignore[var-annotated]
    for reader, limit, more, own in [*taken, *((one, 1_000, 0, set()) for one in (0, 1, 2) * 3)]:
        grown = [row(len(store.rows) + 1 + n) for n in range(3 * more)]
        store.rows += grown
        for transaction in sorted({one["transaction"] for one in grown} & own):
            log.keep(store.commit(transaction))
        found = await log.read(cursors[reader], limit)
        assert len(found) <= limit
        assert log.size_bytes <= kept * SIZE
        seen[reader] += [(one.cursor.position, one.entity.id) for one in found]
        cursors[reader] = found[-1].cursor if found else cursors[reader]
    for each in seen:
        assert each == [(one["position"], one["document"]["id"]) for one in store.rows]
