"""Where the API's resources are."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

PREFIX: Final = "/ngsi-ld/v1"


def location(address: str, name: str) -> str:
    """The address of a new resource; an id that is a URL is encoded into one path segment."""
    return f"{address}/{quote(name, safe=':@!$&*,;=~')}"
