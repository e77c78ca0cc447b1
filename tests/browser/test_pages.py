"""What must hold on every page, language and theme (console.md 9, S4, S5), and the pages for data and import."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_kit import PAGES, Served, Visitor

ENGLISH_ONLY = """() => { const found = []; const japanese = /[\\u3040-\\u30ff\\u4e00-\\u9fff]/;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const node = walk.currentNode; const parent = node.parentElement;
    if (japanese.test(node.textContent) && !parent.closest('[lang=ja], script, pre')) found.push(node.textContent.trim()); }
  for (const node of document.querySelectorAll('[aria-label], [title], [placeholder]')) for (const name of ['aria-label', 'title', 'placeholder'])
    if (japanese.test(node.getAttribute(name) ?? '') && !node.closest('[lang=ja]')) found.push(`${name}=${node.getAttribute(name)}`);
  return found; }"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_english_and_narrow_when_asked(visit: Callable[..., Visitor], name: str) -> None:
    visitor = visit(language="en", theme="night")
    page = visitor.open(PAGES[name])
    assert page.evaluate(ENGLISH_ONLY) == []
    assert visitor.axe() == []
    page.evaluate("document.documentElement.dataset.theme = document.documentElement.dataset.tone = 'day'")
    assert visitor.axe() == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate(OVERFLOW) <= 0
    assert visitor.axe() == []
    visitor.clean()


def test_language_switches_without_reload(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/operations")
    page.evaluate("window.kept = true")
    page.locator(".lang-switch").click()
    page.locator("h1", has_text="Operations").wait_for()
    assert page.evaluate("window.kept") is True
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate(ENGLISH_ONLY) == []
    page.reload()
    page.locator("h1", has_text="Operations").wait_for()
    visitor.clean()


def test_theme_switches_and_is_kept(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/", "yes")
    page.locator("button[aria-label='夜の配色にする']").click()
    sea = page.evaluate("window.__machinami.map.getPaintProperty('base-sea', 'background-color')")
    assert sea == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--map-sea').trim()")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "night"
    visitor.clean()


def test_e1_entity_chart_has_alarm_marker_and_table(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open(PAGES["entity"])
    visitor.until("() => window.__machinami.chart.markers === 1")
    points = visitor.probe("chart")["points"]
    assert points > 100
    page.locator("button", has_text="表で見る").click()
    assert page.locator(".chart-table tbody tr").count() == points + 1
    assert page.locator(".chart-table .severity").inner_text() == "重大"
    assert '"waterLevel"' in page.locator(".raw pre").inner_text() or page.locator(".raw pre").text_content()
    visitor.clean()


def test_e1_long_series_is_shown_by_means_and_ranges(visit: Callable[..., Visitor]) -> None:
    """More measurements than a page holds: the newest must not be missing, and a peak must not hide in a mean."""
    visitor = visit()
    page = visitor.open(PAGES["entity"])
    page.get_by_role("button", name="7 日", exact=True).click()
    page.get_by_text("1 時間ごとの平均と幅").wait_for()
    visitor.until("() => window.__machinami.chart.points === 3")
    assert "1.25 m（1.1〜1.5）" in page.locator(".plot-value").inner_text()
    page.locator("button", has_text="表で見る").click()
    assert page.locator(".chart-table tbody tr", has_text="1.25 m（1.1〜1.5）").count() == 3
    visitor.clean()


def test_entity_page_explains_when_there_is_no_such_entity(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.allowed = ("404",)
    page = visitor.open("/entities/urn:ngsi-ld:Nothing:1", "problem")
    assert page.locator(".empty h2").inner_text() != ""
    assert page.locator(".empty button").count() == 1
    visitor.clean()


def test_import_runs_dry_and_then_for_real(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open("/import")
    page.locator("input[type=file]").set_input_files(
        {"name": "避難所.xlsx", "mimeType": "application/octet-stream", "buffer": b"PK"}
    )
    page.locator(".file-list", has_text="避難所.xlsx").wait_for()
    page.locator("button.primary", has_text="試しに読む").click()
    page.locator("h1", has_text="試しに読んだ結果").wait_for()
    page.locator("button", has_text="この内容で取り込む").click()
    page.locator("h1", has_text="取り込みました").wait_for()
    assert list(served.city.runs) == ["run-1-dry", "run-2"]
    assert page.locator(".counts").inner_text().split()[1] == "195"
    visitor.clean()


def test_failed_import_says_nothing_of_rows_that_were_read(visit: Callable[..., Visitor]) -> None:
    visitor = visit(language="en")
    page = visitor.open("/imports/run-failed")
    text = page.locator("main").inner_text()
    assert "The import failed" in text
    assert "No sheet." in text
    assert "Nothing to report" not in text
    assert page.evaluate(ENGLISH_ONLY) == []
    visitor.clean()


def test_earlier_imports_are_listed_in_a_few_words(visit: Callable[..., Visitor], served: Served) -> None:
    served.city.runs["run-1"] = 100
    visitor = visit()
    page = visitor.open("/import")
    assert page.locator(".past a").inner_text() == "避難所.xlsx ほか 2 件"
    assert page.locator(".past .tag").inner_text() == "一部失敗"
    page.locator(".past a").click()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("h1", has_text="一部を取り込みました").wait_for()
    visitor.clean()


def test_import_that_does_not_exist_leads_back_to_the_list(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.allowed = ("404",)
    page = visitor.open("/imports/99")
    assert page.locator(".empty").inner_text().count("内容を確かめてください。") == 1
    assert page.locator(".empty a.button").get_attribute("href") == "/import"
    visitor.clean()


def test_static_thing_shows_values_before_a_chart(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/entities/urn:ngsi-ld:Park:372013:0001")
    assert page.locator(".card-chart").count() == 0
    assert page.locator(".values-list").is_visible()
    page.locator(".course summary").click()
    page.locator(".course mn-chart").wait_for()
    visitor.clean()


def test_password_can_be_shown(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/setup")
    page.locator("input[name=password]").fill("correct horse")
    page.get_by_label("パスワードを表示する").check()
    assert page.locator("input[name=password]").get_attribute("type") == "text"
    assert page.locator("input[name=password]").input_value() == "correct horse"
    visitor.clean()


def test_findings_are_filtered_and_a_mapping_is_saved(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open(PAGES["findings"])
    assert page.locator(".findings tbody tr").count() == 3
    assert "17 行目" in page.locator(".findings").inner_text()
    page.locator(".findings .chip", has_text="エラー").click()
    assert page.locator(".findings tbody tr").count() == 1
    assert "lang=ja" in (page.locator(".findings a[download]").get_attribute("href") or "")
    page.locator(".mapping summary").click()
    page.locator(".mapping tbody tr").last.locator("select").select_option("ignore")
    page.locator(".mapping button").click()
    page.locator(".toast", has_text="保存しました").wait_for()
    visitor.clean()


def test_login_says_what_to_do_when_the_password_is_wrong(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.allowed = ("401",)
    page = visitor.open("/login?next=/operations")
    page.locator("input[name=name]").fill("sato")
    page.locator("input[name=password]").fill("wrong")
    page.locator("button.primary").click()
    page.locator("[role=alert]").wait_for()
    assert "security.login.wrong" in page.locator("[role=alert] b").inner_text()
    page.locator("input[name=password]").fill("correct horse")
    page.locator("button.primary").click()
    page.wait_for_url("**/operations")
    visitor.clean()
