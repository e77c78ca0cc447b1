"""The stages: each measures Machinami and, right after or before, its bare limit, so that both see the same machine."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from python_calamine import CalamineWorkbook

from bench import bare, load, samples
from bench.load import Plan, Result, request
from bench.machine import pss_mb, tree
from bench.served import Served, machinami, served
from bench.table import Line, Rounds
from machinami.adapters.postgres.connection import SESSION, prepare
from machinami.adapters.postgres.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how large: `rounds` of `seconds` each."""

    rounds: int
    seconds: float
    entities: int
    rows: int
    starts: int


FULL = Scale(rounds=3, seconds=3.0, entities=100_000, rows=10_000, starts=5)
QUICK = Scale(rounds=1, seconds=1.5, entities=10_000, rows=1_000, starts=1)


class Stages:
    """All stages against one running Machinami and one running bare server."""

    def __init__(self, city: Served, limit: Served, folder: Path, scale: Scale) -> None:
        self._city = city
        self._limit = limit
        self._folder = folder
        self._scale = scale

    def _plan(self, served_by: Served, requests: list[bytes], connections: int) -> Callable[[], Result]:
        return lambda: checked(load.run(Plan(served_by.url, requests, connections, self._scale.seconds)))

    def fill(self) -> Line:
        """All entities by batch upsert; not a comparison, but it has to be done and says how creating goes."""
        began = time.monotonic()
        for message in samples.batches(self._scale.entities, 0):
            post(self._city.url, message)
        took = time.monotonic() - began
        return Line(
            f"create {self._scale.entities:,} entities (batches of 100, 1 connection)",
            self._scale.entities / took,
            "entities/s",
        )

    def patch(self) -> list[Line]:
        """(a) durable single-attribute PATCH, 64 connections."""
        patches = samples.patches(4 * samples.HOT)
        bodies = [message.partition(b"\r\n\r\n")[2] for message in patches]
        echoes = [request("PATCH", "/echo", body) for body in bodies]
        pipeline = [request("PATCH", "/pipeline", body) for body in bodies]
        ours, echo, bare_pipeline = self._interleaved(
            self._plan(self._city, patches, 64), self._plan(self._limit, echoes, 64), self._plan(self._limit, pipeline, 64)
        )
        rates = [one.per_second for one in ours]
        note = f"p50 {median(one.p50_ms for one in ours):.1f} ms, p99 {median(one.p99_ms for one in ours):.1f} ms"
        return [
            Rounds(rates, [one.per_second for one in bare_pipeline]).line(
                "PATCH of one attribute, durable, 64 connections", "/s", "bare pipeline (HTTP + commit)", "≥ 5,000/s or ≥ 0.5",
                lambda value, ratio: value >= 5_000 or ratio >= 0.5, note,
            ),
            Rounds(rates, [one.per_second for one in echo]).line("the same", "/s", "HTTP echo"),
        ]  # fmt: skip

    def batch(self, connection: asyncpg.Connection) -> Line:
        """(b) batch upsert of 100 entities that exist, 8 connections, all values new; the commit alone with the same rows.

        Three times 40 batches, so that eight clients, fifteen requests apart, never send the same entities at a time.
        """
        bodies = [body for seed in (1, 2, 3) for body in samples.batches(samples.HOT * 2, seed)]
        run = self._plan(self._city, bodies, 8)
        rows = [bare.Rows(number, 6) for number in range(samples.HOT)]
        values, limits = [], []
        for _ in range(self._scale.rounds):
            values.append(run().per_second * samples.BATCH)
            limits.append(asyncio.get_event_loop().run_until_complete(commit_rate(connection, rows, self._scale.seconds)))
        return Rounds(values, limits).line(
            "batch upsert of 100, 8 connections", "entities/s", "bare commit of state, history, log", "≥ 10,000/s or ≥ 0.6",
            lambda value, ratio: value >= 10_000 or ratio >= 0.6,
        )  # fmt: skip

    def get(self) -> Line:
        """(c) GET by id, 64 connections."""
        ours, echo = self._interleaved(
            self._plan(self._city, samples.gets(), 64), self._plan(self._limit, [request("GET", "/echo")], 64)
        )
        return Rounds([one.per_second for one in ours], [one.per_second for one in echo]).line(
            "GET by id, 64 connections", "/s", "HTTP echo", "≥ 0.4", lambda _, ratio: ratio >= 0.4
        )

    def queries(self, connection: asyncpg.Connection) -> list[Line]:
        """(d) one connection, one query after another: what a person or an application waits for."""
        entities = self._scale.entities
        lines = []
        for name, requests, bar in (
            ("page of 20 of a type", samples.page_queries(entities), "p95 < 20 ms"),
            ("type + numeric q, page of 20", samples.numeric_queries(), "p95 < 20 ms"),
            ("type + numeric q + near, page of 20", samples.near_queries(entities), ""),
        ):
            results = [self._plan(self._city, requests, 1)() for _ in range(self._scale.rounds)]
            p50, p95 = median(one.p50_ms for one in results), median(one.p95_ms for one in results)
            below = asyncio.get_event_loop().run_until_complete(select_ms(connection))
            lines.append(
                Line(
                    f"{name}, at {entities:,}",
                    p95,
                    "ms p95",
                    "p95 of the bare page select",
                    below,
                    p95 / below,
                    bar,
                    p95 < 20 if bar else None,
                    f"p50 {p50:.1f} ms, p95 {p95:.1f} ms",
                )
            )
        return lines

    def aggregation(self, connection: asyncpg.Connection) -> Line:
        """(h) the past of one attribute, aggregated by days; the limit is the same in SQL, on the same points."""
        post(self._city.url, samples.series())
        loop = asyncio.get_event_loop()
        loop.run_until_complete(add_points(connection))
        results = [self._plan(self._city, samples.aggregations(), 1)() for _ in range(self._scale.rounds)]
        p50, p95 = median(one.p50_ms for one in results), median(one.p95_ms for one in results)
        below = loop.run_until_complete(aggregate_ms(connection))
        return Line(
            f"aggregate of {samples.POINTS:,} points by days", p95, "ms p95", "p95 of the bare aggregation", below, p95 / below,
            "p95 < 100 ms", p95 < 100, f"p50 {p50:.1f} ms, p95 {p95:.1f} ms",
        )  # fmt: skip

    def importing(self, connection: asyncpg.Connection) -> Line:
        """(e) a large sheet; the limit is reading it and committing as many rows, 500 at a time."""
        sheet = self._folder / "shelters.xlsx"
        samples.write_shelters(sheet, self._scale.rows)
        began = time.monotonic()
        run = upload(self._city.url, sheet)
        ours = self._scale.rows / (time.monotonic() - began)
        stored = sum(one["created"] for one in run["files"])
        if stored != self._scale.rows:
            raise SystemExit(f"import stored {stored} of {self._scale.rows} rows: {run}")
        began = time.monotonic()
        CalamineWorkbook.from_path(sheet).get_sheet_by_index(0).to_python()
        rows = [bare.Rows(number, 6) for number in range(samples.HOT)]
        asyncio.get_event_loop().run_until_complete(commit_times(connection, rows, self._scale.rows // 500, 500))
        limit = self._scale.rows / (time.monotonic() - began)
        return Rounds([ours], [limit]).line(
            f"import of {self._scale.rows:,} rows (xlsx, shelters)", "rows/s", "read + bare commit"
        )

    def memory(self, name: str, bar: str = "") -> Line:
        """(f) PSS of Machinami and its PostgreSQL."""
        own, all_of_it = pss_mb([self._city.pid]), pss_mb(tree(self._city.pid))
        note = f"Python {own:.0f} MB, PostgreSQL {all_of_it - own:.0f} MB"
        return Line(f"memory (PSS), {name}", all_of_it, "MB", bar=bar, passed=all_of_it < 200 if bar else None, note=note)

    def _interleaved(self, *runs: Callable[[], Result]) -> list[list[Result]]:
        found: list[list[Result]] = [[] for _ in runs]
        for _ in range(self._scale.rounds):
            for results, run in zip(found, runs, strict=True):
                results.append(run())
        return found


def starts(folder: Path, scale: Scale, log: Path) -> list[Line]:
    """(g) ready = first 200 from /health: on an empty folder and after a clean stop; beside initdb + start of PostgreSQL."""
    cold, warm, bare_cold, bare_warm = [], [], [], []
    for number in range(scale.starts):
        data, alone = folder / f"start-{number}", folder / f"bare-{number}"
        for times, limits in ((cold, bare_cold), (warm, bare_warm)):
            server = EmbeddedServer(alone)
            began = time.monotonic()
            server.start()
            limits.append(time.monotonic() - began)
            server.stop()
            with served(machinami(data), log, "/health") as city:
                times.append(city.ready_s)
        shutil.rmtree(data)
        shutil.rmtree(alone)
    return [
        Rounds(cold, bare_cold).line("ready on an empty folder", "s", "initdb + start", "< 2 s", lambda value, _: value < 2),
        Rounds(warm, bare_warm).line("ready after a clean stop", "s", "start", "< 1 s", lambda value, _: value < 1),
    ]


async def attached(server: EmbeddedServer) -> asyncpg.Connection:
    """A connection of our own to the PostgreSQL that a measured process supervises."""
    connection = await asyncpg.connect(**server.connect_arguments(), server_settings=SESSION)
    await prepare(connection)
    return connection


async def commit_rate(connection: asyncpg.Connection, rows: list[bare.Rows], seconds: float) -> float:
    """Entities per second in groups of as many as eight clients' batches would make."""
    size, done = 8 * samples.BATCH, 0
    groups = itertools.cycle([rows[first : first + size] for first in range(0, len(rows) - size + 1, size)])
    await bare.commit(connection, next(groups))
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        await bare.commit(connection, next(groups))
        done += size
    return done / (time.monotonic() - began)


async def commit_times(connection: asyncpg.Connection, rows: list[bare.Rows], times: int, size: int) -> None:
    for _ in range(times):
        await bare.commit(connection, rows[:size])


async def select_ms(connection: asyncpg.Connection, times: int = 300) -> float:
    """p95 of a keyset page of 20 documents of one type, in milliseconds."""
    kind = "https://uri.etsi.org/ngsi-ld/default-context/" + samples.TYPE
    took = []
    for number in range(times):
        began = time.perf_counter()
        await connection.fetch(
            "select e.document from (select sequence from entity_type where tenant = 'default' and type = $1 and sequence > $2"
            " order by sequence limit 20) t join entity e on e.tenant = 'default' and e.sequence = t.sequence",
            kind, number * 20,
        )  # fmt: skip
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[int(times * 0.95)]


async def add_points(connection: asyncpg.Connection) -> None:
    """The series' points, one a minute, as the writer keeps them."""
    await connection.execute(
        "insert into history (tenant, id, attribute, at, received_at, instance) select tenant, id, attribute, t, received_at,"
        " instance || jsonb_build_object('value', (n * 7919) % 1000 / 10.0, 'observedAt', t) from history,"
        " generate_series(1, $2::int - 1) n, lateral (select at + n * interval '1 minute' as t) times where id = $1",
        samples.SERIES, samples.POINTS,
    )  # fmt: skip
    await connection.execute("vacuum analyze history")


async def aggregate_ms(connection: asyncpg.Connection, times: int = 20) -> float:
    """p95 of the average, least and greatest value of the series by days, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await connection.fetch(
            "select date_bin('1 day', at, '2026-01-01Z'), avg(amount), min(amount), max(amount) from history"
            " where tenant = 'default' and id = $1 and attribute like '%flow' and at >= '2026-01-01Z' group by 1",
            samples.SERIES,
        )
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[int(times * 0.95)]


def checked(result: Result) -> Result:
    if result.failed or not result.answers:
        raise SystemExit(f"{result.failed} requests failed; the first: {result.first_failure}")
    return result


def post(url: str, message: bytes) -> None:
    """Send one prepared message with the standard library."""
    head, _, body = message.partition(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n")[0].decode().split()
    with urllib.request.urlopen(
        urllib.request.Request(url + path, body, {"content-type": "application/json"}, method=method), timeout=120
    ) as answer:
        answer.read()


def upload(url: str, sheet: Path) -> dict[str, Any]:
    """Import a sheet over HTTP and wait until it is done."""
    mark = "bench-boundary"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    fields = f'--{mark}\r\ncontent-disposition: form-data; name="city"\r\n\r\n372013\r\n--{mark}\r\n'
    head = f'content-disposition: form-data; name="file"; filename="{sheet.name}"\r\ncontent-type: {kind}\r\n\r\n'
    body = fields.encode() + head.encode() + sheet.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={mark}"}
    with urllib.request.urlopen(urllib.request.Request(url + "/api/imports", body, headers), timeout=120) as answer:
        number = json.load(answer)["run"]
    while True:
        with urllib.request.urlopen(f"{url}/api/imports/{number}", timeout=60) as answer:
            run: dict[str, Any] = json.load(answer)
        if run["state"] != "running":
            return run
        time.sleep(0.1)
