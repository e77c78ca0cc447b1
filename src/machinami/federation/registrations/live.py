"""The live set of registrations: a cache of the store that answers for each operation without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterable

from machinami.federation.registrations import rules
from machinami.federation.registrations.model import Match, Registered, Wanted

Place = tuple[str, str, str]
"""(tenant, operation, home): a home is a type, an id, a type whatever the id, or everything."""
_ANY, _TYPE, _ID, _UNNAMED = "", "t", "=", "~"


class LiveRegistrations:
    """Registrations by tenant and id, filed by operation, entity type and entity id."""

    def __init__(self) -> None:
        self._by_tenant: dict[str, dict[str, Registered]] = {}
        self._filed: dict[Place, dict[str, Registered]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_tenant.values()))

    def keep(self, registered: Registered) -> None:
        """File a registration, replacing the one of the same id."""
        self.forget(registered.tenant, registered.registration.id)
        self._by_tenant.setdefault(registered.tenant, {})[registered.registration.id] = registered
        for place in _places(registered):
            self._filed.setdefault(place, {})[registered.registration.id] = registered

    def forget(self, tenant: str, registration_id: str) -> None:
        """Drop a registration; nothing happens if it is not there."""
        held = self._by_tenant.get(tenant, {})
        registered = held.pop(registration_id, None)
        if registered is None:
            return
        for place in _places(registered):
            self._filed[place].pop(registration_id)
            if not self._filed[place]:
                del self._filed[place]
        if not held:
            del self._by_tenant[tenant]

    def clear(self) -> None:
        """Drop all."""
        self._by_tenant.clear()
        self._filed.clear()

    def one(self, tenant: str, registration_id: str) -> Registered | None:
        """A registration by its id."""
        return self._by_tenant.get(tenant, {}).get(registration_id)

    def of_tenant(self, tenant: str) -> list[Registered]:
        """All of a tenant, in order of creation."""
        return sorted(self._by_tenant.get(tenant, {}).values(), key=lambda one: one.number)

    def everything(self) -> Iterable[Registered]:
        """All of all tenants."""
        return [one for held in self._by_tenant.values() for one in held.values()]

    def any(self, tenant: str) -> bool:
        """Whether a tenant has any."""
        return tenant in self._by_tenant

    def matches(self, tenant: str, operation: str | None, wanted: Wanted, now_text: str) -> list[Match]:
        """Matches (5.12) among the registrations that offer an operation and have not expired, in order of creation.

        An operation of None takes them whatever they offer.
        """
        if tenant not in self._by_tenant:
            return []
        found = [
            match
            for registered in self._candidates(tenant, operation, wanted)
            if not rules.has_expired(registered.registration, now_text)
            and (operation is None or rules.offers(registered.registration, operation, wanted))
            and (match := rules.matching(registered, wanted)) is not None
        ]
        return sorted(found, key=lambda match: match.registered.number)

    def _candidates(self, tenant: str, operation: str | None, wanted: Wanted) -> Iterable[Registered]:
        if operation is None:
            return self._by_tenant[tenant].values()
        homes = _homes(wanted)
        if homes is None:
            return [one for one in self._by_tenant[tenant].values() if operation in one.registration.operations]
        found: dict[str, Registered] = {}
        for home in homes:
            found |= self._filed.get((tenant, operation, home), {})
        return found.values()


def _places(registered: Registered) -> set[Place]:
    """Where a registration is filed: by entity type, by the ids it names, and apart what may be about any id."""
    found: set[str] = set()
    for info in registered.registration.information:
        if not info.entities:
            found.add(_ANY)
        for entity in info.entities:
            found |= {_TYPE + one for one in entity.types}
            if entity.id is not None:
                found.add(_ID + entity.id)
            else:
                found |= {_UNNAMED, *(_UNNAMED + one for one in entity.types)}
    return {(registered.tenant, operation, one) for operation in registered.registration.operations for one in found}


def _homes(wanted: Wanted) -> set[str] | None:
    """Where what is wanted may be filed; None if some selector asks neither by id nor by type."""
    found = {_ANY}
    for selector in wanted.selectors:
        types = None if selector.types is None or not all(selector.types.any_of) else selector.types.any_of
        firsts = {min(one) for one in types} if types is not None else None
        if selector.ids is not None:
            found |= {_ID + one for one in selector.ids}
            found |= {_UNNAMED} if firsts is None else {_UNNAMED + one for one in firsts}
        elif firsts is not None:
            found |= {_TYPE + one for one in firsts}
        else:
            return None
    return found if wanted.selectors else None
