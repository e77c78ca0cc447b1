"""JSON-LD @contexts as NGSI-LD uses them: short names to IRIs and back (CIM 009 5.5.5, 5.5.7).

A `Context` holds the terms of a user's @context with the core context on top, because core terms can't be redefined.
Expansion follows "Create Term Definition" and "IRI Expansion", compaction "IRI Compaction" of the W3C's JSON-LD 1.1
API, for names only: values are never rewritten here. Contexts inside term definitions (scoped contexts), `@nest`,
`@reverse` and `@language` don't change how NGSI-LD names read and are not applied.

Every core context URL, v1.0 to v1.9 and unversioned, is built in and stands for the newest core context wherever it
occurs; the data folder of older versions serves `core_document` only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urljoin

from machinami.kernel.entity import DEFAULT_VOCABULARY
from machinami.kernel.errors import Refusal

NEWEST_CORE: Final = "v1.9"
CORE_CONTEXT_URL: Final = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-{NEWEST_CORE}.jsonld"
_CORE_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-(v1\.[0-9]))?\.jsonld")
_KEPT_VERSIONS = frozenset({"v1.0", "v1.3", "v1.4", "v1.9"})

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]*")
_KEYWORD_LIKE = re.compile(r"@[A-Za-z]+")
_KEYWORDS = frozenset(
    f"@{word}"
    for word in (
        *("id", "type", "context", "value", "language", "list", "set", "graph", "index", "base", "vocab", "container"),
        *("reverse", "none", "json", "nest", "prefix", "version", "included", "direction", "import", "propagate", "protected"),
    )
)
_NOT_IN_NAMES = re.compile(r"[\x00-\x20\x7f<>\"'=;(){}|\\^`,\[\]]")
_GENERIC_DELIMITERS = frozenset(":/?#[]@")
_NAMES_CACHED_MAX = 4096
_CHAIN_MAX = 50
_NAME_CHARACTERS_MAX = 2048

Documents = Callable[[str], Any]


class ContextMissing(Exception):
    """A remote @context is needed: fetch `url`, then build again with a `documents` that knows it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(frozen=True, slots=True)
class Term:
    """One term definition: `iri` (None: explicitly without meaning), `type` coercion (`@id`, `@vocab`, an IRI),
    `container` keywords, and whether it may be the prefix of a compact IRI."""

    iri: str | None
    type: str | None = None
    container: frozenset[str] = frozenset()
    prefix: bool = False


class _Expanded(dict[str, str]):
    """Names already expanded; a miss expands, checks and remembers. The hot path is one dictionary look-up."""

    __slots__ = ("_terms", "_vocabulary")

    def __init__(self, terms: Mapping[str, Term], vocabulary: str) -> None:
        super().__init__()
        self._terms = terms
        self._vocabulary = vocabulary

    def __missing__(self, name: str) -> str:
        if name.__class__ is not str or not name or len(name) > _NAME_CHARACTERS_MAX or _NOT_IN_NAMES.search(name):
            raise Refusal("ngsi_ld.name.not_valid", name=name)
        iri = _expand_iri(name, self._terms, self._vocabulary)
        if iri is None or iri.startswith("@"):
            raise Refusal("ngsi_ld.name.no_meaning", name=name)
        if len(self) >= _NAMES_CACHED_MAX:
            self.clear()
        self[name] = iri
        return iri


class _Compacted(dict[str, str]):
    """IRIs already compacted; a miss compacts and remembers."""

    __slots__ = ("_by_iri", "_prefixes", "_terms", "_vocabulary")

    def __init__(self, terms: Mapping[str, Term], vocabulary: str) -> None:
        super().__init__()
        self._terms = terms
        self._vocabulary = vocabulary
        self._by_iri: dict[str, str] | None = None
        self._prefixes: list[tuple[str, str]] = []

    def __missing__(self, iri: str) -> str:
        if self._by_iri is None:
            self._index()
        name = self._compact(iri)
        if len(self) >= _NAMES_CACHED_MAX:
            self.clear()
        self[iri] = name
        return name

    def _index(self) -> None:
        by_iri: dict[str, str] = {}
        for name, term in self._terms.items():
            if term.iri is None or term.iri.startswith("@"):
                continue
            other = by_iri.get(term.iri)
            if other is None or (len(name), name) < (len(other), other):
                by_iri[term.iri] = name
            if term.prefix:
                self._prefixes.append((term.iri, name))
        self._by_iri = by_iri

    def _compact(self, iri: str) -> str:
        assert self._by_iri is not None
        name = self._by_iri.get(iri)
        if name is not None:
            return name
        if iri.startswith(self._vocabulary):
            rest = iri[len(self._vocabulary) :]
            if rest and rest not in self._terms and ":" not in rest and not rest.startswith("@"):
                return rest
        candidates = [
            candidate
            for start, prefix in self._prefixes
            if len(iri) > len(start) and iri.startswith(start)
            if not (rest := iri[len(start) :]).startswith("//") and (candidate := f"{prefix}:{rest}") not in self._terms
        ]
        return min(candidates, key=lambda text: (len(text), text)) if candidates else iri


