"""Write `docs/conformance/ngsi-ld.md`: what ETSI's NGSI-LD test suite says of Machinami, and what we say of its red cases.

The suite stays outside of the repository. A run of it (Robot Framework) is summarised as `summary.json`: an object whose
`tests` have `path`, `name`, `status` (PASS, FAIL, SKIP), `tags` (clauses as `5_13_3`) and `message`.

Usage:
  python tools/conformance_page.py                      the page anew, after judged.toml was edited
  python tools/conformance_page.py SUMMARY.json ...     take these results (one file an area, or one for all), then the page
  python tools/conformance_page.py --floor SUMMARY.json take those of a broker that stores nothing (tools/conformance_floor.py)
  python tools/conformance_page.py --gate SUMMARY.json  change nothing; status 3 if a case that passed is lost
                                                        (`make prove SUMMARY=...`)

Results are kept in `docs/conformance/baseline.json`. Taking results that lose a case that passed needs `--even-lost`: losing
one is a decision, to be seen in a diff. Cases that a summary does not hold keep what they had.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs/conformance"
PAGE, BASELINE = FOLDER / "ngsi-ld.md", FOLDER / "baseline.json"
JUDGED, FLOOR = FOLDER / "judged.toml", FOLDER / "floor.json"
AREAS = (
    "CommonBehaviours",
    "ContextInformation/Provision/Entities",
    "ContextInformation/Provision/EntityAttributes",
    "ContextInformation/Provision/BatchEntities",
    "ContextInformation/Provision/PurgeEntities",
    "ContextInformation/Provision/TemporalEntity",
    "ContextInformation/Provision/TemporalEntityAttributes",
    "ContextInformation/Consumption/Entity",
    "ContextInformation/Consumption/TemporalEntity",
    "ContextInformation/Consumption/Discovery",
    "ContextInformation/Subscription/SubscriptionNotificationBehaviour",
    "ContextInformation/Subscription",
    "ContextSource/Registration",
    "ContextSource/Discovery",
    "ContextSource/RegistrationSubscription",
    "DistributedOperations",
    "jsonldContext",
)
"""Folders of the suite that are counted together; the first that a case lies in."""
LOST = 3
_CLAUSE = re.compile(r"\d+(?:_\d+)+")
_PREFIX = re.compile(r".*?TP/NGSI-LD/")


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the suite: `name` is `<path of its file>::<title>`."""

    name: str
    passed: bool
    clauses: tuple[str, ...] = ()
    message: str = ""

    @property
    def short(self) -> str:
        """Its number, the first word of its title."""
        return self.name.partition("::")[2].partition(" ")[0]

    @property
    def area(self) -> str:
        """The area that it lies in."""
        return next((area for area in AREAS if self.name.startswith(f"{area}/")), "other")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why red cases are not ours to obey; `cases` are numbers, `*` stands for any rest."""

    cases: tuple[str, ...]
    source: str
    verdict: str
    why: str

    def concerns(self, case: Case) -> bool:
        """Whether this is about a case."""
        return any(fnmatchcase(case.short, pattern) for pattern in self.cases)


@dataclass(frozen=True, slots=True)
class Suite:
    """Which suite was run."""

    repository: str
    commit: str


def read_summary(document: Mapping[str, Any]) -> list[Case]:
    """The cases of one summary; skipped ones count as not passed."""
    return [
        Case(
            name=f"{_PREFIX.sub('', one['path'])}::{one['name']}",
            passed=one["status"] == "PASS",
            clauses=tuple(sorted((tag.replace("_", ".") for tag in one["tags"] if _CLAUSE.fullmatch(tag)), key=_clause_key)),
            message="" if one["status"] == "PASS" else one.get("message", ""),
        )
        for one in document["tests"]
    ]


def lost(before: Iterable[Case], now: Iterable[Case]) -> list[str]:
    """Cases that passed before, were run now and do not pass any more."""
    results = {one.name: one.passed for one in now}
    return sorted(one.name for one in before if one.passed and results.get(one.name) is False)


def taken(before: Iterable[Case], now: Iterable[Case]) -> list[Case]:
    """The cases with the results of now where there are some."""
    known = {one.name: one for one in (*before, *now)}
    return sorted(known.values(), key=lambda one: one.name)


def read_baseline(text: str) -> tuple[Suite, list[Case]]:
    """What is kept of the last results."""
    document = json.loads(text)
    cases = [
        Case(name, row["passed"], tuple(row["clauses"]), row.get("message", "")) for name, row in document["cases"].items()
    ]
    return Suite(document["repository"], document["commit"]), cases


def write_baseline(suite: Suite, cases: Sequence[Case]) -> str:
    """One line a case, so that a change is a line of a diff."""

    def line(one: Case) -> str:
        row: dict[str, Any] = {"passed": one.passed, "clauses": list(one.clauses)}
        row |= {"message": one.message[:160]} if one.message else {}
        return f"  {json.dumps(one.name, ensure_ascii=False)}: {json.dumps(row, ensure_ascii=False)}"

    head = f'{{\n "repository": {json.dumps(suite.repository)},\n "commit": {json.dumps(suite.commit)},\n "cases": {{\n'
    return head + ",\n".join(map(line, cases)) + "\n }\n}\n"


def read_judgements(text: str) -> list[Judgement]:
    """`judged.toml`: tables `[[judged]]` with cases, source, verdict and why."""
    return [
        Judgement(tuple(row["cases"]), row["source"], row["verdict"], row["why"])
        for row in tomllib.loads(text).get("judged", [])
    ]


def read_floor(text: str) -> frozenset[str]:
    """The names of the cases that a broker that stores nothing passes."""
    return frozenset(json.loads(text))


def render(suite: Suite, cases: Sequence[Case], judgements: Sequence[Judgement], floor: frozenset[str]) -> str:
    """The page; `floor` names the cases that a broker that stores nothing passes."""

    def judged(one: Case) -> bool:
        return not one.passed and any(each.concerns(one) for each in judgements)

    red = [one for one in cases if not one.passed]
    open_cases = [one for one in red if not judged(one)]
    head = ["cases", "floor", "passed", "raw", "judged", "passed of the others"]
    areas = _table(["area", *head], _counted(cases, lambda one: [one.area], judged, floor))
    clauses = _table(
        ["clause", *head], _counted(cases, lambda one: list(one.clauses) or ["(none named)"], judged, floor, _clause_key)
    )
    verdicts = _table(
        ["cases that are red", "clause or source", "verdict", "why"],
        [
            [", ".join(sorted({one.short for one in red if each.concerns(one)})), each.source, each.verdict, each.why]
            for each in judgements
            if any(each.concerns(one) for one in red)
        ],
    )
    left = _table(["case", "area", "what it says"], [[one.short, one.area, _cell(one.message[:160])] for one in open_cases])
    idle = sorted({one.short for one in cases if one.passed and any(each.concerns(one) for each in judgements)})
    return PAGE_TEXT.format(
        repository=suite.repository, commit=suite.commit, areas=areas, clauses=clauses, verdicts=verdicts or "None.\n",
        left=left or "None.\n", idle=", ".join(idle) or "none",
    )  # fmt: skip


def _counted(
    cases: Sequence[Case],
    keys: Callable[[Case], list[str]],
    judged: Callable[[Case], bool],
    floor: frozenset[str],
    order: Callable[[str], Any] = str,
) -> list[list[str]]:
    groups: dict[str, list[Case]] = {}
    for one in cases:
        for key in keys(one):
            groups.setdefault(key, []).append(one)
    rows = [[key, *_figures(groups[key], judged, floor)] for key in sorted(groups, key=order)]
    return [*rows, ["**all**", *_figures(cases, judged, floor)]]


def _figures(cases: Sequence[Case], judged: Callable[[Case], bool], floor: frozenset[str]) -> list[str]:
    passed, excused, whole = sum(one.passed for one in cases), sum(map(judged, cases)), len(cases)
    by_nothing = sum(one.name in floor for one in cases)
    return [str(whole), str(by_nothing), str(passed), _share(passed, whole), str(excused), _share(passed, whole - excused)]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _clause_key(clause: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in clause.split(".") if part.isdigit()), clause


PAGE_TEXT = """# NGSI-LD conformance

