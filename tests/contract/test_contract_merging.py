"""What the store holds after a merge is what the reference model of `sdk.reference` makes of the same documents (5.5.12)."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.instances import MergeOptions
from machinami.data.ports import Mutation
from machinami.kernel.errors import MachinamiError
from machinami.sdk.reference.merging import VALUES, by_dataset, merged_entity
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.entities import parse_entity, parse_fragment
from machinami.standards.ngsi_ld.render import render_entity

from .generated_documents import documents

PROVE = os.environ.get("MACHINAMI_PROVE") == "1"
CONTEXT = core_context()
_tenants = count(1)


@settings(
    max_examples=3_000 if PROVE else 150,
    deadline=None,
    database=None,
    derandomize=not PROVE,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(document=documents(), fragments=st.lists(documents(patch=True), min_size=1, max_size=3))
async def test_a_merge_does_what_the_reference_does(
    postgres: PostgresStore, document: dict[str, Any], fragments: list[dict[str, Any]]
) -> None:
    tenant, entity_id = f"merge{next(_tenants)}", document["id"]
    await write(postgres, Mutation(tenant, entity_id, rules.create(parse_entity(document, CONTEXT))))
    for fragment in fragments:
        patch = parse_fragment({**fragment}, CONTEXT, nulls=True, partial=True)
        wanted = merged_entity(await stored(postgres, tenant, entity_id), fragment)
        [result] = await postgres.write([Mutation(tenant, entity_id, rules.merge(entity_id, patch, MergeOptions()))])
        if isinstance(result, MachinamiError):
            assert (result.code, lacks_a_value(wanted)) == ("ngsi_ld.attribute.value_missing", True), fragment
            return
        found = by_dataset(await stored(postgres, tenant, entity_id))
        assert found == wanted, fragment


async def write(store: PostgresStore, mutation: Mutation) -> None:
    [result] = await store.write([mutation])
    if isinstance(result, MachinamiError):
        raise result


async def stored(store: PostgresStore, tenant: str, entity_id: str) -> dict[str, Any]:
    entity = await store.get(tenant, entity_id)
    assert entity is not None
    return render_entity(entity, CONTEXT)


def lacks_a_value(document: dict[str, Any]) -> bool:
    """Whether something was added without a value, which makes no attribute."""
    instances = [one for name, many in document.items() if name not in ("id", "type") for one in many.values()]
    return any(not one.keys() & set(VALUES) or _has_bare_sub(one) for one in instances)


def _has_bare_sub(instance: dict[str, Any]) -> bool:
    subs = [one for name in ("level", "refs") for one in instance.get(name, {}).values()]
    return any(not one.keys() & set(VALUES) for one in subs)
