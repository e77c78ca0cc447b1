"""The bare limits: the HTTP server alone, the commit alone, and both together without parsing and model.

Rows, tables, indexes, driver and server settings are the product's own: a database made by its migrations. The bare
commit writes state, history and log rows from ready bytes, in one statement of arrays; it keeps no index tables.

`python -m bench.bare FOLDER` serves `echo` and `pipeline` and prints `ready URL`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn

from bench import samples
from machinami.adapters.postgres.connection import SESSION, encode_jsonb, prepare
from machinami.adapters.postgres.embedded import EmbeddedServer
from machinami.adapters.postgres.migrate import ensure_partitions, migrate
from machinami.entrypoints.cli.listening import QuietServer
from machinami.entrypoints.cli.process import stop_signal
from machinami.kernel.ids import shard_of

COMMIT = """with state as (
  update entity e set version = e.version + 1, document = g.document
  from unnest($1::smallint[], $2::text[], $3::jsonb[]) as g(shard, id, document)
  where e.tenant = 'default' and e.shard = g.shard and e.id = g.id
), past as (
  insert into history (tenant, id, attribute, at, received_at, instance)
  select 'default', g.id, g.attribute, $8, $8, g.instance
  from unnest($4::text[], $5::text[], $6::jsonb[]) as g(id, attribute, instance)
)
insert into change_log (at, tenant, sequence, version, kind, document, changed, principal, label)
select $8, 'default', 1, 1, 'updated', g.document, g.changed, 'bench', ''
from unnest($3::jsonb[], $7::jsonb[]) as g(document, changed)"""

FILL = """insert into entity (tenant, shard, id, sequence, version, document)
select 'default', g.shard, g.id, nextval('entity_sequence'), 1, g.document
from unnest($1::smallint[], $2::text[], $3::jsonb[]) as g(shard, id, document)"""


class Rows:
    """Ready rows of one entity update: as the product stores them, encoded."""

    def __init__(self, number: int, attributes: int) -> None:
        document = samples.entity(number, 12.5)
        entity_id, names = document.pop("id"), [name for name in document if name not in ("id", "type")]
        base = "https://uri.etsi.org/ngsi-ld/default-context/"
        times = {"createdAt": "2026-11-20T04:05:06.123456Z", "modifiedAt": "2026-11-20T04:05:06.123456Z"}
        instances = {base + name: [{**document[name], **times}] for name in names}
        stored = {"id": entity_id, "type": [base + samples.TYPE], "attributes": instances, **times}
        self.id = entity_id
        self.shard = shard_of("default", entity_id)
        self.document = encode_jsonb(stored)
        chosen = list(instances.items())[1 : 1 + attributes] if attributes == 1 else list(instances.items())[:attributes]
        self.history = [(name, encode_jsonb(one[0])) for name, one in chosen]
        self.changed = encode_jsonb([[name, None, one[0], False] for name, one in chosen])


async def commit(connection: asyncpg.Connection, rows: list[Rows]) -> None:
    """One durable group commit."""
    history = [(one.id, name, instance) for one in rows for name, instance in one.history]
    await connection.execute(
        COMMIT,
        [one.shard for one in rows], [one.id for one in rows], [one.document for one in rows],
        [one[0] for one in history], [one[1] for one in history], [one[2] for one in history],
        [one.changed for one in rows], datetime.now(UTC),
    )  # fmt: skip


async def prepared(server: EmbeddedServer, entities: int) -> asyncpg.Connection:
    """A connection to a migrated database that holds the entities."""
    connection = await asyncpg.connect(**server.connect_arguments(), server_settings=SESSION)
    await prepare(connection)
    await migrate(connection)
    await ensure_partitions(connection, datetime.now(UTC))
    if await connection.fetchval("select count(*) from entity") == 0:
        for first in range(0, entities, 1000):
            rows = [Rows(number, 1) for number in range(first, min(entities, first + 1000))]
            await connection.execute(
                FILL, [one.shard for one in rows], [one.id for one in rows], [one.document for one in rows]
            )
    return connection


class Pipeline:
    """One group-committing task; requests that arrive during a commit share the next one."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._rows = [Rows(number, 1) for number in range(samples.HOT)]
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._next = 0

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                rows = [self._rows[(self._next + n) % len(self._rows)] for n in range(len(waiting))]
                self._next += len(waiting)
                await commit(self._connection, rows)
                for one in waiting:
                    one.set_result(None)

    def submit(self) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        return done


NO_CONTENT = {"type": "http.response.start", "status": 204, "headers": []}
END = {"type": "http.response.body", "body": b""}


def application(pipeline: Pipeline) -> Any:
    page = orjson.dumps(samples.entity(1, 12.5))
    page_head = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(page)).encode())],
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            await send(page_head)
            await send({"type": "http.response.body", "body": page})
            return
        body = (await receive())["body"]
        if scope["path"].startswith("/pipeline"):
            await pipeline.submit()
            await send(NO_CONTENT)
            await send(END)
            return
        body = orjson.dumps(orjson.loads(body))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def serve(folder: Path) -> None:
    """Until SIGTERM."""
    stop = stop_signal()
    server = EmbeddedServer(folder)
    await asyncio.to_thread(server.start)
    try:
        pipeline = Pipeline(await prepared(server, samples.HOT))
        config = uvicorn.Config(
            application(pipeline), log_config=None, access_log=False, lifespan="off", http="httptools", loop="none",
            server_header=False,
        )  # fmt: skip
        http = QuietServer(config)
        bound = socket.create_server(("127.0.0.1", 0))
        tasks = [asyncio.create_task(http.serve([bound])), asyncio.create_task(pipeline.run())]
        sys.stdout.write(f"ready http://127.0.0.1:{bound.getsockname()[1]}\n")
        sys.stdout.flush()
        await stop.wait()
        http.should_exit = True
        await tasks[0]
        tasks[1].cancel()
    finally:
        await asyncio.to_thread(server.stop)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(Path(sys.argv[1])))
