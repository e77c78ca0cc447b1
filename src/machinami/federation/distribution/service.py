"""Asks registered sources: who is concerned, one bounded request each, and what came of it (CIM 009 4.3.6, 5.2.34)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from machinami.federation.distribution import speaking
from machinami.federation.distribution.model import Ask, Limits, Origin, Reply, Said, Target
from machinami.federation.distribution.ports import ContextResolver, Exchange
from machinami.federation.registrations.model import Match, Registered, Wanted
from machinami.federation.registrations.service import Registrations
from machinami.kernel.clock import Clock
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.source import SourceIdentity
from machinami.standards.json_input import loads
from machinami.standards.ngsi_ld.contexts import Context, core_context

PREFIX: Final = "/ngsi-ld/v1"
_WARNING_CHARACTERS: Final = 200
_PEER_WARNINGS_MAX: Final = 8
_COMPLETE_STATUS_MAX: Final = 500


class Sources:
    """The context sources of all tenants, as distributed operations use them.

    `identity` gives our own pseudonym, shown to others in Via headers (6.3.18).
    """

    def __init__(
        self,
        registrations: Registrations,
        exchange: Exchange,
        contexts: ContextResolver,
        clock: Clock,
        identity: SourceIdentity,
        limits: Limits,
    ) -> None:
        self._registrations = registrations
        self._exchange = exchange
        self._contexts = contexts
        self._clock = clock
        self._identity = identity
        self.limits = limits
        self._turns = asyncio.Semaphore(limits.in_flight_max)
        self._rests_until: dict[tuple[str, str], float] = {}
        self._kept: OrderedDict[tuple[str, ...], tuple[float, Reply]] = OrderedDict()

    def any(self, tenant: str) -> bool:
        """Whether a tenant has sources at all: the one check that others pay for."""
        return self._registrations.any(tenant)

    def alias(self, tenant: str) -> str:
        """Our pseudonym as that tenant's context source (5.2.40: an alias stands for one tenant of a broker)."""
        return self._identity.alias(tenant)

    def passed(self, origin: Origin) -> frozenset[str]:
        """The pseudonyms of the sources that a request has come through."""
        hops = (hop.split() for hop in origin.headers.get("via", "").split(",") if hop.strip())
        return frozenset(words[1] if len(words) > 1 else words[0] for words in hops)

    def loops(self, origin: Origin) -> bool:
        """Whether a request has passed through here before, or through more brokers than anyone means to chain."""
        passed = self.passed(origin)
        return self.alias(origin.tenant) in passed or len(passed) > self.limits.via_max

    def concerned(
        self, origin: Origin, wanted: Wanted, operation: str | None = None, *, of_the_past: bool = False
    ) -> list[Match]:
        """The sources that an operation concerns, not those it came from (5.12).

        None: whatever they offer; those of the latest state, with `of_the_past` also those of histories alone.
        """
        found = self._registrations.for_operation(origin.tenant, operation, wanted)
        everyone = operation is not None or of_the_past
        return found if everyone else [one for one in found if not one.registration.temporal]

    async def target(self, registered: Registered, given: Context, *, has_body: bool = True) -> Target:
        """A source with the @context to speak with it; Refusal if the one it wants can't be had."""
        plain = Target(registered, given)
        own = speaking.directive(plain, "jsonldContext")
        accept = speaking.directive(plain, "accept") or speaking.JSON
        if own:
            context = await self._contexts.resolve(registered.tenant, own)
            return Target(registered, context, speaking.JSON, accept)
        media_type = speaking.directive(plain, "contentType")
        linked = given.source is None or isinstance(given.source, str)
        if not linked and (not has_body or media_type == speaking.JSON):
            return Target(registered, core_context(), media_type, accept)
        return Target(registered, given, media_type, accept)

    async def ask_each(self, requests: Sequence[tuple[Target, Ask]], origin: Origin) -> list[Said]:
        """What each source says, in the same order; they are asked at the same time."""
        waiting: list[Awaitable[Said]] = [self.ask(target, ask, origin) for target, ask in requests]
        return list(await asyncio.gather(*waiting))

    async def ask(self, target: Target, ask: Ask, origin: Origin) -> Said:
        """What one source says, within its time. Never raises for what the source or the network does."""
        key = (origin.tenant, target.id)
        management = target.registered.registration.management
        if self._clock.monotonic() < self._rests_until.get(key, 0.0):
            return Unavailable("federation.source.resting", registration=target.id)
        place = self._place(target, ask, origin)
        if ask.reads and management.cache_duration_s:
            known = self._kept.get(place)
            if known is not None and self._clock.monotonic() - known[0] < management.cache_duration_s:
                return known[1]
        try:
            reply = await self._asked(target, ask, origin)
        except MachinamiError as error:
            if management.cooldown_s:
                self._rests_until[key] = self._clock.monotonic() + management.cooldown_s
            self._registrations.tried(origin.tenant, target.id, failed=True)
            return error
        self._rests_until.pop(key, None)
        self._registrations.tried(origin.tenant, target.id, failed=reply.status >= _COMPLETE_STATUS_MAX)
        if ask.reads and management.cache_duration_s and reply.well:
            self._keep(place, reply)
        return reply

    def patience_s(self, target: Target) -> float:
        """How long a source may take (5.2.34)."""
        wanted = target.registered.registration.management.timeout_s
        return min(wanted or self.limits.timeout_s, self.limits.timeout_s_max)

    def monotonic(self) -> float:
        """The clock to measure waiting by."""
        return self._clock.monotonic()

    async def _asked(self, target: Target, ask: Ask, origin: Origin) -> Reply:
        limits = self.limits
        timeout_s = self.patience_s(target)
        body = b"" if ask.document is None else orjson.dumps(ask.document)
        headers = speaking.headers_for(target, ask, origin, self._via(origin), credentials=limits.credentials_conveyed)
        try:
            async with asyncio.timeout(timeout_s), self._turns:
                status, found, answer = await self._exchange.exchange(
                    ask.method, self._url(target, ask), body, headers, limits.answer_bytes_max, timeout_s
                )
        except TimeoutError as error:
            reason = f"nothing within {timeout_s:g} s"
            raise Unavailable("federation.source.no_answer", registration=target.id, reason=reason) from error
        except MachinamiError as error:
            reason = str(error.parameters.get("reason", error.code))
            raise Unavailable("federation.source.no_answer", registration=target.id, reason=reason) from error
        return await self._read(target, status, found, answer)

    async def _read(self, target: Target, status: int, headers: dict[str, str], body: bytes) -> Reply:
        try:
            document = loads(body, self.limits.json_depth_max) if body.strip() else None
        except Refusal as error:
            if status >= 400:
                return Reply(status, warnings=_warnings(headers))
            raise Unavailable("federation.source.not_understood", registration=target.id, reason=error.code) from error
        return Reply(status, document, target.context, _warnings(headers), headers.get("content-range", "")[:200])

    async def context_of(self, target: Target, document: Any) -> Context:
        """The @context of an answered entity: its own, else the one that the source was asked in."""
        if not isinstance(document, dict) or "@context" not in document:
            return target.context
        return await self._contexts.resolve(target.registered.tenant, document["@context"])

    def warning(self, origin: Origin, said: Said) -> str | None:
        """The value of an `NGSILD-Warning` header for an answer that is missing or wrong, naming the source (6.3.17).

        199: no answer in time; 111: an answer that is no NGSI-LD; 299: an error. 404 is an answer like any other.
        """
        if isinstance(said, MachinamiError):
            code = 111 if said.code == "federation.source.not_understood" else 199
            text = f"{said.parameters['registration']}: {said.parameters.get('reason', 'left alone after a failure')}"
            return self._warning(origin, code, text)
        return None

    def error_warning(self, origin: Origin, target: Target, status: int) -> str:
        """The warning about a source that answered with an error."""
        return self._warning(origin, 299, f"{target.id}: answered {status}")

    def loop_warning(self, origin: Origin) -> str:
        """The warning that sources were not asked because the request had come through here before."""
        return self._warning(origin, 199, "a registration loop has been detected")

    def overflow_warning(self, origin: Origin, target: Target, number: int) -> str:
        """The warning that a source has more entities than were taken from it."""
        return self._warning(origin, 199, f"{target.id}: only the first {number} entities were taken")

    def _warning(self, origin: Origin, code: int, text: str) -> str:
        plain = "".join(one if " " <= one <= "~" and one not in '"\\,' else " " for one in text)
        return f'{code} {self.alias(origin.tenant)} "{plain[:_WARNING_CHARACTERS]}"'

    def _via(self, origin: Origin) -> str:
        ours = f"1.1 {self.alias(origin.tenant)}"
        before = origin.headers.get("via", "")
        return f"{before}, {ours}" if before else ours

    def _url(self, target: Target, ask: Ask) -> str:
        registration = target.registered.registration
        local = registration.management.local_only and not ask.path.startswith("/subscriptions")  # they say it themselves
        query = [*ask.query, *([("local", "true")] if local else [])]
        address = f"{registration.endpoint.rstrip('/')}{PREFIX}{ask.path}"
        return f"{address}?{urlencode(query, safe=':,;()*')}" if query else address

    def _place(self, target: Target, ask: Ask, origin: Origin) -> tuple[str, ...]:
        body = "" if ask.document is None else orjson.dumps(ask.document).decode()
        conveyed = speaking.headers_for(target, ask, origin, "", credentials=True)
        return (origin.tenant, target.id, ask.method, self._url(target, ask), body, repr(sorted(conveyed.items())))

    def _keep(self, place: tuple[str, ...], reply: Reply) -> None:
        self._kept[place] = (self._clock.monotonic(), reply)
        self._kept.move_to_end(place)
        while len(self._kept) > self.limits.cached_answers_max:
            self._kept.popitem(last=False)

    def forget_all(self) -> None:
        """Drop cached answers and resting times after the store was emptied (development mode)."""
        self._kept.clear()
        self._rests_until.clear()


def _warnings(headers: dict[str, str]) -> tuple[str, ...]:
    """The warnings that a source passes on, so many and so long at most."""
    text = headers.get("ngsild-warning", "")
    return tuple(one.strip()[:300] for one in text.split(",") if one.strip())[:_PEER_WARNINGS_MAX]
