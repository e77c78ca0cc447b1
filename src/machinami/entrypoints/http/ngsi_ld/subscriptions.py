"""Subscriptions: clauses 6.10 and 6.11 over 5.8."""

from __future__ import annotations

from typing import Any

from machinami.data.subscriptions.ports import Figures
from machinami.data.subscriptions.rules import status_of
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import location
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.registrations import page_headers
from machinami.entrypoints.http.ngsi_ld.snapshots import HEADER as SNAPSHOT
from machinami.entrypoints.http.routing import Table, takes
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.service import Sources
from machinami.kernel.clock import iso
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.subscriptions import render_subscription

ADDRESS = "/ngsi-ld/v1/subscriptions"


class SubscriptionHandlers:
    """Handlers of `/subscriptions…`."""

    def __init__(self, subscriptions: Subscriptions, sources: Sources, negotiator: Negotiator, settings: Settings) -> None:
        self._subscriptions = subscriptions
        self._sources = sources
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/subscriptions": {"POST": self.create, "GET": self.listing},
            "/subscriptions/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /subscriptions (6.10.3.1, 5.8.1)."""
        body = await self._negotiator.body(call)
        await self._negotiator.check_context(call, body.document)
        document = await self._negotiator.with_address(call, body)
        if self._sources.loops(Origin(call.caller.tenant, call.headers)):
            raise Refusal("federation.operation.loop")  # else each change would be told twice
        subscription = await self._subscriptions.create(
            call.caller,
            _scoped(call, document),
            body.context,
            via=call.header("via"),
            base_url=call.base_url,
            snapshot=call.header(SNAPSHOT),
        )
        return Answer(201, headers={"location": location(ADDRESS, subscription.id)})

    @takes(*parameters.PAGING, "local", "options")
    async def listing(self, call: Call) -> Answer:
        """GET /subscriptions (6.10.3.2, 5.8.4)."""
        context = await self._negotiator.link(call)
        page = parameters.page(call, self._settings)
        found, total = await self._subscriptions.listing(call.caller, page.limit, page.offset)
        documents = [self._document(call, standing, state, context) for standing, state in found]
        return self._negotiator.answer(call, documents, context, headers=page_headers(call, ADDRESS, page, total))

    @takes("local", "options")
    async def retrieve(self, call: Call) -> Answer:
        """GET /subscriptions/{id} (6.11.3.1, 5.8.3)."""
        context = await self._negotiator.link(call)
        standing, state = await self._subscriptions.retrieve(call.caller, _id(call))
        return self._negotiator.answer(call, self._document(call, standing, state, context), context)

    @takes("local")
    async def update(self, call: Call) -> Answer:
        """PATCH /subscriptions/{id} (6.11.3.2, 5.8.2)."""
        body = await self._negotiator.body(call)
        await self._negotiator.check_context(call, body.document)
        standing = await self._subscriptions.current(call.caller, _id(call))
        url = standing.subscription.jsonld_context
        document = await self._negotiator.with_new_address(call, body, url, standing.context_source)
        await self._subscriptions.update(call.caller, _id(call), _scoped(call, document), body.context)
        return Answer(204)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /subscriptions/{id} (6.11.3.3, 5.8.5)."""
        await self._subscriptions.delete(call.caller, _id(call))
        return Answer(204)

    def _document(self, call: Call, standing: Standing, figures: Figures | None, context: Context) -> dict[str, Any]:
        shown = parameters.system_times(call)
        times = {"createdAt": standing.created_at, "modifiedAt": standing.modified_at} if shown else None
        status = status_of(standing.subscription, self._subscriptions.now_text())
        return render_subscription(standing.subscription, context, status=status, delivery=sendings(figures), times=times)


def _scoped(call: Call, document: Any) -> Any:
    """The document; `local=true` says the same as `localOnly` (5.5.13), and so does a snapshot (5.2.12)."""
    if isinstance(document, dict) and (boolean(call, "local") or SNAPSHOT in call.headers):
        return {**document, "localOnly": True}
    return document


def _id(call: Call) -> str:
    """The subscription's id in the address; 400 if it is no URI (5.8.2 to 5.8.5)."""
    subscription_id = call.segments[0]
    if not is_uri(subscription_id):
        raise Refusal("ngsi_ld.subscription.not_valid", member="id", reason="it must be a URI")
    return subscription_id


def sendings(figures: Figures | None) -> dict[str, Any]:
    """The read-only members of NotificationParams (5.2.14)."""
    if figures is None:
        return {}
    failing = figures.last_failure and (figures.last_success is None or figures.last_failure > figures.last_success)
    found: dict[str, Any] = {"status": "failed" if failing else "ok", "timesSent": figures.times_sent}
    if figures.times_failed:
        found["timesFailed"] = figures.times_failed
    for name, at in (
        ("lastNotification", figures.last_notification),
        ("lastSuccess", figures.last_success),
        ("lastFailure", figures.last_failure),
    ):
        if at is not None:
            found[name] = iso(at)
    return found
