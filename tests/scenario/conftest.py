"""One real development server for the whole scenario suite, emptied for each module, and a webhook receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .scenario_kit import OFFLINE_CONTEXT, TEMPERATURE, City, Client, Receiver, running


@pytest.fixture(scope="session")
def served_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """`machinami serve --dev` with the Takamatsu profile, on a free port."""
    data = tmp_path_factory.mktemp("city") / "data"
    (data / "contexts").mkdir(parents=True)
    (data / "contexts" / "index.json").write_text(json.dumps({OFFLINE_CONTEXT: "far.jsonld"}))
    (data / "contexts" / "far.jsonld").write_text(json.dumps(TEMPERATURE))
    arguments = ("serve", "--dev", "--data", str(data), "--port", "0", "--profile", "takamatsu", "--log", "warning")
    environment = {"MACHINAMI_STREAM_HEARTBEAT_S": "0.3", "MACHINAMI_HISTORY_PAGE_INSTANCES": "5"}
    with running(*arguments, **environment) as city:
        yield city


@pytest.fixture(scope="session")
def server(served_city: City) -> Client:
    """A client of that server."""
    return Client(served_city.ready())


@pytest.fixture(scope="module", autouse=True)
def emptied(request: pytest.FixtureRequest) -> None:
    """Begin each module that uses the server with an empty city."""
    if any("server" in item.fixturenames for item in request.session.items if item.module is request.module):  # type: ignore[attr-defined]
        assert request.getfixturevalue("server").delete("/dev/state").status == 204


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()
