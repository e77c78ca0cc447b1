"""Operations on a tenant that nobody has created anything in: NonexistentTenant, unless they create (CIM 009 5.5.10)."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import wraps
from typing import Final

from machinami.data.tenants.service import Tenants
from machinami.entrypoints.http.asgi import TENANT_HEADER
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.routing import Handler, Table
from machinami.kernel.errors import Refusal

CREATING: Final = frozenset(
    {
        "/entities",
        "/entityOperations/create",
        "/entityOperations/upsert",
        "/temporal/entities",
        "/subscriptions",
        "/csourceRegistrations",
        "/csourceSubscriptions",
        "/jsonldContexts",
    }
)
"""A POST to these creates a tenant. 5.5.10 doesn't list upserts and @contexts, but they create information as well."""
OF_NO_TENANT: Final = frozenset({"/info/sourceIdentity"})


def of_known_tenants(table: Table, tenants: Tenants) -> Table:
    """The same handlers, each behind the question whether the tenant that the call names exists."""
    return {
        path: {
            method: handler if path in OF_NO_TENANT else _guarded(handler, tenants, method == "POST" and path in CREATING)
            for method, handler in methods.items()
        }
        for path, methods in table.items()
    }


def _guarded(handler: Handler, tenants: Tenants, creates: bool) -> Handler:
    @wraps(handler)
    def guarded(call: Call) -> Awaitable[Answer]:
        return of_known(call) if TENANT_HEADER in call.headers else handler(call)

    async def of_known(call: Call) -> Answer:
        if not creates and not await tenants.exists(call.caller.tenant):
            raise Refusal("http.tenant.unknown", tenant=call.caller.tenant)
        answer = await handler(call)
        if creates and answer.status in (201, 204):
            await tenants.remember(call.caller.tenant)
        return answer

    return guarded
