"""Joined writes: one write per answer, nothing held back for long, nothing lost or out of order at a close."""

from __future__ import annotations

import asyncio

from machinami.entrypoints.http.joined import JoinedWrites


class Transport:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed_after = -1

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed_after = len(self.writes)

    is_closing = pause_reading = resume_reading = get_extra_info = None
    extra = "passed on"


async def test_write_joins_head_and_body_at_once() -> None:
    below = Transport()
    joined = JoinedWrites(below, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"body")
    assert below.writes == [b"headbody"]
    await asyncio.sleep(0)
    assert below.writes == [b"headbody"]


async def test_write_goes_out_by_itself_when_no_other_follows() -> None:
    below = Transport()
    joined = JoinedWrites(below, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"")
    joined.write(b"first event")
    await asyncio.sleep(0)
    joined.write(b"second event")
    await asyncio.sleep(0)
    assert b"".join(below.writes) == b"headfirst eventsecond event"


async def test_close_comes_after_what_was_written() -> None:
    below = Transport()
    joined = JoinedWrites(below, asyncio.get_running_loop())
    joined.write(b"goodbye")
    joined.close()
    assert below.writes == [b"goodbye"]
    assert below.closed_after == 1
    assert joined.extra == "passed on"


async def test_write_spells_location_in_heads_alone() -> None:
    below = Transport()
    joined = JoinedWrites(below, asyncio.get_running_loop())
    joined.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await asyncio.sleep(0)
    head = b"HTTP/1.1 201 Created\r\nlocation: /a\r\n\r\n"
    joined.write(head)
    joined.write(head)
    assert below.writes[1:] == [head.replace(b"location", b"Location") + head]
