"""Administration over HTTP: receivers of alarm notices, imported base maps, dead letters, passwords."""

from __future__ import annotations

from typing import Any

from machinami.bootstrap.core import Core
from machinami.citymap.imported import Words
from machinami.entrypoints.http.messages import Answer, Call, integer, json_answer, json_object, text_member
from machinami.entrypoints.http.routing import Routes
from machinami.kernel.access import require
from machinami.kernel.caller import Role
from machinami.kernel.clock import iso
from machinami.kernel.errors import Refusal

DEAD_LETTERS_MAX = 1_000


class AdministrationHandlers:
    """Handlers of `/api/alarm-webhooks`, `/api/basemaps`, `/api/dead-letters` and `/auth/password`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def webhooks(self, call: Call) -> Answer:
        """GET /api/alarm-webhooks."""
        return json_answer({"webhooks": await self._core.webhooks.listing(call.caller)})

    async def add_webhook(self, call: Call) -> Answer:
        """POST /api/alarm-webhooks {name, url}."""
        body = self._object(call)
        made = await self._core.webhooks.add(call.caller, text_member(body, "name"), text_member(body, "url"))
        return json_answer(made, 201)

    async def remove_webhook(self, call: Call) -> Answer:
        """DELETE /api/alarm-webhooks/{name}."""
        await self._core.webhooks.remove(call.caller, call.segments[0])
        return Answer(204)

    async def basemaps(self, call: Call) -> Answer:
        """GET /api/basemaps: the imported ones."""
        return json_answer({"basemaps": await self._core.basemaps.listing(call.caller)})

    async def add_basemap(self, call: Call) -> Answer:
        """POST /api/basemaps {path, name, credit, licence, link}: a file of this computer; commands only."""
        body = self._object(call)
        path, *words = (text_member(body, member) for member in ("path", "name", "credit", "licence", "link"))
        return json_answer(await self._core.basemaps.add(call.caller, path, Words(*words)), 201)

    async def remove_basemap(self, call: Call) -> Answer:
        """DELETE /api/basemaps/{name}."""
        await self._core.basemaps.remove(call.caller, call.segments[0])
        return Answer(204)

    async def dead_letters(self, call: Call) -> Answer:
        """GET /api/dead-letters?after=&limit=: notifications that were given up, by number (trust-N6)."""
        require(call.caller, Role.OPERATOR)
        after = integer(call, "after", 0, 0, 9_999_999_999)
        limit = integer(call, "limit", 100, 1, DEAD_LETTERS_MAX)
        letters = await self._core.deliveries.dead_letters(call.caller.tenant, None, after, limit)
        rows = [
            {
                "number": one.delivery.number,
                "subscription": one.delivery.subscription_id,
                "notification": one.delivery.notification_id,
                "url": one.delivery.url,
                "attempts": one.delivery.attempts,
                "created_at": iso(one.delivery.created_at),
                "dead_at": iso(one.dead_at),
                "reason": one.reason,
            }
            for one in letters
        ]
        return json_answer({"dead_letters": rows})

    async def requeue(self, call: Call) -> Answer:
        """POST /api/dead-letters/requeue {numbers}: send them again under their old notification ids."""
        require(call.caller, Role.OPERATOR)
        numbers = self._object(call).get("numbers")
        whole = isinstance(numbers, list) and all(type(one) is int and 0 < one < 2**63 for one in numbers)
        if not whole or not 0 < len(numbers or []) <= DEAD_LETTERS_MAX:
            wanted = f"1 to {DEAD_LETTERS_MAX} whole numbers"
            raise Refusal("http.query.not_valid", name="numbers", value=str(numbers)[:50], wanted=wanted)
        count = await self._core.deliveries.requeue(call.caller.tenant, numbers or [], self._core.clock.now())
        self._core.worker.wake()
        return json_answer({"requeued": count})

    async def password(self, call: Call) -> Answer:
        """POST /auth/password {name, password, current}: one's own with the current one, others' as administrator."""
        body = self._object(call)
        name, password, current = (text_member(body, member) for member in ("name", "password", "current"))
        await self._core.identity.set_password(call.caller, name, password, current)
        return Answer(204)

    def _object(self, call: Call) -> dict[str, Any]:
        return json_object(call, self._core.settings.integer("json_depth_max"))


def administration_routes(core: Core) -> list[Routes]:
    """The routes of administration, by prefix; they come before the console's wider prefixes."""
    do = AdministrationHandlers(core)
    return [
        Routes(
            "/api/alarm-webhooks",
            {"/": {"GET": do.webhooks, "POST": do.add_webhook}, "/*": {"DELETE": do.remove_webhook}},
        ),
        Routes("/api/basemaps", {"/": {"GET": do.basemaps, "POST": do.add_basemap}, "/*": {"DELETE": do.remove_basemap}}),
        Routes("/api/dead-letters", {"/": {"GET": do.dead_letters}, "/requeue": {"POST": do.requeue}}),
        Routes("/auth/password", {"/": {"POST": do.password}}),
    ]
