"""What became of the parts of a distributed write, as one answer (CIM 009 5.2.16-5.2.19, 6.5.3, 6.6.3, 6.7.3).

Names are full ones: an answer that tells of failures has no @context to read short ones with (6.3.6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from machinami.entrypoints.http.messages import PROBLEM_JSON, Answer, json_answer
from machinami.entrypoints.http.problems import NGSI_LD_ERRORS, problem_document
from machinami.federation.distribution.model import Reply, Said
from machinami.kernel.errors import MachinamiError, Refusal

BAD_GATEWAY: Final = 502
_TYPES: Final = {
    400: "BadRequestData",
    403: "OperationNotSupported",
    404: "ResourceNotFound",
    409: "AlreadyExists",
    422: "OperationNotSupported",
    501: "OperationNotSupported",
    504: "LdContextNotAvailable",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure: of an entity as a whole, or of one attribute."""

    entity_id: str
    document: dict[str, Any]
    registration: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One place's part of a write: what it was asked to write, and what failed of it.

    `answer` is our own broker's; `failure` is the ProblemDetails if the part failed as a whole.
    """

    entity_ids: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    answer: Answer | None = None
    failure: dict[str, Any] | None = None
    created: tuple[str, ...] = ()


def own_part(ids: Sequence[str], attributes: Sequence[str], answer: Answer | MachinamiError) -> Part:
    """The part of this broker, from what its handler answered or refused."""
    if isinstance(answer, MachinamiError):
        return _failed(ids, attributes, problem_document(answer), "")
    document = json.loads(answer.body) if answer.body else None
    if answer.status == 207:
        return Part(tuple(ids), tuple(attributes), tuple(_of_207(document, ids, attributes, "", str)), answer)
    return Part(tuple(ids), tuple(attributes), answer=answer, created=_ids(document) if answer.status == 201 else ())


def source_part(
    ids: Sequence[str], attributes: Sequence[str], registration: str, said: Said, full: Callable[[str], str] = str
) -> Part:
    """The part of a source, from what it said; `full` expands names that a source left short."""
    if isinstance(said, MachinamiError):
        return _failed(ids, attributes, problem_document(said), registration)
    if said.well:
        return Part(tuple(ids), tuple(attributes), created=_ids(said.document) if said.status == 201 else ())
    if said.status != 207:
        return _failed(ids, attributes, foreign_problem(said, registration), registration)
    found = tuple(_of_207(said.document, ids, attributes, registration, full))
    if not found:
        unsaid = problem_document(Refusal("federation.source.unsaid", registration=registration))
        found = tuple(_everywhere(ids, attributes, unsaid, registration))
    return Part(tuple(ids), tuple(attributes), found)


def _failed(ids: Sequence[str], attributes: Sequence[str], document: dict[str, Any], registration: str) -> Part:
    problems = tuple(_everywhere(ids, attributes, document, registration))
    return Part(tuple(ids), tuple(attributes), problems, failure=document)


def conflict_part(ids: Sequence[str], attributes: Sequence[str], registration: str, operation: str) -> Part:
    """A part that nobody may carry out: the data are held at a source that does not offer the operation."""
    error = Refusal("federation.operation.not_offered", registration=registration, operation=operation)
    return source_part(ids, attributes, registration, error)


def foreign_problem(reply: Reply, registration: str) -> dict[str, Any]:
    """The ProblemDetails of a source's error answer, completed where it left something out."""
    given = reply.document if isinstance(reply.document, dict) else {}
    texts = {name: given[name] for name in ("type", "title", "detail") if isinstance(given.get(name), str)}
    kind = NGSI_LD_ERRORS + _TYPES[reply.status] if reply.status in _TYPES else "about:blank"
    return {
        "type": kind,
        "title": f"The context source of {registration} answered {reply.status}.",
        **texts,
        "status": reply.status if reply.status >= 400 else BAD_GATEWAY,
    }


