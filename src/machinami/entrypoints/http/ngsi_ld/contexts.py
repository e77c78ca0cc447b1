"""The @context store: clause 6.29 and 6.30 over 5.13."""

from __future__ import annotations

from typing import Any

from machinami.data.contexts.service import Contexts
from machinami.entrypoints.http.messages import JSON, LD_JSON, Answer, Call, boolean, json_answer, only
from machinami.entrypoints.http.routing import Table
from machinami.kernel.errors import Refusal
from machinami.standards.json_input import loads

KINDS = {"hosted": "Hosted", "cached": "Cached", "implicitlyCreated": "ImplicitlyCreated"}


class ContextHandlers:
    """Handlers of `/jsonldContexts…`."""

    def __init__(self, contexts: Contexts, json_depth_max: int) -> None:
        self._contexts = contexts
        self._json_depth_max = json_depth_max

    def routes(self) -> Table:
        return {
            "/jsonldContexts": {"POST": self.add, "GET": self.listing},
            "/jsonldContexts/*": {"GET": self.serve, "DELETE": self.delete},
        }

    async def add(self, call: Call) -> Answer:
        """POST /jsonldContexts (6.29.3.1, 5.13.2)."""
        only(call, frozenset())
        if call.media_type not in (JSON, LD_JSON):
            raise Refusal("http.media_type.unsupported", given=call.media_type or "none", allowed=f"{JSON}, {LD_JSON}")
        if not call.body:
            raise Refusal("http.body.empty")
        local_id = await self._contexts.host(call.caller, loads(call.body, self._json_depth_max), self._address(call))
        return Answer(201, headers={"location": f"/ngsi-ld/v1/jsonldContexts/{local_id}"})

    async def listing(self, call: Call) -> Answer:
        """GET /jsonldContexts (6.29.3.2, 5.13.3)."""
        only(call, frozenset({"details", "kind"}))
        kind = call.query.get("kind")
        if kind is not None and kind not in KINDS:
            raise Refusal("http.query.not_valid", name="kind", value=kind[:50], wanted=", ".join(KINDS))
        records = [
            record for record in await self._contexts.listing(call.caller) if kind is None or record["kind"] == KINDS[kind]
        ]
        if boolean(call, "details"):
            return json_answer([_details(record) for record in records])
        return json_answer([record["URL"] for record in records])

    async def serve(self, call: Call) -> Answer:
        """GET /jsonldContexts/{id} (6.30.3.1, 5.13.4)."""
        only(call, frozenset({"details"}))
        record = await self._contexts.serve(call.caller, call.segments[0], self._address(call))
        if boolean(call, "details"):
            return json_answer(_details(record))
        return json_answer(record["body"], media_type=LD_JSON)

    async def delete(self, call: Call) -> Answer:
        """DELETE /jsonldContexts/{id} (6.30.3.2, 5.13.5). `reload` is not offered yet and is refused."""
        only(call, frozenset({"reload"}))
        if boolean(call, "reload"):
            raise Refusal("http.feature.not_yet", feature="reload=true")
        await self._contexts.delete(call.caller, call.segments[0], self._address(call))
        return Answer(204)

    @staticmethod
    def _address(call: Call) -> str:
        return f"{call.base_url}/ngsi-ld/v1/jsonldContexts"


def _details(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("URL", "localId", "kind", "createdAt")}
