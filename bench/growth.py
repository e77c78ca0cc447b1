"""What queries cost as the city grows: the same questions at 100,000 and at 1,000,000 entities of equal density.

At each size they are asked twice: right after the fill, when PostgreSQL has not gathered statistics yet (or those of a much
smaller city), and settled, after a VACUUM ANALYZE as its autovacuum does it within minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench import load, samples
from bench.load import Plan, request
from bench.served import Served, machinami, served
from bench.stages import attached, post
from bench.table import Line
from machinami.adapters.postgres.embedded import EmbeddedServer

FILL_BATCH = 500
FILLERS = 4
FRESH_MAX = 3.0
"""How many times the settled figure a query may take right after the fill."""
TYPES, ATTRIBUTES = 30, 100
"""Types of one entity each, with attributes of their own: what the lists of types and attributes are long from."""
TYPE = samples.TYPE
_API = "/ngsi-ld/v1"


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of query: `bar_ms` and `growth_max` are None where issue and standard ask for a figure only. `fresh`: asked right
    after the fill as well."""

    name: str
    requests: Callable[[int], list[bytes]]
    bar_ms: float | None = None
    growth_max: float | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A question at one size of the city; `fresh` is None where it was asked settled only."""

    fresh: load.Result | None
    settled: load.Result


class Growth:
    """Asks all questions, lets the city grow, asks again."""

    def __init__(self, city: Served, folder: Path, seconds: float) -> None:
        self._city = city
        self._folder = folder
        self._seconds = seconds

    def fill(self, start: int, entities: int) -> None:
        """Create entities `start` to `entities`, by several clients in batches."""
        messages = samples.batches(entities, 0, start, FILL_BATCH)
        with ThreadPoolExecutor(FILLERS) as fillers:
            while some := list(itertools.islice(messages, 10 * FILLERS)):
                list(fillers.map(lambda message: post(self._city.url, message), some))

    def prepare(self) -> None:
        """The organizations that stations are linked to, and a few things with thousands of attributes."""
        places = [
            {
                "id": f"urn:ngsi-ld:Organization:kagawa-{number}",
                "type": "Organization",
                "name": {"type": "Property", "value": f"管理者 {number}"},
            }
            for number in range(17)
        ]
        things = [
            {
                "id": f"urn:ngsi-ld:Thing{kind}:1",
                "type": f"Thing{kind}",
                **{f"thing{kind}at{number}": {"type": "Property", "value": number} for number in range(ATTRIBUTES)},
            }
            for kind in range(TYPES)
        ]
        for some in (places, things):
            post(self._city.url, request("POST", f"{_API}/entityOperations/upsert", json.dumps(some).encode()))

    def ask(self, entities: int) -> dict[str, Answered]:
        """All questions, some of them before the city has settled."""
        fresh = {one.name: self._measure(one, entities) for one in QUESTIONS if one.fresh}
        asyncio.run(_settle(self._folder))
        return {one.name: Answered(fresh.get(one.name), self._measure(one, entities)) for one in QUESTIONS}

    def _measure(self, question: Question, entities: int) -> load.Result:
        result = load.run(Plan(self._city.url, question.requests(entities), 1, self._seconds))
        if result.failed or not result.answers:
            raise SystemExit(f"{question.name}: {result.failed} requests failed; the first: {result.first_failure}")
        return result


async def _settle(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    try:
        connection = await attached(server)
        tables = await connection.fetch(
            "select tablename from pg_tables where tablename like any(array['entity%', 'name_use%'])"
        )
        await connection.execute(f"vacuum analyze {', '.join(row['tablename'] for row in tables)}")
        await connection.close()
    finally:
        server.stop()


def lines(folder: Path, small: int, seconds: float, log: Path) -> list[Line]:
    """The same questions before and after the city has grown tenfold, in a server of their own."""
    large = small * 10
    with served(machinami(folder / "growth"), log, "/health") as city:
        stage = Growth(city, folder / "growth", seconds)
        stage.prepare()
        stage.fill(0, small)
        before = stage.ask(small)
        stage.fill(small, large)
        return _table(small, before, large, stage.ask(large))


def _table(small: int, before: dict[str, Answered], large: int, after: dict[str, Answered]) -> list[Line]:
    """Settled, p95 at the larger size beside the smaller one's; then at each size what it is right after the fill."""
    found = []
    for one in QUESTIONS:
        first, second = before[one.name].settled, after[one.name].settled
        growth = second.p95_ms / first.p95_ms
        bars = [f"p95 < {one.bar_ms:.0f} ms"] if one.bar_ms else []
        bars += [f"≤ {one.growth_max:.0f} x"] if one.growth_max else []
        good = (not one.bar_ms or second.p95_ms < one.bar_ms) and (not one.growth_max or growth <= one.growth_max)
        note = f"p50 {first.p50_ms:.1f} → {second.p50_ms:.1f} ms, p95 {first.p95_ms:.1f} → {second.p95_ms:.1f} ms"
        verdict = good if bars else None
        name, limit = f"{one.name}, at {large:,}, settled", f"the same at {small:,}"
        found.append(Line(name, second.p95_ms, "ms p95", limit, first.p95_ms, growth, ", ".join(bars), verdict, note))
    return found + [
        _fresh_line(f"{name}, at {size:,}", fresh, answered[name].settled)
        for size, answered in ((small, before), (large, after))
        for name, both in answered.items()
        if (fresh := both.fresh) is not None
    ]


