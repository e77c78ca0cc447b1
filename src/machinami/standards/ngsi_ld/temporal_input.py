"""Reading temporal representations: entities whose attributes are series of instances (CIM 009 4.5.6, 5.2.20)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from machinami.kernel.entity import Attributes
from machinami.standards.ngsi_ld.attributes import is_date_time, refuse
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import parse_entity, parse_fragment, parse_scopes


@dataclass(frozen=True, slots=True)
class ScopeAt:
    """A scope from `observed_at` on (None: from now on)."""

    scopes: tuple[str, ...]
    observed_at: str | None


@dataclass(frozen=True, slots=True)
class Evolved:
    """What a temporal document adds: instances by expanded attribute name, several of one dataset allowed.

    `scopes` None: not mentioned; a tuple: the plain form, true from now on; a list: instances of a Property (4.5.6).
    """

    types: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    scopes: tuple[str, ...] | list[ScopeAt] | None = None
    expires_at: str | None = None


def parse_evolution(document: Any, context: Context) -> tuple[str, Evolved]:
    """(id, content) of a whole temporal entity (5.2.20); Refusals as of `parse_entity`."""
    plain, scopes = _without_scope_series(document)
    entity = parse_entity(plain, context, repeats=True)
    told = scopes if scopes is not None else entity.scopes if "scope" in plain else None
    return entity.id, Evolved(entity.types, entity.attributes, told, entity.expires_at)


def parse_evolution_fragment(document: Any, context: Context) -> tuple[str | None, Evolved]:
    """(id if it is given, content) of a fragment to be added (5.6.12); Refusals as of `parse_fragment`."""
    plain, scopes = _without_scope_series(document)
    fragment = parse_fragment(plain, context, nulls=False, repeats=True)
    told = scopes if scopes is not None else fragment.scopes
    return fragment.id, Evolved(fragment.types, fragment.attributes, told, fragment.expires_at)


def scope_value(value: Any) -> Any:
    """A scope as the value of a Property: one text, or several; Refusal `ngsi_ld.entity.scope_not_valid`."""
    scopes = parse_scopes(value)
    return scopes[0] if len(scopes) == 1 else list(scopes)


def _without_scope_series(document: Any) -> tuple[Any, list[ScopeAt] | None]:
    """The document without a scope in its temporal form, and that scope."""
    given = document.get("scope") if isinstance(document, dict) else None
    listed = given if isinstance(given, list) else [given]
    if not any(isinstance(one, dict) for one in listed):
        return document, None
    return {name: value for name, value in document.items() if name != "scope"}, [_scope_at(one) for one in listed]


def _scope_at(body: Any) -> ScopeAt:
    if not isinstance(body, dict) or body.get("type", "Property") != "Property" or "value" not in body:
        raise refuse("scope", "each of its instances must be a Property with a value")
    observed = body.get("observedAt")
    if observed is not None and not is_date_time(observed):
        raise refuse("scope", f"{observed!r} is no ISO 8601 date-time with offset or Z")
    return ScopeAt(parse_scopes(body["value"]), observed)
