"""What goes out of the city, under the egress rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from machinami.adapters.outbound.late_sender import LateSender
from machinami.data.contexts.model import Download
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.security.egress.model import EgressPolicy
from machinami.security.egress.rules import check_addresses, check_headers, parse_broker, parse_target
from machinami.standards.json_input import loads


class EndpointGuard:
    """`data.subscriptions.ports.TargetGuard` by the egress rules: names are judged when they are resolved to send."""

    def __init__(self, policy: EgressPolicy, *, mqtt: bool = False) -> None:
        self._policy = policy
        self._mqtt = mqtt

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        over_mqtt = self._mqtt and url.startswith(("mqtt:", "mqtts:"))
        target = parse_broker(url).target if over_mqtt else parse_target(url)
        if target.address is not None:
            check_addresses(target.host, [target.address], self._policy)
        check_headers(dict(headers), frozenset({"webhook-id"}))


class GuardedFetcher:
    """`data.contexts.ports.ContextFetcher` over the guarded HTTP client."""

    def __init__(self, sender: LateSender, settings: Settings) -> None:
        self._sender = sender
        self._bytes_max = settings.integer("context_bytes_max")
        self._timeout_s = settings.number("context_fetch_timeout_s")
        self._depth_max = settings.integer("json_depth_max")

    async def fetch(self, url: str) -> Download:
        accept = "application/ld+json, application/json;q=0.9"
        page = await self._sender.download(url, accept, self._bytes_max, self._timeout_s)
        return Download(loads(page.body, self._depth_max), page.fresh_s)


def make_sender(policy: EgressPolicy, clock: Clock, settings: Settings) -> LateSender:
    """The one client for outgoing requests."""
    bundle = settings.text("ca_bundle")
    return LateSender(policy, clock, proxy=settings.text("egress_proxy"), ca_bundle=Path(bundle) if bundle else None)
