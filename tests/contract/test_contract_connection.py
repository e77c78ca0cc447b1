"""Work on the store that the server undoes because two waited for each other is done again, and told if it is undone again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.errors import Unavailable


async def test_run_does_work_again_when_it_was_undone_as_a_deadlock(pool: Pool) -> None:
    await pool.execute("create table if not exists left_one (n int)")
    await pool.execute("create table if not exists right_one (n int)")
    tries: list[str] = []
    both = asyncio.Barrier(2)

    async def locking(first: str, second: str) -> None:
        async def work(connection: Any) -> None:
            tries.append(first)
            async with connection.transaction():
                await connection.execute(f"lock table {first}")
                if len(tries) <= 2:
                    await both.wait()
                await connection.execute(f"lock table {second}")

        await pool.run(work)

    await asyncio.gather(locking("left_one", "right_one"), locking("right_one", "left_one"))
    assert sorted(tries[:2]) == ["left_one", "right_one"]
    assert len(tries) == 3


async def test_run_says_unavailable_when_work_is_undone_twice(pool: Pool) -> None:
    async def work(connection: Any) -> None:
        await connection.execute("do $$ begin raise exception sqlstate '40P01'; end $$")

    with pytest.raises(Unavailable) as told:
        await pool.run(work)
    assert told.value.code == "data.store.conflict"
