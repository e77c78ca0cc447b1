"""What a plan changes: new, changed and unchanged entities, and rows that are gone, which are marked, never deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from machinami.kernel.entity import Entity
from machinami.kernel.finding import Finding, Place
from machinami.linkage.importing.findings import finding
from machinami.linkage.importing.merging import content, is_withdrawn, publication_name, withdrawn
from machinami.linkage.importing.plan import ImportPlan

WITHDRAWN_SHARE_DOUBTED = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written (`created`, `updated`, `withdrawn`) and what is as it was (`unchanged`).

    `sheets` counts the same by the index of the plan's sheets; `findings` doubt an edition that lacks most known rows.
    """

    created: tuple[Entity, ...]
    updated: tuple[Entity, ...]
    unchanged: tuple[Entity, ...]
    withdrawn: tuple[Entity, ...]
    sheets: tuple[dict[str, int], ...]
    findings: tuple[Finding, ...]


def diff(plan: ImportPlan, existing: Iterable[Entity]) -> Difference:
    """Compare a plan with what is there. An entity of a planned list and type that the plan lacks is withdrawn.

    Times and file names don't count as changes, so the same files a second time change nothing.
    """
    known = {entity.id: entity for entity in existing}
    kinds: dict[str, list[Entity]] = {"created": [], "updated": [], "unchanged": [], "withdrawn": []}
    counts = [dict.fromkeys(kinds, 0) for _ in plan.sheets]
    lists: dict[tuple[str, tuple[str, ...]], int] = {}
    for entity in plan.entities:
        before = known.get(entity.id)
        kind = _kind(before, entity)
        kinds[kind].append(entity)
        sheet = plan.origins[entity.id]
        counts[sheet][kind] += 1
        if plan.sheets[sheet].complete and not is_withdrawn(entity):
            lists.setdefault((plan.sheets[sheet].publication, entity.types), sheet)
    planned = {entity.id for entity in plan.entities}
    prefix = f":{plan.town.code}:"
    total = dict.fromkeys(lists, 0)
    for entity in known.values():
        of = (publication_name(entity), entity.types)
        if of not in lists or prefix not in entity.id:
            continue
        total[of] += 1
        if entity.id not in planned and not is_withdrawn(entity):
            kinds["withdrawn"].append(withdrawn(entity))
            counts[lists[of]]["withdrawn"] += 1
    doubts = [_doubt(plan, sheet, counts[sheet]["withdrawn"], total[of]) for of, sheet in lists.items()]
    return Difference(
        tuple(kinds["created"]),
        tuple(kinds["updated"]),
        tuple(kinds["unchanged"]),
        tuple(kinds["withdrawn"]),
        tuple(counts),
        tuple(doubt for doubt in doubts if doubt is not None),
    )


def _kind(before: Entity | None, after: Entity) -> str:
    if before is None:
        return "created"
    if content(before) == content(after):
        return "unchanged"
    return "withdrawn" if is_withdrawn(after) and not is_withdrawn(before) else "updated"


def _doubt(plan: ImportPlan, sheet: int, gone: int, total: int) -> Finding | None:
    if gone < 5 or gone < total * WITHDRAWN_SHARE_DOUBTED:
        return None
    summary = plan.sheets[sheet]
    return finding("import.withdrawal.many", Place(summary.file, summary.sheet), count=str(gone), total=str(total))
