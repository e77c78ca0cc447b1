"""The route table of `/ngsi-ld/v1`: what each area's handlers offer."""

from __future__ import annotations

from machinami.bootstrap.federation import Federation
from machinami.data.contexts.service import Contexts
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.snapshots.service import Snapshots
from machinami.data.subscriptions.service import Subscriptions
from machinami.data.temporal.service import Temporal
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.ngsi_ld.batch import BatchHandlers
from machinami.entrypoints.http.ngsi_ld.consumption import ConsumptionHandlers
from machinami.entrypoints.http.ngsi_ld.contexts import ContextHandlers
from machinami.entrypoints.http.ngsi_ld.discovery import DiscoveryHandlers
from machinami.entrypoints.http.ngsi_ld.distributed import with_sources
from machinami.entrypoints.http.ngsi_ld.distributed_batches import DistributedBatches
from machinami.entrypoints.http.ngsi_ld.distributed_histories import DistributedHistories
from machinami.entrypoints.http.ngsi_ld.distributed_reads import DistributedReads
from machinami.entrypoints.http.ngsi_ld.distributed_writes import DistributedWrites
from machinami.entrypoints.http.ngsi_ld.entity_maps import EntityMapHandlers, TemporalEntityMapHandlers
from machinami.entrypoints.http.ngsi_ld.info import InfoHandlers
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.provision import ProvisionHandlers
from machinami.entrypoints.http.ngsi_ld.purge import PurgeHandlers
from machinami.entrypoints.http.ngsi_ld.registration_subscriptions import RegistrationSubscriptionHandlers
from machinami.entrypoints.http.ngsi_ld.registrations import RegistrationHandlers
from machinami.entrypoints.http.ngsi_ld.snapshots import SnapshotHandlers, on_snapshots
from machinami.entrypoints.http.ngsi_ld.subscriptions import SubscriptionHandlers
from machinami.entrypoints.http.ngsi_ld.temporal import TemporalHandlers
from machinami.entrypoints.http.ngsi_ld.temporal_provision import TemporalProvisionHandlers
from machinami.entrypoints.http.routing import Routes, checked, merged
from machinami.federation.distribution.service import Sources
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.kernel.source import SourceIdentity


def ngsi_ld_routes(
    entities: Entities,
    temporal: Temporal,
    contexts: Contexts,
    subscriptions: Subscriptions,
    entity_maps: EntityMaps,
    snapshots: Snapshots,
    federation: Federation,
    source: SourceIdentity,
    sources: Sources,
    clock: Clock,
    settings: Settings,
) -> Routes:
    """All operations of the API, by path and method."""
    depth = settings.integer("json_depth_max")
    negotiator = Negotiator(contexts, depth)
    maps = MapUse(entity_maps, clock)
    consumption = ConsumptionHandlers(entities, maps, negotiator, settings)
    areas = (
        ProvisionHandlers(entities, negotiator, settings),
        PurgeHandlers(entities, entity_maps, negotiator, settings),
        consumption,
        BatchHandlers(entities, consumption, negotiator, settings),
        DiscoveryHandlers(entities, negotiator),
        TemporalHandlers(temporal, negotiator, settings, maps),
        TemporalProvisionHandlers(temporal, negotiator),
        SubscriptionHandlers(subscriptions, sources, negotiator, settings),
        RegistrationHandlers(federation.registrations, negotiator, settings),
        RegistrationSubscriptionHandlers(federation.subscriptions, negotiator, settings),
        ContextHandlers(contexts, depth),
        InfoHandlers(source, negotiator, clock),
        SnapshotHandlers(snapshots, negotiator, settings),
        EntityMapHandlers(maps, entities, negotiator, settings),
        TemporalEntityMapHandlers(maps, temporal, negotiator, settings),
    )
    writes = DistributedWrites(sources, entities, negotiator)
    batches = DistributedBatches(sources, writes, negotiator, settings)
    reads = DistributedReads(sources, entities, maps, negotiator, clock, settings)
    snapshots.ask_sources(reads.over)
    histories = DistributedHistories(sources, temporal, maps, negotiator, clock, settings)
    wrappers = (writes.handlers(), batches.handlers(), reads.handlers(), histories.handlers())
    table = with_sources(merged(area.routes() for area in areas), wrappers)
    return Routes(PREFIX, on_snapshots(checked(table), snapshots))
