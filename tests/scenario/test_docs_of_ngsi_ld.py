"""The examples of the page for vendors are run as they stand, one after another, and answer what the page says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .mosquitto_kit import listening, mosquitto, needs_mosquitto
from .scenario_kit import WAIT_S, City, running

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
END = "\x1e"


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page, but for those that start a server."""
    found: list[tuple[str, str]] = FENCE.findall((DOCS / page).read_text("utf-8"))
    return [one for one in found if "machinami serve" not in one[1]]


def steps() -> list[tuple[str, Any]]:
    """Each piece of shell with what it answers; None if it answers nothing."""
    found: list[tuple[str, Any]] = []
    for language, text in blocks("ngsi-ld.md"):
        if language == "sh":
            found.append((text, None))
        elif language == "json":
            found[-1] = (found[-1][0], json.loads(text))
    return found


def shown(said: Any, answer: Any) -> Any:
    """The part of an answer that a page shows of it."""
    if isinstance(said, dict) and isinstance(answer, dict):
        return {name: shown(value, answer[name]) for name, value in said.items() if name in answer}
    if isinstance(said, list) and isinstance(answer, list) and len(said) == len(answer):
        return [shown(one, other) for one, other in zip(said, answer, strict=True)]
    return answer


def run(folder: Path, ports: dict[str, int]) -> list[str]:
    """What each step printed; the steps share one shell."""
    script = "".join(f"{text}printf '{END}'\n" for text, _ in steps())
    for said, real in ports.items():
        script = script.replace(f"127.0.0.1:{said}", f"127.0.0.1:{real}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, encoding="utf-8", timeout=120, cwd=folder, check=False
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout.split(END)[:-1]


def port(city: City) -> int:
    return int(city.ready().rpartition(":")[2])


@needs_mosquitto
def test_the_examples_answer_what_the_page_says(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("town", "neighbour")]
    [told] = [json.loads(text) for language, text in blocks("ngsi-ld.md") if language == "mqtt"]
    begin = [("serve", "--dev", "--data", one, "--port", "0", "--log", "warning") for one in folders]
    with running(*begin[0]) as town, running(*begin[1]) as neighbour, mosquitto(tmp_path, "allow_anonymous true") as broker:
        ports = {"8080": port(town), "8081": port(neighbour), "1883": broker.port}
        with listening(broker.port, "town/#") as heard:
            answers = run(tmp_path, ports)
            message = json.loads(heard.get(timeout=WAIT_S).payload)
    for (text, said), answer in zip(steps(), answers, strict=True):
        if said is None:
            assert answer == "", text
        else:
            assert shown(said, json.loads(answer)) == said, text
    assert shown(told, message) == told


@pytest.mark.parametrize("page", ["ngsi-ld.ja.md"])
def test_both_languages_show_the_same_examples(page: str) -> None:
    assert blocks(page) == blocks("ngsi-ld.md")
