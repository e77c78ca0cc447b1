"""Context source registration subscriptions: clauses 6.12 and 6.13 over 5.11."""

from __future__ import annotations

from typing import Any, Final

from machinami.entrypoints.http.messages import Answer, Call, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import location
from machinami.entrypoints.http.ngsi_ld.negotiation import PATCH_TYPES, Negotiator
from machinami.entrypoints.http.ngsi_ld.registrations import page_headers, system_times
from machinami.entrypoints.http.ngsi_ld.subscriptions import sendings as sendings_document
from machinami.entrypoints.http.routing import Table
from machinami.federation.registration_subscriptions.model import Standing
from machinami.federation.registration_subscriptions.ports import Sendings
from machinami.federation.registration_subscriptions.service import RegistrationSubscriptions
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_uri
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

    async def create(self, call: Call) -> Answer:
        """POST /csourceSubscriptions (6.12.3.1, 5.11.2)."""
        only(call, parameters.LOCAL)
        body = await self._negotiator.body(call)
        await self._check_context(call, body.document)
        document = await self._negotiator.with_address(call, body)
        made = await self._subscriptions.create(call.caller, document, body.context)
        return Answer(201, headers={"location": location(ADDRESS, made.id)})

    async def listing(self, call: Call) -> Answer:
        """GET /csourceSubscriptions (6.12.3.2, 5.11.5)."""
        only(call, parameters.PAGING | parameters.LOCAL | {"options"})
        context, with_times = await self._negotiator.link(call), system_times(call)
        page = parameters.page(call, self._settings)
        found, total = await self._subscriptions.listing(call.caller, page)
        documents = [self._document(standing, sendings, context, with_times) for standing, sendings in found]
        return self._negotiator.answer(call, documents, context, headers=page_headers(call, ADDRESS, page, total))

    async def retrieve(self, call: Call) -> Answer:
        """GET /csourceSubscriptions/{id} (6.13.3.1, 5.11.4)."""
        only(call, parameters.LOCAL | {"options"})
        context, with_times = await self._negotiator.link(call), system_times(call)
        standing, sendings = await self._subscriptions.retrieve(call.caller, call.segments[0])
        return self._negotiator.answer(call, self._document(standing, sendings, context, with_times), context)

    async def update(self, call: Call) -> Answer:
        """PATCH /csourceSubscriptions/{id} (6.13.3.2, 5.11.3)."""
        only(call, parameters.LOCAL)
        body = await self._negotiator.body(call, PATCH_TYPES)
        await self._check_context(call, body.document)
        await self._subscriptions.update(call.caller, call.segments[0], body.document, body.context)
        return Answer(204)

    async def delete(self, call: Call) -> Answer:
        """DELETE /csourceSubscriptions/{id} (6.13.3.3, 5.11.6)."""
        only(call, parameters.LOCAL)
        await self._subscriptions.delete(call.caller, call.segments[0])
        return Answer(204)

    async def _check_context(self, call: Call, document: Any) -> None:
        """A @context for notifications that can't be had is refused now, not found out at the first change."""
        url = document.get("jsonldContext") if isinstance(document, dict) else None
        if isinstance(url, str) and is_uri(url):
            await self._negotiator.check_context(call, url)

    def _document(self, standing: Standing, sendings: Sendings | None, context: Context, with_times: bool) -> dict[str, Any]:
        times = {"createdAt": standing.created_at, "modifiedAt": standing.modified_at} if with_times else None
        status = standing.status(self._subscriptions.now_text())
        delivery = sendings_document(sendings)
        return render_registration_subscription(standing.wish, context, status=status, delivery=delivery, times=times)
