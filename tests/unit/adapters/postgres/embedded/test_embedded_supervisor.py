import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from machinami.adapters.postgres.embedded import supervisor
from machinami.adapters.postgres.embedded.binaries import Binaries, find_binaries
from machinami.adapters.postgres.embedded.cluster import SETTINGS, server_command
from machinami.adapters.postgres.embedded.errors import ROWS
from machinami.adapters.postgres.embedded.folder import cleanly_shut_down
from machinami.adapters.postgres.embedded.supervisor import EmbeddedServer, ServerState
from machinami.kernel.errors import Refusal, Unavailable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
BALLAST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose server was started and stopped once; tests work on copies."""
    folder = tmp_path_factory.mktemp("template")
    with EmbeddedServer(folder, ballast_bytes=BALLAST_BYTES):
        pass
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copy_of(template, tmp_path / "city")


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(folder, ballast_bytes=BALLAST_BYTES)
    yield server
    server.stop()


def copy_of(source: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


def cluster_of(folder: Path) -> Path:
    return folder / "postgres" / "data"


def ask(server: EmbeddedServer, query: str, **changes: Any) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(**{**server.connect_arguments(), **changes})
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_start_creates_a_small_durable_database_when_the_folder_is_new(tmp_path: Path) -> None:
    states: list[ServerState] = []
    server = EmbeddedServer(tmp_path / "新しい街", on_state=states.append, ballast_bytes=BALLAST_BYTES)
    wanted = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on"}
    wanted |= {"listen_addresses": "", "max_connections": "40"}
    with server:
        assert {name: ask(server, f"select current_setting('{name}')") for name in wanted} == wanted
        assert ask(server, "select current_user || ' ' || current_database()") == "machinami machinami"
        assert (server.state, server.major) == (ServerState.RUNNING, 18)
    assert states == [ServerState.STARTING, ServerState.RUNNING, ServerState.STOPPED]
    assert server.pid is None


def test_start_attaches_when_a_server_is_already_there(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    second = EmbeddedServer(folder)
    with second:
        assert second.pid == server.pid
    assert ask(server, "select 1") == 1


def test_start_works_when_the_path_is_very_long(template: Path, tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["長い 名前の フォルダ" * 2] * 12)
    long.mkdir(parents=True)
    assert len(os.fsencode(long)) > 700
    with EmbeddedServer(copy_of(template, long / "city"), ballast_bytes=BALLAST_BYTES) as server:
        assert ask(server, "select 1") == 1


def test_connect_arguments_win_when_the_environment_names_another_server(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGDATABASE": "x", "PGPASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    server.start()
    assert ask(server, "select current_user") == "machinami"


def test_stop_removes_the_process_and_may_be_followed_by_start(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    first = server.pid
    server.stop()
    server.stop()
    assert not (cluster_of(folder) / "postmaster.pid").exists()
    assert not Path(f"/proc/{first}").exists()
    server.start()
    assert server.pid != first


def test_stop_ends_cleanly_when_a_crash_recovery_is_under_way(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    ask(server, "create table town as select generate_series(1, 100000) as number")
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    server.stop()
    cluster = os.open(cluster_of(folder), os.O_PATH)
    assert cleanly_shut_down(cluster)
    os.close(cluster)


def test_watcher_brings_the_server_back_when_its_listener_fails(folder: Path) -> None:
    back = supervisor.threading.Event()
    seen: list[ServerState] = []

    def listen(state: ServerState) -> None:
        seen.append(state)
        if seen[-2:] == [ServerState.RESTARTING, ServerState.RUNNING]:
            back.set()
        raise RuntimeError("listener")

    with EmbeddedServer(folder, on_state=listen, ballast_bytes=BALLAST_BYTES) as server:
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert back.wait(30)
        assert server.pid != killed
        assert ask(server, "select 1") == 1


@pytest.mark.parametrize("content", ["", "garbage\n", "1\n", f"{2**31}\n", "self\n", "-5\n"])
def test_start_clears_the_pid_file_when_no_server_of_the_folder_is_behind_it(
    server: EmbeddedServer, folder: Path, content: str
) -> None:
    (cluster_of(folder) / "postmaster.pid").write_text(content.replace("self", str(os.getpid())))
    (cluster_of(folder) / ".s.PGSQL.5432.lock").write_text(content.replace("self", str(os.getpid())))
    server.start()
    assert ask(server, "select 1") == 1


def test_start_clears_the_pid_file_when_it_names_the_server_of_another_folder(
    server: EmbeddedServer, folder: Path, template: Path, tmp_path: Path
) -> None:
    with EmbeddedServer(copy_of(template, tmp_path / "other"), ballast_bytes=BALLAST_BYTES) as other:
        (cluster_of(folder) / "postmaster.pid").write_text(f"{other.pid}\n")
        server.start()
        assert server.pid != other.pid


def test_start_ends_a_busy_backend_when_its_postmaster_was_killed(server: EmbeddedServer, folder: Path) -> None:
    busy = (
        "import asyncio, json, sys, asyncpg\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(**json.loads(sys.argv[1]))\n"
        "    print(connection.get_server_pid(), flush=True)\n"
        "    await connection.fetchval('select count(*) from generate_series(1, 1000000000) a')\n"
        "asyncio.run(main())\n"
    )
    restarted = supervisor.threading.Event()
    server._on_state = lambda state: restarted.set() if state is ServerState.RUNNING else None
    server.start()
    restarted.clear()
    arguments = json.dumps({**server.connect_arguments(), "host": f"/proc/{os.getpid()}/fd/{server._cluster}"})
    client = subprocess.Popen([sys.executable, "-c", busy, arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert client.stdout is not None
    backend = int(client.stdout.readline())
    while b"SELECT" not in Path(f"/proc/{backend}/cmdline").read_bytes():
        assert client.poll() is None
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert restarted.wait(30)
    client.wait(30)
    assert not Path(f"/proc/{backend}").exists() or "Z" in Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2]
    assert ask(server, "select 1") == 1


def test_start_refuses_when_the_folder_is_a_copy_of_a_running_one(server: EmbeddedServer, folder: Path, tmp_path: Path) -> None:
    server.start()
    ask(server, "create table town (name text)")
    copy = copy_of(folder, tmp_path / "copy")
    with pytest.raises(Refusal) as refused:
        EmbeddedServer(copy).start()
    assert refused.value.code == "operations.folder.copied_live"
    assert ask(server, "select 1") == 1


def test_start_refuses_when_the_cluster_is_of_another_major(folder: Path) -> None:
    (cluster_of(folder) / "PG_VERSION").write_text("13\n")
    with pytest.raises(Refusal) as refused:
        EmbeddedServer(folder).start()
    assert refused.value.code == "store.binaries.wrong_major"


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("?")])
def test_start_refuses_when_the_cluster_is_not_whole(folder: Path, spoil: Any) -> None:
    spoil(cluster_of(folder) / "PG_VERSION")
    with pytest.raises(Refusal) as refused:
        EmbeddedServer(folder).start()
    assert refused.value.code == "store.server.not_a_cluster"


def test_start_says_what_the_server_said_when_it_does_not_come_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "max_connections", "nonsense")
    server = EmbeddedServer(folder)
    with pytest.raises(Unavailable) as failed:
        server.start()
    assert failed.value.code == "store.server.start_failed"
    assert "max_connections" in failed.value.parameters["detail"]
    assert server.state is ServerState.STOPPED
    monkeypatch.undo()
    with server:
        assert ask(server, "select 1") == 1


def test_start_removes_an_unfinished_cluster_when_one_was_left(tmp_path: Path) -> None:
    left = tmp_path / "postgres" / "data.new"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    with EmbeddedServer(tmp_path, ballast_bytes=BALLAST_BYTES) as server:
        assert ask(server, "select 1") == 1
    assert not left.exists()
    assert not (cluster_of(tmp_path) / "half").exists()


def test_start_bounds_the_log_when_it_has_grown(server: EmbeddedServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES_MAX", 1000)
    log = folder / "postgres" / "server.log"
    log.write_bytes(b"a" * 5000 + b"b" * 1000)
    server.start()
    assert (folder / "postgres" / "server.log.1").read_bytes() == b"b" * 1000
    assert log.read_bytes()[:1] != b"a"


@needs_root
def test_start_refuses_when_the_cluster_belongs_to_root(folder: Path) -> None:
    os.chown(cluster_of(folder), 0, 0)
    with pytest.raises(Refusal) as refused:
        EmbeddedServer(folder).start()
    assert refused.value.code == "operations.folder.owned_by_root"


START = (
    "import sys\nfrom pathlib import Path\n"
    "from machinami.adapters.postgres.embedded import EmbeddedServer\n"
    "from machinami.kernel.errors import MachinamiError\n"
    "server = EmbeddedServer(Path(sys.argv[1]))\n"
    "try:\n    server.start()\n    print(server.pid)\n    server.stop()\n"
    "except MachinamiError as error:\n    print(error.code)\n"
)


def start_without(capabilities: str, folder: Path) -> str:
    """What a root process without some capabilities says when it starts the server: its pid or the error's code."""
    dropped = ",".join(f"-{name}" for name in capabilities.split())
    command = ["setpriv", f"--bounding-set={dropped}", sys.executable, "-c", START, folder]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@needs_root
