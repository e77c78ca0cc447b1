"""Shared fakes and builders: a durable side that can fail, and changes of one entity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.data.delivery.model import Delivery
from machinami.data.subscriptions.ports import Figures, TenantRecord
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import DEFAULT_VOCABULARY, Attributes, Entity, Instance
from machinami.kernel.errors import Refusal, Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.subscription_model import Subscription
from machinami.standards.ngsi_ld.subscriptions import parse_subscription

START = datetime(2026, 11, 26, tzinfo=UTC)
ENTITY_ID = "urn:ngsi-ld:Gauge:1"


class Records(MemoryDocumentStore):
    """Records of all tenants, also in pages across them."""

    async def everywhere(self, kind: str, after: int, limit: int) -> tuple[list[TenantRecord], int]:
        all_of_kind = [
            TenantRecord(tenant, document)
            for (tenant, each), shelf in self._documents.items()
            if each == kind
            for document in shelf.values()
        ]
        page = all_of_kind[after : after + limit]
        return page, after + limit if len(page) == limit else 0


class Matches:
    """`MatchStore` that keeps what was committed; `failures` are raised first."""

    def __init__(self) -> None:
        self.committed: list[tuple[str, Cursor, Cursor, list[Delivery]]] = []
        self.failures: list[Exception] = []
        self.dropped: list[tuple[str, str]] = []
        self.figures: dict[str, Any] = {}

    async def commit_matches(self, consumer: str, old: Cursor, new: Cursor, rows: Sequence[Delivery]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.committed.append((consumer, old, new, list(rows)))

    async def states(self, tenant: str, subscription_ids: Sequence[str]) -> Mapping[str, Figures]:
        return {one: self.figures[one] for one in subscription_ids if one in self.figures}

    async def drop_lane(self, tenant: str, subscription_id: str) -> None:
        self.dropped.append((tenant, subscription_id))

    @property
    def sent(self) -> list[Delivery]:
        return [row for _, _, _, rows in self.committed for row in rows]


class Guard:
    """Lets every target pass but one host."""

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        if "forbidden" in url:
            raise Refusal("egress.address.forbidden", url=url)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def matches() -> Matches:
    return Matches()


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def unavailable() -> Unavailable:
    return Unavailable("data.store.unavailable", reason="test")


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    """A subscription document with changes; `notification` members by keyword `notify`."""

    def build(notify: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        endpoint = {"uri": "http://receiver.example/hook", "accept": "application/ld+json"}
        base = {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": {"endpoint": endpoint}}
        whole = {**base, **members}
        whole["notification"] = {**base["notification"], **(notify or {})}  # type: ignore[dict-item]
        return {name: value for name, value in whole.items() if value is not None}

    return build


@pytest.fixture
def subscription(document: Callable[..., dict[str, Any]]) -> Callable[..., Subscription]:
    """A parsed subscription."""

    def build(**members: Any) -> Subscription:
        return parse_subscription(document(**members), core_context(), new_id="urn:ngsi-ld:Subscription:1")

    return build


def expanded(attributes: Mapping[str, Instance | list[Instance] | None]) -> Attributes:
    return {
        DEFAULT_VOCABULARY + name: one if isinstance(one, list) else [one]
        for name, one in attributes.items()
        if one is not None
    }


@pytest.fixture
def change() -> Callable[..., Change]:
    """A change of a gauge from one set of attributes (short names; None: not there) to another."""

    def build(
        before: dict[str, Any] | None, after: dict[str, Any] | None, number: int = 1, tenant: str = "default", **entity: Any
    ) -> Change:
        kind = ChangeKind.CREATED if before is None else ChangeKind.DELETED if after is None else ChangeKind.UPDATED
        old, new = expanded(before or {}), expanded(after or {})
        instances: list[InstanceChange] = []
        for name in {**old, **new}:
            left = {one.get("datasetId"): one for one in old.get(name, [])}
            right = {one.get("datasetId"): one for one in new.get(name, [])}
            instances += [
                InstanceChange(name, dataset, left.get(dataset), right.get(dataset))
                for dataset in {**left, **right}
                if left.get(dataset) != right.get(dataset)
            ]
        standing = Entity(
            entity.pop("id", ENTITY_ID), (DEFAULT_VOCABULARY + entity.pop("type", "Gauge"),),
            new if after is not None else old, version=number, sequence=1, **entity,
        )  # fmt: skip
        return Change(Cursor(number, number), START, tenant, standing, kind, tuple(instances), "user:a")

    return build
