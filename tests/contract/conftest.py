from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.store import PostgresStore
from machinami.kernel.clock import VirtualClock
from machinami.kernel.settings import Settings
from machinami.sdk.memory_store import MemoryEntityStore

from .servers import SERVERS, START, Database, Server, debian_server, embedded_server

_tenants = count(1)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def debian() -> Iterator[Server]:
    with debian_server() as server:
        yield server


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    with server.new_database() as made:
        yield made


@pytest.fixture(scope="module", params=["memory", *SERVERS])
def place(request: pytest.FixtureRequest) -> Iterator[Database | None]:
    """A database, or None for the stores in memory."""
    if request.param == "memory":
        yield None
        return
    with request.getfixturevalue(request.param).new_database() as made:
        yield made


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test uses."""
    return f"town{next(_tenants)}"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = Pool(database.arguments, 4, 10.0)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def store(place: Database | None, clock: VirtualClock) -> AsyncIterator[PostgresStore | MemoryEntityStore]:
    """The entity store of each place in turn: in memory, and on real servers with what it reads kept."""
    if place is None:
        yield MemoryEntityStore(clock)
        return
    made = PostgresStore(place.arguments, clock, Settings(), cached_reads=True)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def postgres(database: Database, clock: VirtualClock) -> AsyncIterator[PostgresStore]:
    """The entity store on a real server."""
    made = PostgresStore(database.arguments, clock, Settings(), cached_reads=False)
    await made.open()
    yield made
    await made.close()
