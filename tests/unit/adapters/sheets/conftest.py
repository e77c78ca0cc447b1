"""Builders of files: workbooks by openpyxl, archives and ods by hand."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import openpyxl
import pytest


@pytest.fixture
def workbook() -> Callable[..., bytes]:
    def make(build: Callable[[openpyxl.Workbook], None]) -> bytes:
        book = openpyxl.Workbook()
        build(book)
        target = io.BytesIO()
        book.save(target)
        return target.getvalue()

    return make


@pytest.fixture
def ods() -> Callable[[str], bytes]:
    def make(rows: str) -> bytes:
        content = (
            '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
            'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="一覧">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
        )
        manifest = (
            '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
            "</manifest:manifest>"
        )
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
            archive.writestr("content.xml", content)
            archive.writestr("META-INF/manifest.xml", manifest)
        return target.getvalue()

    return make


@pytest.fixture
def bomb() -> Callable[[int, int | None], bytes]:
    """A zip file with one member of `size` zero bytes that claims to have `claimed` bytes."""

    def make(size: int, claimed: int | None = None) -> bytes:
        name = b"xl/worksheets/sheet1.xml"
        zeros = bytes(1 << 20)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        packed = block * (size >> 20) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
        checksum = 0
        for _ in range(size >> 20):
            checksum = zlib.crc32(zeros, checksum)
        shown = size if claimed is None else claimed
        sizes = (checksum, len(packed), shown, len(name))
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, *sizes, 0) + name + packed
        central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes, 0, 0, 0, 0, 0, 0) + name
        return local + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)

    return make