class Context:
    """Names of one @context. Immutable; `expanded[name]` and `compacted[iri]` are the cached look-ups of hot paths.

    `source` is the user's @context as it was given (None: the core context alone), to be echoed in answers.
    """

    __slots__ = ("aliases", "compacted", "expanded", "source", "terms", "vocabulary")

    def __init__(self, terms: Mapping[str, Term], vocabulary: str, source: Any) -> None:
        self.terms = terms
        self.vocabulary = vocabulary
        self.source = source
        self.expanded: dict[str, str] = _Expanded(terms, vocabulary)
        self.compacted: dict[str, str] = _Compacted(terms, vocabulary)
        self.aliases: dict[str, str] = {
            name: {"@id": "id", "@type": "type"}[term.iri]
            for name, term in terms.items()
            if term.iri in ("@id", "@type") and name not in ("id", "type")
        } | {"@id": "id", "@type": "type"}

    def expand_value(self, text: str) -> str:
        """The IRI of a vocabulary value (VocabProperty, objectType): any text is allowed, unknown ones get the
        default vocabulary."""
        return _expand_iri(text, self.terms, self.vocabulary) or text

    def compact(self, iri: str) -> str:
        """The shortest name that expands to `iri` again, else `iri` itself."""
        return self.compacted[iri]

    def coercion(self, name: str) -> str | None:
        """The `@type` of a term's definition: `@id`, `@vocab`, `@json`, an IRI, or None."""
        term = self.terms.get(name)
        return term.type if term else None


def core_version(url: str) -> str | None:
    """The version (`v1.9`) that a core context URL stands for, None if it is no core context URL."""
    match = _CORE_URL.fullmatch(url)
    if match is None:
        return None
    version = match.group(1) or NEWEST_CORE
    return version if version in _KEPT_VERSIONS else NEWEST_CORE


@cache
def core_document(url: str) -> Any:
    """The built-in document that a core context URL serves; KeyError for other URLs. Versions that are not kept
    (1.1, 1.2, 1.5 to 1.8) serve the newest, which has all their terms. Treat as immutable."""
    version = core_version(url)
    if version is None:
        raise KeyError(url)
    name = f"ngsi-ld-core-context-{version}.jsonld"
    return json.loads(files(__package__).joinpath("core_contexts", name).read_text("utf-8"))


@cache
def core_context() -> Context:
    """The newest core context."""
    reader = _Reader(_no_documents, depth_max=1, terms_max=10_000)
    reader.read_definitions(core_document(CORE_CONTEXT_URL)["@context"], base="", stack=())
    return Context(reader.terms, reader.vocabulary or DEFAULT_VOCABULARY, None)


def build_context(local: Any, documents: Documents, *, depth_max: int = 5, terms_max: int = 10_000) -> Context:
    """The Context of a user's @context `local`: a URL, a term map, an array of both, or None.

    `documents(url)` returns the parsed JSON document of a remote context or raises `ContextMissing(url)`; core
    contexts are never asked for. Raises Refusal `ngsi_ld.context.not_valid` for a bad definition, `.cyclic`,
    `.too_deep` (more than `depth_max` documents inside each other) or `.too_many_terms`.
    """
    reader = _Reader(documents, depth_max, terms_max)
    reader.read(local, base="", stack=())
    core = core_context()
    if not reader.terms:
        return core if local is None else Context(core.terms, core.vocabulary, local)
    return Context({**reader.terms, **core.terms}, core.vocabulary, local)


def _no_documents(url: str) -> Any:
    raise ContextMissing(url)


def _expand_iri(value: str, terms: Mapping[str, Term], vocabulary: str | None) -> str | None:
    """IRI expansion relative to the vocabulary; None for a term explicitly without meaning."""
    if _KEYWORD_LIKE.fullmatch(value):
        return value
    term = terms.get(value)
    if term is not None:
        return term.iri
    prefix, colon, rest = value.partition(":")
    if colon and prefix:
        if prefix == "_" or rest.startswith("//"):
            return value
        start = terms.get(prefix)
        if start is not None and start.prefix and start.iri is not None:
            return start.iri + rest
        if _ABSOLUTE.fullmatch(value):
            return value
    return (DEFAULT_VOCABULARY if vocabulary is None else vocabulary) + value


def _ignored(value: Any) -> bool:
    """Whether a definition maps to something that looks like a keyword and is none: JSON-LD 1.1 ignores it."""
    reference = value.get("@id") if isinstance(value, dict) else value
    return isinstance(reference, str) and bool(_KEYWORD_LIKE.fullmatch(reference)) and reference not in _KEYWORDS