def entity_answer(parts: Sequence[Part], whole: Answer, entity_id: str) -> Answer:
    """The answer of an operation on one entity: as ours would be, the one error, or a BatchOperationResult."""
    problems = [problem for part in parts for problem in part.problems]
    if not problems:
        return _first(parts) or whole
    if (alone := _only(parts)) is not None:
        return alone
    success = [entity_id] if any(not part.problems for part in parts) else []
    return json_answer({"success": success, "errors": [_error(one) for one in problems]}, 207)


def attributes_answer(parts: Sequence[Part]) -> Answer:
    """The answer of an operation on attributes: 204, the one error, or an UpdateResult."""
    problems = [problem for part in parts for problem in part.problems]
    if not problems:
        return Answer(204)
    if (alone := _only(parts)) is not None:
        return alone
    failed = [(part, {problem.attribute for problem in part.problems}) for part in parts]
    updated = dict.fromkeys(name for part, names in failed for name in part.attributes if name not in names)
    return json_answer({"updated": list(updated), "notUpdated": [_not_updated(one) for one in problems]}, 207)


def batch_answer(parts: Sequence[Part], ids: Sequence[str], success: Answer) -> Answer:
    """The answer of a batch: `success` if nothing failed, else a BatchOperationResult of all places together."""
    problems = [problem for part in parts for problem in part.problems]
    if not problems:
        return success
    failed = {problem.entity_id for problem in problems}
    document = {"success": [one for one in ids if one not in failed], "errors": [_error(one) for one in problems]}
    return json_answer(document, 207)


def _first(parts: Sequence[Part]) -> Answer | None:
    return next((part.answer for part in parts if part.answer is not None), None)


def _only(parts: Sequence[Part]) -> Answer | None:
    """The answer of an operation that one place alone had to carry out, if it failed there as a whole."""
    failure = parts[0].failure if len(parts) == 1 else None
    return None if failure is None else json_answer(failure, int(failure["status"]), PROBLEM_JSON)


def _everywhere(
    ids: Sequence[str], attributes: Sequence[str], document: dict[str, Any], registration: str = ""
) -> Iterable[Problem]:
    names = attributes or ("",)
    return [Problem(one, document, registration, name) for one in ids for name in names]


def _of_207(
    document: Any, ids: Sequence[str], attributes: Sequence[str], registration: str, full: Callable[[str], str]
) -> Iterable[Problem]:
    """The failures that a BatchOperationResult or UpdateResult tells of."""
    if not isinstance(document, dict):
        return []
    found: list[Problem] = []
    for one in _dicts(document.get("errors")):
        error = one.get("error")
        document_of = error if isinstance(error, dict) else {"type": "about:blank", "title": "failed", "status": 500}
        entity_id = str(one.get("entityId") or (ids[0] if ids else ""))
        registered = str(one.get("registrationId") or registration)
        found += [Problem(entity_id, document_of, registered, name) for name in attributes or ("",)]
    for one in _dicts(document.get("notUpdated")):
        reason = str(one.get("reason") or "")
        details = {"type": NGSI_LD_ERRORS + "BadRequestData", "title": reason, "status": 400}
        registered = str(one.get("registrationId") or registration)
        name = str(one.get("attributeName") or "")
        found.append(Problem(ids[0] if ids else "", details, registered, full(name) if name else ""))
    return found


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _ids(document: Any) -> tuple[str, ...]:
    listed = document.get("success") if isinstance(document, dict) else document
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _error(problem: Problem) -> dict[str, Any]:
    found: dict[str, Any] = {"entityId": problem.entity_id, "error": problem.document}
    return {**found, "registrationId": problem.registration} if problem.registration else found


def _not_updated(problem: Problem) -> dict[str, Any]:
    reason = problem.document.get("detail") or problem.document.get("title") or "failed"
    found = {"attributeName": problem.attribute, "reason": str(reason)}
    return {**found, "registrationId": problem.registration} if problem.registration else found
