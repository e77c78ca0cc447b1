"""The alarm page (console.md A1 A2 A5 A8)."""

from __future__ import annotations

from collections.abc import Callable

from browser_kit import LIVE_MS, Served, Visitor
from fake_city import FakeCity, make_alarm, now

MARKS = "[...document.querySelectorAll('.alarm')].map(row => ({severity: row.dataset.severity, word: row.querySelector('.severity span').textContent, shape: row.querySelector('.mark-outline').getAttribute('d'), seen: row.querySelector('.mark').getBoundingClientRect().width}))"


def test_a5_keyboard_acknowledges_twenty(visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]) -> None:
    city = FakeCity()
    city.alarms = {row["id"]: row for row in (make_alarm(n, "warning", f"注意報 {n}", f"Advisory {n}") for n in range(1, 23))}
    visitor = visit(at=serve(city))
    page = visitor.open("/operations")
    page.keyboard.press("j")
    for done in range(20):
        page.keyboard.press("a")
        page.wait_for_function(f"() => document.querySelectorAll('.alarm:not(.fresh)').length === {done + 1}")
    assert sum(row["acknowledged"] for row in city.alarms.values()) == 20
    last = next(row for row in reversed(list(city.alarms.values())) if row["acknowledged"])
    page.locator(".toast button", has_text="元に戻す").last.click()
    page.wait_for_function("() => document.querySelectorAll('.alarm:not(.fresh)').length === 19")
    assert sum(row["acknowledged"] for row in city.alarms.values()) == 19
    assert last is not None
    visitor.clean()


def test_a1_only_legal_actions_are_offered(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/operations?id=alarm-3")
    page.locator(".alarm-detail h2", has_text="大雨警報").wait_for()
    assert page.locator("[data-action=acknowledge]").is_disabled()
    assert page.locator("[data-action=undo]").is_enabled()
    assert page.locator("[data-action=close]").is_disabled()
    text = page.locator(".alarm-detail").inner_text()
    assert "発生中" in text
    assert "確認済み" in text
    assert "佐藤" in text
    assert "遅れて到着" in text
    visitor.clean()


def test_a2_shape_and_word_remain_when_colours_are_forced(visit: Callable[..., Visitor]) -> None:
    visitor = visit(forced_colors="active")
    page = visitor.open("/operations")
    found = page.evaluate(MARKS)
    assert len(found) == 4
    assert len({row["shape"] for row in found}) == 4
    assert {row["word"] for row in found} == {"緊急", "重大", "警戒", "注意"}
    assert all(row["seen"] >= 16 for row in found)
    outline = page.evaluate("getComputedStyle(document.querySelector('.mark-outline')).stroke")
    assert outline not in ("none", "rgba(0, 0, 0, 0)")
    visitor.clean()


def test_comment_and_assignment_are_asked_for_and_shown(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/operations?id=alarm-2")
    page.locator(".alarm-detail h2").wait_for()
    page.keyboard.press("c")
    page.locator("dialog textarea").fill("現地に向かう")
    page.locator("dialog button.primary").click()
    page.locator(".comments", has_text="現地に向かう").wait_for()
    page.keyboard.press("n")
    page.locator("dialog input").fill("土木課")
    page.locator("dialog button.primary").click()
    page.locator(".alarm.chosen .alarm-state", has_text="土木課").wait_for()
    visitor.clean()


def test_bulk_acknowledges_only_what_the_filter_shows(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open("/operations")
    page.locator(".alarm-filters input").fill("高松市")
    page.wait_for_function("() => document.querySelectorAll('.alarm').length === 3")
    page.locator(".alarm-head button").click()
    page.locator("dialog button.primary").click()
    page.locator(".toast", has_text="2 件").wait_for()
    assert [row["id"] for row in served.city.alarms.values() if not row["acknowledged"]] == ["alarm-1"]
    visitor.clean()


def test_new_alarm_appears_without_reload(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open("/operations")
    visitor.until("() => window.__machinami.stream === 'live'")
    served.post("/fake/alarm", {"severity": "critical", "ja": "河川氾濫", "en": "River flood"})
    page.locator(".alarm", has_text="河川氾濫").wait_for(timeout=LIVE_MS)
    assert page.locator("[data-severity=critical].bell-count b").inner_text() == "2"
    visitor.clean()


def test_bell_and_map_count_active_alarms_and_operations_those_not_closed(
    visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]
) -> None:
    city = FakeCity()
    over = make_alarm(
        1, "critical", "大津波警報", "Major tsunami warning", active=False, acknowledged=True, acknowledged_by="佐藤",
        acknowledged_at=now(3), cleared_at=now(4), actions=["close", "comment", "undo"],
    )  # fmt: skip
    city.alarms = {row["id"]: row for row in (over, make_alarm(2, "warning", "強風注意報", "Gale advisory"))}
    visitor = visit(at=serve(city))
    page = visitor.open("/operations")
    assert page.locator("#tab-open b").inner_text() == "2"
    assert page.locator(".rail-count").inner_text() == "2"
    assert [page.locator(".alarm-filters .chip b").nth(place).inner_text() for place in range(5)] == ["0", "0", "0", "1", "0"]
    assert page.locator(".bell-count").count() == 1
    assert page.locator("[data-severity=warning].bell-count b").inner_text() == "1"
    row = page.locator("[data-alarm=alarm-1]")
    assert "解除済み・確認済み — 終了できます" in row.inner_text()
    row.locator("button", has_text="終了する").click()
    page.locator("dialog button.primary").click()
    page.wait_for_function("() => document.querySelectorAll('.alarm').length === 1")
    assert city.alarms["alarm-1"]["closed"]

    city.alarms["alarm-1"] = over
    page = visitor.open("/", "yes")
    assert "発生中の警報 1 件" in page.locator(".side h2").inner_text()
    assert "対応が終わっていない警報が 1 件" in page.locator(".side").inner_text()
    visitor.clean()


def test_key_a_acknowledges_the_most_urgent_alarm_when_none_was_chosen(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open("/operations")
    page.locator(".alarm.chosen", has_text="大津波警報").wait_for()
    page.keyboard.press("a")
    page.locator(".alarm:not(.fresh)", has_text="大津波警報").wait_for()
    assert [row["id"] for row in served.city.alarms.values() if row["acknowledged"]] == ["alarm-1", "alarm-3"]
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.locator(".toast", has_text="警報を選んで").wait_for()
    visitor.clean()


def test_alarm_shows_when_its_source_issued_it(visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]) -> None:
    city = FakeCity()
    old = make_alarm(1, "critical", "大津波警報", "Tsunami", label="replay", event_at="2016-08-31T22:13:00Z")
    city.alarms = {row["id"]: row for row in (old, make_alarm(2, "warning", "強風注意報", "Gale advisory"))}
    visitor = visit(at=serve(city))
    page = visitor.open("/operations")
    assert "発表 2016年9月1日 07:13（再生）" in page.locator("[data-alarm=alarm-1]").inner_text()
    assert page.locator("[data-alarm=alarm-2] .issued").count() == 0
    assert "平成28年9月1日" in page.locator(".alarm-detail .facts").inner_text()
    assert "気象庁" in page.locator(".alarm-detail .facts").inner_text()
    visitor.clean()


def test_alarm_page_explains_when_there_is_none(visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]) -> None:
    visitor = visit(at=serve(FakeCity(empty=True)))
    page = visitor.open("/operations")
    assert "対応中の警報はありません" in page.locator(".alarm-rows").inner_text()
    assert page.locator(".alarm-rows a.button").count() == 1
    visitor.clean()
