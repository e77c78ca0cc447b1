"""What scenario tests share: a real server process, a plain HTTP client, a webhook receiver, and waiting."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

T = TypeVar("T")
MACHINAMI = str(Path(sys.executable).parent / "machinami")
WAIT_S = 30.0
V1 = "/ngsi-ld/v1"
ENTITIES = f"{V1}/entities"
SUBSCRIPTIONS = f"{V1}/subscriptions"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
LD_JSON = "application/ld+json"
PROBLEMS = "https://uri.etsi.org/ngsi-ld/errors/"
OFFLINE_CONTEXT = "https://far.example/context.jsonld"
TEMPERATURE = {"@context": {"temp": "https://example.org/temperature", "Room": "https://example.org/Room"}}
OUR_PROBLEMS = "urn:machinami:problem:"


def until(question: Callable[[], T], what: str = "", seconds: float = WAIT_S) -> T:
    """The first truthy answer to `question`, asked again and again; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {seconds} s for {what or question}"
        time.sleep(0.02)


@dataclass
class Reply:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """(status, last part of the problem's type), after checking the ProblemDetails members that agree.

        NGSI-LD gives some by their status alone (6.3.4).
        """
        if not self.body:
            assert "content-type" not in self.headers
            return self.status, {411: "LengthRequired", 415: "UnsupportedMediaType"}[self.status]
        document = self.json
        assert self.headers["content-type"] in ("application/json", "application/problem+json")
        assert document["status"] == self.status
        assert all(document[name] for name in ("title", "detail", "remedy", "detail_ja", "remedy_ja", "code"))
        for prefix in (PROBLEMS, OUR_PROBLEMS):
            if document["type"].startswith(prefix):
                return self.status, document["type"].removeprefix(prefix)
        raise AssertionError(document["type"])


class Client:
    """Talks to one server; `headers` go with every request."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._parts = urlsplit(address)
        self._headers = dict(headers or {})
        self._tls = tls

    def with_headers(self, **headers: str) -> Client:
        """The same server with other headers (`X_Api_Key` stands for `X-Api-Key`)."""
        return Client(self.address, {name.replace("_", "-"): value for name, value in headers.items()}, self._tls)

    def connection(self, timeout_s: float = WAIT_S) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Reply:
        """One request; a body that is not bytes goes as JSON, `query` is encoded into the address."""
        sent = dict(self._headers)
        if body is not None and not isinstance(body, bytes):
            sent["Content-Type"] = LD_JSON if isinstance(body, dict) and "@context" in body else "application/json"
            body = json.dumps(body, ensure_ascii=False).encode()
        sent.update(headers or {})
        if query:
            path += ("&" if "?" in path else "?") + urlencode(query)
        connection = self.connection()
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            content = answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            cookies = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]
            return Reply(answer.status, found, content, cookies)
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.request("GET", path, None, headers, **query)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.request("POST", path, body, headers, **query)

    def patch(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.request("PATCH", path, body, headers, **query)

    def put(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.request("PUT", path, body, headers, **query)

    def delete(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.request("DELETE", path, None, headers, **query)

    # --- what nearly every test does

    def create(self, entity_id: str, kind: str = "Sensor", **attributes: Any) -> str:
        """Create an entity (concise attributes); its address."""
        reply = self.post(ENTITIES, {"id": entity_id, "type": kind, **attributes})
        assert reply.status == 201, reply.body
        return reply.headers["location"]

    def read(self, entity_id: str, **query: Any) -> Any:
        """An entity as a document."""
        reply = self.get(address_of(entity_id), **query)
        assert reply.status == 200, reply.body
        return reply.json

    def find(self, **query: Any) -> list[Any]:
        """Entities that a query finds."""
        reply = self.get(ENTITIES, **query)
        assert reply.status == 200, reply.body
        found: list[Any] = reply.json
        return found

    def ids(self, **query: Any) -> list[str]:
        """Their ids, in the order of the answer."""
        return [one["id"] for one in self.find(**query)]

    def figure(self, name: str) -> float:
        """A figure of /metrics."""
        for line in self.get("/metrics").body.decode().splitlines():
            label, _, value = line.rpartition(" ")
            if label == f"machinami_{name}":
                return float(value)
        raise AssertionError(f"no figure {name}")


def address_of(entity_id: str) -> str:
    """An entity's address."""
    return f"{ENTITIES}/{quote(entity_id, safe=':')}"


