"""Who we are: clause 6.33 over 5.15."""

from __future__ import annotations

from machinami import __version__
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.access import require
from machinami.kernel.caller import Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.source import SourceIdentity, duration


class InfoHandlers:
    """Handler of `/info/sourceIdentity`."""

    def __init__(self, source: SourceIdentity, negotiator: Negotiator, clock: Clock) -> None:
        self._source = source
        self._negotiator = negotiator
        self._clock = clock

    def routes(self) -> Table:
        return {"/info/sourceIdentity": {"GET": self.identity}}

    @takes()
    async def identity(self, call: Call) -> Answer:
        """GET /info/sourceIdentity (6.33.3.1, 5.15.1): of the tenant that asks."""
        require(call.caller, Role.READER)
        context = await self._negotiator.link(call)
        alias, now = self._source.alias(call.caller.tenant), self._clock.now()
        document = {
            "id": f"urn:ngsi-ld:ContextSource:{alias}",
            "type": "ContextSourceIdentity",
            "contextSourceAlias": alias,
            "contextSourceUptime": duration(int((now - self._source.started_at).total_seconds())),
            "contextSourceTimeAt": iso(now),
            "contextSourceExtras": {"product": "Machinami", "version": __version__},
        }
        return self._negotiator.answer(call, document, context)
