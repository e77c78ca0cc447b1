"""Where the API's resources are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from machinami.kernel.query import Page

PREFIX: Final = "/ngsi-ld/v1"


def location(address: str, name: str) -> str:
    """The address of a new resource; an id that is a URL is encoded into one path segment."""
    return f"{address}/{quote(name, safe=':@!$&*,;=~')}"


def page_links(address: str, query: Mapping[str, str], page: Page, total: int, media_type: str) -> str:
    """The Link header of a page of a list (6.3.10): the page before and the one after, empty if there is neither.

    They have the other parameters of the call (5.5.9.1) and the media type of its answer.
    """
    offsets: dict[str, int] = {}
    if page.limit and page.offset:
        offsets["prev"] = max(0, page.offset - page.limit)
    if page.limit and page.offset + page.limit < total:
        offsets["next"] = page.offset + page.limit
    links = []
    for relation, offset in offsets.items():
        parameters = urlencode({**query, "limit": page.limit, "offset": offset})
        links.append(f'<{address}?{parameters}>;rel="{relation}";type="{media_type}"')
    return ", ".join(links)
