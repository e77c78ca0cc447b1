"""Brokers in memory that ask each other without sockets: real handlers, rules and merging over the stores that sdk ships."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from machinami.bootstrap.errors import register_all
from machinami.data.contexts.documents import ContextBounds
from machinami.data.contexts.service import Contexts
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.model import EntityMap, EntityMapLimits
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.matching import matches
from machinami.data.temporal.service import Temporal
from machinami.entrypoints.http.errors import ROWS
from machinami.entrypoints.http.messages import JSON, Answer, Call
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.ngsi_ld.batch import BatchHandlers
from machinami.entrypoints.http.ngsi_ld.consumption import ConsumptionHandlers
from machinami.entrypoints.http.ngsi_ld.distributed import with_sources
from machinami.entrypoints.http.ngsi_ld.distributed_histories import DistributedHistories
from machinami.entrypoints.http.ngsi_ld.distributed_reads import DistributedReads
from machinami.entrypoints.http.ngsi_ld.entity_maps import EntityMapHandlers, TemporalEntityMapHandlers
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.provision import ProvisionHandlers
from machinami.entrypoints.http.ngsi_ld.temporal import TemporalHandlers
from machinami.entrypoints.http.ngsi_ld.temporal_provision import TemporalProvisionHandlers
from machinami.entrypoints.http.problems import problem_answer
from machinami.entrypoints.http.routing import Routes, merged
from machinami.federation.distribution.model import Limits
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Figures, Letter, RegistrationLimits, Tries, Write
from machinami.federation.registrations.service import Registrations
from machinami.kernel.caller import Caller, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.error_texts import ERRORS, register
from machinami.kernel.errors import MachinamiError, Unavailable
from machinami.kernel.query import EntityQuery
from machinami.kernel.settings import Settings
from machinami.kernel.source import SourceIdentity
from machinami.sdk.memory_store import MemoryDocumentStore, MemoryEntityStore
from machinami.standards.ngsi_ld.contexts import core_context

START = datetime(2026, 5, 14, 3, tzinfo=UTC)
CALLER = development_caller()

register_all()
if "http.path.unknown" not in ERRORS:
    register(ROWS)


class Net:
    """The brokers by name, and the way between them (`federation.distribution.ports.Exchange`)."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.brokers: dict[str, Broker] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.dead: set[str] = set()

    def broker(self, name: str, limits: Limits | None = None, **settings: Any) -> Broker:
        """A new broker, empty."""
        made = self.brokers[name] = Broker(self, name, limits or Limits(), Settings(settings))
        return made

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Another broker's answer."""
        parts = urlsplit(url)
        name = str(parts.hostname)
        self.asked.append((name, method, url))
        if name in self.dead:
            raise Unavailable("outbound.no_answer", reason="dead")
        answer = await self.brokers[name].call(method, parts.path, dict(parse_qsl(parts.query)), dict(headers), body)
        return answer.status, answer.headers, answer.body


