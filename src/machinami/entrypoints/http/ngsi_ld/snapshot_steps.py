"""Query documents (CIM 009 5.2.23) as the steps by which a snapshot is filled: what is copied, and how much of it."""

from __future__ import annotations

from typing import Any, Final

from machinami.data.snapshots.model import Step
from machinami.entrypoints.http.ngsi_ld.query_bodies import read_query, words_of
from machinami.entrypoints.http.ngsi_ld.temporal import wanted_of
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.projection import ENTITY_MEMBERS, parse_projection_tree
from machinami.standards.ngsi_ld.snapshots import refuse

WRITTEN: Final = ("lang", "join", "joinLevel", "containedBy", "ordering", "geometryProperty")
"""Members that say how an answer is written: of a copy they would say nothing."""


def read_step(document: Any, context: Context, settings: Settings, *, local: bool = False) -> Step:
    """What a Query of a snapshot copies: the entities it finds, reduced to the attributes and datasets it names."""
    if not isinstance(document, dict):
        raise Refusal("http.body.not_a_query")
    for name in WRITTEN:
        if name in document:
            raise refuse(f"snapshotQueries.{name}", "a copy has no place for it")
    if "temporalQ" in document:
        return _past(document, context, settings, local)
    values = words_of(document)
    return Step(read_query(document, context, settings, local=local), None, *_kept(values, context))


def _past(document: dict[str, Any], context: Context, settings: Settings, local: bool) -> Step:
    temporal = document["temporalQ"]
    plain = {name: value for name, value in document.items() if name != "temporalQ"}
    known = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN")
    if not isinstance(temporal, dict) or not temporal.keys() <= set(known) or "timerel" not in temporal:
        raise refuse("snapshotTemporalQueries.temporalQ", f"it must be an object with timerel, and only {', '.join(known)}")
    values = words_of(plain)
    window = wanted_of({**values, **temporal}, context).asked.window
    return Step(read_query(plain, context, settings, local=local), window, *_kept(values, context))


def _kept(values: dict[str, Any], context: Context) -> tuple[frozenset[str] | None, frozenset[str], frozenset[str] | None]:
    """Which attributes are kept (None: all) and which are not, and the datasets that are (None: all)."""
    named = {
        name: frozenset(parse_projection_tree(values[name], context, name).all_names)
        for name in ("attrs", "pick", "omit")
        if values.get(name)
    }
    if "attrs" in named and len(named) > 1:
        raise Refusal("http.query.exclusive", one="attrs", other="pick or omit")
    keep = named.get("attrs", named.get("pick"))
    datasets = frozenset(values["datasetId"].split(",")) if values.get("datasetId") else None
    return None if keep is None else keep - ENTITY_MEMBERS, named.get("omit", frozenset()) - ENTITY_MEMBERS, datasets
