"""The data group joined to the store, the delivery lanes and the outgoing client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from machinami.adapters.outbound.late_sender import LateSender
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.entity_maps import PostgresEntityMaps
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.snapshots import PostgresSnapshots
from machinami.adapters.postgres.store import PostgresStore
from machinami.bootstrap.background import SnapshotFiller
from machinami.bootstrap.limits import context_bounds, entity_map_limits, periodic_limits, snapshot_limits, subscription_limits
from machinami.bootstrap.outgoing import EndpointGuard, GuardedFetcher
from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.snapshots.service import Snapshots
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.matcher import Matcher
from machinami.data.subscriptions.periodic import Periodic
from machinami.data.subscriptions.relaying import Relay
from machinami.data.subscriptions.service import Subscriptions
from machinami.data.temporal.service import Temporal
from machinami.data.tenants.service import Tenants
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.security.egress.model import EgressPolicy


@dataclass(frozen=True, slots=True)
class Data:
    """The use cases of data, and the parts that work for them in the background."""

    entities: Entities
    temporal: Temporal
    tenants: Tenants
    contexts: Contexts
    entity_maps: EntityMaps
    subscriptions: Subscriptions
    matcher: Matcher
    periodic: Periodic
    relay: Relay
    snapshots: Snapshots
    filler: SnapshotFiller

    async def sweep(self) -> None:
        """Take away the subscriptions to snapshots that are gone."""
        places = self.subscriptions.places()
        for place in await self.snapshots.gone(places) if places else ():
            await self.subscriptions.drop(place)

    def forget_all(self) -> None:
        """Empty what is kept in memory after the store was emptied (development mode)."""
        self.subscriptions.forget_all()
        self.contexts.forget_all()
        self.tenants.forget_all()


def join_data(
    store: PostgresStore,
    records: PostgresRecords,
    deliveries: PostgresDeliveries,
    sender: LateSender,
    policy: EgressPolicy,
    clock: Clock,
    settings: Settings,
    folder: Path,
    on_queued: Callable[[], None],
) -> Data:
    """The data group over these parts; `folder` may hold contexts to know from the start."""
    entities = Entities(store, clock)
    temporal = Temporal(store, store.history, clock, settings)
    contexts = Contexts(records, GuardedFetcher(sender, settings), clock, context_bounds(settings))
    contexts.preload(folder)
    receivers = EndpointGuard(policy, mqtt=True)
    subscriptions = Subscriptions(records, deliveries, receivers, clock, subscription_limits(settings))
    composer = Composer(contexts, entities, clock, settings.integer("linked_entities_max"))
    filler = SnapshotFiller()
    snapshots = Snapshots(
        PostgresSnapshots(store.pool, deliveries, clock), entities, temporal, EndpointGuard(policy), clock,
        snapshot_limits(settings), on_begun=filler.wake, on_queued=on_queued,
    )  # fmt: skip
    matcher = Matcher(subscriptions, composer, deliveries, clock)

    async def queue(rows: Sequence[Delivery]) -> None:
        await deliveries.queue(rows)
        on_queued()

    return Data(
        entities,
        temporal,
        Tenants(records, store),
        contexts,
        EntityMaps(PostgresEntityMaps(store.pool), clock, entity_map_limits(settings)),
        subscriptions,
        matcher,
        Periodic(subscriptions, composer, entities, deliveries, clock, periodic_limits(settings)),
        Relay(subscriptions, composer, matcher, queue, clock),
        snapshots,
        filler,
    )
