"""A whole Machinami in one process: opens the store, joins the groups, runs the consumers, and closes again.

`Core` is what the entry points see: the use cases as attributes. Order matters when closing: first nobody new may
write, then readers stop, then the store closes, then its server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from machinami.adapters.outbound.late_sender import LateSender
from machinami.adapters.postgres.alarms import PostgresAlarms
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.embedded.locks import ServerFolderLock
from machinami.adapters.postgres.embedded.supervisor import EmbeddedServer
from machinami.adapters.postgres.entity_maps import PostgresEntityMaps
from machinami.adapters.postgres.identity import PostgresIdentities
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.registrations import PostgresFederation
from machinami.adapters.postgres.snapshots import PostgresSnapshots
from machinami.adapters.postgres.store import PostgresStore
from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.adapters.tile_files import TileFolder
from machinami.bootstrap.errors import register_all
from machinami.bootstrap.federation import Federation, join_federation
from machinami.bootstrap.joints import (
    CityEntitiesOverData,
    LanesOverDelivery,
    LateAlertsOverCommand,
    MapAlarmsOverCommand,
    MapEntitiesOverData,
)
from machinami.bootstrap.profile import Profile, plain_profile, without_demonstration
from machinami.citymap.basemaps import online_basemaps
from machinami.citymap.imported import Basemaps
from machinami.citymap.live import ALL, LiveFeed
from machinami.citymap.ports import Archive
from machinami.citymap.service import CityMap
from machinami.command.alarms.consumer import AlarmConsumer
from machinami.command.alarms.model import Alarm
from machinami.command.alarms.ports import Ledger
from machinami.command.alarms.presentation import row as alarm_row
from machinami.command.alarms.service import CONSUMER as ALARMS_CONSUMER
from machinami.command.alarms.service import Alarms
from machinami.command.alarms.webhooks import AlarmWebhooks
from machinami.data.contexts.model import Download
from machinami.data.contexts.service import ContextBounds, Contexts
from machinami.data.delivery.model import LaneLimits
from machinami.data.delivery.worker import LaneWorker
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.model import EntityMapLimits
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.ports import DocumentStore
from machinami.data.snapshots.model import SnapshotLimits
from machinami.data.snapshots.service import Snapshots
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.matcher import CONSUMER as SUBSCRIPTIONS_CONSUMER
from machinami.data.subscriptions.matcher import Matcher
from machinami.data.subscriptions.periodic import Periodic, PeriodicLimits
from machinami.data.subscriptions.service import Subscriptions
from machinami.data.temporal.service import Temporal
from machinami.data.tenants.service import Tenants
from machinami.federation.distribution.model import Limits
from machinami.federation.distribution.service import Sources
from machinami.kernel.caller import DEFAULT_TENANT
from machinami.kernel.change import Change, Cursor
from machinami.kernel.change_reader import ChangeReader, Interest
from machinami.kernel.clock import Clock, SystemClock
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.settings import Settings
from machinami.kernel.source import SourceIdentity
from machinami.linkage.feeds.service import Feeds
from machinami.linkage.importing.catalogue import load_models
from machinami.linkage.importing.model import Table
from machinami.linkage.importing.runs import Imports
from machinami.security.egress.model import EgressPolicy
from machinami.security.egress.rules import check_addresses, check_headers, parse_broker, parse_networks, parse_target
from machinami.security.identity.model import IdentityLimits
from machinami.security.identity.passwords import Argon2Hasher, common_passwords
from machinami.security.identity.service import IdentityService
from machinami.standards.json_input import loads
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

logger = logging.getLogger(__name__)
SWEEP_S = 1.0
PERIODIC_S = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `data` holds everything of an embedded city; `store` is a DSN of a PostgreSQL instead."""

    data: Path
    store: str = ""
    postgres_bin: Path | None = None
    dev: bool = False
    profile: Profile = field(default_factory=plain_profile)
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=SystemClock)


