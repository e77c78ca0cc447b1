"""Head and body of an answer leave in one write: uvicorn makes two, each a system call that wakes the client.

`Location` is written as all standards print it. Names of headers have no case (RFC 9110, 5.1), but uvicorn makes them small,
and clients that look for this one by its letters would not find where a new resource is.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_SMALL: Final = b"\r\nlocation: "
_WRITTEN: Final = b"\r\nLocation: "
_INTERIM: Final = b"HTTP/1.1 1"


class JoinedWrites:
    """A transport that holds a write back until the next one, at most until the event loop's next turn.

    `at_head` says that the next write is the head of an answer.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.at_head = True
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send soon, in order."""
        if self.at_head:
            data = data.replace(_SMALL, _WRITTEN, 1)
            self.at_head = data.startswith(_INTERIM)
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Close after what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoinedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a transport that joins writes."""

    def connection_made(self, transport: Any) -> None:
        """As uvicorn does it."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        """As uvicorn does it; another head may follow."""
        self.transport.at_head = True  # type: ignore[attr-defined]
        super().on_response_complete()
