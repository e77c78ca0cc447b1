"""What the proofs share: a real server as the victim, its PostgreSQL's processes, rows read past it, threads that write.

What was acknowledged is kept here, in the test's process, outside of everything that gets killed.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from machinami.adapters.postgres.connection import prepare
from machinami.adapters.postgres.embedded import EmbeddedServer

PROVE = os.environ.get("MACHINAMI_PROVE") == "1"
MACHINAMI = Path(sys.executable).with_name("machinami")
WAIT_S = 120.0
CLIENT_S = 30.0


def until(question: Callable[[], Any], what: str) -> Any:
    """The first truthy answer, asked again and again; fails after `WAIT_S`."""
    end = time.monotonic() + WAIT_S
    while not (answer := question()):
        assert time.monotonic() < end, f"waited {WAIT_S:.0f} s for {what}"
        time.sleep(0.005)
    return answer


class City:
    """`machinami serve --dev` on one data folder, started as often as it is killed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.url = ""
        self.kills = 0
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers."""
        command = [MACHINAMI, "serve", "--dev", "--data", self.folder, "--port", "0", "--log", "error"]
        with (self.folder.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self._environment)
        assert self._process.stdout
        line = self._process.stdout.readline().decode()
        assert line.startswith("ready "), (self.folder.parent / "server.log").read_text()
        self.url = line.split()[1]

    def kill(self) -> None:
        """kill -9 of machinami; its PostgreSQL is left behind."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(WAIT_S)
        self.kills += 1

    def kill_postmaster(self) -> None:
        """kill -9 of PostgreSQL's first process."""
        [postmaster] = self.postmasters()
        os.kill(postmaster, signal.SIGKILL)
        self.kills += 1

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None and self.running():
            self._process.terminate()
            self._process.wait(WAIT_S)

    def clear_away(self) -> None:
        """Leave no process behind, whatever happened."""
        if self._process is not None and self.running():
            self._process.kill()
            self._process.wait(WAIT_S)
        for pid in self._postgres():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def postmasters(self) -> list[int]:
        """PostgreSQL processes of this folder whose parent is not one of them."""
        found = self._postgres()
        return [pid for pid, parent in found.items() if parent not in found]

    def _postgres(self) -> dict[int, int]:
        cluster = self.folder / "postgres" / "data"
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                name, _, rest = (entry / "stat").read_text().partition(" (")[2].rpartition(") ")
                if name == "postgres" and rest[0] not in "ZX" and (entry / "cwd").samefile(cluster):
                    found[int(entry.name)] = int(rest.split()[1])
            except OSError:
                continue
        return found

    def rows(self, sql: str) -> list[asyncpg.Record]:
        """What is stored, read from PostgreSQL itself."""

        async def read(server: EmbeddedServer) -> list[asyncpg.Record]:
            connection = await asyncpg.connect(**server.connect_arguments())
            await prepare(connection)
            try:
                found: list[asyncpg.Record] = await connection.fetch(sql)
                return found
            finally:
                await connection.close()

        server = EmbeddedServer(self.folder)
        server.start()
        try:
            return asyncio.run(read(server))
        finally:
            server.stop()


class Client:
    """One keep-alive connection to a city, wherever it listens by now."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._connection: http.client.HTTPConnection | None = None
        self._url = ""

    def ask(self, method: str, path: str, body: Any = None, media_type: str = "application/json") -> tuple[int, Any]:
        """(status, JSON answer); OSError or HTTPException when the connection broke off."""
        if self._connection is None or self._url != self._city.url:
            self.close()
            self._url = self._city.url
            self._connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=CLIENT_S)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, data, {"content-type": media_type} if data else {})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return answer.status, json.loads(content) if content else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Writers:
    """Threads that set `reading` of gauges to ever new numbers and note which ones were acknowledged, until `finish`."""

    GAUGES = 20

    def __init__(self, city: City, threads: int = 8) -> None:
        self.acked: list[int] = []
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self._city = city
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(threads)]

    def begin(self) -> None:
        client = Client(self._city)
        for number in range(self.GAUGES):
            gauge = {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", "reading": {"type": "Property", "value": 0}}
            assert client.ask("POST", "/ngsi-ld/v1/entities", gauge)[0] == 201
        client.close()
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        """Until so many more updates were acknowledged."""
        wanted = len(self.acked) + more
        until(lambda: len(self.acked) >= wanted, f"{more} more acknowledged updates; {dict(self.statuses)}")

    def seconds_to_next(self) -> float:
        """How long from now until the next acknowledgement."""
        began, before = time.monotonic(), len(self.acked)
        until(lambda: len(self.acked) > before, "an acknowledged update")
        return time.monotonic() - began

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WAIT_S)

    def _write(self) -> None:
        client = Client(self._city)
        while not self._stop.is_set():
            number = next(self._numbers)
            path = f"/ngsi-ld/v1/entities/urn:ngsi-ld:Gauge:{number % self.GAUGES}/attrs/reading"
            try:
                status, _ = client.ask("PATCH", path, {"value": number})
            except (OSError, http.client.HTTPException):
                self.broken += 1
                self._stop.wait(0.02)
                continue
            self.statuses[status] += 1
            if status == 204:
                self.acked.append(number)
            else:
                self._stop.wait(0.01)
        client.close()


class Receiver:
    """A webhook of the test's process; `seen` counts the readings it was told."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                for entity in body["data"]:
                    outer.seen[entity["reading"]["value"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A sender that was killed resets its connections; that is what is proved here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/told"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def check_rows(city: City, acked: list[int]) -> dict[str, int]:
    """Each acknowledged reading is in the history once and in the change log once; nothing is there twice.

    Returns the figures to print.
    """
    history = Counter(
        row["value"] for row in city.rows("select instance->'value' as value from history where attribute like '%/reading'")
    )
    log = Counter(
        instance["value"]
        for row in city.rows("select document from change_log where kind = 'updated'")
        for name, instances in row["document"]["attributes"].items()
        for instance in instances
        if name.endswith("/reading")
    )
    del history[0]
    lost = [number for number in acked if history[number] != 1 or log[number] != 1]
    twice = [number for number, times in (history + log).items() if times > 2]
    assert not lost, f"acknowledged, but not stored once: {lost[:10]}"
    assert not twice, f"stored more than once: {twice[:10]}"
    assert history == log
    return {"acknowledged": len(acked), "lost": len(lost), "stored unacknowledged": len(history) - len(acked)}


def report(what: str, **figures: object) -> None:
    """A line for `make prove` (pytest -s)."""
    print(f"\n{what}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))


def seconds(times: list[float]) -> str:
    """Median and worst of some times."""
    return f"median {sorted(times)[len(times) // 2]:.2f} s, worst {max(times):.2f} s" if times else "-"
