"""Cursors of the change log's consumers, moved in the transaction that stores what the consumer made of the changes."""

from __future__ import annotations

import asyncpg

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.change import Cursor
from machinami.kernel.errors import Unavailable


class ConsumerCursors:
    """Where each named consumer stands in the change log (table `consumer`)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, name: str) -> Cursor:
        """The consumer's place; a new consumer is entered at the log's begin, and from then on keeps the log for itself."""
        row = await self._pool.fetch_row(
            "with new as (insert into consumer (name, transaction, position) values ($1, '0', 0)"
            " on conflict do nothing returning transaction, position)"
            " select transaction, position from new union all select transaction, position from consumer where name = $1",
            name,
        )
        return Cursor(row["transaction"], row["position"]) if row else Cursor()

    async def advance(self, connection: asyncpg.Connection, name: str, old: Cursor, new: Cursor) -> None:
        """Move the cursor from `old` to `new` within the caller's transaction.

        Raises `Unavailable` `data.consumer.overtaken` if the stored cursor is not `old`: another process has taken the
        changes, or the city was emptied; nothing of the caller's transaction may stay then. Load the cursor again.
        """
        moved = await connection.execute(
            "update consumer set transaction = $4, position = $5 where name = $1 and transaction = $2 and position = $3",
            name, old.transaction, old.position, new.transaction, new.position,
        )  # fmt: skip
        _refuse_unless_moved(moved, name)

    async def advance_past(self, connection: asyncpg.Connection, name: str, new: Cursor) -> None:
        """Move the cursor forward to `new` from wherever it stands; raises as `advance` if it is not behind `new`."""
        moved = await connection.execute(
            "insert into consumer as c (name, transaction, position) values ($1, $2, $3) on conflict (name) do update"
            " set transaction = excluded.transaction, position = excluded.position"
            " where (c.transaction, c.position) < (excluded.transaction, excluded.position)",
            name, new.transaction, new.position,
        )  # fmt: skip
        _refuse_unless_moved(moved, name)


def _refuse_unless_moved(status: str, name: str) -> None:
    if status.endswith(" 0"):
        raise Unavailable("data.consumer.overtaken", consumer=name)