class Broker:
    """One broker: what it holds, its registrations and its routes of provision and consumption."""

    def __init__(self, net: Net, name: str, limits: Limits, settings: Settings) -> None:
        clock = net.clock
        self.name = name
        self.store = MemoryEntityStore(clock)
        self.entities = Entities(self.store, clock)
        self.temporal = Temporal(self.store, self.store.history, clock, settings)
        parts = _Parts()
        contexts = Contexts(MemoryDocumentStore(), parts, clock, ContextBounds())
        self.registrations = Registrations(parts, parts, parts, matches, clock, RegistrationLimits())
        source = SourceIdentity(f"machinami-{name}", clock.now())
        sources = Sources(self.registrations, net, contexts, clock, source, limits)
        depth = settings.integer("json_depth_max")
        negotiator = Negotiator(contexts, depth)
        self.maps = MemoryMaps()
        use = MapUse(EntityMaps(self.maps, clock, EntityMapLimits(1_000, 10, 600.0, 3_600.0)), clock)
        consumption = ConsumptionHandlers(self.entities, use, negotiator, settings)
        areas = (
            ProvisionHandlers(self.entities, negotiator, settings),
            consumption,
            BatchHandlers(self.entities, consumption, negotiator, settings),
            TemporalHandlers(self.temporal, negotiator, settings, use),
            TemporalProvisionHandlers(self.temporal, negotiator),
            EntityMapHandlers(use, self.entities, negotiator, settings),
            TemporalEntityMapHandlers(use, self.temporal, negotiator, settings),
        )
        reads = DistributedReads(sources, self.entities, use, negotiator, clock, settings)
        histories = DistributedHistories(sources, self.temporal, use, negotiator, clock, settings)
        table = with_sources(merged(one.routes() for one in areas), (reads.handlers(), histories.handlers()))
        self._routes = Routes(PREFIX, table)

    async def register(self, other: str, information: list[dict[str, Any]], **members: Any) -> None:
        """Register another broker as a source of `information`."""
        document = {
            "id": f"urn:ngsi-ld:ContextSourceRegistration:{other}", "type": "ContextSourceRegistration",
            "endpoint": f"http://{other}", "information": information,
            "operations": ["federationOps", "retrieveTemporal", "queryTemporal"], **members,
        }  # fmt: skip
        await self.registrations.create(CALLER, document, core_context())

    async def call(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """One request with everything that HTTP says of it."""
        named = {name.lower(): value for name, value in headers.items()}
        if body:
            named["content-length"] = str(len(body))
        try:
            handler, segments = self._routes.find(method, path)
            return await handler(Call(method, unquote(path), CALLER, named, query, body, segments, f"http://{self.name}"))
        except MachinamiError as error:
            return problem_answer(error)

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        return await self.call("GET", PREFIX + path, {name: str(value) for name, value in query.items()}, headers or {})

    async def post(self, path: str, document: Any, **query: str) -> Answer:
        return await self.call("POST", PREFIX + path, query, {"content-type": JSON}, orjson.dumps(document))

    async def delete(self, path: str, **query: str) -> None:
        answer = await self.call("DELETE", PREFIX + path, query, {})
        assert answer.status == 204, answer.body

    async def create(self, document: Mapping[str, Any]) -> None:
        """Create an entity, or the temporal evolution of one."""
        answer = await self.post("/entities", document)
        assert answer.status == 201, answer.body

    async def evolve(self, document: Mapping[str, Any]) -> None:
        """Create or add to the temporal evolution of an entity."""
        answer = await self.post("/temporal/entities", document)
        assert answer.status in (201, 204), answer.body


class MemoryMaps:
    """Implements `data.entity_maps.ports.EntityMapStore`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], EntityMap] = {}

    async def add(self, tenant: str, one: EntityMap, most: int) -> None:
        self._kept[tenant, one.id] = one

    async def fetch(self, tenant: str, map_id: str, now: datetime) -> EntityMap | None:
        one = self._kept.get((tenant, map_id))
        return one if one is not None and one.expires_at > now else None

    async def renew(self, tenant: str, map_id: str, expires_at: datetime, now: datetime) -> bool:
        one = await self.fetch(tenant, map_id, now)
        if one is not None:
            self._kept[tenant, map_id] = replace(one, expires_at=expires_at)
        return one is not None

    async def drop_entities(self, tenant: str, map_id: str, ids: Collection[str]) -> None:
        one = self._kept[tenant, map_id]
        self._kept[tenant, map_id] = replace(one, entities=tuple(each for each in one.entities if each[0] not in ids))

    async def remove(self, tenant: str, map_id: str, now: datetime) -> bool:
        return self._kept.pop((tenant, map_id), None) is not None

    async def sweep(self, now: datetime) -> int:
        return 0


class _Parts:
    """What registrations and contexts need besides: nothing durable, nothing local, nothing refused, nothing to be had."""

    def __init__(self) -> None:
        self._number = 0

    async def load(self, kind: str, after: int, limit: int) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
        return [], 0

    async def write(self, change: Write, letters: Any = ()) -> int | None:
        self._number += 1
        return self._number

    async def send_if_idle(self, letter: Letter) -> bool:
        return False

    async def figures(self, tenant: str, registration_ids: Any) -> Mapping[str, Figures]:
        return {}

    async def count_tries(self, tries: Collection[Tries]) -> None: ...

    def check(self, url: str, headers: Any) -> None: ...

    async def first(self, caller: Caller, query: EntityQuery) -> str | None:
        return None

    async def fetch(self, url: str) -> Any:
        raise Unavailable("outbound.no_answer", reason="nothing to be had")
