"""Context source registrations and their discovery: clauses 6.8 and 6.9 over 5.9 and 5.10."""

from __future__ import annotations

from typing import Any, Final

from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import location, page_links
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator, accepted
from machinami.entrypoints.http.routing import Table, takes
from machinami.federation.registrations import rules
from machinami.federation.registrations.model import Figures, Interest, Registered, RegistrationInfo, Wanted
from machinami.federation.registrations.service import Registrations, figures_document
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Page
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.projection import Projection, parse_projection_tree
from machinami.standards.ngsi_ld.registrations import render_registration
from machinami.standards.ngsi_ld.render import ENTITY_MEMBERS
from machinami.standards.ngsi_ld.temporal import TemporalQuery, parse_temporal_query

ADDRESS: Final = "/ngsi-ld/v1/csourceRegistrations"
TEMPORAL: Final = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty"})
OWN: Final = frozenset({"csf", "options", "lang", "geometryProperty", "pick", "omit"})
DISCOVERY: Final = parameters.SELECTION | parameters.PAGING | parameters.LOCAL | TEMPORAL | OWN


class RegistrationHandlers:
    """Handlers of `/csourceRegistrations…`."""

    def __init__(self, registrations: Registrations, negotiator: Negotiator, settings: Settings) -> None:
        self._registrations = registrations
        self._negotiator = negotiator
        self._settings = settings
        self._whole = settings.switch("discovery_whole_registrations")

    def routes(self) -> Table:
        return {
            "/csourceRegistrations": {"POST": self.create, "GET": self.discover},
            "/csourceRegistrations/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /csourceRegistrations (6.8.3.1, 5.9.2)."""
        body = await self._negotiator.body(call)
        registration = await self._registrations.create(call.caller, body.document, body.context)
        return Answer(201, headers={"location": location(ADDRESS, registration.id)})

    @takes(*DISCOVERY)
    async def discover(self, call: Call) -> Answer:
        """GET /csourceRegistrations (6.8.3.2, 5.10.2)."""
        context = await self._negotiator.link(call)
        interest, with_times = self._interest(call, context), parameters.system_times(call)
        page = parameters.page(call, self._settings)
        found, total = await self._registrations.discover(call.caller, interest, page)
        documents = [
            _document(match.registered, figures, context, with_times, None if self._whole else match.information)
            for match, figures in found
        ]
        return self._negotiator.answer(call, documents, context, headers=page_headers(call, ADDRESS, page, total))

    @takes("local", "options")
    async def retrieve(self, call: Call) -> Answer:
        """GET /csourceRegistrations/{id} (6.9.3.1, 5.10.1)."""
        context, with_times = await self._negotiator.link(call), parameters.system_times(call)
        registered, figures = await self._registrations.retrieve(call.caller, call.segments[0])
        return self._negotiator.answer(call, _document(registered, figures, context, with_times), context)

    @takes("local")
    async def update(self, call: Call) -> Answer:
        """PATCH /csourceRegistrations/{id} (6.9.3.2, 5.9.3)."""
        body = await self._negotiator.body(call)
        await self._registrations.update(call.caller, call.segments[0], body.document, body.context)
        return Answer(204)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /csourceRegistrations/{id} (6.9.3.3, 5.9.4)."""
        await self._registrations.delete(call.caller, call.segments[0])
        return Answer(204)

    def _interest(self, call: Call, context: Context) -> Interest:
        """What is looked for; attributes of pick, q and the geo-query count like those of attrs (5.10.2.4, table 6.8.3.2-1)."""
        asked = {name: value for name, value in call.query.items() if value}
        for one in asked.get("id", "").split(",") if "id" in asked else ():
            if not is_uri(one.strip()):
                raise Refusal("federation.registration.id_not_valid", id=one[:200])
        query = parameters.entity_query(asked, context, self._settings)
        temporal = _temporal(asked)
        csf = parameters.condition(asked["csf"], context, self._settings) if "csf" in asked else None
        if not ("type" in asked or query.attributes or query.condition or query.geo):
            raise Refusal("federation.discovery.too_wide")
        names = frozenset((*query.attributes, *rules.attribute_names(query.condition), *_picked(asked, context)))
        if query.geo is not None:
            names |= {query.geo.property_name}
        wanted = Wanted(query.selectors, names, frozenset(query.dataset_ids), temporal=temporal)
        return Interest(wanted, csf, query.geo, query.scope)


def page_headers(call: Call, address: str, page: Page, total: int) -> dict[str, str]:
    """The total, and links to the pages before and behind with the other parameters of the call (6.3.10, 6.3.13)."""
    headers = {"ngsild-results-count": str(total)} if page.count else {}
    links = page_links(address, call.query, page, total, accepted(call))
    return headers | ({"link": links} if links else {})


def _picked(asked: dict[str, str], context: Context) -> frozenset[str]:
    """The attributes that `pick` names; what `omit` hides of entities makes no source the wrong one."""
    if "omit" in asked:
        parse_projection_tree(asked["omit"], context, "omit")
    picked = parse_projection_tree(asked["pick"], context) if "pick" in asked else Projection()
    return picked.all_names - ENTITY_MEMBERS


def _temporal(asked: dict[str, str]) -> TemporalQuery | None:
    if not asked.keys() & TEMPORAL:
        return None
    return parse_temporal_query(asked.get("timerel"), asked.get("timeAt"), asked.get("endTimeAt"), asked.get("timeproperty"))


def _document(
    registered: Registered,
    figures: Figures | None,
    context: Context,
    with_times: bool,
    information: tuple[RegistrationInfo, ...] | None = None,
) -> dict[str, Any]:
    times = {"createdAt": registered.created_at, "modifiedAt": registered.modified_at} if with_times else None
    return render_registration(
        registered.registration, context, information=information, figures=figures_document(figures), times=times
    )
