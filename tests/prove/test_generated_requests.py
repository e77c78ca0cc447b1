"""No generated request makes the server fail: Schemathesis reads the served description and attacks every operation of it.

A hundred or more requests for each operation of the standard: the examples, every bound of every parameter, and random documents
that fit the schemas or don't. Nothing is asserted about what they do, only that no answer is a fault of ours (5xx; 504 is
the standard's word for a @context that can't be had) and that the server is well afterwards.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.request import urlopen

from .prove_kit import City

SCHEMATHESIS = Path(__file__).parents[2] / ".venv-fuzz/bin/st"
EXAMPLES_MAX = 25
RUN_S_MAX = 900
CASES_PER_OPERATION = 50


def test_no_generated_request_makes_the_server_fail(city: City, tmp_path: Path) -> None:
    city.start()
    command = [
        str(SCHEMATHESIS), "run", f"{city.url}/openapi.json", "--url", city.url, "--include-path-regex", "^/ngsi-ld",
        "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES_MAX),
        "--generation-deterministic", "--continue-on-failure", "--suppress-health-check", "all", "--no-color",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    print(run.stdout[-3_000:])
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    operations, cases = re.search(r"Tested: (\d+)", run.stdout), re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert operations is not None
    assert cases is not None
    assert int(cases[1]) == int(cases[2]) > CASES_PER_OPERATION * int(operations[1])
    with urlopen(f"{city.url}/health", timeout=30) as answer:
        assert json.load(answer)["status"] == "pass"
    assert "request failed" not in (city.folder.parent / "server.log").read_text()
