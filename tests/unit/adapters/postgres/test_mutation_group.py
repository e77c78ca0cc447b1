"""A group of mutations laid out for one call of `write_group`: the same outcome as one by one in the memory store."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from generated_cities import IDS, NAMES, entities
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import machinami.adapters.postgres
from machinami.adapters.postgres.group import COLUMNS, DELETE, INSERT, NOTHING, UPDATE, Group
from machinami.adapters.postgres.index_rows import rows_of
from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision
from machinami.data.ports import Mutation
from machinami.data.temporal.model import Window
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity, from_document
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import shard_of
from machinami.sdk.memory_store import MemoryEntityStore
from machinami.standards.ngsi_ld.fragment import Fragment

START = datetime(2026, 5, 14, 3, 0, tzinfo=UTC)
A, B = IDS[:2]
LEVEL = NAMES[0]
PLACED = {"entity": COLUMNS[:9], "history": ("history_i", "history_attribute", "history_at", "history_instance")}


@dataclass
class Tables:
    """What `write_group` does with its arguments, in Python: see migrations/0001_store.sql."""

    entities: dict[tuple[str, str], Entity] = field(default_factory=dict)
    index: dict[str, set[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(set))
    history: list[tuple[str, str, str, datetime, dict[str, Any]]] = field(default_factory=list)
    log: list[tuple[int, int, str, dict[str, Any], list[Any], str, str]] = field(default_factory=list)
    last_sequence: int = 0

    def write(self, parameters: list[Any]) -> list[int]:
        columns = dict(zip(COLUMNS, parameters[:-1], strict=True))
        assert isinstance(parameters[-1], datetime)
        check_lengths(columns)
        sequences = [one or self._next() for one in columns["sequence"]]
        for place, (tenant, entity_id) in enumerate(zip(columns["tenant"], columns["id"], strict=True)):
            self._write_entity((tenant, entity_id), place, columns, sequences[place])
        for table in ("type", "attribute", "number", "text", "cell"):
            for suffix in ("gone", "new"):
                self._write_index(table, suffix, columns, sequences)
        gone = {(columns["tenant"][i - 1], columns["id"][i - 1]) for i in columns["erase_i"]}
        self.history = [row for row in self.history if row[:2] not in gone]
        for i, name, at, instance in zip(*(columns[one] for one in PLACED["history"]), strict=True):
            self.history.append((columns["tenant"][i - 1], columns["id"][i - 1], name, at, decoded(instance)))
        for i, version, kind, document, changed, principal, label in zip(*(columns[one] for one in COLUMNS[-7:]), strict=True):
            whole = decoded(document or columns["document"][i - 1])
            self.log.append((sequences[i - 1], version, kind, whole, decoded(changed), principal, label))
        return sequences

    def _next(self) -> int:
        self.last_sequence += 1
        return self.last_sequence

    def _write_entity(self, key: tuple[str, str], place: int, columns: dict[str, list[Any]], sequence: int) -> None:
        action, stored = columns["action"][place], self.entities.get(key)
        assert columns["shard"][place] == shard_of(*key)
        if action == INSERT:
            assert stored is None or DELETE in [
                columns["action"][other] for other in range(place) if (columns["tenant"][other], columns["id"][other]) == key
            ]
        if action in (UPDATE, DELETE):
            assert stored is not None
            assert stored.version == columns["version"][place]
            assert stored.sequence == sequence
        if action == DELETE:
            del self.entities[key]
        if action in (INSERT, UPDATE):
            document = decoded(columns["document"][place])
            expires = columns["expires"][place]
            assert (expires is not None) == ("expiresAt" in document)
            self.entities[key] = from_document(document, columns["new_version"][place], sequence)

    def _write_index(self, table: str, suffix: str, columns: dict[str, list[Any]], sequences: list[int]) -> None:
        members = [f"{table}_{suffix}"] if table in ("type", "attribute") else [f"{table}_{suffix}_path", f"{table}_{suffix}"]
        for i, *values in zip(columns[f"{table}_{suffix}_i"], *(columns[one] for one in members), strict=True):
            row = (columns["tenant"][i - 1], *values, sequences[i - 1])
            (self.index[table].discard if suffix == "gone" else self.index[table].add)(row)

    def expected_index(self) -> dict[str, set[tuple[Any, ...]]]:
        """The rows that the entities as they stand ought to have."""
        found: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        for (tenant, _), entity in self.entities.items():
            rows = rows_of(entity, None)
            found["type"] |= {(tenant, one, entity.sequence) for one in entity.types}
            found["attribute"] |= {(tenant, one, entity.sequence) for one in rows.attributes}
            for table, pairs in (("number", rows.numbers), ("text", rows.texts), ("cell", rows.cells)):
                found[table] |= {(tenant, *pair, entity.sequence) for pair in pairs}
        return {table: rows for table, rows in found.items() if rows}


WINDOWS = (Window(), Window(time_property="deletedAt"))


def decoded(jsonb: bytes) -> Any:
    assert jsonb[:1] == b"\x01"
    return json.loads(jsonb[1:])


def check_lengths(columns: dict[str, list[Any]]) -> None:
    groups: dict[str, set[int]] = defaultdict(set)
    for name, values in columns.items():
        kind = next((one for one in PLACED if name in PLACED[one]), name.removesuffix("_i").removesuffix("_path"))
        groups["log" if name in COLUMNS[-7:] else kind].add(len(values))
    assert all(len(lengths) == 1 for lengths in groups.values()), groups


def applied(group: Group, mutations: list[Mutation]) -> list[Decision | MachinamiError]:
    results: list[Decision | MachinamiError] = []
    for one in mutations:
        try:
            results.append(group.apply(one))
        except MachinamiError as error:
            results.append(error)
    return results


def mutation(entity_id: str, decide: Any, label: str = "") -> Mutation:
    return Mutation("town", entity_id, decide, "user:a", label)


def entity(entity_id: str = A, value: Any = 1, **other: Any) -> Entity:
    return Entity(entity_id, ("T",), {LEVEL: [{"type": "Property", "value": value}]}, **other)


def fragment(value: Any) -> Fragment:
    return Fragment((), None, None, {LEVEL: [{"type": "Property", "value": value}]})


def commit(tables: Tables, mutations: list[Mutation], now: datetime = START, keep_history: bool = False) -> Group:
    group = Group(dict(tables.entities), now, keep_history)
    applied(group, mutations)
    if not group.empty:
        sequences = tables.write(group.parameters())
        for key, one in group.results(sequences):
            assert tables.entities.get(key) == one
    return group


def actions(group: Group) -> list[int]:
    return list(dict(zip(COLUMNS, group.parameters()[:-1], strict=True))["action"])


@st.composite
def steps(draw: st.DrawFn) -> list[list[Mutation]]:
    """Some groups of mutations of few entities, so that they meet each other."""
    groups = []
    for _ in range(draw(st.integers(1, 4))):
        members = []
        for _ in range(draw(st.integers(1, 6))):
            one = draw(st.sampled_from([A, B]))
            new = draw(entities(one))
            kind = draw(st.integers(0, 6))
            decide = (
                rules.create(new), rules.upsert_replace(new), rules.upsert_update(new), rules.delete_entity(one),
                rules.delete_attribute(one, draw(st.sampled_from(NAMES)), delete_all=True), rules.remove_expired(),
                rules.unless_unchanged(rules.upsert_replace(new)),
            )[kind]  # fmt: skip
            members.append(mutation(one, decide, draw(st.sampled_from(["", "replay"]))))
        groups.append(members)
    return groups


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps(), st.booleans())
async def test_group_comes_to_the_same_as_mutations_one_by_one(groups: list[list[Mutation]], keep_history: bool) -> None:
    clock = VirtualClock(START)
    reference, tables = MemoryEntityStore(clock, keep_history), Tables()
    for members in groups:
        group = Group(dict(tables.entities), clock.now(), keep_history)
        ours, theirs = applied(group, members), await reference.write(members)
        assert [type(one) for one in ours] == [type(one) for one in theirs]
        assert [getattr(one, "code", "") for one in ours] == [getattr(one, "code", "") for one in theirs]
        if not group.empty:
            sequences = tables.write(group.parameters())
            assert {key: one for key, one in group.results(sequences) if one} == {
                key: tables.entities[key] for key, one in group.results(sequences) if one
            }
        clock.advance(1_200)
    for one in (A, B):
        theirs_now = await reference.get("town", one)
        ours_now = tables.entities.get(("town", one))
        assert (ours_now is None) == (theirs_now is None)
        if ours_now is not None and theirs_now is not None:
            assert replace(ours_now, sequence=0) == replace(theirs_now, sequence=0)
        for name in NAMES:
            rows = [row for each in WINDOWS for row in reference.history.chosen("town", (one, name), each)]
            kept = [row.instance for row in sorted(rows, key=lambda row: (row.at, row.number))]
            found = sorted((row for row in tables.history if row[:3] == ("town", one, name)), key=lambda row: row[3])
            assert [row[4] for row in found] == kept
    assert {table: rows for table, rows in tables.index.items() if rows} == tables.expected_index()
    log = await reference.changes((await MemoryEntityStore(clock).newest()), 1_000)
    assert sorted((row[1], row[2], row[3]["id"], row[6]) for row in tables.log) == sorted(
        (one.entity.version, one.kind.value, one.entity.id, one.label) for one in log
    )


def test_group_folds_several_updates_into_one_row_but_keeps_each_change() -> None:
    tables = Tables()
    commit(tables, [mutation(A, rules.create(entity()))])
    group = commit(tables, [mutation(A, rules.update_attributes(A, fragment(value))) for value in (2, 3)])
    assert actions(group) == [UPDATE]
    assert tables.entities["town", A].version == 3
    assert [row[4]["value"] for row in tables.history] == [1, 2, 3]
    assert [(row[1], row[2]) for row in tables.log] == [(1, "created"), (2, "updated"), (3, "updated")]
    [_, (name, dataset, before, removed)] = [changed for row in tables.log[1:] for changed in row[4]]
    assert (name, dataset, before["value"], removed) == (LEVEL, None, 2, False)
    assert {row[2] for row in tables.index["number"]} == {3.0}


def test_group_writes_nothing_of_an_entity_that_came_and_went_but_its_changes() -> None:
    tables = Tables()
    group = commit(tables, [mutation(A, rules.create(entity())), mutation(A, rules.delete_entity(A))])
    assert actions(group) == [NOTHING]
    assert (tables.entities, tables.history) == ({}, [])
    assert not any(tables.index.values())
    assert [row[2] for row in tables.log] == ["created", "deleted"]


def test_group_gives_a_new_place_in_order_to_an_entity_that_was_deleted_and_made_again() -> None:
    tables = Tables()
    commit(tables, [mutation(A, rules.create(entity())), mutation(B, rules.create(entity(B)))])
    group = commit(tables, [mutation(A, rules.delete_entity(A)), mutation(A, rules.create(entity(value=9)))])
    assert actions(group) == [DELETE, INSERT]
    assert tables.entities["town", A].sequence > tables.entities["town", B].sequence
    assert [row[4]["value"] for row in tables.history if row[1] == A] == [9]
    assert tables.expected_index() == {table: rows for table, rows in tables.index.items() if rows}


def test_group_removes_the_expired_entity_that_a_new_one_supplants() -> None:
    tables = Tables()
    commit(tables, [mutation(A, rules.create(entity(expires_at="2026-05-14T03:30:00Z")))])
    group = commit(tables, [mutation(A, rules.create(entity(value=2)))], START.replace(hour=4))
    assert actions(group) == [DELETE, INSERT]
    assert [row[4]["value"] for row in tables.history] == [2]
    assert tables.entities["town", A].sequence == 2
    assert [row[2] for row in tables.log] == ["created", "created"]
    assert tables.expected_index() == {table: rows for table, rows in tables.index.items() if rows}


@pytest.mark.parametrize("keep_history", [True, False])
def test_group_erases_history_on_deletion_unless_it_is_kept(keep_history: bool) -> None:
    tables = Tables()
    commit(tables, [mutation(A, rules.create(entity()))])
    commit(tables, [mutation(A, rules.delete_entity(A))], keep_history=keep_history)
    left = [row[4] for row in tables.history]
    if not keep_history:
        assert left == []
    else:
        assert left[0]["value"] == 1
        assert left[1] == {"type": "Property", "deletedAt": "2026-05-14T03:00:00Z"}


def test_group_is_left_as_it_was_when_a_rule_refuses() -> None:
    group = Group({}, START, False)
    applied(group, [mutation(A, rules.create(entity()))])
    before = group.parameters()
    with pytest.raises(Refusal):
        group.apply(mutation(A, rules.create(entity(value=2))))
    with pytest.raises(Refusal):
        group.apply(mutation(B, rules.delete_entity(B)))
    assert group.parameters() == before


def test_group_is_left_as_it_was_when_an_entity_cannot_be_written_as_json() -> None:
    """A number beyond 64 bits: its neighbours, and the entity's own earlier changes, must not suffer."""
    group = Group({}, START, False)
    applied(group, [mutation(A, rules.create(entity()))])
    before = group.parameters()
    for one in (A, B):
        with pytest.raises(TypeError):
            group.apply(mutation(one, rules.upsert_replace(entity(one, 10**30))))
    assert group.parameters() == before


