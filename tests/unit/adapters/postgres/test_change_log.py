"""Readers of the change log get the same changes, in order and without gaps, whether from memory or from the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from machinami.adapters.postgres import change_log
from machinami.adapters.postgres.change_log import ChangeLog
from machinami.kernel.change import Cursor

AT = datetime(2026, 5, 14, tzinfo=UTC)


class Log:
    """A pool that answers the log's one query from a list, and counts how often it is asked."""

    def __init__(self, rows: int) -> None:
        self.rows = [row(number) for number in range(1, rows + 1)]
        self.asked = 0

    async def fetch(self, _: str, *parameters: Any) -> list[dict[str, Any]]:
        if len(parameters) == 2:
            places = set(zip(*parameters, strict=True))
            return [one for one in self.rows if (one["transaction"], one["position"]) in places]
        self.asked += 1
        transaction, position, limit = parameters
        await asyncio.sleep(0)
        behind = [one for one in self.rows if (one["transaction"], one["position"]) > (transaction, position)]
        return behind[:limit]


def unknown(_: tuple[str, str]) -> None:
    """Nothing is in memory."""


def row(number: int) -> dict[str, Any]:
    instance = {"type": "Property", "value": number, "createdAt": "2026-05-14T00:00:00Z", "modifiedAt": "2026-05-14T00:00:00Z"}
    document = {
        "id": f"urn:ngsi-ld:Thing:{number}", "type": ["Thing"], "attributes": {"level": [instance]},
        "createdAt": "2026-05-14T00:00:00Z", "modifiedAt": "2026-05-14T00:00:00Z",
    }  # fmt: skip
    return {
        "transaction": number // 3, "position": number, "at": AT, "tenant": "town", "sequence": number, "version": 2, "id": document["id"],
        "kind": "updated", "document": document, "changed": [["level", None, None, False]], "principal": "", "label": "",
    }  # fmt: skip


async def test_read_asks_the_store_once_when_several_readers_follow_the_log() -> None:
    store = Log(5)
    log = ChangeLog(store, unknown)  # type: ignore[arg-type]
    first, second = await log.read(Cursor(), 500), await log.read(Cursor(), 500)
    assert [one.entity.sequence for one in first] == [1, 2, 3, 4, 5]
    assert second == first
    assert store.asked == 1


async def test_read_takes_a_state_from_memory_only_when_it_is_the_one_that_the_change_led_to() -> None:
    store = Log(4)
    store.rows[3]["kind"] = "deleted"
    stored = [one.entity for one in await ChangeLog(store, unknown).read(Cursor(), 500)]  # type: ignore[arg-type]
    later, namesake = replace(stored[1], version=3), replace(stored[2], sequence=9)
    memory = {one.id: one for one in (stored[0], later, namesake, stored[3])}
    log = ChangeLog(store, lambda key: memory[key[1]])  # type: ignore[arg-type]
    found = [one.entity for one in await log.read(Cursor(), 500)]
    assert found == stored
    assert [one is memory[one.id] for one in found] == [True, False, False, False]


async def test_read_gives_what_came_meanwhile_when_memory_ends() -> None:
    store = Log(2)
    log = ChangeLog(store, unknown)  # type: ignore[arg-type]
    [*_, last] = await log.read(Cursor(), 500)
    store.rows.append(row(3))
    assert [one.cursor.position for one in await log.read(last.cursor, 500)] == [3]
    assert [one.cursor.position for one in await log.read(Cursor(), 500)] == [1, 2, 3]


async def test_read_gives_nothing_old_when_the_store_was_emptied() -> None:
    store = Log(2)
    log = ChangeLog(store, unknown)  # type: ignore[arg-type]
    await log.read(Cursor(), 500)
    store.rows.clear()
    log.forget()
    assert await log.read(Cursor(), 500) == []


async def test_read_skips_nothing_when_a_reader_further_on_comes_first() -> None:
    log = ChangeLog(Log(6), unknown)  # type: ignore[arg-type]
    ahead, behind = await asyncio.gather(log.read(Cursor(1, 4), 500), log.read(Cursor(0, 1), 500))
    assert [one.cursor.position for one in ahead] == [5, 6]
    assert [one.cursor.position for one in behind] == [2, 3, 4, 5, 6]


async def test_read_keeps_nothing_when_the_store_was_emptied_meanwhile() -> None:
    store = Log(2)
    log = ChangeLog(store, unknown)  # type: ignore[arg-type]
    reading = asyncio.create_task(log.read(Cursor(), 500))
    await asyncio.sleep(0)
    log.forget()
    await reading
    store.rows.clear()
    assert await log.read(Cursor(), 500) == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 5)), max_size=40))
async def test_read_skips_and_repeats_nothing_for_readers_of_any_speed(steps: list[tuple[int, int, int]]) -> None:
    store = Log(3)
    log = ChangeLog(store, unknown)  # type: ignore[arg-type]
    kept, change_log.CHANGES_KEPT = change_log.CHANGES_KEPT, 4  # type: ignore[misc]
    try:
        cursors, seen = [Cursor(), Cursor(), Cursor()], [[], [], []]  # type: ignore[var-annotated]
        for reader, limit, more in [*steps, *((one, 1_000, 0) for one in (0, 1, 2) * 3)]:
            store.rows += [row(len(store.rows) + 1 + n) for n in range(more)]
            found = await log.read(cursors[reader], limit)
            assert len(found) <= limit
            seen[reader] += [one.cursor.position for one in found]
            cursors[reader] = found[-1].cursor if found else cursors[reader]
    finally:
        change_log.CHANGES_KEPT = kept  # type: ignore[misc]
    for one in seen:
        assert one == [each["position"] for each in store.rows]