def _fresh_line(name: str, fresh: load.Result, settled: load.Result) -> Line:
    """By the median: the 95th percentile of answers of a millisecond is the machine's noise."""
    slower = fresh.p50_ms / settled.p50_ms
    note = f"p50 {settled.p50_ms:.1f} → {fresh.p50_ms:.1f} ms, p95 {settled.p95_ms:.1f} → {fresh.p95_ms:.1f} ms"
    return Line(
        f"{name}, right after the fill", fresh.p50_ms, "ms p50", "the same settled", settled.p50_ms, slower,
        f"≤ {FRESH_MAX:.0f} x", slower <= FRESH_MAX, note,
    )  # fmt: skip


def _get(path: str) -> bytes:
    return request("GET", _API + path)


def _pages(_: int) -> list[bytes]:
    places = random.Random(13)
    last = samples.TILE // 10
    return [_get(f"/entities?type={TYPE}&limit=20&offset={places.randrange(last) // 20 * 20}") for _ in range(300)]


def _near(entities: int) -> list[bytes]:
    """Circles that hold about as many stations whatever the size of the city."""
    places = random.Random(11)
    tiles = max(1, entities // samples.TILE)
    metres = 600 * max(1.0, samples.TILE / entities) ** 0.5
    found = []
    for _ in range(300):
        lon = places.uniform(samples.WEST, samples.WEST + tiles * (samples.EAST - samples.WEST))
        point = quote(f"[{lon:.5f},{places.uniform(samples.SOUTH, samples.NORTH):.5f}]")
        near = f"georel=near%3BmaxDistance%3D%3D{metres:.0f}&geometry=Point&coordinates={point}"
        found.append(_get(f"/entities?type={TYPE}&{near}"))
    return found


def _numeric(_: int) -> list[bytes]:
    return [_get(f"/entities?type={TYPE}&q=pm25%3E{40 + number % 20}") for number in range(40)]


def _text(entities: int) -> list[bytes]:
    chosen = random.Random(17)
    found = []
    for _ in range(300):
        name = samples.entity(chosen.randrange(entities), 0)["name"]["value"]
        condition = quote(f'name=="{name}"')
        found.append(_get(f"/entities?type={TYPE}&q={condition}"))
    return found


QUESTIONS = (
    Question("page of 20 of a type", _pages, growth_max=2, fresh=True),
    Question("near 600 m", _near, growth_max=2, fresh=True),
    Question("type + numeric q, page of 20", _numeric, growth_max=2, fresh=True),
    Question("type + text q, one match", _text, fresh=True),
    Question("count of a type", lambda _: [_get(f"/entities?type={TYPE}&count=true&limit=1")], fresh=True),
    Question("page of 20 joined inline", lambda _: [_get(f"/entities?type={TYPE}&limit=20&join=inline")]),
    Question("types", lambda _: [_get("/types")], bar_ms=20),
    Question("types with details, 3,000 attributes", lambda _: [_get("/types?details=true")], bar_ms=20),
    Question("attributes", lambda _: [_get("/attributes")], bar_ms=20),
    Question("attributes with details, 3,000 attributes", lambda _: [_get("/attributes?details=true")], bar_ms=20),
)