def test_group_is_empty_when_nothing_changes() -> None:
    group = Group({("town", A): entity(version=1, sequence=5)}, START, False)
    group.apply(mutation(A, rules.unless_unchanged(rules.upsert_replace(entity()))))
    group.apply(mutation(B, rules.remove_expired()))
    assert group.empty
    assert group.results([]) == []


def test_group_keeps_tenants_apart() -> None:
    group = Group({}, START, False)
    group.apply(mutation(A, rules.create(entity())))
    group.apply(Mutation("other", A, rules.create(entity())))
    assert [key for key, _ in group.results([1, 2])] == [("town", A), ("other", A)]
    assert [one.sequence for _, one in group.results([1, 2]) if one] == [1, 2]


def test_history_is_dated_by_observation_else_by_arrival() -> None:
    tables = Tables()
    observed = {"type": "Property", "value": 1, "observedAt": "2026-05-14T09:00:00+09:00"}
    commit(
        tables,
        [mutation(A, rules.create(Entity(A, ("T",), {LEVEL: [observed], NAMES[1]: [{"type": "Property", "value": 2}]})))],
    )
    assert {row[2]: row[3] for row in tables.history} == {LEVEL: START.replace(hour=0), NAMES[1]: START}


def test_columns_are_the_parameters_of_write_group_in_order() -> None:
    """The SQL function and the columns are two lists that must stay one."""
    text = (Path(machinami.adapters.postgres.__file__).parent / "migrations" / "0001_store.sql").read_text("utf-8")
    signature = text.partition("create function write_group(")[2].partition(") returns")[0]
    names = [part.split()[0] for part in signature.replace("\n", " ").split(",")]
    assert [name.removeprefix("p_") for name in names] == [*COLUMNS, "now"]
