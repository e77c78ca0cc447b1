"""Batch operations: clauses 6.14-6.17, 6.23, 6.31 over 5.6.7-5.6.10, 5.6.20 and 5.7.2. Each item stands for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decide, Decision, Effect
from machinami.data.entities.instances import MergeOptions
from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, json_answer
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.consumption import ConsumptionHandlers
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.provision import update_result
from machinami.entrypoints.http.ngsi_ld.query_bodies import any_type, query_of, words_of
from machinami.entrypoints.http.problems import problem_document
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_entity, parse_fragment

Read = Callable[[Any, Context], tuple[str, Decide]]
_ITEM_ID_MAX: Final = 300


class BatchHandlers:
    """Handlers of `/entityOperations/…`."""

    def __init__(self, entities: Entities, queries: ConsumptionHandlers, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._queries = queries
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/entityOperations/create": {"POST": self.create},
            "/entityOperations/upsert": {"POST": self.upsert},
            "/entityOperations/update": {"POST": self.update},
            "/entityOperations/merge": {"POST": self.merge},
            "/entityOperations/delete": {"POST": self.delete},
            "/entityOperations/query": {"POST": self.query},
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /entityOperations/create (6.14, 5.6.7)."""

        def read(item: Any, context: Context) -> tuple[str, Decide]:
            entity = parse_entity(item, context)
            return entity.id, rules.create(entity)

        items, results = await self._run(call, read)
        done = [one for one, result in zip(items, results, strict=True) if not isinstance(result, MachinamiError)]
        if len(done) == len(items):
            return json_answer(done, 201)
        return json_answer(_result(items, results), 207)

    @takes("local", "options")
    async def upsert(self, call: Call) -> Answer:
        """POST /entityOperations/upsert (6.15, 5.6.8)."""
        update = self._option(call, ("replace", "update")) == "update"

        def read(item: Any, context: Context) -> tuple[str, Decide]:
            entity = parse_entity(item, context)
            return entity.id, rules.upsert_update(entity) if update else rules.upsert_replace(entity)

        items, results = await self._run(call, read)
        if any(isinstance(result, MachinamiError) for result in results):
            return json_answer(_result(items, results), 207)
        created = [
            one
            for one, result in zip(items, results, strict=True)
            if not isinstance(result, MachinamiError) and result.outcome.effect is Effect.CREATED
        ]
        return json_answer(created, 201) if created else Answer(204)

    @takes("local", "options")
    async def update(self, call: Call) -> Answer:
        """POST /entityOperations/update (6.16, 5.6.9)."""
        overwrite = self._option(call, ("noOverwrite",)) == ""

        def read(item: Any, context: Context) -> tuple[str, Decide]:
            entity_id = _id_of(item)
            return entity_id, rules.append_attributes(entity_id, parse_fragment(item, context, nulls=False), overwrite)

        return _updated(*await self._run(call, read))

    @takes("local", "lang", "observedAt")
    async def merge(self, call: Call) -> Answer:
        """POST /entityOperations/merge (6.31, 5.6.20)."""
        options = MergeOptions(observed_at=parameters.observed_at(call), lang=call.query.get("lang"))

        def read(item: Any, context: Context) -> tuple[str, Decide]:
            entity_id = _id_of(item)
            return entity_id, rules.merge(entity_id, parse_fragment(item, context, nulls=True, partial=True), options)

        return _updated(*await self._run(call, read))

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """POST /entityOperations/delete (6.17, 5.6.10): an array of ids."""

        def read(item: Any, context: Context) -> tuple[str, Decide]:
            entity_id = check_entity_id(item)
            return entity_id, rules.delete_entity(entity_id)

        return _updated(*await self._run(call, read))

    @takes(*parameters.PAGING, "local", "options", "format", "geometryProperty")
    async def query(self, call: Call) -> Answer:
        """POST /entityOperations/query (6.23, 5.7.2)."""
        body = await self._negotiator.body(call, link_for_both=True)
        values = words_of(body.document)
        query = query_of(body.document, values, body.context, self._settings)
        if any_type(body.document.get("entities")):
            values["type"] = "*"
        asked = replace(call, query={**values, **call.query})
        return await self._queries.answer_page(asked, query, body.context, call.query)

    def _option(self, call: Call, allowed: tuple[str, ...]) -> str:
        option = call.query.get("options", "")
        if option and option not in allowed:
            raise Refusal("http.query.not_valid", name="options", value=option[:50], wanted=", ".join(allowed))
        return option

    async def _run(self, call: Call, read: Read) -> tuple[list[str], list[Decision | MachinamiError]]:
        """Parse and apply each item for itself; ids and results in the order of the body."""
        body = await self._negotiator.body(call)
        documents = body.document
        most = self._settings.integer("batch_entities_max")
        if not isinstance(documents, list) or not documents or None in documents:
            raise Refusal("http.batch.not_an_array")
        if len(documents) > most:
            raise Refusal("http.batch.too_many", given=str(len(documents)), most=str(most))
        ids: list[str] = []
        results: list[Decision | MachinamiError | None] = []
        rules_to_apply: list[tuple[str, Decide]] = []
        for document, context in zip(documents, await self._negotiator.item_contexts(call, body), strict=True):
            try:
                if isinstance(context, MachinamiError):
                    raise context
                entity_id, rule = read(document, context)
            except MachinamiError as error:
                ids.append(_label(document))
                results.append(error)
                continue
            ids.append(entity_id)
            rules_to_apply.append((entity_id, rule))
            results.append(None)
        applied = iter(await self._entities.apply_each(call.caller, rules_to_apply))
        return ids, [next(applied) if one is None else one for one in results]


def _label(document: Any) -> str:
    value = document.get("id", "") if isinstance(document, dict) else document
    return str(value)[:_ITEM_ID_MAX]


def _id_of(item: Any) -> str:
    if not isinstance(item, dict) or "id" not in item:
        raise Refusal("ngsi_ld.entity.id_missing")
    return check_entity_id(item["id"])


def _errors(ids: list[str], results: list[Decision | MachinamiError]) -> list[dict[str, Any]]:
    return [
        {"entityId": one, "error": problem_document(result)}
        for one, result in zip(ids, results, strict=True)
        if isinstance(result, MachinamiError)
    ]


def _result(ids: list[str], results: list[Decision | MachinamiError]) -> dict[str, Any]:
    """A BatchOperationResult (5.2.16)."""
    success = [one for one, result in zip(ids, results, strict=True) if not isinstance(result, MachinamiError)]
    return {"success": success, "errors": _errors(ids, results)}


def _updated(ids: list[str], results: list[Decision | MachinamiError]) -> Answer:
    partial = [
        {"entityId": one, "error": _partly(one, result)}
        for one, result in zip(ids, results, strict=True)
        if not isinstance(result, MachinamiError) and not result.outcome.complete
    ]
    errors = _errors(ids, results)
    if not errors and not partial:
        return Answer(204)
    document = _result(ids, results)
    unfinished = {one["entityId"] for one in partial}
    document["success"] = [one for one in document["success"] if one not in unfinished]
    document["errors"] += partial
    return json_answer(document, 207)


def _partly(entity_id: str, decision: Decision) -> dict[str, Any]:
    return {**problem_document(Refusal("data.entity.partly_updated")), **update_result(decision.outcome, entity_id)}