class City:
    """A machinami process. `lines` are what it printed so far."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self.process = subprocess.Popen(
            [MACHINAMI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            env={**os.environ, "LANG": "C.UTF-8", "COLUMNS": "200", "NO_COLOR": "1", **environment},
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def line(self, wanted: Callable[[str], str | None], seconds: float = 60.0) -> str:
        """What `wanted` finds in the first line that has it."""

        def found() -> str | None:
            return next((answer for one in self.lines if (answer := wanted(one))), None)

        with self._heard:
            heard = self._heard.wait_for(lambda: found() or self.process.poll() is not None, seconds)
            answer = found()
        assert answer, f"not heard ({heard}): {self.lines}"
        return answer

    def ready(self) -> str:
        """The address, once the server answers."""
        return self.line(lambda line: line.removeprefix("ready ") if line.startswith("ready ") else None)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[City]:
    """A process that ends with the block."""
    city = City(*arguments, **environment)
    try:
        yield city
    finally:
        try:
            city.stop()
        except subprocess.TimeoutExpired:
            city.process.kill()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [MACHINAMI, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=90, check=False,
        env={**os.environ, "LANG": "C.UTF-8", "COLUMNS": "200", "NO_COLOR": "1", **environment},
    )  # fmt: skip


@dataclass
class Delivered:
    """A request that the receiver got."""

    path: str
    headers: dict[str, str]
    document: Any


class Receiver:
    """A webhook receiver on loopback: keeps what comes, answers 204 or what a test told it to (`answers`)."""

    def __init__(self) -> None:
        self.got: list[Delivered] = []
        self.answers: dict[str, list[int]] = {}
        self.held: dict[str, threading.Event] = {}
        self._heard = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path in receiver.held:
                    receiver.held[self.path].wait(WAIT_S)
                status = receiver._take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._heard:
            self.got.append(Delivered(path, headers, json.loads(body)))
            self._heard.notify_all()
            waiting = self.answers.get(path, [])
            return waiting.pop(0) if waiting else 204

    def at(self, path: str) -> list[Delivered]:
        """What came to a path so far."""
        return [one for one in self.got if one.path == path]

    def wait(self, path: str, number: int = 1, seconds: float = WAIT_S) -> list[Delivered]:
        """At least `number` requests to a path."""
        with self._heard:
            came = self._heard.wait_for(lambda: len(self.at(path)) >= number, seconds)
        assert came, f"{len(self.at(path))} of {number} came to {path}"
        return self.at(path)

    def close(self) -> None:
        for event in self.held.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()


class Stream:
    """An open live stream (SSE): events as (id, name, data), comments as (id, "comment", text)."""

    def __init__(self, client: Client, last_id: str = "") -> None:
        self._connection = client.connection()
        self._connection.request("GET", "/api/stream", headers={"Last-Event-ID": last_id} if last_id else {})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.headers["content-type"].startswith("text/event-stream")
        self.last_id = last_id

    def next(self) -> tuple[str, Any]:
        """The next event or comment: (name, data)."""
        name, data = "", ""
        while True:
            line = self._answer.readline().decode().rstrip("\n")
            assert line or name, "the stream ended"
            if line.startswith(":"):
                self._answer.readline()
                return "comment", line[1:].strip()
            if not line:
                return name, json.loads(data)
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            else:
                data = value

    def until(self, name: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next event of a name that is wanted."""
        while True:
            found, data = self.next()
            if found == name and wanted(data):
                return data

    def close(self) -> None:
        self._connection.close()
