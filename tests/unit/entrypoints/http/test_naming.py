"""What attributes and types are called."""

from __future__ import annotations

import re

import pytest

from machinami.entrypoints.http.naming import in_words, names_document


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hazardFloodL1", "Hazard flood L1"),
        ("contactPointPhoneNumber", "Contact point phone number"),
        ("name", "Name"),
        ("accessURL", "Access URL"),
    ],
)
def test_in_words_reads_a_name_when_it_is_written_in_humps(name: str, words: str) -> None:
    assert in_words(name) == words


def test_names_document_names_items_of_the_models_and_of_the_feeds() -> None:
    found = names_document()
    assert found["attributes"]["hazardFloodL1"] == {"ja": "洪水（計画規模）", "en": "Hazard flood L1"}
    assert found["attributes"]["contactPointPhoneNumber"]["ja"] == "電話番号"
    assert found["attributes"]["dateIssued"] == {"ja": "発表日時", "en": "Issued at"}
    assert found["types"]["Alert"] == {"ja": "警報情報", "en": "Alerts"}
    assert found["types"]["DisasterBulletin"]["ja"] == "気象庁電文"
    assert found["types"]["EvacuationSpace"]["ja"] == "指定緊急避難場所・指定避難所"


def test_names_document_holds_no_japanese_in_english() -> None:
    found = names_document()
    for names in found.values():
        assert [one for one in names.values() if re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", one["en"])] == []
