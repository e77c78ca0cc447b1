"""What the context store needs from outside."""

from __future__ import annotations

from typing import Protocol

from machinami.data.contexts.model import Download


class ContextFetcher(Protocol):
    """Fetches a remote @context document through the egress guard."""

    async def fetch(self, url: str) -> Download:
        """The parsed JSON document; raises MachinamiError if it can't be had."""
