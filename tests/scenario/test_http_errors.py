"""Strangers send anything: each wrong request gets its own clear answer, nothing is half-stored, nothing breaks."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import ENTITIES, LD_JSON, SUBSCRIPTIONS, V1, Client, address_of

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
BAD = (400, "BadRequestData")
INVALID = (400, "InvalidRequest")
LARGE = (413, "PayloadTooLarge")
UNSUPPORTED = (415, "UnsupportedMediaType")
KEPT = "urn:ngsi-ld:Kept:1"


@pytest.fixture(scope="module", autouse=True)
def kept(emptied: None, server: Client) -> Iterator[None]:
    """One entity that no wrong request may change; at the end there is nothing else."""
    server.create(KEPT, "Kept", a={"value": 1, "observedAt": "2026-05-14T00:00:00Z"}, b=2)
    before = server.read(KEPT, options="sysAttrs")
    yield
    assert server.read(KEPT, options="sysAttrs") == before
    assert server.get(f"{V1}/types").json["typeList"] == ["Kept"]
    assert server.get("/health").json["status"] == "pass"


def entity(**attributes: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Wrong:1", "type": "Wrong", **attributes}


def raw(text: str) -> bytes:
    return b'{"id":"urn:ngsi-ld:Wrong:1","type":"Wrong","a":' + text.encode() + b"}"


BODIES: list[tuple[str, bytes, dict[str, str], tuple[int, str]]] = [
    ("malformed", b'{"id": "urn:ngsi-ld:Wrong:1"', JSON, INVALID),
    ("not utf-8", raw('"x"').replace(b'"x"', b'"\xff\xfe"'), JSON, INVALID),
    ("utf-16", json.dumps(entity()).encode("utf-16"), JSON, INVALID),
    ("byte order mark", b"\xef\xbb\xbf" + json.dumps(entity()).encode(), JSON, INVALID),
    ("NaN", raw("NaN"), JSON, INVALID),
    ("Infinity", raw("-Infinity"), JSON, INVALID),
    ("number beyond a double", raw("1e400"), JSON, INVALID),
    ("integer that would lose digits", raw("123456789012345678901234567890"), JSON, INVALID),
    ("duplicate key", b'{"id":"urn:ngsi-ld:Wrong:1","type":"Wrong","id":"urn:ngsi-ld:Wrong:2"}', JSON, INVALID),
    ("duplicate key below", raw('{"value":{"x":1,"x":2}}'), JSON, INVALID),
    ("NUL character", raw('"a\\u0000b"'), JSON, INVALID),
    ("NUL in a name", b'{"id":"urn:ngsi-ld:Wrong:1","type":"Wrong","a\\u0000":1}', JSON, INVALID),
    ("lone surrogate", raw('"\\ud800"'), JSON, INVALID),
    ("depth bomb", raw("[" * 100_000 + "]" * 100_000), JSON, INVALID),
    ("too deep", raw('{"value":' * 70 + "1" + "}" * 70), JSON, INVALID),
    ("trailing text", json.dumps(entity()).encode() + b"x", JSON, INVALID),
    ("empty", b"", JSON, INVALID),
    ("empty gzip", gzip.compress(b""), GZIP, INVALID),
    ("gzip bomb", gzip.compress(bytes(200_000_000), 9), GZIP, LARGE),
    ("gzip bomb in a bomb", gzip.compress(gzip.compress(bytes(50_000_000), 9), 9), GZIP, LARGE),
    ("cut gzip", gzip.compress(json.dumps(entity(a="x" * 5000)).encode())[:-20], GZIP, UNSUPPORTED),
    ("gzip with something behind it", gzip.compress(json.dumps(entity()).encode()) + b"more", GZIP, UNSUPPORTED),
    ("no gzip", json.dumps(entity()).encode(), GZIP, UNSUPPORTED),
    ("unknown encoding", b"x", {**JSON, "Content-Encoding": "br"}, UNSUPPORTED),
    ("wrong media type", json.dumps(entity()).encode(), {"Content-Type": "text/plain"}, UNSUPPORTED),
    ("no media type", json.dumps(entity()).encode(), {"Content-Type": ""}, INVALID),
    ("form", b"id=1", {"Content-Type": "application/x-www-form-urlencoded"}, UNSUPPORTED),
]


@pytest.mark.parametrize(("body", "headers", "problem"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
@pytest.mark.parametrize("target", ["entity", "batch", "subscription", "patch"])
def test_unreadable_bodies_are_refused_everywhere(
    server: Client, target: str, body: bytes, headers: dict[str, str], problem: tuple[int, str]
) -> None:
    method, path = {
        "entity": ("POST", ENTITIES),
        "batch": ("POST", f"{V1}/entityOperations/upsert"),
        "subscription": ("POST", SUBSCRIPTIONS),
        "patch": ("PATCH", address_of(KEPT)),
    }[target]
    assert server.request(method, path, body, headers).problem == problem


ENTITY_DOCUMENTS: list[tuple[str, Any]] = [
    ("an array", [entity()]),
    ("a text", "entity"),
    ("null", None),
    ("no id", {"type": "Wrong"}),
    ("an id that is no uri", entity(id="shelter 1")),
    ("an id that is a number", entity(id=1)),
    ("the null uri as id", entity(id="urn:ngsi-ld:null")),
    ("no type", {"id": "urn:ngsi-ld:Wrong:1"}),
    ("an empty list of types", entity(type=[])),
    ("a type that is a number", entity(type=5)),
    ("a name with a blank", entity(**{"a b": 1})),
    ("a name that is a keyword", entity(**{"@graph": 1})),
    ("an unknown kind", entity(a={"type": "Prperty", "value": 1})),
    ("a property without a value", entity(a={"type": "Property"})),
    ("a property that is null", entity(a=None)),
    ("a value that means deletion", entity(a={"value": "urn:ngsi-ld:null"})),
    ("a relationship to no uri", entity(a={"type": "Relationship", "object": "next door"})),
    ("a language map of numbers", entity(a={"type": "LanguageProperty", "languageMap": {"ja": 1}})),
    ("a time without an offset", entity(a={"value": 1, "observedAt": "2026-05-14T00:00:00"})),
    ("a time that is none", entity(a={"value": 1, "observedAt": "2026-02-30T00:00:00Z"})),
    ("an expiry that is none", entity(expiresAt="soon")),
    ("a scope that is none", entity(scope="a b")),
    ("twice the same dataset", entity(a=[{"value": 1, "datasetId": "urn:x:1"}, {"value": 2, "datasetId": "urn:x:1"}])),
    ("a dataset that is no uri", entity(a={"value": 1, "datasetId": "x"})),
    ("a geometry without coordinates", entity(location={"type": "GeoProperty", "value": {"type": "Point"}})),
    ("a latitude beyond the pole", entity(location={"type": "Point", "coordinates": [134, 91]})),
    ("an open ring", entity(location={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]})),
    ("a geometry of another kind", entity(location={"type": "Circle", "coordinates": [0, 0]})),
    ("coordinates of text", entity(location={"type": "Point", "coordinates": ["134", "34"]})),
]  # fmt: skip


@pytest.mark.parametrize("document", [row[1] for row in ENTITY_DOCUMENTS], ids=[row[0] for row in ENTITY_DOCUMENTS])
def test_wrong_entities_are_refused(server: Client, document: Any) -> None:
    assert server.post(ENTITIES, json.dumps(document).encode(), JSON).problem == (
        BAD if isinstance(document, dict) else INVALID
    )
    many = server.post(f"{V1}/entityOperations/create", [document])
    if document is None:
        assert many.problem == BAD
        return
    assert many.status == 207
    assert [one["error"]["type"].rpartition("/")[2] for one in many.json["errors"]] == ["BadRequestData"]


QUESTIONS: list[tuple[str, tuple[int, str]]] = [
    ("limit=-1", BAD),
    ("limit=1001", BAD),
    ("limit=abc", BAD),
    ("offset=-5", BAD),
    ("count=yes", BAD),
    ("options=sideways", INVALID),
    ("format=xml", INVALID),
    ("q=a%3E", BAD),
    ("q=a%3D%3D%22open", BAD),
    ("q=(a%3E1", BAD),
    ("q=a~%3D(", BAD),
    ("q=a~%3D%3F!x", BAD),
    ("q=" + "a%3B" * 300 + "a", (403, "TooComplexQuery")),
    ("q=" + "(" * 300 + "a" + ")" * 300, (403, "TooComplexQuery")),
    ("idPattern=(", BAD),
    ("idPattern=" + "x" * 600, BAD),
    ("idPattern=(?=x)", BAD),
    ("type=a b", BAD),
    ("type=(a", BAD),
    ("attrs=,", BAD),
    ("attrs=a b", BAD),
    ("scopeQ=a b", BAD),
    ("georel=near&geometry=Point", BAD),
    ("georel=near&geometry=Point&coordinates=[1,2]", BAD),
    ("georel=near;maxDistance==-1&geometry=Point&coordinates=[1,2]", BAD),
    ("georel=around&geometry=Point&coordinates=[1,2]", BAD),
    ("georel=within&geometry=Polygon&coordinates=[[[0,0],[1,0],[1,1],[0,1]]]", BAD),
    ("georel=within&geometry=Polygon&coordinates=[[0,0]]", BAD),
    ("georel=within&geometry=Point&coordinates=x", BAD),
    ("georel=within&geometry=Point&coordinates=[181,0]", BAD),
    ("pick=a&omit=a", BAD),
    ("unheard=1", INVALID),
    ("Type=Kept", INVALID),
    ("q=a%00", INVALID),
    ("q=%00", INVALID),
    ("&".join(f"x{number}=1" for number in range(200)), BAD),
]


@pytest.mark.parametrize(("question", "problem"), QUESTIONS, ids=[row[0][:40] for row in QUESTIONS])
def test_wrong_questions_are_refused(server: Client, question: str, problem: tuple[int, str]) -> None:
    assert server.get(f"{ENTITIES}?type=Kept&{question.replace(' ', '%20')}").problem == problem


def test_unknown_parameters_are_refused_by_every_operation(server: Client) -> None:
    for method, path, body in (
        ("POST", ENTITIES, entity()),
        ("GET", address_of(KEPT), None),
        ("PATCH", address_of(KEPT), {"a": 9}),
        ("PUT", address_of(KEPT), {"type": "Kept"}),
        ("DELETE", address_of(KEPT), None),
        ("POST", f"{address_of(KEPT)}/attrs", {"a": 9}),
        ("DELETE", f"{address_of(KEPT)}/attrs/a", None),
        ("POST", f"{V1}/entityOperations/upsert", [entity()]),
        ("GET", f"{V1}/temporal/entities/{KEPT}", None),
        ("GET", f"{V1}/types", None),
        ("POST", SUBSCRIPTIONS, {}),
        ("GET", f"{V1}/jsonldContexts", None),
    ):
        assert server.request(method, path, body, unheard="1").problem == INVALID, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [
        ("GET", f"{V1}/nowhere", (404, "ResourceNotFound")),
        ("GET", f"{V1}entities", (404, "ResourceNotFound")),
        ("GET", "/ngsi-ld/v2/entities", (404, "ResourceNotFound")),
        ("GET", "/alarmsx", (404, "ResourceNotFound")),
        ("GET", "/api", (404, "ResourceNotFound")),
        ("GET", "/nowhere", (404, "ResourceNotFound")),
        ("GET", "/static/x/../../../etc/passwd", (404, "ResourceNotFound")),
        ("GET", "/static/x/%2e%2e/%2e%2e/pages.py", (404, "ResourceNotFound")),
        ("GET", f"{ENTITIES}/urn:ngsi-ld:Nothing:1", (404, "ResourceNotFound")),
        ("GET", f"{ENTITIES}/no-uri", BAD),
        ("GET", f"{ENTITIES}/urn:a%00b", INVALID),
        ("GET", f"{SUBSCRIPTIONS}/%00", INVALID),
        ("GET", "/alarms/%00", INVALID),
        ("GET", "/api/imports/%00", INVALID),
        ("PUT", ENTITIES, (405, "MethodNotAllowed")),
        ("POST", f"{address_of(KEPT)}", (405, "MethodNotAllowed")),
        ("TRACE", ENTITIES, (405, "MethodNotAllowed")),
        ("POST", "/metrics", (405, "MethodNotAllowed")),
    ],
)
def test_wrong_addresses_and_methods_are_refused(server: Client, method: str, path: str, problem: tuple[int, str]) -> None:
    reply = server.request(method, path, {} if method in ("PUT", "POST") else None)
    assert reply.problem == problem
    if problem[0] == 405:
        assert "GET" in reply.headers["allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0", "image/*, text/*"])
def test_an_impossible_accept_is_refused(server: Client, accept: str) -> None:
    assert server.get(address_of(KEPT), {"Accept": accept}).problem == (406, "NotAcceptable")
    assert server.get(f"{V1}/types", {"Accept": "application/geo+json"}).problem == (406, "NotAcceptable")


@pytest.mark.parametrize("tenant", ["a b", "a/b", "../x", "x" * 65, "高松", "a;drop", "a'b"])
def test_a_tenant_that_is_no_name_is_refused(server: Client, tenant: str) -> None:
    header = {"NGSILD-Tenant": tenant.encode().decode("latin-1")}
    assert server.get(ENTITIES, header, type="Kept").problem == BAD
    assert server.post(ENTITIES, entity(), header).problem == BAD


def test_an_id_in_the_body_must_be_the_one_of_the_address(server: Client) -> None:
    for method in ("PATCH", "PUT"):
        reply = server.request(method, address_of(KEPT), {"id": "urn:ngsi-ld:Other:1", "type": "Kept", "a": 5})
        assert reply.problem == BAD
        assert reply.json["code"] == "http.body.other_id"


@pytest.mark.parametrize("when", ["yesterday", "2026-05-14", "%20", "2026-05-14T00:00:00"])
def test_a_common_time_that_is_none_is_refused(server: Client, when: str) -> None:
    assert server.patch(f"{address_of(KEPT)}?observedAt={when}", {"a": 5}).problem == BAD
    assert server.patch(f"{address_of(KEPT)}/attrs/a?observedAt={when}", {"value": 5}).problem == BAD
    batch = [{"id": KEPT, "type": "Kept", "a": 5}]
    assert server.post(f"{V1}/entityOperations/merge?observedAt={when}", batch).problem == BAD


def test_a_body_that_claims_to_be_huge_is_refused_before_it_is_read(server: Client) -> None:
    connection = server.connection()
    connection.putrequest("POST", ENTITIES)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "40000000000")
    connection.endheaders()
    reply = connection.getresponse()
    assert reply.status == 413
    assert json.loads(reply.read())["code"] == "http.body.too_large"
    connection.close()


def test_a_chunked_body_is_refused_once_it_is_too_large(server: Client) -> None:
    """Without a length the bound holds while reading; the server closes instead of swallowing everything."""
    host, port = server.address.removeprefix("http://").split(":")
    for path, headers in (
        (ENTITIES, "Content-Type: application/json\r\n"),
        ("/api/imports", "Content-Type: multipart/form-data; boundary=x\r\n"),
    ):
        with socket.create_connection((host, int(port)), 30) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode())
            chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            if path == "/api/imports":
                head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
                line.sendall(f"{len(head):x}\r\n".encode() + head + b"\r\n")
            try:
                for _ in range(60):
                    line.sendall(chunk)
            except OSError:
                pass  # the server has closed: the answer may be lost with it
            else:
                line.sendall(b"0\r\n\r\n")
            answer = b""
            try:
                answer = line.recv(12)
            except OSError:
                continue
            assert answer in (b"HTTP/1.1 413", b"")


WEIRD: list[Any] = [
    5,
    None,
    True,
    [],
    [5],
    {},
    {"a": 1},
    "",
    "\u0001",
    "(",
    "x" * 5000,
    [[]],
    [None],
    -1,
    "a b",
    "@id",
    "//",
    ";",
    "'",
]


def test_no_member_of_a_query_breaks_the_server_whatever_its_value(server: Client) -> None:
    path = f"{V1}/entityOperations/query"
    geo = {"georel": "within", "geometry": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    for value in WEIRD:
        for member in ("id", "type", "entities", "attrs", "pick", "omit", "q", "geoQ", "scopeQ", "lang", "datasetId"):
            assert server.post(path, {"type": "Query", "entities": [{"type": "Kept"}], member: value}).status < 500
        for member in ("type", "id", "idPattern", "unheard"):
            assert server.post(path, {"type": "Query", "entities": [{"type": "Kept", member: value}]}).status < 500
        for member in geo:
            assert server.post(path, {"type": "Query", "geoQ": {**geo, member: value}}).status < 500


def test_no_console_member_breaks_the_server_whatever_its_value(server: Client) -> None:
    mapping = {"machinamiMapping": 1, "fingerprint": "x", "publication": "p", "model": "m", "columns": [], "key": []}
    for value in WEIRD:
        for member in ("text", "to", "until"):
            assert server.post("/alarms/none/comment", {member: value}).status in (400, 404)
        for member in mapping:
            assert server.put("/api/mappings/x", {**mapping, member: value}).status in (400, 413)
        for member in ("name", "url"):
            assert server.post("/api/alarm-webhooks", {"name": "n", "url": "u", member: value}).status in (400, 403, 429)
        for member in ("name", "roles", "expires_at"):
            body = {"name": "", "roles": ["reader"], member: value}
            assert server.post("/auth/keys", body).status in (400, 409)
        assert server.post("/api/dead-letters/requeue", {"numbers": value}).status in (200, 400)
    for numbers in ([2**63], [0], [True], ["1"], [], [1.5]):
        assert server.post("/api/dead-letters/requeue", {"numbers": numbers}).problem == BAD


@pytest.mark.parametrize("cookie", ["a/b=1", "a", "=", ";;;", 'x="', "a=b; c/d=e; " + "x" * 3000, "machinami_session=%00"])
def test_cookies_of_other_programs_do_not_matter(server: Client, cookie: str) -> None:
    assert server.get("/api/city", {"Cookie": cookie}).status == 200
    assert server.get("/", {"Cookie": cookie}).status == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--x--\r\n'),
    ],
)
def test_uploads_that_are_none_are_refused(server: Client, content_type: str, body: bytes) -> None:
    assert server.post("/api/imports", body, {"Content-Type": content_type}).problem == BAD


def test_no_kind_or_name_breaks_the_server_whatever_its_value(server: Client) -> None:
    for value in WEIRD:
        assert server.post(ENTITIES, entity(a={"type": value})).status < 500
        for member in ("watchedAttributes", "entities"):
            assert server.post(SUBSCRIPTIONS, {"type": "Subscription", member: value}).status < 500
        notification = {"endpoint": {"uri": "http://127.0.0.1:8080/x"}}
        for member in ("attributes", "pick", "omit"):
            shown = {"type": "Subscription", "entities": [{"type": "X"}], "notification": {**notification, member: value}}
            assert server.post(SUBSCRIPTIONS, shown).status < 500


def test_ids_of_any_script_are_one_path_segment(server: Client) -> None:
    entity_id = "urn:ngsi-ld:避難所:一/二?三#四%25"
    reply = server.get(f"{ENTITIES}/{quote(entity_id, safe='')}")
    assert reply.problem in ((404, "ResourceNotFound"), BAD)
    assert (
        server.get(address_of(KEPT), {"Accept": f"{LD_JSON};q=0.5, application/json;q=0.4"}).headers["content-type"] == LD_JSON
    )


def test_errors_are_plain_json_on_the_ngsi_ld_api_and_problem_json_elsewhere(server: Client) -> None:
    """CIM 009 5.5.3 asks for the standard JSON type, so that old clients are not broken."""
    assert server.get("/ngsi-ld/v1/entities/urn:x:nothing").headers["content-type"] == "application/json"
    assert server.get("/ngsi-ld/v1/nowhere").headers["content-type"] == "application/json"
    assert server.get("/alarms/nothing").headers["content-type"] == "application/problem+json"
