"""Names of stored @contexts, what an answer's Link header may name, and how long a download is used. All pure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from machinami.kernel.clock import iso
from machinami.kernel.ids import stable_urn
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, core_version

FRESH_S_MIN: Final = 1.0
FRESH_S_MAX: Final = 365 * 86_400.0
_SERVED: Final = re.compile(r"https?://[^/]+/ngsi-ld/v1/jsonldContexts/(urn[^/?#]+)")


def local_ids(name: str) -> tuple[str, ...]:
    """The ids under which a URL or an id may be stored, the one of our own first.

    An address that a broker serves is known by its last part, by whatever host name the client reaches us. A download is
    kept under the id of its whole URL only, so that no other server can take the place of what lives here.
    """
    if name.startswith("urn:"):
        return (name,)
    own = _SERVED.fullmatch(name)
    return (unquote(own[1]), cached_id(name)) if own else (cached_id(name),)


def cached_id(url: str) -> str:
    """The id of a downloaded document."""
    return stable_urn("Context", url)


def implicit_id(source: Any) -> str:
    """The id of a @context that has no URL of its own: the same for the same content."""
    return stable_urn("Context", "", json.dumps(source, sort_keys=True))


def only_url(source: Any) -> str | None:
    """The URL that says the same as `source`, None if there is none.

    A core @context beside others adds nothing: it is always added, so a list of a URL and a core @context is the URL.
    """
    if source is None:
        return CORE_CONTEXT_URL
    if isinstance(source, str):
        return source
    if not isinstance(source, list):
        return None
    others = [one for one in source if not (isinstance(one, str) and core_version(one) is not None)]
    if not others:
        return source[-1] if source else CORE_CONTEXT_URL
    return others[0] if len(others) == 1 and isinstance(others[0], str) else None


def expiry(now: datetime, fresh_s: float | None, usual_s: float) -> str:
    """When a download is to be had anew: as its server said, else after the usual time (5.13.1)."""
    seconds = usual_s if fresh_s is None else fresh_s
    return iso(now + timedelta(seconds=min(max(seconds, FRESH_S_MIN), FRESH_S_MAX)))
