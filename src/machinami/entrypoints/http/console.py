"""The console's JSON: city, layers, search, alarms, imports, login. Handlers are thin; use cases decide."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from machinami import __version__
from machinami.bootstrap.core import Core
from machinami.command.alarms.presentation import page_document, record_document
from machinami.command.alarms.service import LIST_MAX
from machinami.entrypoints.http.messages import Answer, Call, instant_member, integer, json_answer, json_object, text_member
from machinami.entrypoints.http.naming import names_document
from machinami.entrypoints.http.routing import Routes
from machinami.kernel.access import require
from machinami.kernel.caller import Role
from machinami.kernel.clock import iso
from machinami.kernel.errors import Refusal
from machinami.security.identity.model import ApiKey, Login
from machinami.security.identity.rules import SESSION_COOKIE

SEARCH_CHARACTERS_MAX: Final = 100


class ConsoleHandlers:
    """Handlers of `/api/…`, `/alarms…` and `/auth/…`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def city(self, call: Call) -> Answer:
        """GET /api/city: what the shell needs first."""
        view = self._core.profile.view
        return json_answer(
            {
                "profile": view.profile,
                "name_ja": view.ja,
                "name_en": view.en,
                "code": view.code,
                "center": list(view.center),
                "zoom": view.zoom,
                "dev": self._core.options.dev,
                "version": __version__,
                "me": {
                    "name": call.caller.display_name,
                    "principal": call.caller.principal,
                    "roles": sorted(role.value for role in call.caller.roles),
                },
                "csrf": self._core.identity.csrf(cookies_of(call)),
                "basemaps": [BUNDLED_BASEMAP, *await self._core.basemaps.choices(call.caller)],
            }
        )

    async def layers(self, call: Call) -> Answer:
        """GET /api/layers."""
        rows = []
        for layer, count in await self._core.citymap.layers(call.caller):
            credit = layer.credit
            rows.append(
                {
                    "id": layer.id, "domain": layer.domain, "name_ja": layer.ja, "name_en": layer.en,
                    "type": layer.type.rpartition("/")[2], "color": layer.color, "icon": layer.icon, "count": count,
                    "order": layer.order, "visible": layer.visible, "opacity": 1, "live": layer.live,
                    "stale_after_s": layer.stale_after_s, "label": layer.label,
                    "credit_ja": credit.ja if credit else "", "credit_en": credit.en if credit else "",
                    "credit_url": credit.url if credit else "", "licence": credit.licence if credit else "",
                }
            )  # fmt: skip
        domains = [{"id": one.id, "name_ja": one.ja, "name_en": one.en} for one in self._core.citymap.domains()]
        return json_answer({"layers": rows, "domains": domains})

    async def features(self, call: Call) -> Answer:
        """GET /api/layers/{id}/features."""
        return json_answer(await self._core.citymap.features(call.caller, call.segments[0]))

    async def area_alarms(self, call: Call) -> Answer:
        """GET /api/areas/alarms."""
        return json_answer(await self._core.citymap.area_alarms(call.caller))

    async def search(self, call: Call) -> Answer:
        """GET /api/search?q=."""
        text = call.query.get("q", "")[:SEARCH_CHARACTERS_MAX]
        return json_answer({"results": await self._core.citymap.search(call.caller, text)})

    async def types(self, call: Call) -> Answer:
        """GET /api/types."""
        return json_answer({"types": await self._core.citymap.types(call.caller)})

    async def entities(self, call: Call) -> Answer:
        """GET /api/entities?type=&q=&limit=&after=."""
        limit = integer(call, "limit", 50, 1, 500)
        after = integer(call, "after", 0, 0, 9_999_999_999)
        kind = call.query.get("type") or None
        return json_answer(await self._core.citymap.listing(call.caller, kind, call.query.get("q", ""), limit, after))

    async def alarms(self, call: Call) -> Answer:
        """GET /alarms?state=&limit=&entity=."""
        require(call.caller, Role.READER)
        limit = integer(call, "limit", LIST_MAX, 1, LIST_MAX)
        state, entity_id = call.query.get("state", "active"), call.query.get("entity") or None
        page = await self._core.alarms.find(call.caller, state, limit, entity_id)
        return json_answer(page_document(page, self._core.clock.now()))

    async def alarm(self, call: Call) -> Answer:
        """GET /alarms/{id}."""
        require(call.caller, Role.READER)
        record = await self._core.alarms.get(call.caller, call.segments[0])
        return json_answer(record_document(record, self._core.clock.now()))

    async def act(self, call: Call) -> Answer:
        """POST /alarms/{id}/{action} with `text`, `to`, `until`."""
        body = self._object(call) if call.body else {}
        alarm_id, action = call.segments
        record = await self._core.alarms.act(
            call.caller, alarm_id, action, text_member(body, "text"), text_member(body, "to"), instant_member(body, "until")
        )
        self._core.alarms_changed(call.caller.tenant, [record.alarm])
        return json_answer(record_document(record, self._core.clock.now()))

    async def import_runs(self, call: Call) -> Answer:
        """GET /api/imports."""
        return json_answer({"runs": await self._core.linkage.imports.listing(call.caller)})

    async def import_run(self, call: Call) -> Answer:
        """GET /api/imports/{run}."""
        return json_answer(await self._core.linkage.imports.get(call.caller, call.segments[0]))

    async def findings_csv(self, call: Call) -> Answer:
        """GET /api/imports/{run}/findings.csv?lang=."""
        language = "en" if call.query.get("lang") == "en" else "ja"
        body = await self._core.linkage.imports.findings_csv(call.caller, call.segments[0], language)
        disposition = f'attachment; filename="findings-{call.segments[0]}.csv"'
        return Answer(200, body, {"content-type": "text/csv; charset=utf-8", "content-disposition": disposition})

    async def models(self, _: Call) -> Answer:
        """GET /api/models."""
        return json_answer({"models": self._core.linkage.imports.models()})

    async def attributes(self, _: Call) -> Answer:
        """GET /api/attributes: what attributes and types are called, in both languages."""
        return json_answer(names_document())

    async def mappings(self, call: Call) -> Answer:
        """GET /api/mappings."""
        return json_answer({"mappings": await self._core.linkage.imports.mappings(call.caller)})

    async def save_mapping(self, call: Call) -> Answer:
        """PUT /api/mappings/{fingerprint}."""
        document = self._object(call)
        if document.get("fingerprint") != call.segments[0]:
            raise Refusal("http.body.other_id", path=call.segments[0][:100], body=str(document.get("fingerprint"))[:100])
        mapping = await self._core.linkage.imports.save_mapping(call.caller, document)
        return json_answer(mapping.to_document())

    async def keys(self, call: Call) -> Answer:
        """GET /auth/keys: named API keys without their secrets."""
        return json_answer({"keys": [_key(key) for key in await self._core.identity.keys(call.caller)]})

    async def add_key(self, call: Call) -> Answer:
        """POST /auth/keys {name, roles, expires_at}: a new key with its secret, which is never shown again."""
        body = self._object(call)
        given = body.get("roles", [])
        if not isinstance(given, list) or not all(one in list(Role) for one in given):
            raise Refusal("http.query.not_valid", name="roles", value=str(given)[:50], wanted=f"an array of {', '.join(Role)}")
        name, expires_at = text_member(body, "name"), instant_member(body, "expires_at")
        key, secret = await self._core.identity.create_key(call.caller, name, [Role(one) for one in given], expires_at)
        return json_answer({**_key(key), "secret": secret}, 201, headers={"cache-control": "no-store"})

    async def revoke_key(self, call: Call) -> Answer:
        """DELETE /auth/keys/{name}: revoked at once; it stays in the list."""
        await self._core.identity.revoke_key(call.caller, call.segments[0])
        return Answer(204)

    async def logout(self, call: Call) -> Answer:
        """POST /auth/logout."""
        token = cookies_of(call).get(SESSION_COOKIE)
        if token:
            await self._core.identity.logout(token)
        return Answer(204, headers={"set-cookie": f"{SESSION_COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"})

    async def login(self, call: Call) -> Answer:
        """POST /auth/login {name, password}; open to all."""
        body = self._object(call)
        return self._welcome(call, await self._core.identity.login(text_member(body, "name"), text_member(body, "password")))

    async def setup(self, call: Call) -> Answer:
        """POST /auth/setup {code, name, display_name, password}; open to all until the first administrator is made."""
        body = self._object(call)
        words = [text_member(body, name) for name in ("code", "name", "display_name", "password")]
        return self._welcome(call, await self._core.identity.complete_setup(*words))

    def _welcome(self, call: Call, login: Login) -> Answer:
        secure = "; Secure" if call.base_url.startswith("https:") else ""
        seconds = int((login.expires_at - self._core.clock.now()).total_seconds())
        cookie = f"{SESSION_COOKIE}={login.token}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}"
        answer = json_answer({"name": login.user.display_name, "csrf": login.csrf})
        answer.headers["set-cookie"] = cookie
        return answer

    def _object(self, call: Call) -> dict[str, Any]:
        return json_object(call, self._core.settings.integer("json_depth_max"))


