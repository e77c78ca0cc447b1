"""What the @context store keeps of a @context (CIM 009 5.13.1) and what it tells about it (5.13.3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ContextKind(StrEnum):
    """Why a @context is kept: downloaded for use, given by a client, or made because an answer had to name it."""

    CACHED = "Cached"
    HOSTED = "Hosted"
    IMPLICITLY_CREATED = "ImplicitlyCreated"


@dataclass(frozen=True, slots=True)
class StoredContext:
    """One kept document. `url` is where it was downloaded, empty if it lives here; times as ISO 8601 text.

    `passing`: made for the answer to a query, which makes it again when it is asked again.
    """

    local_id: str
    kind: ContextKind
    body: Any
    created_at: str
    url: str = ""
    expires_at: str = ""
    passing: bool = False

    @property
    def replaceable(self) -> bool:
        """Whether it can be had again if it is forgotten."""
        return self.passing or self.kind is ContextKind.CACHED

    def document(self) -> dict[str, Any]:
        """The record to store."""
        return {
            "localId": self.local_id, "kind": self.kind.value, "body": self.body,
            "createdAt": self.created_at, "url": self.url, "expiresAt": self.expires_at,
            "passing": self.passing,
        }  # fmt: skip


def stored(document: Mapping[str, Any]) -> StoredContext:
    """Read a record back."""
    return StoredContext(
        document["localId"], ContextKind(document["kind"]), document["body"], document["createdAt"],
        document["url"], document["expiresAt"], document.get("passing", False),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Download:
    """A fetched document; `fresh_s` is how long its server says it stays fresh, None if it says nothing."""

    document: Any
    fresh_s: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How often a @context was found in the storage since the start, and when last."""

    hits: int = 0
    last: str = ""
