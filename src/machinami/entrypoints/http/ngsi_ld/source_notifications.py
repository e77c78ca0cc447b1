"""Where notifications of context sources arrive (CIM 009 5.8.6): an address that each source alone knows its part of."""

from __future__ import annotations

from machinami.entrypoints.http.messages import JSON, LD_JSON, Answer, Call
from machinami.entrypoints.http.ngsi_ld.negotiation import link_context
from machinami.entrypoints.http.routing import Routes
from machinami.federation.distributed_subscriptions.arrivals import Arrivals
from machinami.federation.distributed_subscriptions.service import ARRIVALS
from machinami.kernel.errors import Refusal
from machinami.standards.json_input import loads


def source_notification_routes(arrivals: Arrivals, json_depth_max: int) -> Routes:
    """The one operation; no key is asked for, as the address is the secret."""

    async def arrive(call: Call) -> Answer:
        """POST /source-notifications/{token} (5.8.6, 6.3.8)."""
        if call.media_type not in (JSON, LD_JSON):
            raise Refusal("http.media_type.unsupported", given=call.media_type or "none", allowed=f"{JSON}, {LD_JSON}")
        await arrivals.arrived(call.segments[0], loads(call.body, json_depth_max), link_context(call))
        return Answer(200)

    return Routes(ARRIVALS, {"/*": {"POST": arrive}}, open_to_all=True)
