"""The conformance page: counted right, nothing lost unseen, and the committed page is the one that the data make."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_page", ROOT / "tools/conformance_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conformance_page"] = module
    spec.loader.exec_module(module)
    return module


def case(number: str, status: str, *tags: str, file: str = "ContextInformation/Provision/Entities/001_01.robot") -> Any:
    path = f"/somewhere/TP/NGSI-LD/{file}"
    return {"path": path, "name": f"{number} Some Title", "status": status, "tags": list(tags), "message": "a | <b>"}


RUN = {
    "tests": [
        case("001_01_01", "PASS", "5_6_1", "since_v1.3.1"),
        case("001_01_02", "FAIL", "5_6_1", "4_10"),
        case("001_01_03", "SKIP", "4_10"),
        case("050_01_01", "FAIL", file="jsonldContext/Provision/Add/050_01.robot"),
    ]
}
JUDGED = """
[[judged]]
cases = ["001_01_02", "001_01_01"]
source = "5.6.1"
verdict = "defective"
why = "It is so."
"""
SUITE_COMMIT = "1d442dc4d95a2359641f436203a2f23a5a70bfc4"


def test_read_summary_names_cases_by_file_and_title(tool: ModuleType) -> None:
    cases = tool.read_summary(RUN)
    assert [(one.short, one.passed, one.clauses) for one in cases[:3]] == [
        ("001_01_01", True, ("5.6.1",)), ("001_01_02", False, ("4.10", "5.6.1")), ("001_01_03", False, ("4.10",)),
    ]  # fmt: skip
    assert cases[0].name == "ContextInformation/Provision/Entities/001_01.robot::001_01_01 Some Title"
    assert {one.area for one in cases} == {"ContextInformation/Provision/Entities", "jsonldContext"}


def test_render_counts_raw_and_judged_side_by_side(tool: ModuleType) -> None:
    cases = tool.read_summary(RUN)
    page = tool.render(tool.Suite("some/suite", "abc"), cases, tool.read_judgements(JUDGED), frozenset({cases[0].name}))
    lines = page.splitlines()
    assert "| ContextInformation/Provision/Entities | 3 | 1 | 1 | 33.3 % | 1 | 50.0 % |" in lines
    assert "| **all** | 4 | 1 | 1 | 25.0 % | 1 | 33.3 % |" in lines
    assert "| 5.6.1 | 2 | 1 | 1 | 50.0 % | 1 | 100.0 % |" in lines
    assert "| 001_01_02 | 5.6.1 | defective | It is so. |" in lines
    assert "| 050_01_01 | jsonldContext | a \\| &lt;b> |" in lines
    assert "Judged cases that pass all the same: 001_01_01." in lines
    assert "`some/suite`\nat commit `abc`" in page
    assert page.index("| 4.10 |") < page.index("| 5.6.1 |")


def test_baseline_is_read_as_it_was_written(tool: ModuleType) -> None:
    cases = tool.taken([], tool.read_summary(RUN))
    suite = tool.Suite("some/suite", "abc")
    assert tool.read_baseline(tool.write_baseline(suite, cases)) == (suite, cases)


@pytest.fixture
def folder(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, file in (("PAGE", "page.md"), ("BASELINE", "baseline.json"), ("JUDGED", "judged.toml"), ("FLOOR", "floor.json")):
        monkeypatch.setattr(tool, name, tmp_path / file)
    (tmp_path / "judged.toml").write_text(JUDGED)
    (tmp_path / "floor.json").write_text("[]")
    (tmp_path / "baseline.json").write_text(tool.write_baseline(tool.Suite("some/suite", "abc"), []))
    return tmp_path


def summary(folder: Path, *rows: dict[str, Any]) -> str:
    (folder / "summary.json").write_text(json.dumps({"tests": list(rows)}))
    return str(folder / "summary.json")


def test_main_takes_results_case_by_case_and_refuses_a_loss(
    tool: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main([summary(folder, *RUN["tests"])]) == 0
    assert tool.main([summary(folder, case("001_01_03", "PASS"))]) == 0
    assert tool.main(["--gate", summary(folder, case("001_01_02", "FAIL"))]) == 0
    kept = (folder / "baseline.json").read_text()
    lost = summary(folder, case("001_01_01", "FAIL"), case("001_01_02", "PASS"))
    for flags in (["--gate"], []):
        assert tool.main([*flags, lost]) == tool.LOST
        assert "lost: ContextInformation/Provision/Entities/001_01.robot::001_01_01 Some Title" in capsys.readouterr().out
    assert (folder / "baseline.json").read_text() == kept
    assert tool.main(["--even-lost", lost]) == 0
    assert tool.main(["--floor", lost]) == 0
    assert json.loads((folder / "floor.json").read_text()) == [
        "ContextInformation/Provision/Entities/001_01.robot::001_01_02 Some Title"
    ]
    assert "| **all** | 4 | 1 | 2 |" in (folder / "page.md").read_text()


def test_the_committed_page_is_what_its_data_make(tool: ModuleType) -> None:
    suite, cases = tool.read_baseline(tool.BASELINE.read_text("utf-8"))
    assert suite == tool.Suite("marek-mraz/ngsi-ld-test-suite", SUITE_COMMIT)
    judgements = tool.read_judgements(tool.JUDGED.read_text("utf-8"))
    assert {one.verdict for one in judgements} <= {"defective", "impossible", "order", "open"}
    assert tool.PAGE.read_text("utf-8") == tool.render(suite, cases, judgements, tool.read_floor(tool.FLOOR.read_text("utf-8")))


def test_make_prove_holds_a_run_of_the_suite_against_the_baseline() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8")
    assert "tools/conformance_page.py --gate $(SUMMARY)" in recipe.partition("\nprove:")[2].partition("\n\n")[0]
