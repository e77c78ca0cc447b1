"""Which media type an Accept header means, and which @context a Link header names."""

from __future__ import annotations

import pytest

from machinami.entrypoints.http.messages import GEO_JSON, JSON, LD_JSON, Call
from machinami.entrypoints.http.ngsi_ld.negotiation import accepted, link_context
from machinami.kernel.caller import development_caller
from machinami.kernel.errors import Refusal

CONTEXT = 'rel="http://www.w3.org/ns/json-ld#context"'


def call(**headers: str) -> Call:
    return Call("GET", "/", development_caller(), headers)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("Application/LD+JSON", LD_JSON),
        ("application/geo+json", GEO_JSON),
        ("application/ld+json, application/json", JSON),
        ("application/ld+json, application/json;q=0.9", LD_JSON),
        ("application/ld+json;q=0.5, application/*;q=0.8", JSON),
        ("application/json;q=0, */*", LD_JSON),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=0.2, */*;q=0.3", LD_JSON),
        ("application/ld+json;profile=x;q=0.9, application/json;q=0.8", LD_JSON),
        ("application/json;q=nonsense, application/ld+json;q=0.1", LD_JSON),
        (" application/ld+json ; q = 1 ", LD_JSON),
    ],
)
def test_accepted_is_the_best_liked_type_when_several_would_do(accept: str, chosen: str) -> None:
    assert accepted(call(accept=accept), (JSON, LD_JSON, GEO_JSON)) == chosen


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0", "json", ",", "application/json;q=nan"])
def test_accepted_is_refused_when_nothing_offered_will_do(accept: str) -> None:
    with pytest.raises(Refusal) as refused:
        accepted(call(accept=accept), (JSON,))
    assert refused.value.code == "http.accept.impossible"


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ("", None),
        (f"<https://x.example/c>; {CONTEXT}", "https://x.example/c"),
        (f'<https://x.example/c>;{CONTEXT};type="application/ld+json"', "https://x.example/c"),
        ("<https://x.example/c>; rel=http://www.w3.org/ns/json-ld#context", "https://x.example/c"),
        (f'<https://x.example/a>; rel="next", <https://x.example/c>; {CONTEXT}', "https://x.example/c"),
        (f"<https://x.example/c?a=1,2;b>; {CONTEXT}", "https://x.example/c?a=1,2;b"),
        (f'<https://x.example/c>; type="application/ld+json" ; {CONTEXT}', "https://x.example/c"),
        ('<https://x.example/a>; rel="next"', None),
        ("nonsense", None),
    ],
)
def test_link_context_is_the_linked_context_when_there_is_one(header: str, url: str | None) -> None:
    assert link_context(call(link=header)) == url


def test_link_context_is_seen_from_the_request_when_it_is_relative() -> None:
    linked = {"link": f"</ngsi-ld/v1/jsonldContexts/urn:c:1>; {CONTEXT}"}
    request = Call("GET", "/ngsi-ld/v1/types", development_caller(), linked, {}, b"", (), "https://town.example")
    assert link_context(request) == "https://town.example/ngsi-ld/v1/jsonldContexts/urn:c:1"


def test_link_context_is_refused_when_there_are_two() -> None:
    with pytest.raises(Refusal) as refused:
        link_context(call(link=f"<https://x.example/a>; {CONTEXT}, <https://x.example/b>; {CONTEXT}"))
    assert refused.value.code == "http.context.several_links"
