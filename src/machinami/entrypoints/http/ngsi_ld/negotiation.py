"""Media types and @context of requests and answers (CIM 009 6.3.4-6.3.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from machinami.data.contexts import rules
from machinami.data.contexts.service import Contexts
from machinami.entrypoints.http.messages import GEO_JSON, JSON, LD_JSON, MERGE_PATCH_JSON, Answer, Call, json_answer
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.standards.json_input import loads
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context
from machinami.standards.ngsi_ld.versions import NEWEST, Version, preferred_version

CONTEXTS_ADDRESS: Final = f"{PREFIX}/jsonldContexts"
CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[a-zA-Z*]+\s*=\s*(?:"[^"]*"|[^;,\s]*)\s*)*)')
_RELATION = re.compile(r'rel\s*=\s*(?:"([^"]*)"|([^;,\s]*))')


GEO_TYPES: Final = (JSON, LD_JSON, GEO_JSON)
"""What retrieving and querying entities offers, and nothing else does (6.3.4)."""
QUERIES: Final = {
    f"{PREFIX}/entityOperations/query": GEO_TYPES,
    f"{PREFIX}/temporal/entityOperations/query": (JSON, LD_JSON),
}
"""The operations whose body asks and whose answer shows entities, with what they offer (6.3.4)."""


@dataclass(frozen=True, slots=True)
class Body:
    """A parsed request body with the @context that names its terms; `simplified` if the client says so."""

    document: Any
    context: Context


class Negotiator:
    """Reads bodies and writes answers in the media type and @context that the client asked for."""

    def __init__(self, contexts: Contexts, json_depth_max: int) -> None:
        self._contexts = contexts
        self._json_depth_max = json_depth_max

    async def body(self, call: Call, *, link_for_both: bool = False) -> Body:
        """The JSON body and its @context: in the body for ld+json, in the Link header for json, never both (6.3.5).

        `link_for_both` also takes ld+json whose @context is in the Link header alone: that is clear enough for a query. The
        @context of a query gets an address if it has none, for the Link header of the answer (5.13.1).
        """
        media_type = call.media_type
        document = json_body(call, self._json_depth_max)
        link = link_context(call)
        holders = document if isinstance(document, list) else [document]
        embedded = [one for one in holders if isinstance(one, dict) and "@context" in one]
        if media_type == LD_JSON:
            if link is not None and (embedded or not link_for_both):
                raise Refusal("http.context.both")
            if isinstance(document, dict) and not embedded and link is None:
                raise Refusal("http.context.missing")
            local = document.get("@context", link) if isinstance(document, dict) else link
        else:
            if isinstance(document, dict) and embedded and media_type == JSON:
                raise Refusal("http.context.in_json")
            local = link
        context = await self._contexts.resolve(call.caller.tenant, local)
        offered = QUERIES.get(call.path.rstrip("/"))
        if offered is not None and accepted(call, offered) != LD_JSON:
            await self._address(call, context, passing=True)
        return Body(document, context)

    async def item_contexts(self, call: Call, body: Body) -> list[Context | MachinamiError]:
        """The @context of each member of a batch: its own in ld+json, where it must have one, else the request's.

        They are looked for together, so that items whose @contexts can't be had don't wait for each other.
        """
        items = body.document
        if call.media_type != LD_JSON:
            refused = Refusal("http.context.in_json")
            return [refused if isinstance(one, dict) and "@context" in one else body.context for one in items]
        own = [one["@context"] for one in items if isinstance(one, dict) and "@context" in one]
        found = iter(await self._contexts.resolve_all(call.caller.tenant, own))
        return [
            body.context if not isinstance(one, dict) else next(found) if "@context" in one else Refusal("http.context.missing")
            for one in items
        ]

    async def _address(self, call: Call, context: Context, *, passing: bool = False) -> str | None:
        """The URL under which a @context without one of its own is served from now on; None if it has one (5.13.1)."""
        local_id = await self._contexts.implicit(call.caller, context.source, passing=passing)
        return None if local_id is None else call.base_url + location(CONTEXTS_ADDRESS, local_id)

    async def with_address(self, call: Call, body: Body) -> Any:
        """A subscription whose notifications can name its @context: with `jsonldContext` if it needs one and has none."""
        address = await self._address(call, body.context)
        if address is None or not isinstance(body.document, dict):
            return body.document
        return {"jsonldContext": address, **body.document}

    async def with_new_address(self, call: Call, body: Body, url: str | None, source: Any) -> Any:
        """A fragment of a subscription whose `jsonldContext` was `url`, made under the @context `source`, likewise.

        Its new @context takes the place of the old one where a client has not chosen another for notifications.
        """
        own = url is None or url.endswith(location(CONTEXTS_ADDRESS, rules.implicit_id(source)))
        if not own or body.context.source is None or not isinstance(body.document, dict):
            return body.document
        address = await self._address(call, body.context)
        return body.document if address == url else {"jsonldContext": address, **body.document}

    async def check_context(self, call: Call, document: Any) -> None:
        """Make sure that the @context that a subscription names for its notifications can be had; Refusal `data.context.*`.

        Else it would be found out at the first change.
        """
        url = document.get("jsonldContext") if isinstance(document, dict) else None
        if isinstance(url, str) and is_uri(url):
            await self._contexts.resolve(call.caller.tenant, url)

    async def link(self, call: Call) -> Context:
        """The @context of a request without a body. What no answer can be written for is refused here already (6.3.4)."""
        if call.method == "GET":
            accepted(call, GEO_TYPES if call.path.startswith(f"{PREFIX}/entities") else (JSON, LD_JSON))
        return await self._contexts.resolve(call.caller.tenant, link_context(call))

    def answer(
        self, call: Call, document: Any, context: Context, status: int = 200, headers: dict[str, str] | None = None
    ) -> Answer:
        """A JSON answer in the accepted media type, with @context in the body (ld+json) or in a Link header (json)."""
        media_type = accepted(call)
        source = context.source if context.source is not None else CORE_CONTEXT_URL
        extra = dict(headers or {})
        if media_type == LD_JSON:
            document = _with_context(document, source)
        else:
            _add_link(extra, _link_target(call, source))
        return json_answer(document, status, media_type, extra)

    def geojson_answer(self, call: Call, document: Any, context: Context, headers: dict[str, str] | None = None) -> Answer:
        """A GeoJSON answer; `Prefer: body=json` moves the @context to a Link header (6.3.7)."""
        source = context.source if context.source is not None else CORE_CONTEXT_URL
        extra = dict(headers or {})
        if call.header("prefer").replace(" ", "") == "body=json":
            _add_link(extra, _link_target(call, source))
        else:
            document = {**document, "@context": source}
        return json_answer(document, 200, GEO_JSON, extra)


def body_types(method: str) -> tuple[str, ...]:
    """The media types that a request body may have (6.3.4)."""
    return (JSON, LD_JSON, MERGE_PATCH_JSON) if method == "PATCH" else (JSON, LD_JSON)


def json_body(call: Call, depth_max: int) -> Any:
    """The JSON of a body, once its media type and its length are told (6.3.4): 415 is for a wrong type, not for none."""
    allowed = body_types(call.method)
    if not call.media_type:
        raise Refusal("http.media_type.missing", allowed=", ".join(allowed))
    if call.media_type not in allowed:
        raise Refusal("http.media_type.unsupported", given=call.media_type, allowed=", ".join(allowed))
    if "content-length" not in call.headers:
        raise Refusal("http.body.no_length")
    if not call.body:
        raise Refusal("http.body.empty")
    return loads(call.body, depth_max)


def link_context(call: Call) -> str | None:
    """The URL of the Link header's JSON-LD context, None if there is none; more than one is refused.

    A relative one, like the Location of a @context that is hosted here, is seen from the request's address (RFC 8288, 3.1).
    """
    header = call.header("link")
    if not header:
        return None
    found: list[str] = []
    for match in _LINK.finditer(header):
        relation = _RELATION.search(match[2])
        if relation and (relation[1] or relation[2]) == CONTEXT_RELATION:
            found.append(match[1])
    if len(found) > 1:
        raise Refusal("http.context.several_links")
    if not found or _ABSOLUTE.match(found[0]):
        return found[0] if found else None
    return urljoin(f"{call.base_url}{call.path}", found[0])


def accepted(call: Call, offered: Sequence[str] = (JSON, LD_JSON)) -> str:
    """The offered media type that the Accept header likes best; the first offered one wins a tie (6.3.4)."""
    header = call.header("accept")
    if not header:
        return offered[0]
    best, best_weight = "", 0.0
    ranges = [_media_range(part) for part in header.split(",")]
    for media_type in offered:
        weight = _weight(media_type, ranges)
        if weight > best_weight:
            best, best_weight = media_type, weight
    if not best:
        raise Refusal("http.accept.impossible", given=header[:100], offered=", ".join(offered))
    return best


def version_of(call: Call, offered: Sequence[str] = (JSON, LD_JSON)) -> Version | None:
    """The version of the standard that is preferred for a JSON answer (6.3.6)."""
    header = call.header("prefer")
    return preferred_version(header) if header and accepted(call, offered) != GEO_JSON else None


def tell_version(answer: Answer, version: Version | None) -> None:
    """Say to which version of the standard the answer conforms, if one was preferred (6.4.3.2, 6.5.3.1, 6.18.3.2, 6.19.3.1).

    203 means that the answer was amended; a part of a history stays 206.
    """
    if version is not None:
        answer.headers["preference-applied"] = f"ngsi-ld={version[0]}.{version[1]}"
        answer.status = 203 if version < NEWEST and answer.status == 200 else answer.status


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                weight = min(1.0, max(0.0, float(value)))
            except ValueError:
                weight = 0.0
    return name.lower(), weight


def _weight(media_type: str, ranges: list[tuple[str, float]]) -> float:
    family = media_type.split("/")[0]
    for wanted in (media_type, f"{family}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == wanted]
        if weights:
            return max(weights)
    return 0.0


def _with_context(document: Any, source: Any) -> Any:
    if isinstance(document, list):
        return [_with_context(one, source) for one in document]
    return {**document, "@context": source}


def _add_link(headers: dict[str, str], target: str) -> None:
    link = f'<{target}>; rel="{CONTEXT_RELATION}"; type="{LD_JSON}"'
    headers["link"] = f"{link}, {headers['link']}" if "link" in headers else link


def _link_target(call: Call, source: Any) -> str:
    """The URL of a @context: its own, or the one that `Negotiator.query` gave it."""
    return rules.only_url(source) or call.base_url + location(CONTEXTS_ADDRESS, rules.implicit_id(source))