class Core:
    """The use cases of a running Machinami. Make one, `await open()`, use it, `await close()`."""

    entities: Entities
    temporal: Temporal
    tenants: Tenants
    contexts: Contexts
    entity_maps: EntityMaps
    snapshots: Snapshots
    subscriptions: Subscriptions
    federation: Federation
    sources: Sources
    alarms: Alarms
    imports: Imports
    feeds: Feeds
    citymap: CityMap
    basemaps: Basemaps
    identity: IdentityService
    source: SourceIdentity

    def __init__(self, options: Options) -> None:
        register_all()
        self.options = options
        self.settings = options.settings
        self.clock = options.clock
        self.profile = options.profile if options.dev else without_demonstration(options.profile)
        self.online_basemaps = online_basemaps(self.settings.text("online_basemaps"))
        self.live = LiveFeed(
            secrets.token_hex(4), self.settings.integer("stream_events_kept"), self.settings.integer("stream_clients_max")
        )
        self._server: EmbeddedServer | None = None
        self._lock: ServerFolderLock | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._readers: list[ChangeReader] = []
        self._alarm_listeners: list[Callable[[Alarm], None]] = []

    async def open(self) -> None:
        """Start the store and everything on it; raises MachinamiError with what to do if it can't."""
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        arguments = await self._store_arguments()
        self.store = PostgresStore(arguments, self.clock, self.settings, cached_reads=True)
        await self.store.open()
        pool = self.store.pool
        cursors = ConsumerCursors(pool)
        self.deliveries = PostgresDeliveries(pool, cursors)
        await self.deliveries.free_claims()
        records = PostgresRecords(pool)
        networks = parse_networks(self.settings.text("egress_allow"))
        self._policy = policy = EgressPolicy(networks, loopback_allowed=self.options.dev)
        bundle = self.settings.text("ca_bundle")
        self.sender = LateSender(
            policy, self.clock, proxy=self.settings.text("egress_proxy"), ca_bundle=Path(bundle) if bundle else None
        )
        self.worker = LaneWorker(self.deliveries, self.sender, self.clock, lane_limits(self.settings), random.Random())  # noqa: S311
        self.source = SourceIdentity(await source_name(records), self.clock.now())
        self._join_data(records, policy, cursors)
        self._join_groups(records, pool)
        await self.subscriptions.load()
        await self.federation.load()
        self._run(cursors)

    def _join_data(self, records: PostgresRecords, policy: EgressPolicy, cursors: ConsumerCursors) -> None:
        settings = self.settings
        self.entities = Entities(self.store, self.clock)
        self.temporal = Temporal(self.store, self.store.history, self.clock, self.settings)
        self.tenants = Tenants(records, self.store)
        self.contexts = Contexts(
            records, GuardedFetcher(self.sender, settings), self.clock,
            ContextBounds(
                bytes_max=settings.integer("context_bytes_max"),
                cache_max=settings.integer("context_cache_max"), depth_max=settings.integer("context_depth_max"),
                wait_s=settings.number("context_fetch_timeout_s"), fresh_s=settings.number("context_fresh_hours") * 3600,
            ),
        )  # fmt: skip
        self.contexts.preload(self.options.data / "contexts")
        limits = SubscriptionLimits(
            query_nodes_max=settings.integer("query_nodes_max"),
            pattern_characters_max=settings.integer("pattern_characters_max"),
            geometry_vertices_max=settings.integer("geometry_vertices_max"),
        )
        self.entity_maps = EntityMaps(PostgresEntityMaps(self.store.pool), self.clock, entity_map_limits(settings))
        self.subscriptions = Subscriptions(records, self.deliveries, EndpointGuard(policy, mqtt=True), self.clock, limits)
        composer = Composer(self.contexts, self.entities, self.clock, settings.integer("linked_entities_max"))
        self.matcher = Matcher(self.subscriptions, composer, self.deliveries, self.clock)
        self.periodic = Periodic(
            self.subscriptions, composer, self.entities, self.deliveries, self.clock,
            PeriodicLimits(settings.integer("page_limit_max"), settings.integer("periodic_entities_max")),
        )  # fmt: skip
        self._snapshots_wait = asyncio.Event()
        self.snapshots = Snapshots(
            PostgresSnapshots(self.store.pool, self.deliveries, self.clock), self.entities, self.temporal,
            EndpointGuard(policy), self.clock, snapshot_limits(settings),
            on_begun=self._snapshots_wait.set, on_queued=self.worker.wake,
        )  # fmt: skip

    def _join_groups(self, records: PostgresRecords, pool: Any) -> None:
        settings = self.settings
        self.federation = join_federation(
            PostgresFederation(pool, self.deliveries, on_queued=self.worker.wake),
            LanesOverDelivery(self.deliveries, self.worker), self.entities, self.contexts, EndpointGuard(self._policy),
            EndpointGuard(self._policy, mqtt=True), self.clock, settings,
        )  # fmt: skip
        self.sources = Sources(
            self.federation.registrations, self.sender, self.contexts, self.clock, self.source, source_limits(settings)
        )
        self.alarms = Alarms(
            PostgresAlarms(pool, self.deliveries, self.clock, on_queued=self.worker.wake), self.clock, self.profile.rules
        )
        self.webhooks = AlarmWebhooks(records, EndpointGuard(self._policy), self.deliveries)
        city = CityEntitiesOverData(self.entities)
        bounds = SheetBounds(
            file_bytes_max=settings.integer("import_file_bytes_max"),
            unpacked_bytes_max=settings.integer("import_unpacked_bytes_max"),
            unpack_ratio_max=settings.integer("import_unpack_ratio_max"),
            rows_max=settings.integer("import_rows_max"),
            columns_max=settings.integer("import_columns_max"),
            cells_max=settings.integer("import_cells_max"),
        )

        def read(data: bytes, name: str, progress: Callable[[str, int, int], None]) -> list[Table]:
            return read_tables(data, name, bounds, progress)

        self.imports = Imports(read, city, records, self.live, self.clock, settings.integer("import_commit_rows"))
        self.feeds = Feeds(city, LateAlertsOverCommand(self.alarms, self.alarms_changed))
        self.citymap = CityMap(
            self.profile.view, MapEntitiesOverData(self.entities), MapAlarmsOverCommand(self.alarms, self.clock),
            self.profile.areas, {model.type_iri: (model.ja, model.en) for model in load_models()},
        )  # fmt: skip
        self.basemaps = Basemaps(records, tile_folder(self.options), self.online_basemaps)
        limits = IdentityLimits(
            setup_code_minutes=settings.integer("setup_code_minutes"),
            setup_code_tries_max=settings.integer("setup_code_tries_max"),
            password_characters_min=settings.integer("password_characters_min"),
            session_hours=settings.integer("session_hours"),
            login_tries_max=settings.integer("login_tries_max"),
        )
        self.hasher = Argon2Hasher(limits)
        self.identity = IdentityService(
            PostgresIdentities(pool), self.hasher, self.clock, secrets.token_bytes, limits, common_passwords()
        )

    def _run(self, cursors: ConsumerCursors) -> None:
        consumer = AlarmConsumer(self.alarms, self.alarms_changed)

        async def live(_: Cursor, changes: list[Change]) -> None:
            self.live.changes(self.citymap, changes)

        async def matched(old: Cursor, changes: list[Change]) -> None:
            await self.matcher.handle(old, changes)
            self.worker.wake()

        async def unwatched(_: Cursor, __: Cursor) -> None:
            self.live.forget()

        async def unruled(old: Cursor, new: Cursor) -> None:
            await self.store.pool.run(lambda connection: cursors.advance(connection, ALARMS_CONSUMER, old, new))

        read, newest = self.store.changes, self.store.newest
        subscribed = Interest(lambda: self.subscriptions.watching, newest, self.matcher.skip)
        matching = ChangeReader(
            "subscription matching", lambda: cursors.load(SUBSCRIPTIONS_CONSUMER), read, matched, self.matcher.idle,
            subscribed,
        )  # fmt: skip
        self.subscriptions.before_first(matching.skip_ahead)
        self.subscriptions.before_figures(self.worker.settled)
        self._readers = [
            ChangeReader("live pages", newest, read, live, interest=Interest(lambda: self.live.watched, newest, unwatched)),
            matching,
            ChangeReader(
                "alarm rules", lambda: cursors.load(ALARMS_CONSUMER), read, consumer.handle, consumer.idle,
                Interest(lambda: self.alarms.has_rules, newest, unruled),
            ),
        ]  # fmt: skip
        for reader in self._readers:
            self.store.on_commit(reader.wake)
            self._tasks.append(asyncio.create_task(reader.run(), name=reader.name))
        self._tasks.append(asyncio.create_task(self.worker.run(), name="deliveries"))
        self._tasks.append(asyncio.create_task(self._sweep(), name="expiry"))
        self._tasks.append(asyncio.create_task(self._tell_periodically(), name="periodic notifications"))
        self._tasks.append(asyncio.create_task(self._fill_snapshots(), name="snapshots"))

    async def close(self) -> None:
        """Stop what runs, commit what was submitted, stop the embedded server if nobody else uses it."""
        if hasattr(self, "worker"):
            self.worker.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if hasattr(self, "imports"):
            await self.imports.close()
        if hasattr(self, "federation"):
            await self._count_last_tries()
        if hasattr(self, "store"):
            await self.store.close()
        if hasattr(self, "sender"):
            await self.sender.close()
        if hasattr(self, "hasher"):
            self.hasher.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _count_last_tries(self) -> None:
        try:
            await self.federation.registrations.close()
        except MachinamiError as error:
            logger.warning("the last operations at context sources were not counted: %s", error.code)

    async def empty(self) -> None:
        """Remove all entities, alarms, subscriptions and runs (`DELETE /dev/state`)."""
        await self.store.empty()
        self.subscriptions.forget_all()
        self.federation.forget_all()
        self.sources.forget_all()
        self.contexts.forget_all()
        self.tenants.forget_all()
        for reader in self._readers:
            reader.restart()
        self.live.announce(ALL, "reset", {})

    def on_alarm(self, listener: Callable[[Alarm], None]) -> None:
        """Call `listener` with each alarm that changes."""
        self._alarm_listeners.append(listener)

    def alarms_changed(self, tenant: str, alarms: Sequence[Alarm]) -> None:
        """Tell open pages about alarms that changed."""
        now = self.clock.now()
        for alarm in alarms:
            for listener in self._alarm_listeners:
                listener(alarm)
            self.live.announce(tenant, "alarm", alarm_row(alarm, Ledger(received=alarm.raised_at, stored=now), now))

    def health(self) -> dict[str, Any]:
        """How the parts are; `status` is `pass` or `fail`."""
        server = self._server.state.value if self._server else "external"
        running = {task.get_name(): not _failed(task) for task in self._tasks}
        well = all(running.values()) and server in ("running", "external")
        return {
            "status": "pass" if well else "fail",
            "store": server,
            "waiting_writes": self.store.writer.waiting,
            "tasks": running,
            "profile": self.profile.view.profile,
        }

    def add_task(self, task: asyncio.Task[None]) -> None:
        """Let a task of an entry point end with the core; if it fails before, `health` says so."""
        self._tasks.append(task)
        task.add_done_callback(_tell_failure)

    async def _store_arguments(self) -> Callable[[], dict[str, Any]]:
        if self.options.store:
            arguments = dsn_arguments(self.options.store)
            return lambda: arguments
        self.options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = ServerFolderLock(self.options.data)
        self._lock.acquire()
        self._server = EmbeddedServer(self.options.data, self.options.postgres_bin)
        await asyncio.to_thread(self._server.start)
        return self._server.connect_arguments

    async def _tell_periodically(self) -> None:
        while True:
            await asyncio.sleep(PERIODIC_S)
            try:
                if await self.periodic.step():
                    self.worker.wake()
            except MachinamiError as error:
                logger.warning("periodic notifications wait: %s", error.code)

    async def _fill_snapshots(self) -> None:
        """Fill snapshots as they are asked for, and those that an earlier run left unfinished; clear away what is gone."""
        while True:
            self._snapshots_wait.clear()
            try:
                while await self.snapshots.fill():
                    pass
                await self.snapshots.sweep()
            except MachinamiError as error:
                logger.warning("snapshots wait: %s", error.code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._snapshots_wait.wait(), SWEEP_S)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.entities.sweep()
                await self.federation.step()
                await self.entity_maps.sweep()
            except MachinamiError as error:
                logger.warning("expiry waits: %s", error.code)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _tell_failure(task: asyncio.Task[None]) -> None:
    if _failed(task):
        logger.error("%s ended with an error", task.get_name(), exc_info=task.exception())


