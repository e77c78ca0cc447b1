"""Small PMTiles archives made on the spot: one tile that stands at every place of all its zooms."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

NONE, GZIP = 1, 2
MVT, PNG = 1, 2
WEST_EAST = (1_330_000_000, 330_000_000, 1_350_000_000, 350_000_000)


def archive(
    tile: bytes,
    metadata: Mapping[str, Any] | None = None,
    *,
    kind: int = PNG,
    zooms: tuple[int, int] = (0, 14),
    box: Sequence[int] = WEST_EAST,
    packing: int = GZIP,
    missing: int = 0,
) -> bytes:
    """A PMTiles file; `box` is west, south, east, north in degrees times ten million; the last `missing` zooms lack tiles."""
    pack = gzip.compress if packing == GZIP else bytes
    first = (4 ** zooms[0] - 1) // 3
    count = (4 ** (zooms[1] - missing + 1) - 1) // 3 - first
    root = pack(b"".join(map(varint, (1, first, count, len(tile), 1))))
    told = pack(json.dumps(metadata or {}, ensure_ascii=False).encode())
    ends = [127, 127 + len(root), 127 + len(root) + len(told)]
    sections = (ends[0], len(root), ends[1], len(told), ends[2], 0, ends[2], len(tile))
    head = struct.pack("<7sB11Q", b"PMTiles", 3, *sections, count, 1, 1)
    flags = struct.pack("<6B4iB2i", 1, packing, NONE, kind, *zooms, *box, zooms[0], 1_340_000_000, 340_000_000)
    return head + flags + root + told + tile


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def png(red: int, green: int, blue: int, side: int = 256) -> bytes:
    """A square of one colour."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = (b"\0" + bytes((red, green, blue)) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def field(number: int, body: bytes | str | int | Sequence[int]) -> bytes:
    """One field of a protocol buffer: a number, a text, bytes, or packed numbers."""
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"".join(map(varint, body))
    return varint(number << 3 | 2) + varint(len(content)) + content


def zigzag(number: int) -> int:
    return number << 1 ^ number >> 63


def vector_tile(*layers: tuple[str, int, Sequence[int], Mapping[str, str]]) -> bytes:
    """A Mapbox vector tile; a layer is its name, shape (1 point, 2 line, 3 polygon), commands and attributes."""
    tile = b""
    for name, shape, commands, attributes in layers:
        tags = [number for place in range(len(attributes)) for number in (place, place)]
        feature = field(2, tags) + field(3, shape) + field(4, commands)
        texts = b"".join(field(3, key) for key in attributes) + b"".join(field(4, field(1, one)) for one in attributes.values())
        tile += field(3, field(15, 2) + field(1, name) + field(2, feature) + texts + field(5, 4096))
    return tile


def square(side: int = 4096) -> list[int]:
    """The commands of a polygon that fills a tile from its north-western corner."""
    return [9, zigzag(0), zigzag(0), 26, zigzag(side), 0, 0, zigzag(side), zigzag(-side), 0, 15]


POINT = [9, zigzag(2048), zigzag(2048)]
STREET = [9, 0, zigzag(1024), 10, zigzag(4096), 0]
