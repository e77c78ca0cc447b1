"""The page of the APIs: found, filtered, and each operation tried where it is described."""

from __future__ import annotations

import json
from collections.abc import Callable

from browser_kit import PAGES, Visitor

ENTITY = PAGES["entity"].rpartition("/")[2]


def test_an_operation_is_found_and_tried(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open(PAGES["openapi"])
    assert visitor.probe("operations") == 2
    page.get_by_label("絞り込み").fill("get entities")
    page.locator(".try summary").click()
    assert page.locator(".try").count() == 1
    page.locator("mn-operation input").first.fill(ENTITY)
    page.locator("mn-operation select").first.select_option("true")
    assert page.locator(".try-address").inner_text() == f"GET /ngsi-ld/v1/entities/{ENTITY.replace(':', '%3A')}?local=true"
    page.locator("mn-operation button").click()
    page.locator(".try-answer .notice-ok").wait_for()
    assert json.loads(page.locator(".try-answer > pre").inner_text())["id"] == ENTITY
    visitor.clean()


def test_a_refusal_is_an_answer_and_a_body_is_sent_as_written(visit: Callable[..., Visitor]) -> None:
    visitor = visit(language="en")
    visitor.allowed = ("404",)
    page = visitor.open(PAGES["openapi"])
    page.locator(".try summary", has_text="POST").click()
    for place, text in enumerate(("alarm-none", "acknowledge")):
        page.locator("mn-operation input").nth(place).fill(text)
    assert json.loads(page.locator("mn-operation textarea").input_value()) == {"text": "seen"}
    page.locator("mn-operation button").click()
    page.locator(".try-answer .notice-error").wait_for()
    assert page.locator(".try-answer .notice-error b").inner_text().startswith("404")
    assert page.locator("text=This changes the city's data.").count() == 1
    visitor.clean()
