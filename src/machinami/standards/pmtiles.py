"""PMTiles version 3: the header and the metadata of a tile archive (specification of Protomaps, public domain).

Pure and bounded: the caller reads the bytes. Only what a browser can show is accepted.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.errors import Refusal

HEADER_BYTES: Final = 127
METADATA_BYTES_MAX: Final = 10_000_000
_MAGIC: Final = b"PMTiles"
_VERSION: Final = 3
_ROOT_END_MAX: Final = 16_384
_ZOOM_MAX: Final = 30
_LAYOUT: Final = struct.Struct("<7sB11QBBBBBB4iB2i")
_DEGREE: Final = 10_000_000
_PACKINGS: Final = {0: "unknown", 1: "none", 2: "gzip", 3: "brotli", 4: "zstd"}
_READABLE: Final = frozenset({0, 1, 2})
_GZIP: Final = 2
_TYPES: Final = {0: "unknown", 1: "mvt", 2: "png", 3: "jpeg", 4: "webp", 5: "avif", 6: "mlt"}
_VECTOR: Final = "mvt"
_RASTERS: Final = frozenset({"png", "jpeg", "webp", "avif"})


@dataclass(frozen=True, slots=True)
class Header:
    """What the first 127 bytes say; `bounds` are west, south, east, north in degrees, `metadata` is (offset, bytes)."""

    tile_type: str
    min_zoom: int
    max_zoom: int
    bounds: tuple[float, float, float, float]
    metadata: tuple[int, int]
    metadata_packed: bool

    @property
    def kind(self) -> str:
        """`vector` or `raster`."""
        return "vector" if self.tile_type == _VECTOR else "raster"


def read_header(first: bytes, size: int) -> Header:
    """The header of an archive of `size` bytes. Refusals `pmtiles.file.foreign`, `.damaged`, `.unsupported`."""
    if len(first) < HEADER_BYTES or not first.startswith(_MAGIC):
        raise Refusal("pmtiles.file.foreign")
    _, version, *fields = _LAYOUT.unpack(first[:HEADER_BYTES])
    if version != _VERSION:
        raise Refusal("pmtiles.file.unsupported", what=f"version {version}")
    sections = {name: (fields[2 * at], fields[2 * at + 1]) for at, name in enumerate(("root", "metadata", "leaves", "tiles"))}
    for name, (offset, length) in sections.items():
        if length and (offset < HEADER_BYTES or offset + length > size):
            raise Refusal("pmtiles.file.damaged", part=name)
    if not sections["root"][1] or sum(sections["root"]) > _ROOT_END_MAX or not sections["tiles"][1]:
        raise Refusal("pmtiles.file.damaged", part="root")
    inner, outer, kind, min_zoom, max_zoom, *box = fields[12:21]
    for packing in (inner, outer):
        if packing not in _READABLE:
            raise Refusal("pmtiles.file.unsupported", what=f"compression {_PACKINGS.get(packing, packing)}")
    tile_type = _TYPES.get(kind, str(kind))
    if tile_type != _VECTOR and tile_type not in _RASTERS:
        raise Refusal("pmtiles.file.unsupported", what=f"tile type {tile_type}")
    if not min_zoom <= max_zoom <= _ZOOM_MAX:
        raise Refusal("pmtiles.file.damaged", part="zooms")
    west, south, east, north = (degrees / _DEGREE for degrees in box)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise Refusal("pmtiles.file.damaged", part="bounds")
    if sections["metadata"][1] > METADATA_BYTES_MAX:
        raise Refusal("pmtiles.file.damaged", part="metadata")
    return Header(tile_type, min_zoom, max_zoom, (west, south, east, north), sections["metadata"], inner == _GZIP)


def read_metadata(packed: bytes, header: Header) -> dict[str, Any]:
    """The metadata's JSON object, unpacked within `METADATA_BYTES_MAX`; an archive without any has an empty one."""
    if not packed:
        return {}
    content = packed
    if header.metadata_packed:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, METADATA_BYTES_MAX)
        except zlib.error as error:
            raise Refusal("pmtiles.file.damaged", part="metadata") from error
        if not stream.eof:
            raise Refusal("pmtiles.file.damaged", part="metadata")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refusal("pmtiles.file.damaged", part="metadata") from error
    if not isinstance(document, dict):
        raise Refusal("pmtiles.file.damaged", part="metadata")
    return document
