"""What distributed operations need from outside of their group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from machinami.standards.ngsi_ld.contexts import Context


class Exchange(Protocol):
    """Sends requests to other brokers."""

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case names) and body; Refusal or Unavailable if no complete answer came."""


class ContextResolver(Protocol):
    """Turns a user's @context into names."""

    async def resolve(self, tenant: str, local: Any) -> Context:
        """The Context; Refusal if it can't be had."""
