"""Purging entities by a query (CIM 009 5.6.21): step by step, each step durable, with an account of what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from machinami.data.entities.decisions import Decide
from machinami.data.entities.service import Entities
from machinami.data.ports import QueryResult
from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import EntityQuery, Page

STEP: Final = 500


@dataclass(slots=True)
class Purge:
    """Ids that were purged, and those that were not with the reason (a BatchOperationResult, 5.2.16)."""

    success: list[str] = field(default_factory=list)
    errors: list[tuple[str, MachinamiError]] = field(default_factory=list)


async def purge(entities: Entities, caller: Caller, query: EntityQuery, rule: Decide, most: int) -> Purge:
    """Apply `rule` to what `query` finds, at most `most` entities, oldest first; if more match, the next one is reported.

    A step is looked up before the one ahead of it is written, so that a failure can be told with the ids it left. Raises
    the error of the first step, when nothing has been purged yet.
    """
    done = Purge()
    found = await _step(entities, caller, query, None)
    while found.entities:
        if len(done.success) + len(done.errors) >= most:
            first = found.entities[0].id
            done.errors.append((first, Refusal("data.entity.more_to_purge", most=str(most), id=first)))
            break
        try:
            coming = await _step(entities, caller, query, found.entities[-1]) if found.more else QueryResult([], None, False)
            await _apply(entities, caller, found.entities, rule, done)
        except MachinamiError as error:
            if not done.success:
                raise
            done.errors += [(one.id, error) for one in found.entities]
            break
        found = coming
    return done


async def _step(entities: Entities, caller: Caller, query: EntityQuery, behind: Entity | None) -> QueryResult:
    return await entities.find(caller, query, Page(limit=STEP, after_sequence=behind.sequence if behind else 0))


async def _apply(entities: Entities, caller: Caller, found: list[Entity], rule: Decide, done: Purge) -> None:
    results = await entities.apply_each(caller, [(one.id, rule) for one in found])
    for one, result in zip(found, results, strict=True):
        if isinstance(result, MachinamiError):
            done.errors.append((one.id, result))
        else:
            done.success.append(one.id)
