"""Where `--dev` may listen, structured logs, and what the demonstration tells in the terminal."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from machinami.bootstrap.options import Options
from machinami.entrypoints.cli import logs
from machinami.entrypoints.cli.demo import Narrator
from machinami.entrypoints.cli.folders import Use, claim, enter
from machinami.entrypoints.cli.process import bind, is_loopback
from machinami.entrypoints.cli.serving import run_server
from machinami.kernel.errors import Refusal


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_is_loopback_says_yes_to_this_computer_only(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "8.8.8.8", "city.example", "localhost.example", "", "127.1", "[::1]"]
)
def test_is_loopback_says_no_to_everything_else(host: str) -> None:
    assert not is_loopback(host)


async def test_run_server_refuses_to_serve_the_network_without_login_before_it_starts_anything(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        await run_server(Options(tmp_path / "data", dev=True), "0.0.0.0", 0)
    assert refused.value.code == "cli.dev.loopback_only"
    assert not (tmp_path / "data").exists()


async def test_run_server_says_what_to_do_when_the_port_is_taken_before_it_starts_anything(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refusal) as refused:
            await run_server(Options(tmp_path / "data", dev=True), "127.0.0.1", port)
    assert refused.value.code == "cli.port.taken"
    assert refused.value.parameters["port"] == str(port)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("begun", "wanted", "refused"),
    [
        (Use.CITY, Use.DEMONSTRATION, True),
        (Use.CITY, Use.DEVELOPMENT, True),
        (Use.DEMONSTRATION, Use.CITY, True),
        (Use.DEVELOPMENT, Use.CITY, True),
        (Use.DEVELOPMENT, Use.DEMONSTRATION, True),
        (Use.DEMONSTRATION, Use.DEVELOPMENT, False),
        (Use.CITY, Use.CITY, False),
        (Use.DEMONSTRATION, Use.DEMONSTRATION, False),
    ],
)
def test_claim_never_opens_a_city_without_login_nor_a_demonstration_as_a_city(
    tmp_path: Path, begun: Use, wanted: Use, refused: bool
) -> None:
    claim(tmp_path / "data", begun)
    if not refused:
        claim(tmp_path / "data", wanted)
        return
    with pytest.raises(Refusal) as refusal:
        claim(tmp_path / "data", wanted)
    assert refusal.value.code == "cli.folder.other_use"


def test_claim_takes_no_folder_with_a_database_of_unknown_use_for_a_demonstration(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(Refusal):
        claim(tmp_path, Use.DEMONSTRATION)


def test_enter_begins_nothing_unless_it_is_asked_to(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        enter(tmp_path, "", begin=False)
    assert refused.value.code == "cli.folder.empty"
    enter(tmp_path, "postgresql://db/city", begin=False)
    assert list(tmp_path.iterdir()) == []
    enter(tmp_path, "", begin=True)
    with pytest.raises(Refusal):
        claim(tmp_path, Use.DEVELOPMENT)


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What goes to standard error, with the logging of the tests put back afterwards."""
    root, kept = logging.getLogger(), {name: logging.getLogger(name).level for name in ("", "uvicorn.error", "asyncio")}
    handlers = root.handlers[:]
    yield capsys
    root.handlers[:] = handlers
    for name, level in kept.items():
        logging.getLogger(name).setLevel(level)


def lines(written: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.readouterr().err.splitlines()]


def test_configure_logs_writes_json_lines_for_programs(written: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs("info")
    logging.getLogger("machinami.test").info("partition dropped", extra={"partition": "高松"})
    logging.getLogger("machinami.kernel.test").warning("%s waits: %s", "matcher", "data.store.unavailable")
    logging.getLogger("machinami.kernel.test").debug("not shown")
    first, second = lines(written)
    assert (first["event"], first["partition"], first["level"]) == ("partition dropped", "高松", "info")
    assert (second["event"], second["logger"]) == ("matcher waits: data.store.unavailable", "machinami.kernel.test")
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None


def test_configure_logs_keeps_the_whole_story_of_an_error_in_one_line(written: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs("warning")
    try:
        raise RuntimeError("a bug\nin two lines")
    except RuntimeError:
        logging.getLogger("machinami.test").exception("it failed")
    [line] = lines(written)
    assert "RuntimeError: a bug" in line["exception"]


def test_configure_logs_writes_for_people_on_a_terminal(
    written: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    logs.configure_logs("info")
    logging.getLogger("machinami.test").info("partition %s", "dropped", extra={"partition": "高松"})
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        logging.getLogger("machinami.test").exception("it failed")
    first, second, *story = written.readouterr().err.splitlines()
    assert first.endswith("info     partition dropped partition=高松 logger=machinami.test")
    assert second.endswith("error    it failed logger=machinami.test")
    assert story[-1] == "RuntimeError: a bug"


def narrated(*rows: dict[str, Any]) -> str:
    """What the narrator says of an alarm's rows, one after the other."""
    target = io.StringIO()
    narrator = Narrator(Console(file=target, width=300), "http://127.0.0.1:8080", "/data")
    base = {
        "id": "urn:ngsi-ld:Alarm:1",
        "status": "exercise",
        "label": "replay",
        "headline_ja": "香川県 大津波警報",
        "headline_en": "Major tsunami warning",
        "active": True,
        "acknowledged": False,
        "acknowledged_by": None,
    }
    for row in rows:
        narrator.alarm({**base, **row})
    return target.getvalue()


def test_narrator_marks_drills_and_replays_and_says_where_to_acknowledge() -> None:
    text = narrated({})
    assert "【訓練】【再生】香川県 大津波警報" in text
    assert "/operations" in text
    assert "【" not in narrated({"status": "actual", "label": None})


def test_narrator_tells_who_acknowledged_and_that_an_alarm_ended_each_once() -> None:
    taken = {"acknowledged": True, "acknowledged_by": "試用"}
    ended = {"active": False}
    assert "試用 が確認しました" in narrated({}, taken)
    assert "自動で解除" in narrated({}, taken, taken | ended)
    assert narrated({}, ended, taken | ended).count("自動で解除") == 1
    assert narrated({}, ended, taken | ended).count("確認しました") == 1
    assert narrated({}, {}).count("警報:") == 1


def test_narrator_says_words_as_they_are_when_they_look_like_its_markup() -> None:
    assert "[/] [bold]ポンプ[0]" in narrated({"headline_ja": "[/] [bold]ポンプ[0]"})


def test_narrator_tells_of_imports_weather_and_telegrams() -> None:
    target = io.StringIO()
    narrator = Narrator(Console(file=target, width=300), "http://127.0.0.1:8080", "/data")
    at = datetime(2021, 2, 24, 6, 0, tzinfo=UTC)
    narrator("weather", {"stations": 1295, "at": at})
    counts = {"created": 2, "updated": 1, "unchanged": 4}
    narrator(
        "imported",
        {"run": {"files": [counts, counts], "names": ["a", "b"], "findings_count": {"error": 1, "info": 2}}, "seconds": 1.25},
    )
    narrator("telegram", {"title": "津波警報", "sent_at": at})
    text = target.getvalue()
    assert "1295 地点の記録(2021-02-24 15:00)" in text
    assert "2 ファイルから 14 件" in text
    assert "指摘 3 件" in text
    assert "気象庁電文「津波警報」(2021-02-24 15:00)" in text
