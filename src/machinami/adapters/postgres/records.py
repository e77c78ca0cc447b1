"""The `DocumentStore` port on PostgreSQL: small records by tenant and kind."""

from __future__ import annotations

from typing import Any

from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.data.subscriptions.ports import TenantRecord


class PostgresRecords:
    """Implements `data.ports.DocumentStore` and `SubscriptionRecords`; each call is one durable statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        await self._pool.execute(
            "insert into record (tenant, kind, key, document) values ($1, $2, $3, $4)"
            " on conflict (tenant, kind, key) do update set document = excluded.document",
            tenant, kind, key, encode_jsonb(document),
        )  # fmt: skip

    async def add(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> bool:
        status = await self._pool.execute(
            "insert into record (tenant, kind, key, document) values ($1, $2, $3, $4) on conflict do nothing",
            tenant, kind, key, encode_jsonb(document),
        )  # fmt: skip
        return status.endswith(" 1")

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        row = await self._pool.fetch_row(
            "select document from record where tenant = $1 and kind = $2 and key = $3", tenant, kind, key
        )
        return row["document"] if row else None

    async def remove(self, tenant: str, kind: str, key: str) -> bool:
        status = await self._pool.execute("delete from record where tenant = $1 and kind = $2 and key = $3", tenant, kind, key)
        return not status.endswith(" 0")

    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(
            "select document from record where tenant = $1 and kind = $2 order by number limit $3 offset $4",
            tenant, kind, limit, offset,
        )  # fmt: skip
        return [row["document"] for row in rows]

    async def everywhere(self, kind: str, after: int, limit: int) -> tuple[list[TenantRecord], int]:
        rows = await self._pool.fetch(
            "select number, tenant, document from record where kind = $1 and number > $2 order by number limit $3",
            kind, after, limit,
        )  # fmt: skip
        records = [TenantRecord(row["tenant"], row["document"]) for row in rows]
        return records, rows[-1]["number"] if len(rows) == limit else 0

    async def count(self, tenant: str, kind: str) -> int:
        row = await self._pool.fetch_row("select count(*) from record where tenant = $1 and kind = $2", tenant, kind)
        return int(row[0]) if row else 0
