"""A whole Machinami in one process: opens the store, joins the groups, runs the consumers, and closes again.

`Core` is what the entry points see: the use cases as attributes. Order matters when closing: first nobody new may
write, then readers stop, then the store closes, then its server.
"""

from __future__ import annotations

import asyncio
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
from machinami.adapters.postgres.identity import PostgresIdentities
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.store import PostgresStore
from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.adapters.tile_files import TileFolder
from machinami.bootstrap.errors import register_all
from machinami.bootstrap.joints import CityEntitiesOverData, LateAlertsOverCommand, MapAlarmsOverCommand, MapEntitiesOverData
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
from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import LaneLimits
from machinami.data.delivery.worker import LaneWorker
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.matcher import CONSUMER as SUBSCRIPTIONS_CONSUMER
from machinami.data.subscriptions.matcher import Matcher
from machinami.data.subscriptions.service import Subscriptions
from machinami.kernel.change import Change, Cursor
from machinami.kernel.change_reader import ChangeReader, Interest
from machinami.kernel.clock import Clock, SystemClock
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.settings import Settings
from machinami.linkage.feeds.service import Feeds
from machinami.linkage.importing.catalogue import load_models
from machinami.linkage.importing.model import Table
from machinami.linkage.importing.runs import Imports
from machinami.security.egress.model import EgressPolicy
from machinami.security.egress.rules import check_addresses, check_headers, parse_networks, parse_target
from machinami.security.identity.model import IdentityLimits
from machinami.security.identity.passwords import Argon2Hasher, common_passwords
from machinami.security.identity.service import IdentityService
from machinami.standards.json_input import loads
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

logger = logging.getLogger(__name__)
SWEEP_S = 1.0


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
    contexts: Contexts
    subscriptions: Subscriptions
    alarms: Alarms
    imports: Imports
    feeds: Feeds
    citymap: CityMap
    basemaps: Basemaps
    identity: IdentityService

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
        self._join_data(records, policy, cursors)
        self._join_groups(records, pool)
        await self.subscriptions.load()
        self._run(cursors)

    def _join_data(self, records: PostgresRecords, policy: EgressPolicy, cursors: ConsumerCursors) -> None:
        settings = self.settings
        self.entities = Entities(self.store, self.clock)
        self.contexts = Contexts(
            records, GuardedFetcher(self.sender, settings), self.clock,
            cache_max=settings.integer("context_cache_max"), depth_max=settings.integer("context_depth_max"),
        )  # fmt: skip
        self.contexts.preload(self.options.data / "contexts")
        limits = SubscriptionLimits(
            query_nodes_max=settings.integer("query_nodes_max"),
            pattern_characters_max=settings.integer("pattern_characters_max"),
            geometry_vertices_max=settings.integer("geometry_vertices_max"),
        )
        self.subscriptions = Subscriptions(records, self.deliveries, EndpointGuard(policy), self.clock, limits)
        self.matcher = Matcher(self.subscriptions, self.contexts, self.deliveries, self.clock)

    def _join_groups(self, records: PostgresRecords, pool: Any) -> None:
        settings = self.settings
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

        async def unsubscribed(old: Cursor, new: Cursor) -> None:
            await self.deliveries.commit_matches(SUBSCRIPTIONS_CONSUMER, old, new, [])

        read, newest = self.store.changes, self.store.newest
        subscribed = Interest(lambda: len(self.subscriptions) > 0, newest, unsubscribed)
        matching = ChangeReader(
            "subscription matching", lambda: cursors.load(SUBSCRIPTIONS_CONSUMER), read, matched, interest=subscribed
        )
        self.subscriptions.before_first(matching.skip_ahead)
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

    async def empty(self) -> None:
        """Remove all entities, alarms, subscriptions and runs (`DELETE /dev/state`)."""
        await self.store.empty()
        self.subscriptions.forget_all()
        self.contexts.forget_all()
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

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.entities.sweep()
            except MachinamiError as error:
                logger.warning("expiry waits: %s", error.code)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _tell_failure(task: asyncio.Task[None]) -> None:
    if _failed(task):
        logger.error("%s ended with an error", task.get_name(), exc_info=task.exception())


class EndpointGuard:
    """`data.subscriptions.ports.TargetGuard` by the egress rules: names are judged when they are resolved to send."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        target = parse_target(url)
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

    async def fetch(self, url: str) -> Any:
        accept = "application/ld+json, application/json;q=0.9"
        return loads(await self._sender.fetch(url, accept, self._bytes_max, self._timeout_s), self._depth_max)


def tile_folder(options: Options) -> TileFolder:
    """Where the imported base maps of a city lie."""
    return TileFolder(options.data / "basemaps", options.settings.integer("basemap_file_bytes_max"))


def read_archive(options: Options, source: Path) -> Archive:
    """What a tile archive says about itself, without importing it."""
    return tile_folder(options).inspect(source)


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
