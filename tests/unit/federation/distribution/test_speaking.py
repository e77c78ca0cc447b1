"""What a source is told: its @context, its headers, and nothing that is not meant for it (CIM 009 4.3.6.5, 4.3.6.6)."""

from __future__ import annotations

from typing import Any

from machinami.federation.distribution.model import Ask, Origin, Target
from machinami.federation.distribution.speaking import dressed, headers_for, plain_entity, renamed_entity, renamed_types
from machinami.federation.registrations.model import Registered, Registration
from machinami.standards.ngsi_ld.contexts import Context, build_context, core_context


def context(**terms: str) -> Context:
    return build_context(terms, _nothing)


def _nothing(url: str) -> Any:
    raise AssertionError(url)


def target(*pairs: tuple[str, str], tenant: str | None = None, names: Context | None = None, media_type: str = "") -> Target:
    registration = Registration("urn:r", "http://s", source_info=pairs, source_tenant=tenant)
    return Target(Registered("t", registration, None, "", ""), names or core_context(), media_type)


def test_headers_for_conveys_what_the_registration_says_and_never_steers_the_connection() -> None:
    pairs = (
        ("X-User", "urn:ngsi-ld:request"), ("X-None", "urn:ngsi-ld:request"), ("Authorization", "k"),
        ("Content-Length", "5"), ("Host", "evil"), ("NGSILD-Tenant", "other"), ("jsonldContext", "https://c"),
    )  # fmt: skip
    headers = headers_for(target(*pairs, tenant="theirs"), Ask("GET", "/x"), Origin("ours", {"x-user": "abcd"}), "1.1 us")
    assert headers == {
        "X-User": "abcd", "Authorization": "k", "Accept": "application/json", "Via": "1.1 us", "NGSILD-Tenant": "theirs",
    }  # fmt: skip


def test_headers_for_names_the_context_in_a_link_only_when_the_body_does_not() -> None:
    linked = target(names=Context(core_context().terms, "", "https://c"))
    origin = Origin("t", {})
    assert headers_for(linked, Ask("POST", "/x", (), {"a": 1}), origin, "")["Link"].startswith("<https://c>")
    embedded = headers_for(linked, Ask("POST", "/x", (), {"@context": "https://c"}), origin, "")
    assert embedded["Content-Type"] == "application/ld+json"
    assert "Link" not in embedded


def test_renamed_entity_changes_names_and_never_values() -> None:
    ours, theirs = context(temp="https://x/t", Room="https://x/R", by="https://x/by"), context(temperature="https://x/t")
    document = {
        "id": "urn:1", "type": "Room", "scope": "/temp",
        "temp": [{"type": "Property", "value": {"temp": 1}, "by": {"type": "Relationship", "object": "urn:temp"}}],
        "kind": {"type": "VocabProperty", "vocab": "Room"},
    }  # fmt: skip
    assert renamed_entity(document, ours, theirs) == {
        "id": "urn:1", "type": "https://x/R", "scope": "/temp",
        "temperature": [
            {"type": "Property", "value": {"temp": 1}, "https://x/by": {"type": "Relationship", "object": "urn:temp"}}
        ],
        "kind": {"type": "VocabProperty", "vocab": "https://x/R"},
    }  # fmt: skip


def test_dressed_embeds_a_context_that_has_no_address() -> None:
    inline = context(temp="https://x/t")
    document = {"id": "urn:1", "type": "Room", "temp": 1, "@context": {"temp": "https://x/t"}}
    assert dressed(document, target(names=inline), inline)["@context"] == inline.source
    plain = {"id": "urn:1", "type": "Room"}
    assert dressed(plain, target(), core_context()) == plain


def test_headers_for_conveys_a_callers_login_only_where_that_is_switched_on() -> None:
    source = target(("Authorization", "urn:ngsi-ld:request"), ("Cookie", "urn:ngsi-ld:request"))
    origin = Origin("t", {"authorization": "Bearer mine", "cookie": "session=mine"})
    plain = headers_for(source, Ask("GET", "/x"), origin, "")
    assert not {"Authorization", "Cookie"} & plain.keys()
    assert headers_for(source, Ask("GET", "/x"), origin, "", credentials=True)["Authorization"] == "Bearer mine"


def test_plain_entity_is_normalized_and_keeps_to_the_version_of_the_source() -> None:
    document = {
        "id": "urn:1",
        "type": "Room",
        "temp": 20,
        "title": {"languageMap": {"en": "Hall"}},
        "expiresAt": "2030-01-01T00:00:00Z",
    }
    now = plain_entity(document, target(), core_context())
    assert now["temp"] == {"type": "Property", "value": 20}
    assert now["title"]["type"] == "LanguageProperty"
    old = plain_entity(document, target(("ngsildConformance", "1.3")), core_context())
    assert (old["title"]["type"], "expiresAt" in old) == ("Property", False)


def test_renamed_types_keeps_the_language_of_selections() -> None:
    ours, theirs = context(Room="https://x/R", Hall="https://x/H"), context(Raum="https://x/R", Saal="https://x/H")
    assert renamed_types("Room,(Hall;Room)|Hall", ours, theirs) == "Raum,(Saal;Raum)|Saal"


def test_renamed_entity_names_the_sealed_type_in_the_other_context() -> None:
    """4.5.2.2, annex C.11: the sealed type is a term, all else of a seal stays as it is."""
    ours, theirs = context(Shop="https://x/Store"), context(Store="https://x/Store")
    seal = {"type": "Property", "entityTypeSealed": "Shop", "value": {"type": "DataIntegrityProof"}}
    document = {"id": "urn:s:1", "type": "Shop", "name": {"type": "Property", "value": "Shop", "ngsildproof": seal}}
    found = renamed_entity(document, ours, theirs)
    assert found["name"]["ngsildproof"] == {**seal, "entityTypeSealed": "Store"}
    assert found["name"]["value"] == "Shop"
