"""The simplest access rule: a role is needed. Finer decisions (policies, consent) will stand behind the same call."""

from __future__ import annotations

from machinami.kernel.caller import Caller, Role
from machinami.kernel.errors import Refusal


def require(caller: Caller, role: Role) -> None:
    """Refuse (`security.access.forbidden`) unless the caller has the role."""
    if not caller.has(role):
        raise Refusal("security.access.forbidden", principal=caller.principal, role=role.value)
