"""kill -9 of machinami during an import: what it had reported as stored is stored, and importing again completes.

`MACHINAMI_PROVE=1` makes it ten kills and 10,000 rows, and prints the figures (pytest -s).
"""

from __future__ import annotations

import csv
import io
import random
import time
from typing import Any

from .prove_kit import PROVE, City, Client, report, seconds, until

KILLS = 10 if PROVE else 1
ROWS = 10_000 if PROVE else 500
CHANCE = random.Random()
BOUNDARY = "prove-boundary"


def sheet(revision: int) -> bytes:
    """A shelter list; every revision changes every row's capacity."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        [
            "全国地方公共団体コード",
            "ID",
            "地方公共団体名",
            "名称",
            "所在地_連結表記",
            "緯度",
            "経度",
            "災害種別_地震",
            "想定収容人数",
        ]
    )
    for number in range(1, ROWS + 1):
        lat, lon = 34.2 + number % 100 / 1000, 134.0 + number // 100 / 1000
        place = f"香川県高松市番町{number}番地"
        rows.writerow(["372013", f"{number:010d}", "香川県高松市", f"第{number}避難所", place, lat, lon, "1", 1000 + revision])
    return text.getvalue().encode("utf-8-sig")


def begin_import(client: Client, data: bytes) -> str:
    fields = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="city"\r\n\r\n372013\r\n--{BOUNDARY}\r\n'
    head = 'content-disposition: form-data; name="file"; filename="shelters.csv"\r\ncontent-type: text/csv\r\n\r\n'
    body = fields.encode() + head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    status, answer = client.ask("POST", "/api/imports", body, f"multipart/form-data; boundary={BOUNDARY}")
    assert status < 300, answer
    return str(answer["run"])


def run_of(client: Client, run: str) -> dict[str, Any]:
    status, record = client.ask("GET", f"/api/imports/{run}")
    assert status == 200, record
    return dict(record)


def rows_reported(client: Client, run: str, wanted: int) -> int:
    """Wait until the run says that `wanted` rows or more are stored (or all of them); returns how many it said."""

    def reported() -> int:
        record = run_of(client, run)
        assert record["state"] in ("running", "done"), record["problem"]
        if record["state"] == "done":
            return ROWS
        progress = record["progress"] or {}
        done = int(progress["done"]) if progress.get("phase") == "storing" else 0
        return done if done >= wanted else 0

    return int(until(reported, f"{wanted} rows stored"))


def stored(city: City, revision: int) -> tuple[int, int, int]:
    """(shelters, different names, shelters with the revision's capacity)."""
    attributes = [
        {
            name.rpartition("/")[2].rpartition("#")[2]: one[0].get("value") or one[0].get("languageMap")
            for name, one in held.items()
        }
        for held in (row["document"]["attributes"] for row in city.rows("select document from entity"))
    ]
    names = {str(one["name"]) for one in attributes}
    return len(attributes), len(names), sum(1 for one in attributes if one["capacity"] == 1000 + revision)


def test_import_completes_when_machinami_was_killed_during_it(city: City) -> None:
    city.start()
    back: list[float] = []
    acked = lost = 0
    for revision in range(KILLS):
        client = Client(city)
        run = begin_import(client, sheet(revision))
        reported = rows_reported(client, run, CHANCE.randrange(1, ROWS * 3 // 4))
        began = time.monotonic()
        city.kill()
        city.start()
        back.append(time.monotonic() - began)
        assert len(city.postmasters()) == 1

        entities, names, current = stored(city, revision)
        acked += reported
        lost += max(0, reported - current)
        assert current >= reported
        assert entities == names
        client = Client(city)
        if reported < ROWS:
            assert run_of(client, run)["problem"]["code"] == "import.run.interrupted"

        again = begin_import(client, sheet(revision))
        record = until(lambda c=client, r=again: (one := run_of(c, r))["state"] != "running" and one, "the import")  # type: ignore[misc]
        assert record["state"] == "done", record["problem"]
        [counts] = record["files"]
        assert counts["created"] + counts["updated"] + counts["unchanged"] == ROWS
        assert counts["withdrawn"] == counts["rejected"] == 0
        assert stored(city, revision) == (ROWS, ROWS, ROWS)
    report(
        "kill -9 during imports", rows_reported_as_stored=acked, lost=lost, kills=city.kills, rows_after_the_last=ROWS,
        duplicates=0, back_after=seconds(back),
    )  # fmt: skip
    city.stop()
    assert not city.postmasters()