class _Reader:
    """Collects the term definitions of one @context, in order; later ones win."""

    def __init__(self, documents: Documents, depth_max: int, terms_max: int) -> None:
        self.documents = documents
        self.depth_max = depth_max
        self.terms_max = terms_max
        self.terms: dict[str, Term] = {}
        self.vocabulary: str | None = None
        self.chain = 0

    def read(self, local: Any, base: str, stack: tuple[str, ...]) -> None:
        if local is None:
            if not stack and not base:
                return
            self.terms, self.vocabulary = {}, None
        elif isinstance(local, str):
            self.read_document(local, base, stack)
        elif isinstance(local, list):
            for one in local:
                if isinstance(one, list):
                    self._refuse("an array inside an array", one)
                self.read(one, base, stack)
        elif isinstance(local, dict):
            self.read_definitions(local, base, stack)
        else:
            self._refuse("neither a URL nor an object nor an array", local)

    def read_document(self, reference: str, base: str, stack: tuple[str, ...]) -> None:
        url = urljoin(base, reference) if base else reference
        if core_version(url) is not None:
            return
        if not _ABSOLUTE.fullmatch(url):
            self._refuse("a reference that is no absolute URL", reference)
        if url in stack:
            raise Refusal("ngsi_ld.context.cyclic", url=url)
        if len(stack) >= self.depth_max:
            raise Refusal("ngsi_ld.context.too_deep", depth_max=self.depth_max)
        document = self.documents(url)
        if not isinstance(document, dict) or "@context" not in document:
            self._refuse("a document without an @context member", url)
        self.read(document["@context"], url, (*stack, url))

    def read_definitions(self, local: dict[str, Any], base: str, stack: tuple[str, ...]) -> None:
        if local.get("@version", 1.1) != 1.1:
            self._refuse("an @version other than 1.1", local["@version"])
        if "@import" in local:
            if not isinstance(local["@import"], str):
                self._refuse("an @import that is no URL", local["@import"])
            self.read_document(local["@import"], base, stack)
        if "@vocab" in local:
            self.vocabulary = self._vocabulary(local["@vocab"], local)
        if len(self.terms) + len(local) > self.terms_max:
            raise Refusal("ngsi_ld.context.too_many_terms", terms_max=self.terms_max)
        state: dict[str, bool] = {}
        for name in local:
            if not name.startswith("@") or name == "@type":
                self._define(name, local, state)

    def _vocabulary(self, value: Any, local: dict[str, Any]) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self._refuse("an @vocab that is no IRI", value)
        prefix = local.get(value.partition(":")[0])
        if isinstance(prefix, str) and ":" in value and not value.partition(":")[2].startswith("//"):
            return str(prefix + value.partition(":")[2])
        return _expand_iri(value, self.terms, self.vocabulary)

    def _define(self, name: str, local: dict[str, Any], state: dict[str, bool]) -> None:
        """Define one term; `state[name]` is False while under way, which tells a circular definition."""
        if name in state:
            if not state[name]:
                self._refuse("terms that are defined by each other", name)
            return
        if not name or _KEYWORD_LIKE.fullmatch(name):
            return
        state[name] = False
        self.chain += 1
        if self.chain > _CHAIN_MAX:
            self._refuse(f"a chain of more than {_CHAIN_MAX} terms that rest on each other", name)
        value = local[name]
        self.terms.pop(name, None)
        if value is None or (isinstance(value, dict) and (value.get("@id", "") is None or "@reverse" in value)):
            self.terms[name] = Term(None)
        elif _ignored(value):
            pass
        elif isinstance(value, str):
            self.terms[name] = self._term(name, {"@id": value}, local, state, simple=True)
        elif isinstance(value, dict):
            self.terms[name] = self._term(name, value, local, state, simple=False)
        else:
            self._refuse("a term that is neither text nor object", name)
        self.chain -= 1
        state[name] = True

    def _term(self, name: str, value: dict[str, Any], local: dict[str, Any], state: dict[str, bool], *, simple: bool) -> Term:
        reference = value.get("@id", name)
        if not isinstance(reference, str):
            self._refuse("an @id that is no text", name)
        iri = self._reference(name if reference == name else reference, local, state, own=name)
        if iri == "@context":
            self._refuse("an alias of @context", name)
        kind = value.get("@type")
        if kind is not None:
            if not isinstance(kind, str):
                self._refuse("an @type that is no text", name)
            kind = self._reference(kind, local, state, own=name)
        container = value.get("@container")
        containers = frozenset(container if isinstance(container, list) else [container] if container else [])
        prefix = (simple and bool(iri) and iri is not None and iri[-1] in _GENERIC_DELIMITERS) or value.get("@prefix") is True
        return Term(iri, kind, containers, prefix)

    def _reference(self, value: str, local: dict[str, Any], state: dict[str, bool], own: str) -> str | None:
        """IRI expansion during definition: terms that `value` rests on are defined first."""
        prefix, colon, rest = value.partition(":")
        if value != own and value in local and not value.startswith("@"):
            self._define(value, local, state)
        elif colon and prefix and prefix != own and not rest.startswith("//") and prefix in local:
            self._define(prefix, local, state)
        return _expand_iri(value, self.terms, self.vocabulary)

    def _refuse(self, reason: str, what: Any) -> None:
        raise Refusal("ngsi_ld.context.not_valid", reason=reason, where=str(what)[:200])