class EndpointGuard:
    """`data.subscriptions.ports.TargetGuard` by the egress rules: names are judged when they are resolved to send."""

    def __init__(self, policy: EgressPolicy, *, mqtt: bool = False) -> None:
        self._policy = policy
        self._mqtt = mqtt

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        over_mqtt = self._mqtt and url.startswith(("mqtt:", "mqtts:"))
        target = parse_broker(url).target if over_mqtt else parse_target(url)
        if target.address is not None:
            check_addresses(target.host, [target.address], self._policy)
        check_headers(dict(headers), frozenset({"webhook-id"}))


class GuardedFetcher:
    """`data.contexts.ports.ContextFetcher` over the guarded HTTP client."""

    def __init__(self, sender: LateSender, settings: Settings) -> None:
        self._sender = sender
        self._bytes_max = settings.integer("context_bytes_max")
        self._timeout_s = settings.number("context_fetch_timeout_s")
        self._depth_max = settings.integer("json_depth_max")

    async def fetch(self, url: str) -> Download:
        accept = "application/ld+json, application/json;q=0.9"
        page = await self._sender.download(url, accept, self._bytes_max, self._timeout_s)
        return Download(loads(page.body, self._depth_max), page.fresh_s)


async def source_name(records: DocumentStore) -> str:
    """The name of this installation among brokers: drawn at the first start, then kept (5.2.40)."""
    await records.add(DEFAULT_TENANT, "source", "name", {"name": f"machinami-{secrets.token_hex(4)}"})
    kept = await records.fetch(DEFAULT_TENANT, "source", "name")
    assert kept is not None
    return str(kept["name"])


