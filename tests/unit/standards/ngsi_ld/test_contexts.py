"""Term expansion and compaction, with pyld as oracle over the W3C's and Smart Data Models' contexts."""

import json
from pathlib import Path

import pytest
from pyld import jsonld

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import (
    CORE_CONTEXT_URL,
    ContextMissing,
    build_context,
    core_context,
    core_document,
    core_version,
)

DATA = Path(__file__).parents[3] / "data/ngsi-ld"
W3C = json.loads((DATA / "w3c-contexts.json").read_text("utf-8"))
DOMAINS = sorted((DATA / "smart-data-models").glob("*/context.jsonld"))
CORE = core_document(CORE_CONTEXT_URL)["@context"]
OPEN_CORE = {name: value for name, value in CORE.items() if name not in ("@protected", "ngsildproof")}
OUT_OF_SCOPE = {"@import", "@propagate", "@protected", "@base"}


def offline(url):
    raise ContextMissing(url)


def _oracle_loader(url, options):
    raise jsonld.JsonLdError("offline", "loading document failed")


def _plain(context):
    """Whether the W3C context only uses what NGSI-LD names rest on."""
    if isinstance(context, list):
        return all(_plain(one) for one in context)
    if not isinstance(context, dict) or OUT_OF_SCOPE & context.keys() or context.get("@version") == 1.0:
        return False
    return not any(isinstance(value, dict) and ({"@context", "@nest", "@reverse"} & value.keys()) for value in context.values())


def _expanded_by_oracle(context, name):
    document = {"@context": [*(context if isinstance(context, list) else [context]), OPEN_CORE], "@type": [name], "a:b": 1}
    found = jsonld.expand(document, {"documentLoader": _oracle_loader, "base": ""})
    return found[0]["@type"][0]


def _coerced(context, name):
    return isinstance(context.get(name), dict)


def _names(context):
    parts = context if isinstance(context, list) else [context]
    return [name for part in parts for name in part if not name.startswith("@") and name]


def _ours(context, name):
    try:
        return context.expanded[name]
    except Refusal:
        return None


def test_core_context_expands_each_of_its_own_terms_as_pyld_does():
    context = core_context()
    for name in _names(CORE):
        if name in ("id", "type", "ngsildproof"):
            continue
        assert context.expanded[name] == _expanded_by_oracle({}, name), name


@pytest.mark.parametrize("path", DOMAINS, ids=lambda path: path.parent.name)
def test_build_context_agrees_with_pyld_when_a_domain_context_is_used(path):
    local = json.loads(path.read_text("utf-8"))["@context"]
    local = {name: value for name, value in local.items() if ":" not in name}  # pyld refuses IssueTracking's open311:type
    context = build_context(local, offline)
    names = [name for name in _names(local) if name not in ("id", "type")][::7]
    for name in [*names, "unknownName", "ngsi-ld:x", "https://a.example/b"]:
        iri = _expanded_by_oracle(local, name)
        assert context.expanded[name] == iri
        compacted = jsonld.compact(
            {"@type": [iri], "a:b": 1}, {"@context": [local, OPEN_CORE]}, {"documentLoader": _oracle_loader}
        )
        if _coerced(local, context.compact(iri)) or _coerced(OPEN_CORE, context.compact(iri)):
            continue  # as the object of @type, pyld avoids terms made for lists or other types
        assert context.compact(iri) == compacted["type"], iri
        assert context.expanded[context.compact(iri)] == iri


def test_build_context_agrees_with_pyld_when_w3c_contexts_are_used():
    compared = refused_by_both = 0
    for file, local in W3C.items():
        if not _plain(local):
            continue
        for name in _names(local):
            try:
                expected = _expanded_by_oracle(local, name)
            except (jsonld.JsonLdError, KeyError, IndexError):
                refused_by_both += 1
                continue
            try:
                ours = _ours(build_context(local, offline), name)
            except Refusal as refusal:
                pytest.fail(f"{file} {name}: refused {refusal.parameters}, pyld gives {expected}")
            if ours is None and (expected.startswith("@") or " " in expected or "," in name or "(" in name):
                continue
            assert ours == expected, (file, name)
            compared += 1
    assert compared > 300


