"""A process that owns an embedded server and writes to it until it is killed; `test_embedded_server.py` starts it.

    python embedded_owner.py write  FOLDER BINARIES FIRST    one row per commit from four connections, until SIGTERM
    python embedded_owner.py read   FOLDER BINARIES 0        print the rows that are stored
    python embedded_owner.py attach FOLDER BINARIES 0        start, then wait for SIGTERM

Says on standard output, one line each, written at once: `up SECONDS PID`, `state STATE`, `broken`, `ack ID` (after the
commit was acknowledged), `row ID`, `error CODE`.
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import asyncpg

from machinami.adapters.postgres.embedded import EmbeddedServer
from machinami.kernel.errors import MachinamiError

WRITERS = 4
RECONNECT = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)
RECONNECT += (asyncpg.InternalClientError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def write(server: EmbeddedServer, first: int, stop: asyncio.Event) -> None:
    number = first
    while not stop.is_set():
        try:
            connection = await asyncpg.connect(**server.connect_arguments(), timeout=20)
        except RECONNECT:
            await asyncio.sleep(0.01)
            continue
        try:
            while not stop.is_set():
                await connection.execute("insert into kept values ($1)", number)
                say("ack", number)
                number += WRITERS
        except RECONNECT:
            say("broken")
        finally:
            connection.terminate()
        number += WRITERS


async def work(server: EmbeddedServer, mode: str, first: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connection = await asyncpg.connect(**server.connect_arguments())
    await connection.execute("create table if not exists kept (id bigint primary key)")
    if mode == "read":
        for row in await connection.fetch("select id from kept"):
            say("row", row["id"])
        stop.set()
    await connection.close()
    if mode == "write":
        await asyncio.gather(*(write(server, first + offset, stop) for offset in range(WRITERS)))
    await stop.wait()


def main(mode: str, folder: str, binaries: str, first: str) -> None:
    server = EmbeddedServer(Path(folder), Path(binaries), on_state=lambda state: say("state", state))
    began = time.monotonic()
    try:
        server.start()
    except MachinamiError as error:
        say("error", error.code)
        sys.exit(1)
    say("up", f"{time.monotonic() - began:.3f}", server.pid)
    asyncio.run(work(server, mode, int(first)))
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
