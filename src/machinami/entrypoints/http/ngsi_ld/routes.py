"""The route table of `/ngsi-ld/v1`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from machinami.data.contexts.service import Contexts
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.service import Subscriptions
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld.batch import BatchHandlers
from machinami.entrypoints.http.ngsi_ld.contexts import ContextHandlers
from machinami.entrypoints.http.ngsi_ld.entities import PREFIX, EntityHandlers
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.subscriptions import SubscriptionHandlers
from machinami.entrypoints.http.ngsi_ld.temporal import TemporalHandlers
from machinami.entrypoints.http.ngsi_ld.types import TypeHandlers
from machinami.entrypoints.http.routing import Routes
from machinami.kernel.settings import Settings

Handler = Callable[[Call], Awaitable[Answer]]
ANY: Final = "*"


def ngsi_ld_routes(entities: Entities, contexts: Contexts, subscriptions: Subscriptions, settings: Settings) -> Routes:
    """All operations of the API, by path and method."""
    depth = settings.integer("json_depth_max")
    negotiator = Negotiator(contexts, depth)
    one = EntityHandlers(entities, negotiator, settings)
    batch = BatchHandlers(entities, one, negotiator, settings)
    types = TypeHandlers(entities, negotiator)
    temporal = TemporalHandlers(entities, negotiator, settings)
    documents = ContextHandlers(contexts, depth)
    watch = SubscriptionHandlers(subscriptions, negotiator, settings)
    return Routes(
        PREFIX,
        {
            "/entities": {"POST": one.create, "GET": one.find},
            "/entities/*": {"GET": one.retrieve, "PATCH": one.merge, "PUT": one.replace, "DELETE": one.delete},
            "/entities/*/attrs": {"POST": one.append, "PATCH": one.update},
            "/entities/*/attrs/*": {
                "PATCH": one.patch_attribute,
                "PUT": one.replace_attribute,
                "DELETE": one.delete_attribute,
            },
            "/entityOperations/create": {"POST": batch.create},
            "/entityOperations/upsert": {"POST": batch.upsert},
            "/entityOperations/update": {"POST": batch.update},
            "/entityOperations/merge": {"POST": batch.merge},
            "/entityOperations/delete": {"POST": batch.delete},
            "/entityOperations/query": {"POST": batch.query},
            "/types": {"GET": types.listing},
            "/types/*": {"GET": types.one},
            "/temporal/entities/*": {"GET": temporal.retrieve},
            "/subscriptions": {"POST": watch.create, "GET": watch.listing},
            "/subscriptions/*": {"GET": watch.retrieve, "PATCH": watch.update, "DELETE": watch.delete},
            "/jsonldContexts": {"POST": documents.add, "GET": documents.listing},
            "/jsonldContexts/*": {"GET": documents.serve, "DELETE": documents.delete},
        },
    )
