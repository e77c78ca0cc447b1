"""The @context store: clause 6.29 and 6.30 over 5.13."""

from __future__ import annotations

from typing import Any, Final

from machinami.data.contexts.model import ContextKind, StoredContext
from machinami.data.contexts.service import Contexts
from machinami.entrypoints.http.messages import Answer, Call, boolean, json_answer
from machinami.entrypoints.http.ngsi_ld.addresses import location
from machinami.entrypoints.http.ngsi_ld.negotiation import CONTEXTS_ADDRESS, accepted, json_body
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.errors import Refusal

KINDS: Final = {name: kind for kind in ContextKind for name in (kind.value, kind.value[0].lower() + kind.value[1:])}
"""The kinds as the standard writes them, and as ETSI's OpenAPI does."""


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

    @takes()
    async def add(self, call: Call) -> Answer:
        """POST /jsonldContexts (6.29.3.1, 5.13.2)."""
        local_id = await self._contexts.host(call.caller, json_body(call, self._json_depth_max))
        return Answer(201, headers={"location": location(CONTEXTS_ADDRESS, local_id)})

    @takes("details", "kind")
    async def listing(self, call: Call) -> Answer:
        """GET /jsonldContexts (6.29.3.2, 5.13.3)."""
        accepted(call)
        details, wanted = boolean(call, "details"), call.query.get("kind")
        if wanted is not None and wanted not in KINDS:
            raise Refusal("http.query.not_valid", name="kind", value=wanted[:50], wanted=", ".join(ContextKind))
        found = [one for one in await self._contexts.listing(call.caller) if wanted is None or one.kind is KINDS[wanted]]
        return json_answer([self._details(call, one) if details else _url(call, one) for one in found])

    @takes("details")
    async def serve(self, call: Call) -> Answer:
        """GET /jsonldContexts/{contextId} (6.30.3.1, 5.13.4). The figures are those from before this answer."""
        media_type = accepted(call)
        if boolean(call, "details"):
            found = await self._contexts.retrieve(call.caller, call.segments[0])
            answer = json_answer(self._details(call, found))
        else:
            found = await self._contexts.serve(call.caller, call.segments[0])
            answer = json_answer(found.body, media_type=media_type)
        self._contexts.served(call.caller, found)
        return answer

    @takes("reload")
    async def delete(self, call: Call) -> Answer:
        """DELETE /jsonldContexts/{contextId} (6.30.3.2, 5.13.5)."""
        if boolean(call, "reload"):
            await self._contexts.reload(call.caller, call.segments[0])
        else:
            await self._contexts.delete(call.caller, call.segments[0])
        return Answer(204)

    def _details(self, call: Call, context: StoredContext) -> dict[str, Any]:
        """The metadata of a context (5.13.3.5)."""
        usage = self._contexts.usage(call.caller, context)
        found: dict[str, Any] = {
            "URL": _url(call, context), "localId": context.local_id, "kind": context.kind.value,
            "createdAt": context.created_at, "numberOfHits": usage.hits,
        }  # fmt: skip
        if context.expires_at:
            found["expiresAt"] = context.expires_at
        if usage.last:
            found["lastUsage"] = usage.last
        return found


def _url(call: Call, context: StoredContext) -> str:
    return context.url or call.base_url + location(CONTEXTS_ADDRESS, context.local_id)
