"""Asking sources: bounded, counted, warned of, cached, left alone after a failure (CIM 009 5.2.34, 6.3.17, 6.3.18)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from machinami.federation.distribution.model import Ask, Limits, Origin, Reply, Said, Target
from machinami.federation.distribution.reading import SourceReader
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import EntityInfo, Management, Match, Registered, Registration, RegistrationInfo
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import MachinamiError, Unavailable
from machinami.kernel.source import SourceIdentity
from machinami.standards.ngsi_ld.contexts import Context, core_context

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ORIGIN = Origin("default", {})
INFO = RegistrationInfo((EntityInfo(frozenset({"https://uri.etsi.org/ngsi-ld/default-context/Room"})),))


class Registry:
    def __init__(self) -> None:
        self.tries: list[bool] = []

    def any(self, tenant: str) -> bool:
        return True

    def tried(self, tenant: str, registration_id: str, *, failed: bool) -> None:
        self.tries.append(failed)


class Wire:
    """Answers with what is put into `says`; an exception is raised."""

    def __init__(self, clock: VirtualClock) -> None:
        self.says: Any = (200, {}, b"[]")
        self.takes_s = 0.0
        self.urls: list[str] = []
        self._clock = clock

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        self.urls.append(url)
        self._clock.advance(self.takes_s)
        if isinstance(self.says, MachinamiError):
            raise self.says
        status, found, content = self.says
        return status, found, content


class NoContexts:
    async def resolve(self, tenant: str, local: Any) -> Context:
        raise AssertionError(local)


def parts(**management: Any) -> tuple[Sources, Wire, Registry, VirtualClock, Target]:
    clock = VirtualClock(NOW)
    wire, registry = Wire(clock), Registry()
    identity = SourceIdentity("us", NOW)
    sources = Sources(registry, wire, NoContexts(), clock, identity, Limits(page_entities=2, entities_max=6))  # type: ignore[arg-type]
    registration = Registration("urn:r", "http://s/", (INFO,), management=Management(**management))
    return sources, wire, registry, clock, Target(Registered("default", registration, None, "", ""), core_context())


def ask(sources: Sources, target: Target) -> Said:
    return asyncio.run(sources.ask(target, Ask("GET", "/entities", (("type", "Room"),), reads=True), ORIGIN))


def test_ask_says_what_came_and_counts_it() -> None:
    sources, wire, registry, _, target = parts()
    said = ask(sources, target)
    assert isinstance(said, Reply)
    assert (said.status, said.document) == (200, [])
    assert wire.urls == ["http://s/ngsi-ld/v1/entities?type=Room"]
    wire.says = (503, {}, b"busy")
    busy = ask(sources, target)
    assert isinstance(busy, Reply)
    wire.says = Unavailable("outbound.fetch.failed", url="u", reason="refused")
    silent = ask(sources, target)
    assert isinstance(silent, MachinamiError)
    assert registry.tries == [False, True, True]
    assert sources.warning(ORIGIN, silent) == '199 us "urn:r: refused"'


def test_ask_does_not_understand_nonsense() -> None:
    sources, wire, _, _, target = parts()
    wire.says = (200, {}, b'<html>"')
    said = ask(sources, target)
    assert isinstance(said, MachinamiError)
    assert str(sources.warning(ORIGIN, said)).startswith('111 us "urn:r: ')


def test_ask_leaves_a_source_alone_until_its_cooldown_is_over() -> None:
    sources, wire, _, clock, target = parts(cooldown_s=10.0)
    wire.says = Unavailable("outbound.fetch.failed", url="u", reason="refused")
    ask(sources, target)
    resting = ask(sources, target)
    assert isinstance(resting, MachinamiError)
    assert (resting.code, len(wire.urls)) == ("federation.source.resting", 1)
    clock.advance(10.0)
    wire.says = (200, {}, b"[]")
    assert isinstance(ask(sources, target), Reply)


def test_ask_uses_a_cached_answer_until_it_is_too_old() -> None:
    sources, wire, _, clock, target = parts(cache_duration_s=10.0)
    ask(sources, target)
    ask(sources, target)
    clock.advance(10.0)
    ask(sources, target)
    assert len(wire.urls) == 2


def test_loops_knows_our_own_name_and_chains_that_nobody_means() -> None:
    sources, *_ = parts()
    assert sources.loops(Origin("default", {"via": "1.1 them, 1.1 us"}))
    assert not sources.loops(Origin("other", {"via": "1.1 us"}))
    assert sources.loops(Origin("other", {"via": "1.1 us.other"}))
    assert sources.loops(Origin("default", {"via": ", ".join(f"1.1 b{n}" for n in range(30))}))
    assert not sources.loops(ORIGIN)


def test_reader_takes_so_many_entities_and_so_much_time_and_warns_of_the_rest() -> None:
    sources, wire, _, _, target = parts(timeout_s=1.0)
    wire.says = (200, {}, orjson.dumps([{"id": f"urn:{n}", "type": "Room"} for n in range(2)]))
    match = Match(target.registered, (INFO,))
    reader = SourceReader(sources, ORIGIN, core_context(), None)
    heard = asyncio.run(reader.entities([match], ()))
    assert len(wire.urls) == 3
    assert heard.warnings == ['199 us "urn:r: only the first 6 entities were taken"']
    wire.urls.clear()
    wire.takes_s = 0.8
    slow = asyncio.run(reader.entities([match], ()))
    assert len(wire.urls) == 2
    assert slow.warnings == ['199 us "urn:r: only the first 4 entities were taken"']


def test_reader_warns_of_every_answer_that_is_none() -> None:
    sources, wire, _, _, target = parts()
    match = Match(target.registered, (INFO,))
    reader = SourceReader(sources, ORIGIN, core_context(), None)

    def warned(status: int, body: bytes = b"") -> list[str]:
        wire.says = (status, {"ngsild-warning": '110 them "old"'}, body)
        return [one.split()[0] for one in asyncio.run(reader.entities([match], ())).warnings]

    assert warned(200, b"[]") == ["110"]
    assert warned(404) == ["110"]
    assert [warned(status) for status in (204, 302, 403, 500)] == [["110", "299"]] * 4
    assert warned(200, b'{"no": "entity"}') == ["110", "111"]
    assert warned(200) == ["110", "111"]
