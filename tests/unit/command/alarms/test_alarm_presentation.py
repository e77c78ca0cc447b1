"""Rows of the alarm list and webhook bodies."""

from __future__ import annotations

import json
import string
from datetime import timedelta

from machinami.command.alarms.errors import ROWS
from machinami.command.alarms.model import Action, Notice, Status, scoped_event
from machinami.command.alarms.ports import AlarmPage, AlarmRecord, Delivery, Ledger
from machinami.command.alarms.presentation import notification_document, page_document, record_document, row
from machinami.command.alarms.rules import ActionRequest, Actor, act, apply

CONTRACT = {
    "id", "source", "event", "area_code", "area_name", "kind", "severity", "level", "headline_ja", "headline_en", "active",
    "acknowledged", "closed", "acknowledged_by", "acknowledged_at", "assigned_to", "shelved_until", "status", "label",
    "raised_at", "event_at", "arrived_at", "late", "cleared_at", "count", "last_at", "entity_id", "location", "comments",
    "actions", "ledger",
}  # fmt: skip


def test_row_has_all_members_of_the_list(message):
    transition = apply("default", None, message(location=(134.05, 34.34)))
    now = message(10).arrived_at
    acknowledged = act(transition.alarm, ActionRequest(Action.ACKNOWLEDGE), Actor("user:sato", "佐藤"), now).alarm
    shown = row(acknowledged, Ledger(acknowledged.arrived_at, now), now)
    assert set(shown) >= CONTRACT
    assert json.loads(json.dumps(shown)) == shown
    assert shown["ledger"] == {
        "received": "2026-11-26T00:00:00Z", "stored": "2026-11-26T00:10:00Z", "sent": None, "delivered": None,
        "acknowledged": "2026-11-26T00:10:00Z",
    }  # fmt: skip
    assert shown["location"] == [134.05, 34.34]
    assert shown["actions"] == ["undo", "assign", "comment", "shelve"]


def test_row_shows_the_event_as_the_source_names_it(message):
    event = message()
    key = event.key.__class__("jma", scoped_event("20160901071000", Status.EXERCISE, "replay"), "590", "tsunami")
    alarm = apply("default", None, message(key=key, status=Status.EXERCISE, label="replay")).alarm
    shown = row(alarm, Ledger(alarm.arrived_at), alarm.arrived_at)
    assert (shown["event"], shown["status"], shown["label"]) == ("20160901071000", "exercise", "replay")


def test_notification_document_marks_drills_and_replays_in_its_texts(message):
    alarm = apply("default", None, message(status=Status.EXERCISE, label="replay")).alarm
    body = notification_document("urn:n", alarm, Notice.RAISED, alarm.arrived_at)
    assert body["text_ja"] == "【訓練】【再生】香川県 津波警報"
    assert body["text_en"] == "[EXERCISE] [REPLAY] Tsunami warning: 香川県"
    plain = apply("default", None, message()).alarm
    assert notification_document("urn:n", plain, Notice.RAISED, plain.arrived_at)["text_ja"] == "香川県 津波警報"


def test_record_document_lists_history_and_deliveries(message):
    transition = apply("default", None, message(arrived_at=message().event_at + timedelta(hours=1)))
    at = transition.alarm.arrived_at
    record = AlarmRecord(transition.alarm, Ledger(at), transition.history, (Delivery("http://x", "failing", 2, at, "503"),))
    shown = record_document(record, at)
    assert [entry["what"] for entry in shown["history"]] == ["raised", "late"]
    assert shown["history"][0]["event_at"] == "2026-11-26T00:00:00Z"
    expected = {"subscriber": "http://x", "state": "failing", "attempts": 2, "at": "2026-11-26T01:00:00Z", "error": "503"}
    assert shown["deliveries"] == [expected]
    page = page_document(AlarmPage((record,), {"major": 1}), at)
    assert page["counts"] == {"major": 1}
    assert page["alarms"][0]["id"] == transition.alarm.id


def test_error_texts_use_the_same_placeholders_in_both_languages():
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code, text in ROWS.items():
        assert names(text.en) == names(text.ja), code
        assert names(text.remedy_en) == names(text.remedy_ja), code


def test_notification_document_does_not_read_like_a_warning_when_the_alarm_cleared(message):
    alarm = apply("default", None, message()).alarm
    now = message(10).arrived_at
    texts = {notice: notification_document("urn:x", alarm, notice, now) for notice in Notice}
    assert "解除" in texts[Notice.CLEARED]["text_ja"]
    assert "Cleared" in texts[Notice.CLEARED]["text_en"]
    assert len({document["text_ja"] for document in texts.values()}) == len(Notice)