def tile_folder(options: Options) -> TileFolder:
    """Where the imported base maps of a city lie."""
    return TileFolder(options.data / "basemaps", options.settings.integer("basemap_file_bytes_max"))


def read_archive(options: Options, source: Path) -> Archive:
    """What a tile archive says about itself, without importing it."""
    return tile_folder(options).inspect(source)


def entity_map_limits(settings: Settings) -> EntityMapLimits:
    """The bounds of entity maps from the settings table."""
    return EntityMapLimits(
        entities_max=settings.integer("entity_map_entities_max"),
        maps_max=max(settings.integer("entity_maps_max"), 1),
        lifetime_s=settings.integer("entity_map_minutes") * 60.0,
        lifetime_s_max=settings.integer("entity_map_minutes_max") * 60.0,
    )


def snapshot_limits(settings: Settings) -> SnapshotLimits:
    """The bounds of snapshots from the settings table."""
    return SnapshotLimits(
        snapshots_max=max(settings.integer("snapshots_max"), 1),
        entities_max=settings.integer("snapshot_entities_max"),
        lifetime_s=settings.integer("snapshot_hours") * 3600.0,
        lifetime_s_max=settings.integer("snapshot_hours_max") * 3600.0,
    )


def lane_limits(settings: Settings) -> LaneLimits:
    """The bounds of delivery from the settings table."""
    return LaneLimits(
        in_flight_max=settings.integer("delivery_total_in_flight_max"),
        lane_in_flight_max=settings.integer("delivery_in_flight_max"),
        timeout_s=settings.number("delivery_timeout_s"),
        backoff_min_s=settings.number("delivery_backoff_min_s"),
        backoff_max_s=settings.number("delivery_backoff_max_s"),
        breaker_failures=settings.integer("delivery_breaker_failures"),
        probe_s=settings.number("delivery_probe_s"),
        measure_age_s_max=settings.integer("delivery_measure_hours_max") * 3600.0,
        alarm_age_s_max=settings.integer("delivery_alarm_hours_max") * 3600.0,
    )


def source_limits(settings: Settings) -> Limits:
    """The bounds of distributed operations from the settings table."""
    return Limits(
        timeout_s=settings.number("federation_timeout_s"),
        timeout_s_max=settings.number("federation_timeout_s_max"),
        in_flight_max=settings.integer("federation_in_flight_max"),
        answer_bytes_max=settings.integer("federation_answer_bytes_max"),
        json_depth_max=settings.integer("json_depth_max"),
        entities_max=settings.integer("federation_entities_max"),
        credentials_conveyed=settings.switch("federation_credentials_conveyed"),
    )


def dsn_arguments(dsn: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/database` or `postgresql:///database?host=/socket/folder` for the driver."""
    scheme = dsn.partition(":")[0]
    try:
        parts = urlsplit(dsn)
        several = "," in parts.netloc
        ports = [None if several else parts.port, *(int(port) for port in parse_qs(parts.query).get("port", ()))]
    except ValueError as error:
        raise Refusal("data.store.dsn", dsn=scheme) from error
    if scheme not in ("postgresql", "postgres") or any(port is not None and not 0 < port < 65_536 for port in ports):
        raise Refusal("data.store.dsn", dsn=scheme or "?")
    return {"dsn": dsn}
