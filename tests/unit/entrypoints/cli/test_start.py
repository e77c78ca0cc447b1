"""What a start loads, and when: each module not named here costs every start its time (bench: ready after a clean stop)."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE_POSTGRES = "import machinami.entrypoints.cli.main, machinami.entrypoints.cli.serving"
BEFORE_READY = f"{BEFORE_POSTGRES}, machinami.bootstrap.core, machinami.entrypoints.cli.listening"
LATER = (
    *("aiohttp", "cryptography", "defusedxml", "jinja2", "numpy", "openpyxl", "paho", "prometheus_client"),
    *("python_calamine", "rich", "shapely", "machinami.adapters.sheets", "machinami.linkage.feeds.service"),
    *(
        "machinami.linkage.importing.runs",
        "machinami.standards.jma.telegram",
        "machinami.adapters.outbound.http_sender",
        "machinami.adapters.tls",
    ),
)
WHILE_POSTGRES_STARTS = (
    *("argon2", "asyncpg", "starlette", "uvicorn", "machinami.adapters.postgres.store"),
    *(
        "machinami.bootstrap.core",
        "machinami.data.entities.service",
        "machinami.entrypoints.http",
        "machinami.federation.distribution.service",
    ),
)


def loaded(imports: str) -> set[str]:
    """All modules that a fresh interpreter has after these imports."""
    code = f"{imports}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_command_to_a_running_server_does_not_load_a_city() -> None:
    known = loaded("import machinami.entrypoints.cli.main, machinami.entrypoints.cli.administration")
    assert known.intersection(WHILE_POSTGRES_STARTS) == set()


@pytest.mark.parametrize(("imports", "late"), [(BEFORE_POSTGRES, (*LATER, *WHILE_POSTGRES_STARTS)), (BEFORE_READY, LATER)])
def test_a_start_loads_nothing_that_only_later_work_needs(imports: str, late: tuple[str, ...]) -> None:
    assert loaded(imports).intersection(late) == set()


def test_what_a_start_leaves_out_is_known_by_its_right_name() -> None:
    """A misspelt or renamed module would never be found loaded."""
    for name in (*LATER, *WHILE_POSTGRES_STARTS):
        __import__(name)
