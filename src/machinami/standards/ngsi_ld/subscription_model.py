"""A subscription as the matcher and the notifier use it (CIM 009 5.2.12, 5.2.14, 5.2.15): all names are expanded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from machinami.kernel.query import Condition, EntityQuery
from machinami.standards.ngsi_ld.render import Representation


class Trigger(StrEnum):
    """What a subscription fires on (`notificationTrigger`)."""

    ENTITY_CREATED = "entityCreated"
    ENTITY_UPDATED = "entityUpdated"
    ENTITY_DELETED = "entityDeleted"
    ATTRIBUTE_CREATED = "attributeCreated"
    ATTRIBUTE_UPDATED = "attributeUpdated"
    ATTRIBUTE_DELETED = "attributeDeleted"


DEFAULT_TRIGGERS: Final = frozenset({Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED})


@dataclass(frozen=True, slots=True)
class SubscriptionLimits:
    """Budgets of a subscription's queries (settings of the same names)."""

    query_nodes_max: int = 200
    pattern_characters_max: int = 512
    geometry_vertices_max: int = 2_000
    entities_max: int = 1_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to notify. `receiver_info` are additional headers, `notifier_info` parameters of the transport."""

    uri: str
    accept: str = "application/json"
    receiver_info: tuple[tuple[str, str], ...] = ()
    notifier_info: tuple[tuple[str, str], ...] = ()
    timeout_ms: float | None = None
    cooldown_ms: float | None = None

    @property
    def over_mqtt(self) -> bool:
        """Whether notifications are published to an MQTT broker (clause 7)."""
        return self.uri.startswith(("mqtt:", "mqtts:"))


@dataclass(frozen=True, slots=True)
class Notification:
    """What to send: to whom, in which representation, with previous values (`show_changes`) or not.

    `join` (`flat`, `inline` or empty) also shows the entities that relationships lead to, over `join_level` steps.
    """

    endpoint: Endpoint
    representation: Representation = field(default_factory=Representation)
    show_changes: bool = False
    join: str = ""
    join_level: int = 1


@dataclass(frozen=True, slots=True)
class Subscription:
    """`query` selects entities, `watched` the attributes whose change fires (none: any attribute).

    `expires_at` is ISO 8601 text, `throttling_s` seconds between notifications. With `interval_s` it fires every so many
    seconds instead, with all entities that match, and on no change. `expand_values` are the attributes whose operands in q
    are terms (4.9), `conformance` is the version whose form entities are told in (4.3.6.8; None: the newest). `csf` chooses
    the context sources whose entities are told (5.8.6), `local_only` leaves them all out, `split` says whether entities may
    be spread over several of them (None: as the installation is set). `document` is the client's own text of members that
    hold no names to expand (q, geoQ, descriptions …), shown again as it came.
    """

    id: str
    notification: Notification
    query: EntityQuery = field(default_factory=EntityQuery)
    watched: tuple[str, ...] = ()
    triggers: frozenset[Trigger] = DEFAULT_TRIGGERS
    active: bool = True
    expires_at: str | None = None
    throttling_s: float | None = None
    interval_s: float | None = None
    expand_values: frozenset[str] = frozenset()
    jsonld_context: str | None = None
    conformance: tuple[int, int] | None = None
    csf: Condition | None = None
    local_only: bool = False
    split: bool | None = None
    document: dict[str, Any] = field(default_factory=dict)
