"""A real city: the first administrator by a code, then nothing without a login or a key, and TLS for the office."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest

from machinami.entrypoints.http.app import TO_PAGES, api_routes
from machinami.entrypoints.web.pages import PAGES
from machinami.kernel.settings import Settings

from .scenario_kit import ENTITIES, City, Client, Reply, address_of, command, running

PASSWORD = "four unrelated garden words"
ENVIRONMENT = {"MACHINAMI_SETUP_CODE_TRIES_MAX": "4", "MACHINAMI_LOGIN_TRIES_MAX": "3"}
SHELTERS = Path(__file__).parents[2] / "cities/takamatsu/opendata/library/data.xlsx"


@dataclass
class Office:
    """A city in use: its process, its folder, the setup code and clients."""

    city: City
    data: Path
    code: str
    anonymous: Client

    def login(self, name: str = "sato", password: str = PASSWORD) -> Reply:
        return self.anonymous.post("/auth/login", {"name": name, "password": password})

    def session(self) -> Client:
        """A browser that has logged in, CSRF token included."""
        reply = self.login()
        assert reply.status == 200, reply.body
        return self.anonymous.with_headers(Cookie=cookie_of(reply), X_CSRF_Token=reply.json["csrf"])


def told(city: City) -> tuple[str, str]:
    """The address and the setup code that `machinami up` shows."""
    address = city.line(lambda line: found[0] if (found := re.search(r"http://127\.0\.0\.1:\d+(?=/setup)", line)) else None)
    return address, city.line(lambda line: found[1] if (found := re.search(r"setup code: (\S+)", line)) else None)


def cookie_of(reply: Reply) -> str:
    return reply.cookies[0].partition(";")[0]


def setup(client: Client, code: str, **members: str) -> Reply:
    body = {"code": code, "name": "sato", "display_name": "佐藤", "password": PASSWORD, **members}
    return client.post("/auth/setup", body)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """`machinami up` before the set-up."""
    data = tmp_path_factory.mktemp("office") / "data"
    with running("up", "--data", str(data), "--port", "0", "--lan-port", "0", "--profile", "takamatsu", **ENVIRONMENT) as city:
        address, code = told(city)
        yield Office(city, data, code, Client(address))


@pytest.fixture(scope="module")
def office(fresh: Office) -> Office:
    """The same with its administrator 佐藤, made by the code after some wrong tries."""
    assert fresh.anonymous.get("/").status == 303
    assert fresh.anonymous.get("/").headers["location"] == "/setup"
    assert setup(fresh.anonymous, "WRONG-WRONG").problem == (403, "Forbidden")
    assert setup(fresh.anonymous, fresh.code, password="password1234").problem == (400, "BadRequestData")
    assert setup(fresh.anonymous, fresh.code, name="").problem == (400, "BadRequestData")
    made = setup(fresh.anonymous, fresh.code.lower().replace("-", " "))
    assert made.status == 200, made.body
    assert made.json["name"] == "佐藤"
    assert fresh.anonymous.get("/api/city", {"Cookie": cookie_of(made)}).json["me"]["name"] == "佐藤"
    return fresh


def every_route() -> list[tuple[str, str]]:
    """(method, path) of every API route there is, straight from the tables that the server uses."""
    found = sorted(TO_PAGES)
    for routes in api_routes(Mock(settings=Settings())):
        if routes.open_to_all:
            continue
        for pattern, handlers in routes.table.items():
            path = f"{routes.prefix.rstrip('/')}/{pattern.strip('/')}".rstrip("/").replace("*", "urn:ngsi-ld:X:1")
            found += [(method, path) for method in handlers]
    return found


ROUTES = every_route()


def test_the_code_works_once_only(office: Office) -> None:
    assert setup(office.anonymous, office.code).problem == (403, "Forbidden")


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_no_route_answers_a_stranger(office: Office, method: str, path: str) -> None:
    body = {} if method in ("POST", "PUT", "PATCH") else None
    reply = office.anonymous.request(method, path, body)
    assert reply.problem == (401, "Unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    wrong = office.anonymous.request(method, path, body, {"Authorization": "Bearer mn_aaaaaaaaaa_" + "x" * 43})
    assert wrong.problem == (401, "Unauthenticated")
    stale = office.anonymous.request(method, path, body, {"Cookie": "machinami_session=nobody"})
    assert stale.problem == (401, "Unauthenticated")


def test_a_source_needs_no_key_but_the_address_it_was_given(office: Office) -> None:
    notification = {"id": "urn:ngsi-ld:Notification:1", "type": "Notification", "data": []}
    reply = office.anonymous.post(f"/source-notifications/{'a' * 43}", notification)
    assert reply.problem == (404, "ResourceNotFound")


def test_pages_send_strangers_to_the_login_and_only_open_ones_answer(office: Office) -> None:
    for page in PAGES:
        path = page.path.replace("{id:path}", "urn:x:1").replace("{run}", "x")
        reply = office.anonymous.get(path)
        if page.name == "login":
            assert reply.status == 200
        else:
            wanted = "/login" if path == "/" or page.name == "setup" else f"/login?next={quote(path, safe='/')}"
            assert (reply.status, reply.headers["location"]) == (303, wanted), page.name
    assert office.anonymous.delete("/dev/state").problem == (404, "ResourceNotFound")


def test_a_login_gives_a_guarded_cookie_and_a_logout_ends_it(office: Office) -> None:
    reply = office.login(" SATO ")
    [cookie] = reply.cookies
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert re.search(r"Max-Age=43\d\d\d", cookie)
    session = office.session()
    assert session.get("/").status == 200
    assert session.get("/api/city").json["csrf"]
    assert session.post("/auth/logout", {}).status == 204
    assert session.get("/api/city").problem == (401, "Unauthenticated")


def test_a_session_without_its_csrf_token_changes_nothing(office: Office) -> None:
    reply = office.login()
    for token in ({}, {"X-CSRF-Token": "wrong"}):
        headers = {"Cookie": cookie_of(reply), **token}
        assert office.anonymous.post(ENTITIES, {"id": "urn:x:1", "type": "X"}, headers).problem == (403, "Forbidden")
        assert office.anonymous.post("/auth/keys", {"name": "x", "roles": ["admin"]}, headers).problem == (403, "Forbidden")
        assert office.anonymous.post("/api/imports", b"", headers).problem == (403, "Forbidden")
    assert office.session().get(address_of("urn:x:1")).problem == (404, "ResourceNotFound")


def key(office: Office, name: str, *roles: str, **more: Any) -> str:
    reply = office.session().post("/auth/keys", {"name": name, "roles": list(roles), **more})
    assert reply.status == 201, reply.body
    assert reply.headers["cache-control"] == "no-store"
    secret: str = reply.json["secret"]
    return secret


def test_keys_do_what_their_roles_say_until_they_are_revoked(office: Office) -> None:
    reader = office.anonymous.with_headers(Authorization=f"Bearer {key(office, 'reader', 'reader')}")
    writer = office.anonymous.with_headers(X_Api_Key=key(office, "writer", "reader", "writer"))
    thing = {"id": "urn:ngsi-ld:Keyed:1", "type": "Keyed", "a": 1}
    assert reader.post(ENTITIES, thing).problem == (403, "Forbidden")
    assert writer.post(ENTITIES, thing).status == 201
    assert reader.get(address_of(thing["id"])).status == 200
    for method, path, body in (
        ("PATCH", address_of(thing["id"]), {"a": 2}),
        ("DELETE", address_of(thing["id"]), None),
        ("POST", "/ngsi-ld/v1/entityOperations/upsert", [thing]),
        ("POST", "/ngsi-ld/v1/subscriptions",
         {"type": "Subscription", "entities": [{"type": "X"}], "notification": {"endpoint": {"uri": "https://192.0.2.1/"}}}),
        ("POST", "/ngsi-ld/v1/jsonldContexts", {"@context": {}}),
        ("POST", "/api/imports", b""),
        ("POST", "/alarms/x/acknowledge", {}),
        ("GET", "/auth/keys", None),
        ("POST", "/auth/keys", {"name": "more", "roles": ["admin"]}),
        ("GET", "/api/dead-letters", None),
        ("POST", "/api/alarm-webhooks", {"name": "x", "url": "https://example.org/"}),
        ("POST", "/auth/password", {"name": "sato", "password": PASSWORD}),
    ):  # fmt: skip
        assert reader.request(method, path, body).problem == (403, "Forbidden"), (method, path)
    blind = office.anonymous.with_headers(X_Api_Key=key(office, "blind", "operator"))
    closed = "/alarms /alarms/x /api/layers /api/stream /api/search?q=x /api/entities /api/imports /ngsi-ld/v1/types"
    for path in (address_of(thing["id"]), f"{ENTITIES}?type=Keyed", "/ngsi-ld/v1/jsonldContexts", *closed.split()):
        assert blind.get(path).problem == (403, "Forbidden"), path
    listed = office.session().get("/auth/keys").json["keys"]
    assert {one["name"] for one in listed} >= {"reader", "writer"}
    assert "secret" not in json.dumps(listed)
    assert office.session().delete("/auth/keys/writer").status == 204
    assert writer.get(address_of(thing["id"])).problem == (401, "Unauthenticated")
    assert office.session().delete("/auth/keys/none").problem == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"name": "", "roles": ["reader"]}, (400, "BadRequestData")),
        ({"name": "a b", "roles": ["reader"]}, (400, "BadRequestData")),
        ({"name": "x"}, (400, "BadRequestData")),
        ({"name": "x", "roles": []}, (400, "BadRequestData")),
        ({"name": "x", "roles": ["king"]}, (400, "BadRequestData")),
        ({"name": "x", "roles": "reader"}, (400, "BadRequestData")),
        ({"name": "x", "roles": ["reader"], "expires_at": "2020-01-01T00:00:00Z"}, (400, "BadRequestData")),
        ({"name": "x", "roles": ["reader"], "expires_at": "soon"}, (400, "BadRequestData")),
    ],
)
def test_wrong_keys_are_not_made(office: Office, body: dict[str, Any], problem: tuple[int, str]) -> None:
    assert office.session().post("/auth/keys", body).problem == problem


def test_a_key_is_bound_to_its_tenant(office: Office) -> None:
    bound = office.anonymous.with_headers(X_Api_Key=key(office, "bound", "reader", "writer"), NGSILD_Tenant="aji")
    assert bound.get(ENTITIES, type="X").problem == (404, "NonexistentTenant")
    assert bound.post(ENTITIES, {"id": "urn:x:2", "type": "X"}).problem == (404, "NonexistentTenant")


def test_receivers_inside_the_network_are_refused(office: Office) -> None:
    for uri in ("http://127.0.0.1:8080/", "http://[::1]/", "http://10.1.2.3/", "http://0x7f000001/"):
        document = {"type": "Subscription", "entities": [{"type": "X"}], "notification": {"endpoint": {"uri": uri}}}
        reply = office.session().post("/ngsi-ld/v1/subscriptions", document)
        assert reply.status in (400, 403), uri


def test_too_many_wrong_passwords_have_to_wait_and_unknown_names_look_the_same(office: Office) -> None:
    for name in ("tanaka", "nobody"):
        answers = [office.login(name, "wrong password here").problem for _ in range(4)]
        assert answers == 3 * [(401, "Unauthenticated")] + [(429, "TooManyRequests")]
    assert office.login("", "").problem == (401, "Unauthenticated")
    assert office.login().status == 200
    assert office.anonymous.post("/auth/login", b"name=sato", {"Content-Type": "text/plain"}).problem[0] == 415


def test_the_office_network_gets_tls_with_our_certificate_and_a_secure_cookie(office: Office) -> None:
    port = office.city.line(lambda line: found[1] if (found := re.search(r"https://[\d.]+:(\d+)", line)) else None)
    fingerprint = office.city.line(lambda line: line.partition("(SHA-256): ")[2] or None)
    certificate = ssl.get_server_certificate(("127.0.0.1", int(port)))
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    assert fingerprint.replace(":", "").strip().lower() == shown
    trusting = ssl.create_default_context(cadata=certificate)
    trusting.check_hostname = False
    lan = Client(f"https://127.0.0.1:{port}", tls=trusting)
    assert lan.get("/api/city").problem == (401, "Unauthenticated")
    reply = lan.post("/auth/login", {"name": "sato", "password": PASSWORD})
    assert "Secure" in reply.cookies[0]
    assert lan.get("/api/city", {"Cookie": cookie_of(reply)}).json["me"]["name"] == "佐藤"


def test_a_second_server_on_the_folder_is_refused_and_the_first_lives_on(office: Office) -> None:
    second = command("serve", "--data", str(office.data), "--port", "0")
    assert second.returncode == 2
    assert "Traceback" not in second.stderr
    assert str(office.data) in second.stderr.replace("\n", "") or "machinami" in second.stderr
    assert office.anonymous.get("/health").json["status"] == "pass"


def test_import_on_the_command_line_joins_the_running_server(office: Office) -> None:
    assert stat.S_IMODE((office.data / "machinami.sock").stat().st_mode) == 0o600
    before = len(office.session().get("/api/imports").json["runs"])
    done = command("import", str(SHELTERS), "--data", str(office.data), "--lang", "en")
    assert done.returncode in (0, 1), done.stderr
    runs = office.session().get("/api/imports").json["runs"]
    assert len(runs) == before + 1
    assert runs[0]["files"][0]["created"] > 0
    assert office.session().get("/api/search", q="図書館").json["results"]


def test_keys_made_on_the_command_line_work(office: Office) -> None:
    done = command("key", "create", "bus", "--role", "reader", "--data", str(office.data))
    assert done.returncode == 0, done.stderr
    secret = re.search(r"mn_\S+", done.stdout)
    assert secret
    assert office.anonymous.get(ENTITIES, {"X-Api-Key": secret[0]}, type="X").status == 200
    twice = command("key", "create", "bus", "--role", "reader", "--data", str(office.data))
    assert twice.returncode == 2
    assert "bus" in twice.stderr
    assert command("key", "revoke", "bus", "--data", str(office.data)).returncode == 0
    assert office.anonymous.get(ENTITIES, {"X-Api-Key": secret[0]}, type="X").problem == (401, "Unauthenticated")


def test_a_termination_signal_ends_the_city_cleanly_even_with_open_pages(office: Office) -> None:
    """The last test of this module: afterwards commands work alone, and a wrong set-up try of a new city is spent."""
    session = office.session()
    connection = office.anonymous.connection()
    connection.request("GET", "/api/stream", headers=session._headers)
    assert connection.getresponse().status == 200
    assert office.city.stop() == 0
    connection.close()
    assert not (office.data / "machinami.sock").exists()
    alone = command("import", str(SHELTERS), "--data", str(office.data), "--dry-run", "--lang", "ja")
    assert alone.returncode in (0, 1), alone.stderr
    assert "点検のみ" in alone.stdout


def test_a_setup_code_is_worth_a_few_tries_only(tmp_path: Path) -> None:
    with running("up", "--data", str(tmp_path / "data"), "--port", "0", "--lan-port", "0", **ENVIRONMENT) as city:
        address, code = told(city)
        client = Client(address)
        assert client.get("/operations").headers["location"] == "/setup"
        assert client.get("/api/city").problem == (401, "Unauthenticated")
        for _ in range(4):
            assert setup(client, "WRONG-WRONG").problem == (403, "Forbidden")
        assert setup(client, code).problem == (403, "Forbidden")
        assert city.stop() == 0


def test_a_setup_code_that_has_expired_is_refused(tmp_path: Path) -> None:
    environment = {"MACHINAMI_SETUP_CODE_MINUTES": "0"}
    with running("up", "--data", str(tmp_path / "data"), "--port", "0", "--lan-port", "0", **environment) as city:
        address, code = told(city)
        assert setup(Client(address), code).problem == (403, "Forbidden")


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org"])
def test_development_mode_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    refused = command("serve", "--dev", "--host", host, "--data", str(tmp_path / "data"), "--port", "0")
    assert refused.returncode == 2
    assert "cli.dev.loopback_only" in refused.stderr
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("serve", "--dev", "--profile", "atlantis", "--port", "0"), "bootstrap.profile.not_found"),
        (("import", "/nowhere/list.xlsx"), "cli.file.not_found"),
    ],
)
def test_commands_that_cannot_work_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    refused = command(*arguments, "--data", str(tmp_path / "data"))
    assert refused.returncode == 2
    assert code in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:8080"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_cannot_act_in_development_mode(server: Client, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/api/city"), ("POST", "/api/imports"), ("POST", "/alarms/x/acknowledge")):
        reply = server.request(method, path, b"" if method == "POST" else None, headers)
        assert reply.problem == (403, "Forbidden")