@pytest.mark.parametrize("version", [*(f"-v1.{minor}" for minor in range(10)), ""])
def test_core_documents_are_built_in_when_nested_in_a_user_context(version):
    url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
    assert core_version(url)
    assert "Property" in json.dumps(core_document(url))
    documents = {"https://city.example/c.jsonld": {"@context": [url, {"depth": "https://city.example/depth"}]}}
    context = build_context(["https://city.example/c.jsonld", url], documents.__getitem__)
    assert context.expanded["depth"] == "https://city.example/depth"
    assert context.expanded["location"] == "https://uri.etsi.org/ngsi-ld/location"


def test_core_document_is_unknown_when_the_url_is_not_a_core_context():
    with pytest.raises(KeyError):
        core_document("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v9.9.jsonld")


def test_core_terms_win_when_a_user_context_redefines_them():
    context = build_context({"location": "https://evil.example/x", "@vocab": "https://evil.example/"}, offline)
    assert context.expanded["location"] == "https://uri.etsi.org/ngsi-ld/location"
    assert context.expanded["other"] == "https://uri.etsi.org/ngsi-ld/default-context/other"


def test_compact_never_returns_a_name_of_another_meaning_when_a_term_shadows_the_vocabulary():
    context = build_context({"depth": "https://city.example/depth"}, offline)
    iri = "https://uri.etsi.org/ngsi-ld/default-context/depth"
    assert context.compact(iri) != "depth"
    assert context.expanded[context.compact(iri)] == iri


def test_build_context_asks_for_a_document_when_it_is_not_known():
    with pytest.raises(ContextMissing) as missing:
        build_context(["https://city.example/c.jsonld"], offline)
    assert missing.value.url == "https://city.example/c.jsonld"


def test_relative_references_are_resolved_when_a_document_names_its_neighbour():
    documents = {
        "https://city.example/a/c.jsonld": {"@context": "../d.jsonld"},
        "https://city.example/d.jsonld": {"@context": {"x": "https://city.example/x"}},
    }
    assert build_context("https://city.example/a/c.jsonld", documents.__getitem__).expanded["x"] == "https://city.example/x"


@pytest.mark.parametrize(
    ("local", "code"),
    [
        (7, "not_valid"),
        ([["https://a.example"]], "not_valid"),
        ("no-url", "not_valid"),
        ({"a": 7}, "not_valid"),
        ({"a": "b:x", "b": "a:x"}, "not_valid"),
        ({"a": {"@id": 5}}, "not_valid"),
        ({"@vocab": 5}, "not_valid"),
        ({"@version": 2}, "not_valid"),
        ("https://loop.example/a", "cyclic"),
        ("https://deep.example/0", "too_deep"),
        ("https://odd.example/list", "not_valid"),
        ({f"t{number}": f"t{number + 1}:x" for number in range(5000)}, "too_many_terms"),
        ({f"t{number}": "https://a.example/" for number in range(60)}, "too_many_terms"),
    ],
)
def test_build_context_refuses_when_the_context_is_broken(local, code):
    documents = {
        "https://loop.example/a": {"@context": "https://loop.example/b"},
        "https://loop.example/b": {"@context": ["https://loop.example/a"]},
        "https://odd.example/list": [1],
    } | {f"https://deep.example/{level}": {"@context": f"https://deep.example/{level + 1}"} for level in range(9)}
    with pytest.raises(Refusal) as refusal:
        build_context(local, documents.__getitem__, depth_max=5, terms_max=50)
    assert refusal.value.code == f"ngsi_ld.context.{code}"


def test_build_context_refuses_when_thousands_of_terms_rest_on_each_other():
    with pytest.raises(Refusal) as refusal:
        build_context({f"t{number}": f"t{number + 1}:x" for number in range(9000)}, offline)
    assert refusal.value.code == "ngsi_ld.context.not_valid"


@pytest.mark.parametrize("name", ["", "a b", "a<b", "x(y)", "a;b", "a\x00b", "x" * 3000, 'a"b'])
def test_expanded_refuses_when_a_name_is_impossible(name):
    with pytest.raises(Refusal) as refusal:
        core_context().expanded[name]
    assert refusal.value.code == "ngsi_ld.name.not_valid"


def test_expanded_refuses_when_the_context_takes_the_meaning_away():
    with pytest.raises(Refusal) as refusal:
        build_context({"gone": None}, offline).expanded["gone"]
    assert refusal.value.code == "ngsi_ld.name.no_meaning"


def test_japanese_names_expand_and_compact_when_no_context_is_given():
    context = core_context()
    assert context.compact(context.expanded["水位"]) == "水位"
