"""Federation joined to the data group, the store and the delivery lanes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from machinami.adapters.postgres.registrations import PostgresFederation
from machinami.bootstrap.data import Data
from machinami.bootstrap.joints import LocalEntitiesOverData
from machinami.bootstrap.limits import copy_limits
from machinami.data.contexts.service import Contexts
from machinami.data.entities.service import Entities
from machinami.data.matching import matches
from machinami.federation.distributed_subscriptions.arrivals import Arrivals
from machinami.federation.distributed_subscriptions.service import DistributedSubscriptions
from machinami.federation.distribution.service import Sources
from machinami.federation.registration_subscriptions.composing import Composer
from machinami.federation.registration_subscriptions.ports import Lanes
from machinami.federation.registration_subscriptions.service import RegistrationSubscriptions
from machinami.federation.registrations.model import RegistrationLimits
from machinami.federation.registrations.ports import SourceGuard
from machinami.federation.registrations.service import Registrations
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits


@dataclass(frozen=True, slots=True)
class Federation:
    """The use cases of federation."""

    registrations: Registrations
    subscriptions: RegistrationSubscriptions

    async def load(self) -> None:
        """Fill the live sets from the store."""
        await self.registrations.load()
        await self.subscriptions.load()

    async def step(self) -> None:
        """What time brings: registrations that expire, notifications by interval, figures to write."""
        await self.registrations.sweep()
        await self.subscriptions.step()

    def forget_all(self) -> None:
        """Empty the live sets after the store was emptied (development mode)."""
        self.registrations.forget_all()
        self.subscriptions.forget_all()


def join_federation(
    store: PostgresFederation,
    lanes: Lanes,
    entities: Entities,
    contexts: Contexts,
    sources: SourceGuard,
    receivers: SourceGuard,
    clock: Clock,
    settings: Settings,
) -> Federation:
    """Federation over these parts; `sources` judges where requests go, `receivers` where notifications go."""
    patterns, vertices = settings.integer("pattern_characters_max"), settings.integer("geometry_vertices_max")
    registrations = Registrations(
        store, LocalEntitiesOverData(entities), sources, matches, clock, RegistrationLimits(patterns, vertices)
    )
    limits = SubscriptionLimits(settings.integer("query_nodes_max"), patterns, vertices)
    subscriptions = RegistrationSubscriptions(
        store, registrations, lanes, Composer(contexts, clock), receivers, matches, clock, limits
    )
    registrations.watch(subscriptions)
    return Federation(registrations, subscriptions)


def join_distributed_subscriptions(
    store: PostgresFederation, registrations: Registrations, sources: Sources, data: Data, clock: Clock, settings: Settings
) -> tuple[DistributedSubscriptions, Arrivals]:
    """Subscriptions of the data group, kept at sources too, and what those tell."""
    limits = copy_limits(settings)
    distributed = DistributedSubscriptions(
        store,
        registrations,
        sources,
        data.subscriptions,
        data.contexts,
        matches,
        clock,
        limits,
        random.Random(),  # noqa: S311
    )
    own = LocalEntitiesOverData(data.entities)
    arrivals = Arrivals(distributed, sources, data.subscriptions, data.relay, data.contexts, own, clock, limits)
    data.subscriptions.on_change(distributed.subscription_changed)
    registrations.on_change(distributed.registrations_changed)
    return distributed, arrivals
