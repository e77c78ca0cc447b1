"""Context source registration subscriptions: clauses 6.12 and 6.13 over 5.11."""

from __future__ import annotations

from typing import Any, Final

from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import location
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.registrations import page_headers
from machinami.entrypoints.http.ngsi_ld.subscriptions import sendings as sendings_document
from machinami.entrypoints.http.routing import Table, takes
from machinami.federation.registration_subscriptions.model import Standing
from machinami.federation.registration_subscriptions.ports import Sendings
from machinami.federation.registration_subscriptions.service import RegistrationSubscriptions
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.registration_subscriptions import render_registration_subscription

ADDRESS: Final = "/ngsi-ld/v1/csourceSubscriptions"


class RegistrationSubscriptionHandlers:
    """Handlers of `/csourceSubscriptions…`."""

    def __init__(self, subscriptions: RegistrationSubscriptions, negotiator: Negotiator, settings: Settings) -> None:
        self._subscriptions = subscriptions
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/csourceSubscriptions": {"POST": self.create, "GET": self.listing},
            "/csourceSubscriptions/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /csourceSubscriptions (6.12.3.1, 5.11.2)."""
        body = await self._negotiator.body(call)
        await self._negotiator.check_context(call, body.document)
        document = await self._negotiator.with_address(call, body)
        made = await self._subscriptions.create(call.caller, document, body.context)
        return Answer(201, headers={"location": location(ADDRESS, made.id)})

    @takes(*parameters.PAGING, "local", "options")
    async def listing(self, call: Call) -> Answer:
        """GET /csourceSubscriptions (6.12.3.2, 5.11.5)."""
        context, with_times = await self._negotiator.link(call), parameters.system_times(call)
        page = parameters.page(call, self._settings)
        found, total = await self._subscriptions.listing(call.caller, page)
        documents = [self._document(standing, sendings, context, with_times) for standing, sendings in found]
        return self._negotiator.answer(call, documents, context, headers=page_headers(call, ADDRESS, page, total))

    @takes("local", "options")
    async def retrieve(self, call: Call) -> Answer:
        """GET /csourceSubscriptions/{id} (6.13.3.1, 5.11.4)."""
        context, with_times = await self._negotiator.link(call), parameters.system_times(call)
        standing, sendings = await self._subscriptions.retrieve(call.caller, call.segments[0])
        return self._negotiator.answer(call, self._document(standing, sendings, context, with_times), context)

    @takes("local")
    async def update(self, call: Call) -> Answer:
        """PATCH /csourceSubscriptions/{id} (6.13.3.2, 5.11.3)."""
        body = await self._negotiator.body(call)
        await self._negotiator.check_context(call, body.document)
        standing = self._subscriptions.current(call.caller, call.segments[0])
        url = standing.wish.subscription.jsonld_context
        document = await self._negotiator.with_new_address(call, body, url, standing.context_source)
        await self._subscriptions.update(call.caller, call.segments[0], document, body.context)
        return Answer(204)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /csourceSubscriptions/{id} (6.13.3.3, 5.11.6)."""
        await self._subscriptions.delete(call.caller, call.segments[0])
        return Answer(204)

    def _document(self, standing: Standing, sendings: Sendings | None, context: Context, with_times: bool) -> dict[str, Any]:
        times = {"createdAt": standing.created_at, "modifiedAt": standing.modified_at} if with_times else None
        status = standing.status(self._subscriptions.now_text())
        delivery = sendings_document(sendings)
        return render_registration_subscription(standing.wish, context, status=status, delivery=delivery, times=times)
