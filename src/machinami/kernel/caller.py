"""Who asks, for which town, and what for: the first argument of every use case (design.md, decision 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do; a later role includes nothing of an earlier one unless it is listed with it."""

    READER = "reader"
    WRITER = "writer"
    OPERATOR = "operator"
    ADMIN = "admin"


ALL_ROLES = frozenset(Role)
DEFAULT_TENANT = "default"


def home_of(tenant: str) -> str:
    """The town of a place: copies of a town (snapshots) lie under `<tenant>:<number>`, names that no client can say."""
    return tenant.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant, principal and purpose of one call.

    `principal` is a stable id such as `user:sato`, `key:bus-vendor`, `local:root` or `feed:jma`; `display_name` is
    what people read beside an action. `purpose` (利用目的) is free text until consent arrives.
    """

    tenant: str
    principal: str
    purpose: str
    roles: frozenset[Role]
    display_name: str = ""

    def has(self, role: Role) -> bool:
        """Whether the caller carries `role`; administrators carry all."""
        return role in self.roles or Role.ADMIN in self.roles


def development_caller(tenant: str = DEFAULT_TENANT) -> Caller:
    """The explicit caller of `--dev`, where authentication is off; people see it as 試用."""
    return Caller(tenant, "dev:trial", "development", ALL_ROLES, "試用 (trial operator)")


def system_caller(part: str, tenant: str = DEFAULT_TENANT) -> Caller:
    """The caller of Machinami's own background work, e.g. `system:feeds`."""
    return Caller(tenant, f"system:{part}", "operation", ALL_ROLES, f"Machinami {part}")
