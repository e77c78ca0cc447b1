"""Subscriptions: clauses 6.10 and 6.11 over 5.8."""

from __future__ import annotations

from typing import Any

from machinami.data.subscriptions.ports import Figures
from machinami.data.subscriptions.rules import status_of
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.entrypoints.http.messages import Answer, Call, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import location, page_links
from machinami.entrypoints.http.ngsi_ld.negotiation import PATCH_TYPES, Negotiator
from machinami.entrypoints.http.routing import Table
from machinami.kernel.clock import iso
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.subscriptions import render_subscription

ADDRESS = "/ngsi-ld/v1/subscriptions"


class SubscriptionHandlers:
    """Handlers of `/subscriptions…`."""

    def __init__(self, subscriptions: Subscriptions, negotiator: Negotiator, settings: Settings) -> None:
        self._subscriptions = subscriptions
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/subscriptions": {"POST": self.create, "GET": self.listing},
            "/subscriptions/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
        }

    async def create(self, call: Call) -> Answer:
        """POST /subscriptions (6.10.3.1, 5.8.1)."""
        only(call, parameters.LOCAL)
        body = await self._negotiator.body(call)
        await self._check_context(call, body.document)
        document = await self._negotiator.with_address(call, body)
        subscription = await self._subscriptions.create(call.caller, document, body.context)
        return Answer(201, headers={"location": location(ADDRESS, subscription.id)})

    async def listing(self, call: Call) -> Answer:
        """GET /subscriptions (6.10.3.2, 5.8.4)."""
        only(call, parameters.PAGING | parameters.LOCAL | {"options"})
        context = await self._negotiator.link(call)
        page = parameters.page(call, self._settings)
        found, total = await self._subscriptions.listing(call.caller, page.limit, page.offset)
        headers = {"ngsild-results-count": str(total)} if page.count else {}
        links = page_links(ADDRESS, {}, page, total)
        if links:
            headers["link"] = links
        documents = [self._document(call, standing, state, context) for standing, state in found]
        return self._negotiator.answer(call, documents, context, headers=headers)

    async def retrieve(self, call: Call) -> Answer:
        """GET /subscriptions/{id} (6.11.3.1, 5.8.3)."""
        only(call, parameters.LOCAL | {"options"})
        context = await self._negotiator.link(call)
        standing, state = await self._subscriptions.retrieve(call.caller, _id(call))
        return self._negotiator.answer(call, self._document(call, standing, state, context), context)

    async def update(self, call: Call) -> Answer:
        """PATCH /subscriptions/{id} (6.11.3.2, 5.8.2)."""
        only(call, parameters.LOCAL)
        body = await self._negotiator.body(call, PATCH_TYPES)
        await self._check_context(call, body.document)
        await self._subscriptions.update(call.caller, _id(call), body.document, body.context)
        return Answer(204)

    async def delete(self, call: Call) -> Answer:
        """DELETE /subscriptions/{id} (6.11.3.3, 5.8.5)."""
        only(call, parameters.LOCAL)
        await self._subscriptions.delete(call.caller, _id(call))
        return Answer(204)

    async def _check_context(self, call: Call, document: Any) -> None:
        """A @context for notifications that can't be had is refused now, not found out at the first change."""
        url = document.get("jsonldContext") if isinstance(document, dict) else None
        if isinstance(url, str) and is_uri(url):
            await self._negotiator.check_context(call, url)

    def _document(self, call: Call, standing: Standing, figures: Figures | None, context: Context) -> dict[str, Any]:
        options = call.query.get("options", "")
        if options not in ("", "sysAttrs"):
            raise Refusal("http.query.not_valid", name="options", value=options[:50], wanted="sysAttrs")
        times = {"createdAt": standing.created_at, "modifiedAt": standing.modified_at} if options else None
        status = status_of(standing.subscription, self._subscriptions.now_text())
        return render_subscription(standing.subscription, context, status=status, delivery=sendings(figures), times=times)


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
