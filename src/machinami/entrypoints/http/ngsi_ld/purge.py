"""Purging entities by a query: clause 6.4.3.3 over 5.6.21."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from machinami.data.entities import rules
from machinami.data.entities.purge import purge
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.model import EntityMap
from machinami.data.entity_maps.service import EntityMaps
from machinami.entrypoints.http.messages import Answer, Call, json_answer
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.map_use import HEADER, address_of, id_of
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.problems import problem_document
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Selector, chains
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context

PURGE: Final = parameters.LOCAL | frozenset(
    "id type idPattern attrs q georel geometry coordinates geoproperty geometryProperty scopeQ csf keep drop".split()  # noqa: SIM905
)


class PurgeHandlers:
    """The handler of `DELETE /entities`."""

    def __init__(self, entities: Entities, maps: EntityMaps, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._maps = maps
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {"/entities": {"DELETE": self.purge}}

    @takes(*PURGE)
    async def purge(self, call: Call) -> Answer:
        """DELETE /entities (6.4.3.3, 5.6.21): entities that match, or with `drop` or `keep` some of their attributes.

        207 tells what was purged and what was not, with reasons; so does a purge that stopped at its bound. An entity map
        says which entities may be purged at most.
        """
        context = await self._negotiator.link(call)
        listed = _listed(call)
        names = _names(call, listed, context)
        query = parameters.entity_query(call.query, context, self._settings)
        if chains(query.condition):
            raise Refusal("http.query.not_valid", name="q", value=call.query["q"][:50], wanted="no linked entities")
        told = replace(query, attributes=(*query.attributes, *names))
        if not parameters.local_scope(call.query) and not parameters.has_filter(told):
            raise Refusal("http.query.too_wide_purge")
        used = await self._map(call)
        if used is not None:
            query = _within(query, used)
        rule = rules.purge_attributes(query, names, listed == "keep") if listed else rules.purge_entity(query)
        done = await purge(self._entities, call.caller, query, rule, self._settings.integer("purge_entities_max"))
        headers = {HEADER: address_of(used)} if used is not None else {}
        if not done.errors:
            return Answer(204, headers=headers)
        errors = [{"entityId": one, "error": problem_document(error)} for one, error in done.errors]
        return json_answer({"success": done.success, "errors": errors}, 207, headers=headers)

    async def _map(self, call: Call) -> EntityMap | None:
        """The entity map of the header; one that is not there is refused: without it more would go than was meant."""
        named = call.header(HEADER)
        return await self._maps.retrieve(call.caller, id_of(named)) if named else None


def _listed(call: Call) -> str | None:
    """Which of `keep` and `drop` is given, if any."""
    if "keep" in call.query and "drop" in call.query:
        raise Refusal("http.query.exclusive", one="keep", other="drop")
    return next((name for name in ("keep", "drop") if name in call.query), None)


def _names(call: Call, listed: str | None, context: Context) -> frozenset[str]:
    if listed is None:
        return frozenset()
    names = frozenset(context.expanded[name.strip()] for name in call.query[listed].split(",") if name.strip())
    if not names:
        raise Refusal("http.query.not_valid", name=listed, value="", wanted="names of attributes")
    return names


def _within(query: EntityQuery, used: EntityMap) -> EntityQuery:
    """The query among the entities of a map."""
    mapped = frozenset(one for one, _ in used.entities)
    each = query.selectors or (Selector(),)
    return replace(query, selectors=tuple(replace(one, ids=mapped if one.ids is None else mapped & one.ids) for one in each))
