"""The main job, end to end, in the words of who uses it: `machinami demo` in a real browser (issue "the main job")."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
from browser_kit import Visitor

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {
    "evacuation-space": 195,
    "aed": 450,
    "medical-institution": 617,
    "tsunami-building": 112,
    "public-toilet": 169,
    "park": 310,
    "reservoir": 841,
    "event": 51,
    "weather": 1295,
    "river-gauge": 1,
    "bus": 1,
}
WAIT_S = 90.0


@dataclass
class Demo:
    """A running demonstration and what it has said so far."""

    process: subprocess.Popen[str]
    url: str = ""
    said: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def until(self, question: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + WAIT_S
        while not (answer := question()):
            assert self.process.poll() is None, "\n".join(self.said)
            assert time.monotonic() < end, f"waited for {what}:\n" + "\n".join(self.said)
            time.sleep(0.1)
        return answer

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takamatsu's profile; only the drill's replay is faster and starts on a sign: when the pages are looked at."""
    folder = tmp_path_factory.mktemp("profile") / "takamatsu"
    shutil.copytree(ROOT / "cities/takamatsu", folder)
    text = (folder / "city.toml").read_text("utf-8")
    text = re.sub(r"start_after_s = 15\.0\ngap_s_max = 90\.0", "start_after_s = 20.0\ngap_s_max = 45.0", text)
    text = re.sub(r"start_after_s = 130\.0", "start_after_s = 68.0", text)
    assert "gap_s_max = 45.0" in text
    assert "start_after_s = 68.0" in text
    (folder / "city.toml").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, profile: Path) -> Iterator[Demo]:
    command = [str(Path(sys.executable).parent / "machinami"), "demo", "--port", "0", "--profile", str(profile)]
    data = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [*command, "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=data,
        env={"PATH": "/usr/bin:/bin", "HOME": str(data), "PYTHONUNBUFFERED": "1", "BROWSER": "true"},
    )  # fmt: skip
    running = Demo(process)

    def listen() -> None:
        for line in process.stdout or ():
            running.said.append(line.rstrip())

    Thread(target=listen, daemon=True).start()

    def address() -> str:
        found = [match[0] for line in running.said if (match := re.search(r"http://127\.0\.0\.1:\d+", line))]
        return found[0] if found else ""

    running.url = running.until(address, "the address")
    yield running
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert running.has_said("終了しています")


def test_every_list_of_the_city_is_on_the_map_with_exact_counts(demo: Demo) -> None:
    demo.until(lambda: demo.has_said("取り込みました"), "the import")
    layers = {one["id"]: one["count"] for one in demo.get("/api/layers")["layers"]}
    assert {name: layers[name] for name in COUNTS} == COUNTS


def test_the_drill_reaches_a_person_who_acknowledges_and_it_ends_by_itself(
    demo: Demo, visit_city: Callable[..., Visitor]
) -> None:
    visitor = visit_city(demo.url, width=1440, height=900)
    page = visitor.open("/")
    visitor.until("() => (window.__machinami.counts ?? {})['evacuation-space'] === 195")
    visitor.until("() => window.__machinami.counts.bus === 1 && window.__machinami.counts['river-gauge'] === 1")
    page.get_by_text("試用").first.wait_for()
    for credit in ("高松市オープンデータ", "気象庁", "国土数値情報"):
        assert credit in page.locator(".map-credits").inner_text()
    page.get_by_text("模擬").first.wait_for()

    demo.until(lambda: demo.get("/alarms")["alarms"], "the alarm")
    for text in ("香川県 大津波警報", "訓練", "再生"):
        page.locator(f"text={text} >> visible=true").first.wait_for(timeout=5_000)

    page = visitor.open("/operations")
    page.locator(".alarm", has_text="大津波警報").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.locator(".alarm:not(.fresh)", has_text="大津波警報").wait_for()
    [row] = demo.get("/alarms")["alarms"]
    assert (row["acknowledged"], row["active"], row["status"], row["label"]) == (True, True, "exercise", "replay")
    assert row["acknowledged_by"].startswith("試用")
    demo.until(lambda: demo.has_said("通知が届きました: 【訓練】【再生】香川県 大津波警報"), "the webhook")

    ended = demo.until(
        lambda: next((one for one in demo.get("/alarms?state=all")["alarms"] if not one["active"]), None), "the end"
    )
    assert ended["id"] == row["id"]
    assert (ended["acknowledged"], ended["closed"]) == (True, False)
    demo.until(lambda: demo.has_said("【解除】"), "the notice of the end")
    page.locator(".alarm.past", has_text="大津波警報").wait_for(timeout=5_000)
    record = demo.get(f"/alarms/{row['id']}")
    assert {one["state"] for one in record["deliveries"]} == {"delivered"}
    assert all(record["ledger"][hop] for hop in ("received", "stored", "sent", "delivered", "acknowledged"))
    visitor.clean()


def test_a_slight_change_of_the_sea_raises_no_alarm(demo: Demo) -> None:
    demo.until(lambda: demo.has_said("2011-03-11"), "the second telegram")
    alerts = demo.get("/ngsi-ld/v1/entities?type=Alert&limit=50&options=keyValues")
    assert any("2011-03-11" in one["dateIssued"] for one in alerts)
    assert len(demo.get("/alarms?state=all")["alarms"]) == 1


def test_a_page_shows_what_the_gauge_says_without_being_reloaded(demo: Demo, visit_city: Callable[..., Visitor]) -> None:
    gauge = "/ngsi-ld/v1/entities/urn:ngsi-ld:WaterLevelObserved:372013:simulated-koto?options=keyValues"
    visitor = visit_city(demo.url)
    page = visitor.open("/entities/urn:ngsi-ld:WaterLevelObserved:372013:simulated-koto")
    page.locator("text=模擬 >> visible=true").first.wait_for()
    seen: set[float] = set()
    end = time.monotonic() + 30.0
    while len(seen) < 3 and time.monotonic() < end:
        level = demo.get(gauge)["waterLevel"]
        if f"{level:.2f}" in page.inner_text("main") or f"{level:g}" in page.inner_text("main"):
            seen.add(level)
    assert len(seen) >= 3
    visitor.clean()
