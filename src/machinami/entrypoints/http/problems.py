"""Errors as ProblemDetails (RFC 7807; CIM 009 5.5.2, 6.3.2): one table maps kinds to HTTP."""

from __future__ import annotations

from typing import Any, Final

from machinami.entrypoints.http.messages import JSON, PROBLEM_JSON, Answer, json_answer
from machinami.kernel.error_texts import ERRORS, describe
from machinami.kernel.errors import Kind, MachinamiError

STATUS: Final[dict[Kind, int]] = {
    Kind.INVALID_REQUEST: 400,
    Kind.BAD_REQUEST_DATA: 400,
    Kind.ALREADY_EXISTS: 409,
    Kind.CONFLICT: 409,
    Kind.OPERATION_NOT_SUPPORTED: 422,
    Kind.RESOURCE_NOT_FOUND: 404,
    Kind.INTERNAL_ERROR: 500,
    Kind.TOO_COMPLEX_QUERY: 403,
    Kind.TOO_MANY_RESULTS: 403,
    Kind.LD_CONTEXT_NOT_AVAILABLE: 504,
    Kind.NO_MULTI_TENANT_SUPPORT: 501,
    Kind.NONEXISTENT_TENANT: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.NOT_ACCEPTABLE: 406,
    Kind.LENGTH_REQUIRED: 411,
    Kind.PAYLOAD_TOO_LARGE: 413,
    Kind.UNSUPPORTED_MEDIA_TYPE: 415,
    Kind.TOO_MANY_REQUESTS: 429,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.UNAVAILABLE: 503,
    Kind.LOOP_DETECTED: 508,
    Kind.BAD_GATEWAY: 502,
    Kind.GATEWAY_TIMEOUT: 504,
}
NGSI_LD_ERRORS: Final = "https://uri.etsi.org/ngsi-ld/errors/"
_NGSI_LD_KINDS: Final = frozenset(list(Kind)[:12])
RETRY_AFTER_S: Final = "2"
_BARE: Final = (STATUS[Kind.LENGTH_REQUIRED], STATUS[Kind.UNSUPPORTED_MEDIA_TYPE])


def problem_document(error: MachinamiError) -> dict[str, Any]:
    """The ProblemDetails members of an error, with our stable code and the Japanese text beside."""
    kind = ERRORS[error.code].kind
    detail, remedy = describe(error, "en")
    detail_ja, remedy_ja = describe(error, "ja")
    prefix = NGSI_LD_ERRORS if kind in _NGSI_LD_KINDS else "urn:machinami:problem:"
    return {
        "type": prefix + kind.value,
        "title": detail,
        "detail": f"{detail} {remedy}",
        "status": STATUS[kind],
        "code": error.code,
        "remedy": remedy,
        "detail_ja": detail_ja,
        "remedy_ja": remedy_ja,
    }


def problem_type(path: str) -> str:
    """The media type of errors at a path: NGSI-LD has plain JSON (CIM 009 5.5.3), our own APIs the type of RFC 9457."""
    return JSON if path.startswith("/ngsi-ld/") else PROBLEM_JSON


def problem_answer(error: MachinamiError) -> Answer:
    """An error as an HTTP answer."""
    document = problem_document(error)
    headers = {"retry-after": RETRY_AFTER_S} if document["status"] in (429, 503) else {}
    if document["status"] == 401:
        headers["www-authenticate"] = "Bearer"
    if document["status"] == 405:
        headers["allow"] = str(error.parameters.get("allowed", ""))
    if error.code == "http.media_type.unsupported":
        headers["accept"] = str(error.parameters["allowed"])
    if error.code == "http.body.encoding":
        headers["accept-encoding"] = "gzip"
    return json_answer(document, document["status"], PROBLEM_JSON, headers)


def problem_at(path: str, answer: Answer) -> Answer:
    """A problem in the form of its path; NGSI-LD wants a missing length and a wrong media type as a status alone (6.3.4).

    What can be read instead stands in the header Accept or Accept-Encoding of such an answer (RFC 9110, 15.5.16).
    """
    headers = {**answer.headers, "content-type": problem_type(path)}
    if problem_type(path) == JSON and answer.status in _BARE:
        del headers["content-type"]
        return Answer(answer.status, b"", headers)
    return Answer(answer.status, answer.body, headers)
