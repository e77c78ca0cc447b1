"""Rules for all tests: where CI says so, a skipped test is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from machinami.bootstrap.errors import register_all

register_all()
# Loaded machines must not fail a property, and a commit must not pass by luck: same examples each time, no deadline.
# `make prove` draws new ones.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("prove", deadline=None, max_examples=1_000)
settings.load_profile("prove" if os.environ.get("MACHINAMI_PROVE") == "1" else "steady")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("MACHINAMI_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is not allowed here: {report.longrepr}"