<!-- Made by tools/conformance_page.py from baseline.json and judged.toml. Do not edit: change judged.toml and run the tool. -->

ETSI's NGSI-LD test suite (Robot Framework), repository `{repository}`
at commit `{commit}`, run from outside of this repository: a fresh server for each area, and for each
folder of DistributedOperations, because cases share ids and leave things behind.

- *raw*: all cases that pass, of all cases.
- *judged*: cases that are red and contradict GS CIM 009 V1.9.1 (*defective*), can't be passed by anybody (*impossible*), fail
  only after others that leave things behind (*order*), or want one of two things that the standard allows (*open*), each with
  the clause or source that says so. Nothing in the code knows a case of the suite.
- *passed of the others*: the cases that pass, of those that are not judged.
- *floor*: what a broker that stores nothing passes: cases that expect an error or an empty answer pass it for the wrong reason.

## By area

{areas}
## By clause

A case counts for each clause that it names.

{clauses}
## Our verdicts

{verdicts}
Judged cases that pass all the same: {idle}.

## Red and not judged

{left}
## Make this page again

```sh
python tools/conformance_page.py SUMMARY.json ...
```
"""


def _summaries(paths: Iterable[Path]) -> list[Case]:
    return [case for path in paths for case in read_summary(json.loads(path.read_text("utf-8")))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summaries", nargs="*", type=Path)
    parser.add_argument("--floor", nargs="+", type=Path, default=[])
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--even-lost", action="store_true")
    wanted = parser.parse_args(arguments)
    suite, before = read_baseline(BASELINE.read_text("utf-8"))
    now = _summaries(wanted.summaries)
    gone = lost(before, now)
    for name in gone:
        print(f"lost: {name}")
    if gone and not wanted.even_lost:
        return LOST
    if wanted.gate:
        return 0
    if wanted.floor:
        names = sorted(one.name for one in _summaries(wanted.floor) if one.passed)
        FLOOR.write_text(json.dumps(names, ensure_ascii=False, indent=1) + "\n", "utf-8")
    cases = taken(before, now)
    BASELINE.write_text(write_baseline(suite, cases), "utf-8")
    PAGE.write_text(
        render(suite, cases, read_judgements(JUDGED.read_text("utf-8")), read_floor(FLOOR.read_text("utf-8"))), "utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
