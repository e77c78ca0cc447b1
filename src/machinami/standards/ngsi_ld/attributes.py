"""Reading attributes: normalized, concise and simplified forms of all eight kinds (CIM 009 4.5.2, 4.5.3, 4.5.18-4.5.24).

Values are kept verbatim; names, `vocab` and `objectType` are expanded. What only a broker may set (`createdAt`,
`modifiedAt`, `previous…`) is ignored in input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Attributes, Instance
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.fragment import KIND_OF_MEMBER, VALUE_MEMBERS, deletion
from machinami.standards.ngsi_ld.geojson import check_geometry, looks_like_geometry

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*|@none")
_URI_CHARACTERS_MAX = 2048

Check = Callable[[str, Any, Context], Any]


def is_uri(text: Any) -> bool:
    """Whether `text` is an absolute URI (international characters allowed)."""
    return text.__class__ is str and len(text) <= _URI_CHARACTERS_MAX and _URI.fullmatch(text) is not None


def is_date_time(text: Any) -> bool:
    """Whether `text` is an ISO 8601 extended date-time with an offset or `Z` (4.6.3)."""
    if text.__class__ is not str or len(text) < 20 or text[10] != "T" or text[4] != "-" or text[13] != ":":
        return False
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


def refuse(attribute: str, reason: str) -> Refusal:
    """The refusal of an attribute (or member) for `reason`."""
    return Refusal("ngsi_ld.attribute.not_valid", attribute=attribute, reason=reason)


def _value(name: str, value: Any, context: Context) -> Any:
    if value is None:
        raise refuse(name, "its value is null")
    return value


def _json(name: str, value: Any, context: Context) -> Any:
    return value


def _geometry(name: str, value: Any, context: Context) -> Any:
    check_geometry(name, value)
    return value


def _object(name: str, value: Any, context: Context) -> Any:
    if is_uri(value) or (isinstance(value, list) and value and all(map(is_uri, value))):
        return value
    raise refuse(name, "object must be a URI or an array of URIs")


def _language_map(name: str, value: Any, context: Context) -> Any:
    if not isinstance(value, dict) or not value:
        raise refuse(name, "languageMap must be an object with at least one language")
    for language, text in value.items():
        if not _LANGUAGE.fullmatch(language):
            raise refuse(name, f"{language!r} is no language tag (BCP 47)")
        if not isinstance(text, str) and not (isinstance(text, list) and all(isinstance(one, str) for one in text)):
            raise refuse(name, f"the text for {language!r} must be a string or an array of strings")
    return value


def _vocab(name: str, value: Any, context: Context) -> Any:
    if isinstance(value, str) and value:
        return context.expand_value(value)
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return [context.expand_value(one) for one in value]
    raise refuse(name, "vocab must be a string or an array of strings")


def _list(name: str, value: Any, context: Context) -> Any:
    if not isinstance(value, list):
        raise refuse(name, "valueList must be an array")
    return value


def _objects(name: str, value: Any, context: Context) -> Any:
    """URIs of a ListRelationship as `[{"object": URI}, …]`; bare URIs are the concise form."""
    if not isinstance(value, list):
        raise refuse(name, "objectList must be an array")
    plain = [one["object"] if isinstance(one, dict) and len(one) == 1 and "object" in one else one for one in value]
    if not all(map(is_uri, plain)):
        raise refuse(name, 'objectList must hold URIs, each as {"object": URI}')
    return [{"object": one} for one in plain]


def _time(name: str, value: Any, context: Context) -> Any:
    if not is_date_time(value):
        raise refuse(name, f"{value!r} is no ISO 8601 date-time with offset or Z")
    return value


def _unit(name: str, value: Any, context: Context) -> Any:
    if not isinstance(value, str) or not value:
        raise refuse(name, "unitCode must be a string that is not empty")
    return value


def _datatype(name: str, value: Any, context: Context) -> Any:
    if not isinstance(value, str) or not value:
        raise refuse(name, "valueType must be a string that is not empty")
    return context.expand_value(value)


def _dataset(name: str, value: Any, context: Context) -> Any:
    if not is_uri(value) or value == NGSI_LD_NULL:
        raise refuse(name, "datasetId must be a URI")
    return value


def _proof(name: str, value: Any, context: Context) -> Any:
    """The seal of an attribute: a Property kept as it is written, but for the sealed type, which is a term (annex B, C.11)."""
    if not isinstance(value, dict) or value.get("type", "Property") != "Property":
        raise refuse(name, "ngsildproof must be a Property")
    if not isinstance(value.get("value", {}), dict):
        raise refuse(name, "the value of ngsildproof must be an object")
    if not is_uri(value.get("entityIdSealed", NGSI_LD_NULL)):
        raise refuse(name, "entityIdSealed must be a URI")
    kind = value.get("entityTypeSealed", NGSI_LD_NULL)
    return value if kind == NGSI_LD_NULL else {**value, "entityTypeSealed": _vocab(name, kind, context)}


def _ignored(name: str, value: Any, context: Context) -> Any:
    raise AssertionError("never called")


def _prohibited(name: str, value: Any, context: Context) -> Any:
    raise refuse(name, "it has a member that its type does not allow")


_OUTPUT_ONLY = ("createdAt", "modifiedAt", "deletedAt", "instanceId", "lang")
_PREVIOUS = {kind: f"previous{member[0].upper()}{member[1:]}" for kind, member in VALUE_MEMBER.items()}
_LINKED = {"Relationship": "entity", "ListRelationship": "entityList"}
_VALUE_CHECK: dict[str, Check] = {
    "Property": _value,
    "Relationship": _object,
    "GeoProperty": _geometry,
    "LanguageProperty": _language_map,
    "VocabProperty": _vocab,
    "ListProperty": _list,
    "ListRelationship": _objects,
    "JsonProperty": _json,
}
_WITH_UNIT = ("Property", "ListProperty")
_WITH_OBJECT_TYPE = ("Relationship", "ListRelationship")


def _plan(kind: str) -> dict[str, Check]:
    foreign = (*VALUE_MEMBERS, *_PREVIOUS.values(), *_LINKED.values(), "unitCode", "valueType", "objectType")
    plan: dict[str, Check] = dict.fromkeys(foreign, _prohibited)
    plan |= dict.fromkeys(("scope", "id", "@id", "@context", "entityIdSealed", "entityTypeSealed"), _prohibited)
    plan |= dict.fromkeys((*_OUTPUT_ONLY, _PREVIOUS[kind], _LINKED.get(kind, "lang"), "type", "@type"), _ignored)
    plan |= {"observedAt": _time, "expiresAt": _time, "datasetId": _dataset, "ngsildproof": _proof}
    if kind in _WITH_UNIT:
        plan["unitCode"] = _unit
    if kind in _WITH_OBJECT_TYPE:
        plan["objectType"] = _vocab
    if kind == "Property":
        plan["valueType"] = _datatype
    plan[VALUE_MEMBER[kind]] = _VALUE_CHECK[kind]
    return plan


_PLANS: Final = {kind: _plan(kind) for kind in VALUE_MEMBER}
_LEFT_OUT: Final = dict.fromkeys((*_PREVIOUS.values(), *_LINKED.values()), _ignored)
_UNTYPED_PLAN: Final = _plan("Property") | {"objectType": _vocab} | _LEFT_OUT
_RESERVED: Final = frozenset(_UNTYPED_PLAN) - {"id", "@id", "scope"}


@cache
def not_reified() -> frozenset[str]:
    """Expanded names of non-reified Properties of the core @context: never names of attributes (4.5.1)."""
    names = ("datasetId", "instanceId", "observedAt", "unitCode", "valueType", "objectType")
    return frozenset(core_context().expanded[name] for name in names)


class AttributeReader:
    """Reads attributes under one @context.

    `nulls`: NGSI-LD Null means deletion, else it is refused. `partial`: type and value may be missing. `simplified`:
    attributes are bare values. `repeats`: several instances may share a datasetId (temporal representation). `merging`:
    keys inside a Property's value may be null too (5.5.4 allows that in a merge only).
    """

    __slots__ = ("context", "merging", "nulls", "partial", "repeats", "simplified")

    def __init__(
        self, context: Context, *, nulls: bool = False, partial: bool = False, simplified: bool = False, repeats: bool = False,
        merging: bool = False,
    ) -> None:  # fmt: skip
        self.merging = merging
        self.context = context
        self.nulls = nulls
        self.partial = partial
        self.simplified = simplified
        self.repeats = repeats

    def instances(self, name: str, body: Any) -> list[Instance]:
        """The instances of one attribute, the default one first; `name` is as the client wrote it."""
        if body.__class__ is dict and not self.simplified:
            return [self.instance(name, body)]
        if self.simplified:
            return self._simplified(name, body)
        if body.__class__ is list and body and all(map(_is_instance_body, body)):
            found = [self.instance(name, one) for one in body]
            if not self.repeats:
                datasets = {one.get("datasetId") for one in found}
                if len(datasets) != len(found):
                    raise refuse(name, "two of its instances have the same datasetId")
                found.sort(key=lambda one: "datasetId" in one)
            return found
        return [self._bare(name, body)]

    def instance(self, name: str, body: dict[str, Any]) -> Instance:
        """One instance from its object form, normalized or concise."""
        kind = body.get("type")
        plan = _PLANS.get(kind) if kind.__class__ is str else None
        if plan is None:
            kind, plan, body = self._inferred(name, body)
        instance: Instance = {} if kind is None else {"type": kind}
        subs: Attributes | None = None
        deleted = False
        for member, value in body.items():
            check = plan.get(member)
            if check is None:
                if subs is None:
                    subs = {}
                self._add(subs, f"{name}.{member}", member, value)
            elif check is not _ignored:
                if value == NGSI_LD_NULL or (
                    value.__class__ is dict and check is _language_map and NGSI_LD_NULL in value.values()
                ):
                    deleted |= self._null(instance, name, member, value, check)
                elif member == "datasetId" and value == "@none":
                    continue
                else:
                    instance[member] = check(name, value, self.context)
                    if check is _value or check is _proof:
                        self._refuse_inner_null(name, value)
        if deleted:
            return deletion(instance.get("datasetId"))
        if subs:
            instance["attributes"] = subs
        if kind is not None and VALUE_MEMBER[kind] not in instance and not self.partial:
            raise Refusal("ngsi_ld.attribute.value_missing", attribute=name, member=VALUE_MEMBER[kind])
        seal = instance.get("ngsildproof")
        if seal.__class__ is dict and "value" not in seal and not self.merging:
            raise refuse(name, "the value of ngsildproof must be an object")
        return instance

    def _add(self, subs: Attributes, path: str, name: str, body: Any) -> None:
        iri = self.context.expanded[name]
        if iri in subs:
            raise refuse(path, "it is given twice, under two names of the same meaning")
        subs[iri] = self.instances(path, body)

    def _null(self, instance: Instance, name: str, member: str, value: Any, check: Check) -> bool:
        """Take in an NGSI-LD Null; True if it deletes the whole instance."""
        if check is _prohibited:
            _prohibited(name, value, self.context)
        if not self.nulls or member == "datasetId":
            raise Refusal("ngsi_ld.attribute.null", attribute=name)
        if member in VALUE_MEMBERS and (value == NGSI_LD_NULL or value == {"@none": NGSI_LD_NULL}):
            return True
        instance[member] = check(name, value, self.context) if isinstance(value, dict) else value
        return False

    def _inferred(self, name: str, body: dict[str, Any]) -> tuple[str | None, dict[str, Check], dict[str, Any]]:
        """Kind, checks and members of a body without a plain attribute type: the concise form (4.5.2.3)."""
        kind = body.get("type")
        if kind is None and "@type" in body:
            kind = body["@type"]
        if kind is not None or "type" in body:
            if looks_like_geometry(body):
                return "GeoProperty", _PLANS["GeoProperty"], {"value": body}
            iri = self.context.expand_value(kind) if isinstance(kind, str) else ""
            known = iri.removeprefix("https://uri.etsi.org/ngsi-ld/")
            if known not in _PLANS:
                raise refuse(name, f"{kind!r} is none of {', '.join(_PLANS)}")
            return known, _PLANS[known], body
        given = [member for member in body if member in VALUE_MEMBERS]
        if len(given) > 1:
            raise refuse(name, f"it has more than one value: {', '.join(given)}")
        if self.partial:
            return self._untyped(body, given)
        if not given:
            if body and not any(member in _RESERVED for member in body):
                return "Property", _PLANS["Property"], {"value": body}
            raise Refusal("ngsi_ld.attribute.value_missing", attribute=name, member="value")
        found = KIND_OF_MEMBER[given[0]]
        if found == "Property" and looks_like_geometry(body["value"]):
            found = "GeoProperty"
        return found, _PLANS[found], body

    def _untyped(self, body: dict[str, Any], given: list[str]) -> tuple[str | None, dict[str, Check], dict[str, Any]]:
        if not given or given[0] == "value":
            return None, _UNTYPED_PLAN, body
        found = KIND_OF_MEMBER[given[0]]
        return found, _PLANS[found], body

    def _bare(self, name: str, value: Any) -> Instance:
        """A value without members around it: a Property (concise form)."""
        if value == NGSI_LD_NULL:
            if not self.nulls:
                raise Refusal("ngsi_ld.attribute.null", attribute=name)
            return deletion()
        self._refuse_inner_null(name, value)
        return {"type": "Property", "value": _value(name, value, self.context)}

    def _refuse_inner_null(self, name: str, value: Any) -> None:
        if (value.__class__ is dict or value.__class__ is list) and not self.merging and _holds_inner_null(value):
            raise Refusal("ngsi_ld.attribute.null", attribute=name)

    def _simplified(self, name: str, body: Any) -> list[Instance]:
        """Instances from the simplified form (4.5.4): the value itself, `dataset` for several instances."""
        if body.__class__ is dict and body.keys() == {"dataset"} and isinstance(body["dataset"], dict):
            found = []
            for dataset, value in body["dataset"].items():
                one = self._simplified_one(name, value)
                if dataset != "@none":
                    one["datasetId"] = _dataset(name, dataset, self.context)
                found.append(one)
            found.sort(key=lambda one: "datasetId" in one)
            return found
        return [self._simplified_one(name, body)]

    def _simplified_one(self, name: str, value: Any) -> Instance:
        if value == NGSI_LD_NULL or value is None:
            return self._bare(name, value)
        wrapper = _wrapper(value)
        if wrapper is None:
            self._refuse_inner_null(name, value)
        if self.partial:
            partial = {"simplified": value}
            text = value["vocab"] if wrapper == "vocab" else value
            if text and (isinstance(text, str) or (isinstance(text, list) and all(isinstance(one, str) for one in text))):
                partial["expanded"] = _vocab(name, text, self.context)
            return partial
        kind = _implied(value)
        content = value if wrapper is None else value[wrapper]
        return {"type": kind, VALUE_MEMBER[kind]: _VALUE_CHECK[kind](name, content, self.context)}


_SIMPLIFIED_OBJECTS = frozenset({"languageMap", "vocab", "valueList", "objectList", "json"})


def _wrapper(value: Any) -> str | None:
    """The member that a simplified value is wrapped in to say its kind (4.5.4), if it is."""
    if value.__class__ is dict and len(value) == 1 and (only := next(iter(value))) in _SIMPLIFIED_OBJECTS:
        return str(only)
    return None


def _implied(value: Any) -> str:
    """The kind of attribute that a simplified value stands for by itself."""
    wrapper = _wrapper(value)
    if wrapper is not None:
        return KIND_OF_MEMBER[wrapper]
    return "GeoProperty" if looks_like_geometry(value) else "Property"


def _holds_inner_null(value: Any) -> bool:
    """Whether a key of an object inside a JSON value is the NGSI-LD Null."""
    if value.__class__ is dict:
        return NGSI_LD_NULL in value.values() or any(map(_holds_inner_null, value.values()))
    return value.__class__ is list and any(map(_holds_inner_null, value))


def _is_instance_body(value: Any) -> bool:
    """Whether an array item is an attribute instance rather than a JSON value."""
    if value.__class__ is not dict:
        return False
    kind = value.get("type")
    return kind in _PLANS if kind is not None and kind.__class__ is str else not VALUE_MEMBERS.isdisjoint(value)


def complete(name: str, partial: Instance, previous: Instance | None) -> Instance:
    """A partial instance with its `type`: its own, else that of `previous` (the stored one), else what its value implies.

    A bare `simplified` value goes under the value member of that type. Nothing is merged here; deletions come back as
    they are. Raises Refusal `ngsi_ld.attribute.value_missing` if neither type nor value is known, `.type_mismatch` if
    the value member is not the stored type's, `.not_valid` if the value does not fit.
    """
    if "type" in partial or "deleted" in partial:
        return partial
    if "simplified" in partial:
        return _from_simplified(name, partial, previous)
    given = next((member for member in partial if member in VALUE_MEMBERS), None)
    if previous is not None:
        kind = previous["type"]
        if given is not None and VALUE_MEMBER[kind] != given:
            raise Refusal("ngsi_ld.attribute.type_mismatch", attribute=name, stored=kind, member=given)
    elif given is None:
        raise Refusal("ngsi_ld.attribute.value_missing", attribute=name, member="value")
    else:
        kind = "GeoProperty" if given == "value" and looks_like_geometry(partial["value"]) else KIND_OF_MEMBER[given]
    if given is not None and kind == "GeoProperty":
        check_geometry(name, partial["value"])
    return {"type": kind, **partial}


def _from_simplified(name: str, partial: Instance, previous: Instance | None) -> Instance:
    """A simplified value as an instance of the stored kind, which it can't change (6.5.3.4), else of the kind it implies."""
    value = partial["simplified"]
    kind = previous["type"] if previous is not None else _implied(value)
    member, wrapper = VALUE_MEMBER[kind], _wrapper(value)
    if wrapper is not None and wrapper != member and kind != "Property":
        raise Refusal("ngsi_ld.attribute.type_mismatch", attribute=name, stored=kind, member=wrapper)
    if wrapper is None and (kind == "LanguageProperty" or (kind == "GeoProperty" and not looks_like_geometry(value))):
        raise Refusal("ngsi_ld.attribute.type_mismatch", attribute=name, stored=kind, member="value")
    content = value[wrapper] if wrapper == member else value
    if kind == "VocabProperty":
        if "expanded" not in partial:
            raise refuse(name, "vocab must be a string or an array of strings")
        content = partial["expanded"]
    else:
        content = _VALUE_CHECK[kind](name, content, core_context())
    rest = {one: each for one, each in partial.items() if one not in ("simplified", "expanded")}
    return {"type": kind, member: content, **rest}
