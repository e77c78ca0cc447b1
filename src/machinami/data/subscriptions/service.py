"""Use cases on subscriptions, and the live set of them that the matcher asks: a cache of the store (trust-N12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from machinami.data.entities.expiry import is_past
from machinami.data.matching.index import InterestIndex
from machinami.data.subscriptions.ports import Figures, MatchStore, SubscriptionRecords, TargetGuard
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.change import Change, Told
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.subscription_model import Subscription, SubscriptionLimits
from machinami.standards.ngsi_ld.subscriptions import from_record, parse_subscription, patch_subscription, to_record

KIND = "subscription"
LOAD_BATCH = 500
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """A stored subscription with the @context it was made under and its times.

    `via` are the brokers that the request for it came through (6.3.18), `base_url` is where its client reached us. With
    `snapshot` it is about that snapshot, and `tenant` is the place of the snapshot's entities (5.5.15).
    """

    tenant: str
    subscription: Subscription
    context_source: Any
    created_at: str
    modified_at: str
    via: str = ""
    base_url: str = ""
    snapshot: str = ""

    @property
    def sending(self) -> tuple[str, str, str]:
        """What names this subscription and no later one of the same id."""
        return self.tenant, self.subscription.id, self.created_at


class Subscriptions:
    """Create, read, change and delete subscriptions; `standing` finds those that a change may concern."""

    def __init__(
        self, records: SubscriptionRecords, matches: MatchStore, guard: TargetGuard, clock: Clock, limits: SubscriptionLimits
    ) -> None:
        self._records = records
        self._matches = matches
        self._guard = guard
        self._clock = clock
        self._limits = limits
        self._live: dict[Key, Standing] = {}
        self._periodic: dict[Key, Standing] = {}
        self._on_snapshots: set[Key] = set()
        self._indexes: dict[str, InterestIndex[str]] = {}
        self._prepare: Callable[[], Awaitable[None]] | None = None
        self._settled: Callable[[], Awaitable[None]] | None = None
        self._listener: Callable[[str, str], None] = lambda tenant, subscription_id: None

    def on_change(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener` with the tenant and the id of each subscription that was made, changed or deleted."""
        self._listener = listener

    def live(self, tenant: str, subscription_id: str) -> Standing | None:
        """A subscription that stands."""
        return self._live.get((tenant, subscription_id))

    def keys(self) -> list[Key]:
        """(tenant, id) of all that stand."""
        return list(self._live)

    def before_each(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Await `prepare` before a subscription to changes is made or altered: it is not to be told of those until then."""
        self._prepare = prepare

    def before_figures(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Await `settled` before figures are read, so that a receiver that was told finds itself counted."""
        self._settled = settled

    async def load(self) -> int:
        """Fill the live set from the store; returns how many there are."""
        place = 0
        while True:
            records, place = await self._records.everywhere(KIND, place, LOAD_BATCH)
            for record in records:
                self._keep(_standing(record.tenant, record.document))
            if not place:
                return len(self._live)

    def standing(self, change: Change) -> list[Standing]:
        """Subscriptions that may fire on a change; `rules.fires` decides."""
        return [self._live[change.tenant, one] for one in sorted(self._candidates(change))]

    def concerned(self, change: Told) -> bool:
        """Whether any subscription may fire on a change."""
        return bool(self._candidates(change))

    def _candidates(self, change: Change | Told) -> set[str]:
        index = self._indexes.get(change.tenant)
        return index.candidates(None, change.entity, {one.attribute for one in change.instances}) if index else set()

    def periodic(self) -> list[Standing]:
        """Subscriptions that fire by time."""
        return list(self._periodic.values())

    @property
    def watching(self) -> bool:
        """Whether any subscription waits for changes."""
        return bool(self._indexes)

    async def create(
        self, caller: Caller, document: Any, context: Context, *, via: str = "", base_url: str = "", snapshot: str = ""
    ) -> Subscription:
        """5.8.1."""
        require(caller, Role.WRITER)
        subscription = parse_subscription(document, context, self._limits, new_id=new_urn("Subscription"))
        self._check(subscription)
        await self._prepared(subscription)
        now = iso(self._clock.now())
        standing = Standing(caller.tenant, subscription, context.source, now, now, via, base_url, snapshot)
        if not await self._records.add(caller.tenant, KIND, subscription.id, _record(standing)):
            raise Refusal("data.subscription.already_exists", id=subscription.id)
        self._keep(standing)
        self._listener(caller.tenant, subscription.id)
        return subscription

    async def update(self, caller: Caller, subscription_id: str, document: Any, context: Context) -> Subscription:
        """5.8.2."""
        require(caller, Role.WRITER)
        current = await self._one(caller, subscription_id)
        subscription = patch_subscription(current.subscription, document, context, self._limits)
        self._check(subscription)
        await self._prepared(subscription)
        source = context.source if context.source is not None else current.context_source
        standing = replace(current, subscription=subscription, context_source=source, modified_at=iso(self._clock.now()))
        await self._records.put(caller.tenant, KIND, subscription_id, _record(standing))
        self._keep(standing)
        self._listener(caller.tenant, subscription_id)
        return subscription

    async def current(self, caller: Caller, subscription_id: str) -> Standing:
        """A subscription as it stands, for one who is about to change it."""
        require(caller, Role.WRITER)
        return await self._one(caller, subscription_id)

    async def retrieve(self, caller: Caller, subscription_id: str) -> tuple[Standing, Figures | None]:
        """5.8.3: the subscription and its delivery figures."""
        require(caller, Role.READER)
        standing = await self._one(caller, subscription_id)
        states = await self._figures(caller, [subscription_id])
        return standing, states.get(subscription_id)

    async def listing(self, caller: Caller, limit: int, offset: int) -> tuple[list[tuple[Standing, Figures | None]], int]:
        """5.8.4: a page in order of creation, with figures, and the total."""
        require(caller, Role.READER)
        records = await self._records.listing(caller.tenant, KIND, limit, offset)
        found = [_standing(caller.tenant, record) for record in records]
        states = await self._figures(caller, [one.subscription.id for one in found])
        total = await self._records.count(caller.tenant, KIND)
        return [(one, states.get(one.subscription.id)) for one in found], total

    async def delete(self, caller: Caller, subscription_id: str) -> None:
        """5.8.5; notifications that wait are forgotten."""
        require(caller, Role.WRITER)
        if not await self._records.remove(caller.tenant, KIND, subscription_id):
            raise Refusal("data.subscription.does_not_exist", id=subscription_id)
        self._forget((caller.tenant, subscription_id))
        self._listener(caller.tenant, subscription_id)
        await self._matches.drop_lane(caller.tenant, subscription_id)

    def places(self) -> set[str]:
        """The places of snapshots that have subscriptions."""
        return {tenant for tenant, _ in self._on_snapshots}

    async def drop(self, place: str) -> None:
        """Take away the subscriptions of a place that is gone, with what waits for their receivers."""
        for tenant, subscription_id in list(self._on_snapshots):
            if tenant == place:
                await self._records.remove(tenant, KIND, subscription_id)
                self._forget((tenant, subscription_id))
                await self._matches.drop_lane(tenant, subscription_id)

    def now_text(self) -> str:
        """The present instant, against which a subscription's status is judged."""
        return iso(self._clock.now())

    def forget_all(self) -> None:
        """Empty the live set after the store was emptied (development mode)."""
        for key in list(self._live):
            self._forget(key)

    def __len__(self) -> int:
        return len(self._live)

    async def _figures(self, caller: Caller, subscription_ids: list[str]) -> Mapping[str, Figures]:
        if self._settled is not None:
            await self._settled()
        return await self._matches.states(caller.tenant, subscription_ids)

    async def _one(self, caller: Caller, subscription_id: str) -> Standing:
        record = await self._records.fetch(caller.tenant, KIND, subscription_id)
        if record is None:
            raise Refusal("data.subscription.does_not_exist", id=subscription_id)
        return _standing(caller.tenant, record)

    def _check(self, subscription: Subscription) -> None:
        if is_past(subscription.expires_at, self.now_text()):
            raise Refusal("data.subscription.expires_in_past", expires_at=subscription.expires_at)
        endpoint = subscription.notification.endpoint
        self._guard.check(endpoint.uri, endpoint.receiver_info)

    async def _prepared(self, subscription: Subscription) -> None:
        if subscription.interval_s is None and self._prepare is not None:
            await self._prepare()

    def _keep(self, standing: Standing) -> None:
        key = (standing.tenant, standing.subscription.id)
        self._forget(key)
        self._live[key] = standing
        if standing.snapshot:
            self._on_snapshots.add(key)
        if standing.subscription.csf is not None:
            return  # told of the entities of the sources it chooses alone (5.8.6)
        if standing.subscription.interval_s is None:
            index = self._indexes.setdefault(standing.tenant, InterestIndex())
            index.add(standing.subscription.id, standing.subscription.query, standing.subscription.watched)
        else:
            self._periodic[key] = standing

    def _forget(self, key: Key) -> None:
        self._live.pop(key, None)
        self._periodic.pop(key, None)
        self._on_snapshots.discard(key)
        tenant, subscription_id = key
        if (index := self._indexes.get(tenant)) is not None:
            index.remove(subscription_id)
            if not index:
                del self._indexes[tenant]


def _record(standing: Standing) -> dict[str, Any]:
    return {
        "subscription": to_record(standing.subscription),
        "context": standing.context_source,
        "createdAt": standing.created_at,
        "modifiedAt": standing.modified_at,
        "via": standing.via,
        "baseUrl": standing.base_url,
        "snapshot": standing.snapshot,
    }


def _standing(tenant: str, record: dict[str, Any]) -> Standing:
    return Standing(
        tenant, from_record(record["subscription"]), record["context"], record["createdAt"], record["modifiedAt"],
        record.get("via", ""), record.get("baseUrl", ""), record.get("snapshot", ""),
    )  # fmt: skip
