"""The `EntityMapStore` port on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.data.entity_maps.model import EntityMap


class PostgresEntityMaps:
    """Implements `data.entity_maps.ports.EntityMapStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, tenant: str, one: EntityMap, most: int) -> None:
        await self._pool.execute(
            "with crowded as (delete from entity_map where tenant = $1 and id in ("
            " select id from entity_map where tenant = $1 order by expires_at desc, id offset $6))"
            " insert into entity_map (tenant, id, expires_at, entities, linked) values ($1, $2, $3, $4, $5)",
            tenant, one.id, one.expires_at, encode_jsonb(one.entities), encode_jsonb(dict(one.linked)), most - 1,
        )  # fmt: skip

    async def fetch(self, tenant: str, map_id: str, now: datetime) -> EntityMap | None:
        row = await self._pool.fetch_row(
            "select expires_at, entities, linked from entity_map where tenant = $1 and id = $2 and expires_at > $3",
            tenant, map_id, now,
        )  # fmt: skip
        if row is None:
            return None
        entities = tuple((name, tuple(sources)) for name, sources in row["entities"])
        return EntityMap(map_id, row["expires_at"], entities, row["linked"])

    async def renew(self, tenant: str, map_id: str, expires_at: datetime, now: datetime) -> bool:
        status = await self._pool.execute(
            "update entity_map set expires_at = $3 where tenant = $1 and id = $2 and expires_at > $4",
            tenant, map_id, expires_at, now,
        )  # fmt: skip
        return not status.endswith(" 0")

    async def drop_entities(self, tenant: str, map_id: str, ids: Collection[str]) -> None:
        await self._pool.execute(
            "update entity_map set entities = (select coalesce(jsonb_agg(one order by place), '[]') from"
            " jsonb_array_elements(entities) with ordinality as e(one, place) where one ->> 0 <> all($3::text[]))"
            " where tenant = $1 and id = $2",
            tenant, map_id, list(ids),
        )  # fmt: skip

    async def remove(self, tenant: str, map_id: str, now: datetime) -> bool:
        status = await self._pool.execute(
            "delete from entity_map where tenant = $1 and id = $2 and expires_at > $3", tenant, map_id, now
        )
        return not status.endswith(" 0")

    async def sweep(self, now: datetime) -> int:
        status = await self._pool.execute("delete from entity_map where expires_at <= $1", now)
        return int(status.rpartition(" ")[2])
