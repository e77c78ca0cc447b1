"""Which files `machinami import` takes, and what it says of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from machinami.entrypoints.cli.importing import SHOWN_FINDINGS, Wanted, read_files, report
from machinami.kernel.errors import Refusal

SHEET = {
    "name": "park/data.xlsx",
    "sheet": "Sheet1",
    "model": "park",
    "model_ja": "公園",
    "model_en": "Parks",
    "rows": 12,
    "created": 7,
    "updated": 0,
    "unchanged": 5,
    "withdrawn": 0,
    "merged": 0,
    "rejected": 0,
    "mapping": None,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/data.xlsx", "a/DATA.CSV", "a/deep/x.ods", "a/notes.txt", "a/~$data.xlsx", "c.xls"):
        path = tmp_path / "town" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "town"


def wanted(**other: Any) -> Wanted:
    base = {"paths": (), "model": "", "city": "", "new_edition": False, "dry_run": False, "findings": None, "language": "en"}
    return Wanted(**{**base, **other})


def run(*sheets: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"files": list(sheets) or [SHEET], "findings": [], "findings_count": {}, "problem": None, "not_stored": 0, **other}


def finding(number: int, severity: str = "warning", rejects: bool = False) -> dict[str, Any]:
    return {
        "severity": severity,
        "rejects": rejects,
        "file": "park/data.xlsx",
        "sheet": "Sheet1",
        "row": number,
        "column": "D",
        "text_ja": "ありえない値です[0]。",
        "text_en": "Impossible [0].",
    }


def test_read_files_searches_folders_for_spreadsheets_and_keeps_their_folder(folder: Path) -> None:
    found = read_files((folder,))
    assert [one.name for one in found] == ["town/a/DATA.CSV", "town/a/deep/x.ods", "town/b/data.xlsx", "town/c.xls"]
    assert found[0].data == b"a/DATA.CSV"


def test_read_files_takes_a_named_file_whatever_its_ending(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.name for one in read_files((folder / "a" / "notes.txt", folder / "c.xls"))] == ["a/notes.txt", "town/c.xls"]
    monkeypatch.chdir(folder / "b")
    assert [one.name for one in read_files((Path("data.xlsx"),))] == ["b/data.xlsx"]


@pytest.mark.parametrize("name", ["missing.xlsx", "empty"])
def test_read_files_refuses_when_there_is_nothing_to_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refusal) as refused:
        read_files((tmp_path / name,))
    assert refused.value.code == "cli.file.not_found"
    assert name in refused.value.parameters["path"]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (run(), 0),
        (run({**SHEET, "rejected": 1}), 1),
        (run({**SHEET, "problem": {"code": "import.file.broken"}}), 1),
        (run(not_stored=2), 1),
        (run(findings_count={"warning": 3}), 0),
        (run(problem={"detail": "d", "detail_ja": "d", "remedy": "r", "remedy_ja": "r"}), 1),
    ],
)
def test_report_ends_with_an_error_only_when_something_was_not_taken_over(
    outcome: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(outcome, wanted()) == code


def test_report_shows_counts_and_the_first_findings_in_the_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    findings = [finding(number) for number in range(1, 21)]
    report(run(findings=findings, findings_count={"warning": 20, "info": 3}), wanted(language="ja"))
    text = capsys.readouterr().out
    assert "park/data.xlsx" in text
    assert "公園" in text
    assert "12" in text
    assert text.count("ありえない値です[0]。") == SHOWN_FINDINGS
    assert "[要確認] park/data.xlsx Sheet1 1行目D列: ありえない値です[0]。" in text
    assert f"ほか 要確認 {20 - SHOWN_FINDINGS} 件、情報 3 件" in text
    report(run(dry_run=True), wanted(dry_run=True))
    text = capsys.readouterr().out
    assert "dry run: nothing was stored" in text
    assert "withdrawn" not in text
    report(run({**SHEET, "withdrawn": 3}), wanted())
    assert "withdrawn" in capsys.readouterr().out


def test_report_shows_errors_and_rejections_first_and_only_counts_notes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = [finding(1, "info"), finding(2, "info", True), finding(3), finding(4, rejects=True), finding(5, "error", True)]
    report(run(findings=found, findings_count={"info": 2, "warning": 2, "error": 1}), wanted())
    lines = [line for line in capsys.readouterr().out.splitlines() if "Impossible" in line or "more" in line]
    assert [line.partition(" column")[0].rpartition(" ")[2] for line in lines[:-1]] == ["5", "4", "3", "2"]
    assert lines[-1] == "more findings: info 1 (--findings FILE.csv writes them all)"
    report(run(findings=found[:1], findings_count={"info": 1}), wanted(language="ja"))
    assert "情報 1 件(--findings FILE.csv で保存)" in (text := capsys.readouterr().out)
    assert "ほか" not in text
    report(run(findings=found[4:], findings_count={"error": 1}), wanted(language="ja"))
    assert "[エラー]" in (text := capsys.readouterr().out)
    assert "--findings" not in text


@pytest.mark.parametrize(("language", "said"), [("ja", "壊れています"), ("en", "it is broken")])
def test_report_says_what_was_wrong_and_what_to_do(language: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"detail": "it is broken", "remedy": "save it again", "detail_ja": "壊れています", "remedy_ja": "保存し直す"}
    assert report(run(problem=problem), wanted(language=language)) == 1
    text = capsys.readouterr().out
    assert said in text
    assert ("保存し直す" if language == "ja" else "save it again") in text
