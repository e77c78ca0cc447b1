"""Errors: a code and parameters, no HTTP, no language; `error_texts` says them in ja/en, the edges pick a status.

Raise `Refusal` when the caller can do something about it (bad input, conflict, not there, not allowed) and
`Unavailable` when the town's system can't answer now: a failed store never looks like an empty answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The families of errors: NGSI-LD's error types (CIM 009 5.5.2) and the few that HTTP adds."""

    INVALID_REQUEST = "InvalidRequest"
    BAD_REQUEST_DATA = "BadRequestData"
    ALREADY_EXISTS = "AlreadyExists"
    CONFLICT = "Conflict"
    OPERATION_NOT_SUPPORTED = "OperationNotSupported"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    INTERNAL_ERROR = "InternalError"
    TOO_COMPLEX_QUERY = "TooComplexQuery"
    TOO_MANY_RESULTS = "TooManyResults"
    LD_CONTEXT_NOT_AVAILABLE = "LdContextNotAvailable"
    NO_MULTI_TENANT_SUPPORT = "NoMultiTenantSupport"
    NONEXISTENT_TENANT = "NonexistentTenant"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    NOT_ACCEPTABLE = "NotAcceptable"
    LENGTH_REQUIRED = "LengthRequired"
    PAYLOAD_TOO_LARGE = "PayloadTooLarge"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    TOO_MANY_REQUESTS = "TooManyRequests"
    UNAUTHENTICATED = "Unauthenticated"
    FORBIDDEN = "Forbidden"
    UNAVAILABLE = "Unavailable"
    LOOP_DETECTED = "LoopDetected"
    BAD_GATEWAY = "BadGateway"
    GATEWAY_TIMEOUT = "GatewayTimeout"


class MachinamiError(Exception):
    """An error with a stable `code` of the registry (`error_texts.ERRORS`) and the parameters of its texts."""

    def __init__(self, code: str, **parameters: Any) -> None:
        super().__init__(code, parameters)
        self.code = code
        self.parameters = parameters


class Refusal(MachinamiError):
    """The request can't be carried out as it stands; nothing was changed."""


class Unavailable(MachinamiError):
    """A part of the system can't answer now; the same request may succeed later."""
