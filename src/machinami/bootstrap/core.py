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
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from machinami.adapters.postgres.alarms import PostgresAlarms
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.identity import PostgresIdentities
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.registrations import PostgresFederation
from machinami.adapters.postgres.store import PostgresStore
from machinami.adapters.tile_files import TileFolder
from machinami.bootstrap.background import Background, repeat
from machinami.bootstrap.data import Data, join_data
from machinami.bootstrap.database import Database
from machinami.bootstrap.errors import register_all
from machinami.bootstrap.federation import Federation, join_distributed_subscriptions, join_federation
from machinami.bootstrap.joints import (
    CityEntitiesOverData,
    LanesOverDelivery,
    LateAlertsOverCommand,
    MapAlarmsOverCommand,
    MapEntitiesOverData,
)
from machinami.bootstrap.limits import identity_limits, lane_limits, source_limits
from machinami.bootstrap.options import Options
from machinami.bootstrap.outgoing import EndpointGuard, make_sender
from machinami.bootstrap.profile import without_demonstration
from machinami.bootstrap.readers import alarm_rules, live_pages, subscription_matching
from machinami.citymap.basemaps import online_basemaps
from machinami.citymap.imported import Basemaps
from machinami.citymap.live import ALL, LiveFeed
from machinami.citymap.ports import Archive
from machinami.citymap.service import CityMap
from machinami.command.alarms.model import Alarm
from machinami.command.alarms.ports import Ledger
from machinami.command.alarms.presentation import row as alarm_row
from machinami.command.alarms.service import Alarms
from machinami.command.alarms.webhooks import AlarmWebhooks
from machinami.data.delivery.worker import LaneWorker
from machinami.data.ports import DocumentStore
from machinami.federation.distributed_subscriptions.arrivals import Arrivals
from machinami.federation.distributed_subscriptions.service import DistributedSubscriptions
from machinami.federation.distribution.service import Sources
from machinami.kernel.caller import DEFAULT_TENANT
from machinami.kernel.change_reader import ChangeReader
from machinami.kernel.errors import MachinamiError
from machinami.kernel.late import Late
from machinami.kernel.source import SourceIdentity
from machinami.security.egress.model import EgressPolicy
from machinami.security.egress.rules import parse_networks
from machinami.security.identity.passwords import Argon2Hasher, common_passwords
from machinami.security.identity.service import IdentityService

if TYPE_CHECKING:
    from machinami.bootstrap import linkage as linkages
    from machinami.bootstrap.linkage import Linkage
    from machinami.linkage.importing import catalogue
else:
    linkages = Late("machinami.bootstrap.linkage")
    catalogue = Late("machinami.linkage.importing.catalogue")

logger = logging.getLogger(__name__)
SWEEP_S: Final = 1.0
PERIODIC_S: Final = 0.5


