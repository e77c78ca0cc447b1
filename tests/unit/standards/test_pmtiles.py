"""The header and metadata of PMTiles archives: what is read, what is refused, and that nothing makes it fall over."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tile_kit import MVT, NONE, archive, png

from machinami.kernel.errors import Refusal
from machinami.standards.pmtiles import HEADER_BYTES, METADATA_BYTES_MAX, Header, read_header, read_metadata

GOOD = archive(png(1, 2, 3, 4), {"attribution": "架空町"}, zooms=(2, 9))


def read(content: bytes) -> tuple[Header, dict[str, Any]]:
    header = read_header(content[:HEADER_BYTES], len(content))
    offset, length = header.metadata
    return header, read_metadata(content[offset : offset + length], header)


def changed(at: int, form: str, *values: int) -> bytes:
    broken = bytearray(GOOD)
    struct.pack_into(form, broken, at, *values)
    return bytes(broken)


def refused(content: bytes) -> str:
    with pytest.raises(Refusal) as error:
        read(content)
    return str(error.value.code) + str(error.value.parameters.get("part") or error.value.parameters.get("what") or "")


@pytest.mark.parametrize("packing", [1, 2])
def test_read_header_tells_type_zooms_and_bounds(packing: int) -> None:
    header, metadata = read(archive(png(1, 2, 3, 4), {"attribution": "架空町"}, zooms=(2, 9), packing=packing))
    assert (header.kind, header.tile_type, header.min_zoom, header.max_zoom) == ("raster", "png", 2, 9)
    assert header.bounds == (133.0, 33.0, 135.0, 35.0)
    assert metadata == {"attribution": "架空町"}
    assert read(archive(b"x", kind=MVT))[0].kind == "vector"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "pmtiles.file.foreign"),
        (b"PK\3\4" + bytes(500), "pmtiles.file.foreign"),
        (GOOD[:126], "pmtiles.file.foreign"),
        (changed(7, "<B", 2), "pmtiles.file.unsupportedversion 2"),
        (GOOD[:-1], "pmtiles.file.damagedtiles"),
        (GOOD[:140], "pmtiles.file.damagedroot"),
        (changed(8, "<Q", 3), "pmtiles.file.damagedroot"),
        (changed(8, "<Q", 2**64 - 1), "pmtiles.file.damagedroot"),
        (changed(16, "<Q", 0), "pmtiles.file.damagedroot"),
        (changed(24, "<QQ", 2**63, 2**63), "pmtiles.file.damagedmetadata"),
        (changed(64, "<Q", 0), "pmtiles.file.damagedroot"),
        (changed(97, "<B", 3), "pmtiles.file.unsupportedcompression brotli"),
        (changed(98, "<B", 9), "pmtiles.file.unsupportedcompression 9"),
        (changed(99, "<B", 0), "pmtiles.file.unsupportedtile type unknown"),
        (changed(99, "<B", 6), "pmtiles.file.unsupportedtile type mlt"),
        (changed(100, "<BB", 9, 8), "pmtiles.file.damagedzooms"),
        (changed(101, "<B", 31), "pmtiles.file.damagedzooms"),
        (changed(102, "<i", 1_350_000_000), "pmtiles.file.damagedbounds"),
        (changed(114, "<i", 910_000_000), "pmtiles.file.damagedbounds"),
        (changed(97, "<B", NONE), "pmtiles.file.damagedmetadata"),
    ],
)
def test_read_refuses_what_no_browser_could_show(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_read_header_refuses_a_root_that_readers_would_not_find() -> None:
    far = changed(8, "<QQ", 16_000, 500) + bytes(20_000)
    assert refused(far) == "pmtiles.file.damagedroot"


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff", b"[" * 100_000, b"1"])
def test_read_metadata_refuses_what_is_no_object(text: bytes) -> None:
    header = read_header(GOOD[:HEADER_BYTES], len(GOOD))
    with pytest.raises(Refusal):
        read_metadata(gzip.compress(text), header)


def test_read_metadata_is_bounded_when_it_unpacks_to_much_more() -> None:
    header = read_header(GOOD[:HEADER_BYTES], len(GOOD))
    bomb = gzip.compress(json.dumps({"x": "y" * METADATA_BYTES_MAX}).encode())
    with pytest.raises(Refusal):
        read_metadata(bomb, header)
    assert read_metadata(b"", header) == {}


@given(st.binary(max_size=300))
def test_read_answers_or_refuses_whatever_comes(content: bytes) -> None:
    try:
        read(content)
    except Refusal as error:
        assert error.code.startswith("pmtiles.file.")


@given(st.integers(0, HEADER_BYTES - 1), st.binary(min_size=1, max_size=24))
def test_read_answers_or_refuses_any_change_of_the_header(at: int, new: bytes) -> None:
    content = GOOD[:at] + new + GOOD[at + len(new) :]
    try:
        header, _ = read(content)
    except Refusal as error:
        assert error.code.startswith("pmtiles.file.")
    else:
        assert 0 <= header.min_zoom <= header.max_zoom <= 30
        assert sum(header.metadata) <= len(content) or not header.metadata[1]
