"""The route table of `/ngsi-ld/v1`: what each area's handlers offer."""

from __future__ import annotations

from machinami.data.contexts.service import Contexts
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.service import Subscriptions
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.ngsi_ld.batch import BatchHandlers
from machinami.entrypoints.http.ngsi_ld.consumption import ConsumptionHandlers
from machinami.entrypoints.http.ngsi_ld.contexts import ContextHandlers
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.provision import ProvisionHandlers
from machinami.entrypoints.http.ngsi_ld.subscriptions import SubscriptionHandlers
from machinami.entrypoints.http.ngsi_ld.temporal import TemporalHandlers
from machinami.entrypoints.http.ngsi_ld.types import TypeHandlers
from machinami.entrypoints.http.routing import Routes, merged
from machinami.kernel.settings import Settings


def ngsi_ld_routes(entities: Entities, contexts: Contexts, subscriptions: Subscriptions, settings: Settings) -> Routes:
    """All operations of the API, by path and method."""
    depth = settings.integer("json_depth_max")
    negotiator = Negotiator(contexts, depth)
    consumption = ConsumptionHandlers(entities, negotiator, settings)
    areas = (
        ProvisionHandlers(entities, negotiator, settings),
        consumption,
        BatchHandlers(entities, consumption, negotiator, settings),
        TypeHandlers(entities, negotiator),
        TemporalHandlers(entities, negotiator, settings),
        SubscriptionHandlers(subscriptions, negotiator, settings),
        ContextHandlers(contexts, depth),
    )
    return Routes(PREFIX, merged(area.routes() for area in areas))
