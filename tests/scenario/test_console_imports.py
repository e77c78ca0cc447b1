"""A clerk drops spreadsheets on the page: what is right goes in, what is wrong is told row by row, nothing breaks."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from .scenario_kit import Client, Reply, until

SHELTERS = Path(__file__).parents[2] / "cities/takamatsu/opendata/evacuation_space/data.xlsx"
HEADINGS = ("名称", "所在地_連結表記", "緯度", "経度", "電話番号", "備考")
GOOD = ("中央図書館", "香川県高松市昭和町1-2-20", "34.3403", "134.0433", "087-861-4501", "")


def upload(server: Client, *files: tuple[str, bytes], **fields: str) -> Reply:
    """POST /api/imports as a browser does."""
    parts = [
        f'--line\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()
    ]
    for name, content in files:
        head = f'--line\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    body = b"".join(parts) + b"--line--\r\n"
    return server.post("/api/imports", body, {"Content-Type": "multipart/form-data; boundary=line"})


def carried_out(server: Client, *files: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    """The record of a run, once it has ended."""
    reply = upload(server, *files, **fields)
    assert reply.status == 202, reply.body
    path = f"/api/imports/{reply.json['run']}"

    def ended() -> dict[str, Any] | None:
        record: dict[str, Any] = server.get(path).json
        return record if record["state"] != "running" else None

    return until(ended, "the import", 60)


def sheet(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def comma(*rows: tuple[Any, ...], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def zip_bomb(size: int = 1 << 30) -> bytes:
    """An xlsx-like archive of about a megabyte whose one sheet unpacks to `size` zero bytes."""
    name, zeros = b"xl/worksheets/sheet1.xml", bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * (size >> 20) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    sizes = (0, len(packed), size, len(name))
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, *sizes, 0) + name + packed
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes, 0, 0, 0, 0, 0, 0) + name
    return local + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)


def total(server: Client) -> int:
    return sum(one["count"] for one in server.get("/api/types").json["types"])


def test_a_dry_run_tells_everything_and_stores_nothing(server: Client) -> None:
    record = carried_out(server, ("evacuation_space/data.xlsx", SHELTERS.read_bytes()), dry_run="true")
    assert record["state"] == "dry_run"
    assert record["files"][0]["created"] == 195
    assert total(server) == 0


def test_the_towns_own_shelters_go_in_with_findings_and_again_without_a_change(server: Client) -> None:
    files = [("evacuation_space/data.xlsx", SHELTERS.read_bytes())]
    record = carried_out(server, *files)
    assert (record["state"], record["problem"]) == ("done", None)
    assert record["files"][0]["created"] == 195
    assert len(server.ids(type="EvacuationSpace", limit=1000)) == 195
    assert sum(record["findings_count"].values()) >= len(record["findings"]) > 0
    again = carried_out(server, *files)
    counts = again["files"][0]
    assert (counts["created"], counts["updated"], counts["unchanged"], counts["withdrawn"]) == (0, 0, 195, 0)
    listed = server.get("/api/imports").json["runs"]
    assert [one["run"] for one in listed[:2]] == [again["run"], record["run"]]
    for language, heading in (("ja", "重要度"), ("en", "severity")):
        reply = server.get(f"/api/imports/{record['run']}/findings.csv", lang=language)
        assert reply.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in reply.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
        assert rows[0][0] == heading
        assert len(rows) - 1 == sum(record["findings_count"].values())
    assert server.get("/api/imports/none").problem == (404, "ResourceNotFound")
    assert server.get("/api/imports/none/findings.csv").problem == (404, "ResourceNotFound")


def test_a_corrected_mapping_is_kept_and_used_again(server: Client) -> None:
    rows = [("名称", "住所", "lat", "lon", "しらべ"), ("図書館", "香川県高松市昭和町1-2-20", "34.34", "134.04", "2024年調べ")]
    file = ("library/list.csv", comma(*rows))
    mapping = carried_out(server, file, dry_run="true")["files"][0]["mapping"]
    for column in mapping["columns"]:
        if column["heading"] == "しらべ":
            column.update(use="extra", attribute="surveyed")
    path = f"/api/mappings/{quote(mapping['fingerprint'], safe='')}"
    assert server.put(path, mapping).status == 200
    assert mapping in server.get("/api/mappings").json["mappings"]
    carried_out(server, file)
    found = server.find(q='surveyed=="2024年調べ"', format="simplified")
    assert [one["surveyed"] for one in found] == ["2024年調べ"]
    assert server.put("/api/mappings/other", mapping).problem == (400, "BadRequestData")
    assert server.put(path, {**mapping, "model": "none"}).problem == (400, "BadRequestData")
    assert server.put(path, {**mapping, "machinamiMapping": 99}).problem == (400, "BadRequestData")
    assert len(server.get("/api/models").json["models"]) > 10


BAD_FILES: list[tuple[str, Callable[[], tuple[str, bytes]], str]] = [
    ("empty", lambda: ("a.xlsx", b""), "import.file.empty"),
    ("broken xlsx", lambda: ("a.xlsx", SHELTERS.read_bytes()[:5000]), "import.file.broken"),
    ("text called xlsx", lambda: ("a.xlsx", "これは表ではありません".encode()), ""),
    ("zip bomb", lambda: ("a.xlsx", zip_bomb()), "import.file.zip_bomb"),
    ("neither utf-8 nor shift_jis", lambda: ("a.csv", b"\x80\xff\xfe,\xa0\n\xff\xff,1\n"), "import.file.encoding"),
    ("a picture", lambda: ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100)), "import.file.unknown_format"),
    ("garbled", lambda: ("a.csv", comma(HEADINGS, GOOD).decode().encode("cp932", "replace").decode("latin-1").encode()), ""),
]


@pytest.mark.parametrize(("make", "code"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_a_bad_file_is_told_and_stores_nothing(server: Client, make: Callable[[], tuple[str, bytes]], code: str) -> None:
    before = total(server)
    record = carried_out(server, make())
    assert total(server) == before
    if code:
        assert record["state"] == "failed"
        assert record["problem"]["code"] == code
        assert all(record["problem"][name] for name in ("detail", "remedy", "detail_ja", "remedy_ja"))
    else:
        assert sum(record["findings_count"].values()) > 0


def test_a_bad_file_among_good_ones_leaves_these_alone(server: Client) -> None:
    good = ("library/good.csv", comma(HEADINGS, ("良い図書館", *GOOD[1:])))
    record = carried_out(server, ("a.xlsx", SHELTERS.read_bytes()[:5000]), good)
    assert record["state"] == "done"
    assert [one.get("problem", {}).get("code") for one in record["files"] if one.get("problem")] == ["import.file.broken"]
    assert [one["name"] for one in server.get("/api/search", q="良い図書館").json["results"]] == ["良い図書館"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_encodings_of_towns_are_read(server: Client, encoding: str) -> None:
    name = f"図書館 {encoding}"
    carried_out(server, ("library/list.csv", comma(HEADINGS, (name, *GOOD[1:]), encoding=encoding)))
    assert [one["name"] for one in server.get("/api/search", q=name).json["results"]] == [name]


def test_wrong_cells_become_findings_with_their_row(server: Client) -> None:
    rows = [
        HEADINGS,
        ("入れ替わった所", "香川県高松市1", "134.0433", "34.3403", "", ""),
        ("海の向こう", "香川県高松市2", "95.0", "200.0", "", ""),
        ("文字の座標", "香川県高松市3", "北緯", "東経", "", ""),
        ("=HYPERLINK(1)", "香川県高松市4", "34.34", "134.04", "", "=1+1"),
    ]
    record = carried_out(server, ("library/wrong.xlsx", sheet(*rows)))
    rows_told = {one["row"] for one in record["findings"]}
    assert {2, 3, 4} <= rows_told
    assert all(one["text_ja"] and one["text_en"] for one in record["findings"])
    csv_text = server.get(f"/api/imports/{record['run']}/findings.csv").body.decode("utf-8-sig")
    assert not any(cell.startswith(("=", "+", "@")) for row in csv.reader(io.StringIO(csv_text)) for cell in row)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"city": "どこにもない町"}, "import.town.unknown"),
        ({"model": "none"}, "import.model.unknown"),
        ({"city": "a\0b"}, "http.upload.malformed"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(server: Client, fields: dict[str, str], code: str) -> None:
    reply = upload(server, ("a.csv", comma(HEADINGS, GOOD)), **fields)
    assert reply.problem[0] == 400
    assert reply.json["code"] == code


def test_a_zip_file_that_is_no_workbook_is_told(server: Client) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    record = carried_out(server, ("a.xlsx", target.getvalue()))
    assert record["state"] == "failed"
    assert record["problem"]["code"].startswith("import.file.")
