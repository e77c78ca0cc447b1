"""Identifiers: shards, notification ids, new URNs."""

from __future__ import annotations

import hashlib
import uuid


def shard_of(tenant: str, entity_id: str) -> int:
    """The logical shard, 0-255: first byte of BLAKE2b over tenant, NUL, id (design.md, fixed once)."""
    return hashlib.blake2b(f"{tenant}\0{entity_id}".encode(), digest_size=1).digest()[0]


def new_urn(kind: str) -> str:
    """A fresh `urn:ngsi-ld:<kind>:<uuid>`."""
    return f"urn:ngsi-ld:{kind}:{uuid.uuid4()}"


def stable_urn(kind: str, *parts: str) -> str:
    """The same URN for the same parts, e.g. a notification's id over its retries (trust-N10)."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()
    return f"urn:ngsi-ld:{kind}:{uuid.UUID(bytes=digest, version=5)}"
