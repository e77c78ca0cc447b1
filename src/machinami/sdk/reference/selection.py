"""Selection of entities by type (CIM 009 4.17), scope (4.18, 4.19) and expiry (4.22), read from the texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from machinami.kernel.entity import Entity


def of_types(text: str, types: set[str], expand: Callable[[str], str]) -> bool:
    """4.17: `A`, `A,B` or `A|B` (any), `A;B` (all), parentheses."""
    return _formula(text, lambda name: expand(name) in types)


def in_scopes(text: str, scopes: tuple[str, ...]) -> bool:
    """4.19: the same signs; a pattern holds if any scope of the entity matches it."""
    return _formula(text, lambda pattern: any(_covers(pattern, scope) for scope in scopes))


def _formula(text: str, holds: Callable[[str], bool]) -> bool:
    """Replaces each name by what it is worth, then folds: parentheses first, `;` before `,` and `|`."""
    values = re.sub(r"[^;,|()]+", lambda match: "1" if holds(match.group()) else "0", text)
    while len(values) > 1:
        folded = re.sub(r"\(([01])\)", r"\1", values)
        folded = re.sub(r"([01]);([01])", lambda match: str(min(match.groups())), folded)
        if folded == values:
            folded = re.sub(r"(^|\()([01])[,|]([01])(?=$|[),|])", lambda m: m[1] + max(m[2], m[3]), folded)
        if folded == values:
            raise ValueError(f"no selection: {text}")
        values = folded
    return values == "1"


def _covers(pattern: str, scope: str) -> bool:
    """4.19: `+` is any one level; `/#` at the end is what stands before it and everything below."""
    expression = ""
    for level in pattern.strip("/").split("/"):
        expression += "(/.+)?" if level == "#" else "/[^/]+" if level == "+" else "/" + re.escape(level)
    return re.fullmatch(expression, "/" + scope.strip("/")) is not None


def alive(entity: Entity, now: datetime) -> Entity | None:
    """4.22: nothing of an entity that has expired; an entity without its attribute instances that have."""
    if entity.expires_at is not None and datetime.fromisoformat(entity.expires_at) <= now:
        return None
    left = {
        name: [one for one in instances if "expiresAt" not in one or datetime.fromisoformat(one["expiresAt"]) > now]
        for name, instances in entity.attributes.items()
    }
    return replace(entity, attributes={name: instances for name, instances in left.items() if instances})
