"""Hypothesis strategies for normalized documents, and for fragments that are merged into them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NULL = "urn:ngsi-ld:null"
KINDS = {
    "level": "Property",
    "words": "LanguageProperty",
    "refs": "Relationship",
    "raw": "JsonProperty",
    "sort": "VocabProperty",
}
MEMBERS = {"Property": "value", "LanguageProperty": "languageMap", "Relationship": "object", "JsonProperty": "json",
           "VocabProperty": "vocab"}  # fmt: skip
scalars = st.sampled_from([0, 1, 2.5, -3, "", "a", "b", True, False])
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("pqr"), inner, min_size=1, max_size=3),
    max_leaves=5,
)
patches = st.recursive(
    scalars,
    lambda inner: st.dictionaries(st.sampled_from("pqr"), inner | st.just(NULL), min_size=1, max_size=3),
    max_leaves=5,
)


@st.composite
def attributes(draw: st.DrawFn, name: str, depth: int = 1, *, patch: bool = False) -> dict[str, Any]:
    """One instance; with `patch` it may lack its value, or remove members."""
    kind = KINDS[name]
    one: dict[str, Any] = {"type": kind}
    if not patch or draw(st.integers(0, 3)):
        one[MEMBERS[kind]] = draw(value_of(kind, patch))
    for member, values in (("observedAt", ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]), ("unitCode", ["CEL", "MTR"])):
        if draw(st.integers(0, 2)) == 0 and (member != "unitCode" or kind == "Property"):
            one[member] = draw(st.sampled_from([*values, NULL] if patch else values))
    for sub in draw(st.lists(st.sampled_from(["level", "refs"]), max_size=1)) if depth else ():
        one[sub] = draw(attributes(sub, depth - 1, patch=patch))
    return one


def value_of(kind: str, patch: bool) -> st.SearchStrategy[Any]:
    languages: st.SearchStrategy[Any] = st.sampled_from(["x", "y", *([NULL] if patch else [])])
    return {
        "Property": patches if patch else plain,
        "JsonProperty": patches if patch else plain,
        "LanguageProperty": st.dictionaries(st.sampled_from(["ja", "en"]), languages, min_size=1),
        "Relationship": st.sampled_from(["urn:x:1", "urn:x:2"]),
        "VocabProperty": st.sampled_from(["https://example.org/a", "https://example.org/b"]),
    }[kind]


@st.composite
def documents(draw: st.DrawFn, *, patch: bool = False) -> dict[str, Any]:
    """An entity, or with `patch` a fragment of one."""
    found: dict[str, Any] = {"id": "urn:ngsi-ld:Merged:1", "type": draw(st.sampled_from(["A", "B", ["A", "B"]]))}
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), unique=True, min_size=0 if not patch else 1)):
        datasets = draw(st.lists(st.sampled_from(["", "urn:d:1", "urn:d:2"]), min_size=1, max_size=2, unique=True))
        many = []
        for dataset in datasets:
            one = draw(attributes(name, patch=patch))
            if patch and draw(st.integers(0, 4)) == 0:
                one = {
                    "type": KINDS[name],
                    MEMBERS[KINDS[name]]: {"@none": NULL} if KINDS[name] == "LanguageProperty" else NULL,
                }
            many.append(one | ({"datasetId": dataset} if dataset else {}))
        found[name] = many if len(many) > 1 else many[0]
    return found