def test_start_refuses_when_root_may_not_change_user(folder: Path) -> None:
    assert start_without("setuid setgid", folder) == "store.server.cannot_change_user"


@needs_root
def test_start_refuses_when_the_folder_is_closed_to_us(folder: Path) -> None:
    shutil.chown(folder, "nobody")
    folder.chmod(0o700)
    assert start_without("dac_override dac_read_search", folder) == "operations.folder.not_permitted"


@needs_root
def test_start_refuses_when_a_new_folder_may_not_be_made(tmp_path: Path) -> None:
    shutil.chown(tmp_path, "nobody")
    tmp_path.chmod(0o755)
    assert start_without("dac_override dac_read_search", tmp_path / "city") == "operations.folder.not_permitted"


@needs_root
def test_start_attaches_when_root_may_not_look_into_processes(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    assert start_without("sys_ptrace", folder) == str(server.pid)


@needs_root
def test_start_refuses_and_leaves_the_server_alone_when_it_runs_in_another_pid_namespace(folder: Path) -> None:
    program = START.replace("server.pid)", "1, flush=True); input()")
    elsewhere = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", program, folder]
    with subprocess.Popen(elsewhere, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        with pytest.raises(Refusal) as refused:
            EmbeddedServer(folder).start()
        assert refused.value.code == "store.server.elsewhere"
        other.communicate("\n")
    assert other.returncode == 0
    assert not (cluster_of(folder) / "postmaster.pid").exists()


@needs_root
def test_start_runs_the_server_as_the_owner_when_root_opens_anothers_folder(folder: Path) -> None:
    for top, _, files in os.walk(folder / "postgres"):
        for path in (Path(top), *(Path(top, name) for name in files)):
            shutil.chown(path, "nobody", "nogroup")
    with EmbeddedServer(folder, ballast_bytes=BALLAST_BYTES) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == cluster_of(folder).stat().st_uid != 0
        assert ask(server, "select 1") == 1


def test_server_command_names_every_setting_when_the_major_is_15() -> None:
    command = server_command(Binaries(Path("/x"), 15, "system", "15.1"), 7)
    assert "fsync=on" in command
    assert not any(part.startswith("io_method") for part in command)
    assert "io_method=sync" in server_command(find_binaries(None, None), 7)


def test_rows_use_the_same_placeholders_when_the_language_changes() -> None:
    for code, row in ROWS.items():
        fields = [
            {name for text in texts for name in placeholders(text)}
            for texts in ((row.en, row.remedy_en), (row.ja, row.remedy_ja))
        ]
        assert fields[0] == fields[1], code


def placeholders(text: str) -> set[str]:
    return {part.split("}")[0] for part in text.split("{")[1:]}