BUNDLED_BASEMAP: Final = {
    "id": "bundled",
    "name_ja": "内蔵地図",
    "name_en": "Bundled",
    "kind": "bundled",
    "credit_ja": "国土数値情報(行政区域データ)国土交通省を加工 / Natural Earth",
    "credit_en": "National Land Numerical Information (MLIT), processed / Natural Earth",
}


def cookies_of(call: Call) -> dict[str, str]:
    """The cookies of a request."""
    return parse_cookies(call.header("cookie"))


def parse_cookies(header: str) -> dict[str, str]:
    """A Cookie header's pairs; a part that is none is passed over: other programs of the same host set cookies too."""
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): unquote(value.strip().strip('"')) for name, equals, value in pairs if equals}


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name, "prefix": key.prefix, "roles": sorted(key.roles), "created_at": iso(key.created_at),
        "created_by": key.created_by, "expires_at": iso(key.expires_at) if key.expires_at else None,
        "revoked": key.revoked_at is not None,
    }  # fmt: skip


def console_routes(core: Core) -> list[Routes]:
    """The console's JSON routes, by prefix."""
    do = ConsoleHandlers(core)
    return [
        Routes(
            "/api/",
            {
                "/city": {"GET": do.city},
                "/layers": {"GET": do.layers},
                "/layers/*/features": {"GET": do.features},
                "/areas/alarms": {"GET": do.area_alarms},
                "/search": {"GET": do.search},
                "/types": {"GET": do.types},
                "/entities": {"GET": do.entities},
                "/imports": {"GET": do.import_runs},
                "/imports/*": {"GET": do.import_run},
                "/imports/*/findings.csv": {"GET": do.findings_csv},
                "/models": {"GET": do.models},
                "/attributes": {"GET": do.attributes},
                "/mappings": {"GET": do.mappings},
                "/mappings/*": {"PUT": do.save_mapping},
            },
        ),
        Routes("/alarms", {"/": {"GET": do.alarms}, "/*": {"GET": do.alarm}, "/*/*": {"POST": do.act}}),
        Routes("/auth/login", {"/": {"POST": do.login}}, open_to_all=True),
        Routes("/auth/setup", {"/": {"POST": do.setup}}, open_to_all=True),
        Routes(
            "/auth/",
            {
                "/keys": {"GET": do.keys, "POST": do.add_key},
                "/keys/*": {"DELETE": do.revoke_key},
                "/logout": {"POST": do.logout},
            },
        ),
    ]
