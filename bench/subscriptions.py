"""What standing subscriptions cost an update: two Machinami side by side, one without and one with 10,000 of them.

The cost is processor time of the server and its PostgreSQL per update, matching included: each run ends when both are
quiet. Subscriptions do not hold an update up, so that latency would not show them.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import load, samples
from bench.load import Plan, request
from bench.machine import tree
from bench.served import Served, bare, machinami, served
from bench.table import Line, Rounds

SUBSCRIPTIONS = 10_000
MATCHING = 10
ENTITIES = samples.HOT
CONNECTIONS = 64
QUIET_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")
_ADDRESS = "/ngsi-ld/v1/subscriptions"


def elsewhere(number: int) -> dict[str, Any]:
    """A subscription to other types, other entities of the type, or other attributes, in turn."""
    kinds: list[dict[str, Any]] = [
        {"entities": [{"type": f"Type{number % 500}"}]},
        {"entities": [{"type": samples.TYPE, "id": f"urn:ngsi-ld:{samples.TYPE}:other-{number}"}]},
        {"entities": [{"type": samples.TYPE}], "watchedAttributes": [f"attribute{number % 500}"]},
    ]
    return kinds[number % len(kinds)]


def out_of_range(number: int) -> dict[str, Any]:
    """A subscription to the very attribute that changes, with a limit of its own that no value reaches."""
    return {
        "entities": [{"type": samples.TYPE}], "watchedAttributes": ["pm25"],
        "q": f"pm25>{200 + number}" if number % 2 else f'pm25<{-1 - number};temperature>10',
    }  # fmt: skip


def reached(number: int) -> dict[str, Any]:
    """A subscription that fires on each update."""
    return {"entities": [{"type": samples.TYPE}], "watchedAttributes": ["pm25"], "q": "pm25>=0"}


def lines(folder: Path, rounds: int, seconds: float, log: Path) -> list[Line]:
    """Each kind of subscription beside none, round by round."""
    found = []
    for name, kind, count, bar in (
        ("elsewhere", elsewhere, SUBSCRIPTIONS, True),
        ("out of range", out_of_range, SUBSCRIPTIONS, True),
        ("matching", reached, MATCHING, False),
    ):
        with ExitStack() as stack:
            receiver = stack.enter_context(served(bare(folder / f"receiver-{name}"), log))
            none, many = (
                stack.enter_context(served(machinami(folder / f"{name}-{number}"), log, "/health")) for number in (0, count)
            )
            for city in (none, many):
                for message in samples.batches(ENTITIES, 0):
                    send(city.url, message)
            requests = [subscription(number, kind, receiver.url + "/echo") for number in range(count)]
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                list(threads.map(partial(send, many.url), requests))
            limits, values = interleaved(rounds, seconds, none, many)
        if bar:
            title = f"an update with {count:,} subscriptions {name}"
            found.append(
                Rounds(values, limits).line(title, "µs of processor", "with none", "< 1.20", lambda _, ratio: ratio < 1.2)
            )
        else:
            cost = [(one - other) / count for one, other in zip(values, limits, strict=True)]
            found.append(Line("one match, delivered over HTTP", sorted(cost)[len(cost) // 2], "µs of processor"))
    return found


def interleaved(rounds: int, seconds: float, *cities: Served) -> list[list[float]]:
    """Microseconds of processor time per update of each city, in turn."""
    found: list[list[float]] = [[] for _ in cities]
    for _ in range(rounds):
        for values, city in zip(found, cities, strict=True):
            values.append(cost_us(city, seconds))
    return found


def cost_us(city: Served, seconds: float) -> float:
    """What an update costs the city's processes, with all that follows from it."""
    quiet(city)
    before = processor_s(city)
    result = load.run(Plan(city.url, samples.patches(4 * ENTITIES), CONNECTIONS, seconds))
    if result.failed or not result.answers:
        raise SystemExit(f"{result.failed} requests failed; the first: {result.first_failure}")
    quiet(city)
    return (processor_s(city) - before) / (result.per_second * (seconds + load.WARM_S)) * 1e6


def quiet(city: Served) -> None:
    """Wait until hardly anything runs: what followed from the updates has been done."""
    while True:
        before = processor_s(city)
        time.sleep(QUIET_S)
        if processor_s(city) - before < 0.05 * QUIET_S:
            return


def processor_s(city: Served) -> float:
    """Processor time that a server and its PostgreSQL have used."""
    ticks = 0
    for pid in tree(city.pid):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def subscription(number: int, kind: Callable[[int], dict[str, Any]], receiver: str) -> bytes:
    """The request that makes one."""
    document = {"type": "Subscription", "notification": {"endpoint": {"uri": receiver}}, **kind(number)}
    return request("POST", _ADDRESS, json.dumps(document).encode())


def send(url: str, message: bytes) -> None:
    head, _, body = message.partition(b"\r\n\r\n")
    path = head.split()[1].decode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, body, headers, method="POST"), timeout=120) as answer:
        answer.read()
