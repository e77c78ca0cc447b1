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
import structlog
from rich.console import Console

from machinami.bootstrap.core import Options
from machinami.entrypoints.cli import logs
from machinami.entrypoints.cli.demo import Narrator
from machinami.entrypoints.cli.serving import bound, is_loopback, run_server
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


async def test_bound_says_what_to_do_when_the_port_is_taken() -> None:
    class Taken:
        async def listen(self, host: str, port: int, certificate: Path | None) -> int:
            raise OSError(98, "Address already in use")

    with pytest.raises(Refusal) as refused:
        await bound(Taken(), "127.0.0.1", 8080)  # type: ignore[arg-type]
    assert refused.value.code == "cli.port.taken"
    assert refused.value.parameters == {"host": "127.0.0.1", "port": "8080", "reason": "Address already in use"}


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What goes to standard error, with the logging of the tests put back afterwards."""
    root, kept = logging.getLogger(), {name: logging.getLogger(name).level for name in ("", "uvicorn.error", "asyncio")}
    handlers = root.handlers[:]
    yield capsys
    root.handlers[:] = handlers
    for name, level in kept.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def lines(written: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.readouterr().err.splitlines()]


def test_configure_logs_writes_json_lines_for_programs(written: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs("info")
    structlog.get_logger("machinami.test").info("partition dropped", partition="高松")
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


def narrated(**row: Any) -> str:
    """What the narrator says of an alarm row."""
    target = io.StringIO()
    narrator = Narrator(Console(file=target, width=300), "http://127.0.0.1:8080", "/data")
    base = {
        "status": "exercise",
        "label": "replay",
        "headline_ja": "香川県 大津波警報",
        "headline_en": "Major tsunami warning",
        "active": True,
        "acknowledged": False,
        "acknowledged_by": None,
    }
    narrator.alarm({**base, **row})
    return target.getvalue()


def test_narrator_marks_drills_and_replays_and_says_where_to_acknowledge() -> None:
    text = narrated()
    assert "【訓練】【再生】香川県 大津波警報" in text
    assert "/operations" in text
    assert "【" not in narrated(status="actual", label=None)


def test_narrator_tells_who_acknowledged_and_that_an_alarm_ended() -> None:
    assert "試用 が確認しました" in narrated(acknowledged=True, acknowledged_by="試用")
    assert "自動で解除" in narrated(active=False, acknowledged=True, acknowledged_by="試用")


def test_narrator_says_words_as_they_are_when_they_look_like_its_markup() -> None:
    assert "[/] [bold]ポンプ[0]" in narrated(headline_ja="[/] [bold]ポンプ[0]")


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
