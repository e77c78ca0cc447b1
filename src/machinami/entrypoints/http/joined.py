"""Head and body of an answer leave in one write: uvicorn makes two, each a system call that wakes the client.

`Location` is written as all standards print it. Names of headers have no case (RFC 9110, 5.1), but uvicorn makes them small,
and clients that look for this one by its letters would not find where a new resource is.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CREATED: Final = b"HTTP/1.1 201 "
_SMALL: Final = b"\r\nlocation: "
_WRITTEN: Final = b"\r\nLocation: "


class JoinedWrites:
    """A transport that holds a write back until the next one, at most until the event loop's next turn."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send soon, in order."""
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data:
            self._held = data.replace(_SMALL, _WRITTEN, 1) if data.startswith(_CREATED) else data
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