class Core:
    """The use cases of a running Machinami. Make one, `await open()`, use it, `await close()`.

    `database` is given by whoever has begun it already.
    """

    data: Data
    federation: Federation
    sources: Sources
    distributed: DistributedSubscriptions
    arrivals: Arrivals
    alarms: Alarms
    citymap: CityMap
    basemaps: Basemaps
    identity: IdentityService
    source: SourceIdentity

    def __init__(self, options: Options, database: Database | None = None) -> None:
        register_all()
        self.options = options
        self.settings = options.settings
        self.clock = options.clock
        self.profile = options.profile if options.dev else without_demonstration(options.profile)
        self.online_basemaps = online_basemaps(self.settings.text("online_basemaps"))
        self.live = LiveFeed(
            secrets.token_hex(4), self.settings.integer("stream_events_kept"), self.settings.integer("stream_clients_max")
        )
        self._database = database or Database(options.data, options.store, options.postgres_bin)
        self._background = Background()
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
        settings, clock = self.settings, self.clock
        self.store = PostgresStore(await self._database.start(), clock, settings, cached_reads=True)
        await self.store.open()
        pool = self.store.pool
        cursors = ConsumerCursors(pool)
        self.deliveries = PostgresDeliveries(pool, cursors)
        await self.deliveries.free_claims()
        records = PostgresRecords(pool)
        policy = EgressPolicy(parse_networks(settings.text("egress_allow")), loopback_allowed=self.options.dev)
        self.sender = make_sender(policy, clock, settings)
        self.worker = LaneWorker(self.deliveries, self.sender, clock, lane_limits(settings), random.Random())  # noqa: S311
        self.source = SourceIdentity(await source_name(records), clock.now())
        self.data = join_data(
            self.store, records, self.deliveries, self.sender, policy, clock, settings, self.options.data / "contexts",
            self.worker.wake,
        )  # fmt: skip
        self._join_federation(PostgresFederation(pool, self.deliveries, on_queued=self.worker.wake), policy)
        self._join_city(records, policy, pool)
        await self.data.subscriptions.load()
        await self.federation.load()
        await self.distributed.load()
        self._run(cursors)

    def _join_federation(self, store: PostgresFederation, policy: EgressPolicy) -> None:
        self.federation = join_federation(
            store, LanesOverDelivery(self.deliveries, self.worker), self.data.entities, self.data.contexts,
            EndpointGuard(policy), EndpointGuard(policy, mqtt=True), self.clock, self.settings,
        )  # fmt: skip
        self.sources = Sources(
            self.federation.registrations, self.sender, self.data.contexts, self.clock, self.source,
            source_limits(self.settings),
        )  # fmt: skip
        self.distributed, self.arrivals = join_distributed_subscriptions(
            store, self.federation.registrations, self.sources, self.data, self.clock, self.settings
        )

    def _join_city(self, records: PostgresRecords, policy: EgressPolicy, pool: Any) -> None:
        settings, entities = self.settings, self.data.entities
        self.alarms = Alarms(
            PostgresAlarms(pool, self.deliveries, self.clock, on_queued=self.worker.wake), self.clock, self.profile.rules
        )
        self.webhooks = AlarmWebhooks(records, EndpointGuard(policy), self.deliveries)
        self.citymap = CityMap(
            self.profile.view, MapEntitiesOverData(entities), MapAlarmsOverCommand(self.alarms, self.clock),
            self.profile.areas, lambda: catalogue.type_names(),
        )  # fmt: skip
        self.basemaps = Basemaps(records, tile_folder(self.options), self.online_basemaps)
        limits = identity_limits(settings)
        self.hasher = Argon2Hasher(limits)
        self.identity = IdentityService(
            PostgresIdentities(pool), self.hasher, self.clock, secrets.token_bytes, limits, common_passwords()
        )

    @cached_property
    def linkage(self) -> Linkage:
        """Import and feeds, loaded at their first use."""
        city = CityEntitiesOverData(self.data.entities)
        alerts = LateAlertsOverCommand(self.alarms, self.alarms_changed)
        return linkages.join_linkage(city, alerts, PostgresRecords(self.store.pool), self.live, self.clock, self.settings)

    def _run(self, cursors: ConsumerCursors) -> None:
        self._readers = [
            live_pages(self.store, self.live, self.citymap),
            subscription_matching(self.store, cursors, self.data, self.worker),
            alarm_rules(self.store, cursors, self.alarms, self.alarms_changed),
        ]
        begin = self._background.begin
        for reader in self._readers:
            self.store.on_commit(reader.wake)
            begin(reader.name, reader.run())
        begin("deliveries", self.worker.run())
        begin("expiry", repeat("expiry", SWEEP_S, self._sweep))
        begin("periodic notifications", repeat("periodic notifications", PERIODIC_S, self._tell_periodically))
        begin("subscriptions at sources", self.distributed.run())
        begin("snapshots", self.data.filler.run(self.data.snapshots))

    async def close(self) -> None:
        """Stop what runs, commit what was submitted, stop the embedded server if nobody else uses it."""
        if hasattr(self, "worker"):
            self.worker.stop()
        await self._background.stop()
        if "linkage" in self.__dict__:
            await self.linkage.imports.close()
        if hasattr(self, "federation"):
            await self._count_last_tries()
        if hasattr(self, "store"):
            await self.store.close()
        if hasattr(self, "sender"):
            await self.sender.close()
        if hasattr(self, "hasher"):
            self.hasher.close()
        await self._database.stop()

    async def _count_last_tries(self) -> None:
        try:
            await self.federation.registrations.close()
        except MachinamiError as error:
            logger.warning("the last operations at context sources were not counted: %s", error.code)

    async def empty(self) -> None:
        """Remove all entities, alarms, subscriptions and runs (`DELETE /dev/state`)."""
        await self.store.empty()
        self.data.forget_all()
        self.federation.forget_all()
        self.sources.forget_all()
        self.distributed.forget_all()
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
        server, running = self._database.state, self._background.running()
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
        self._background.add(task)

    async def _tell_periodically(self) -> None:
        if await self.data.periodic.step():
            self.worker.wake()

    async def _sweep(self) -> None:
        await self.data.entities.sweep()
        await self.federation.step()
        await self.data.entity_maps.sweep()
        await self.data.sweep()


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
