"""Setting up: our modules are translated once, even where Python is told to keep no translations of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_a_set_up_that_has_nothing_to_install_still_compiles_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("setup_env", ROOT / "tools/setup_env.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    module = tmp_path / "src" / "machinami" / "one.py"
    module.parent.mkdir(parents=True)
    module.write_text("ONE = 1\n")
    for name in ("requirements/run.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr("sys.argv", ["setup_env.py"])
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(tool, "pip", lambda _, *arguments: ran.append(arguments))
    tool.main()
    (tmp_path / ".venv/bin/machinami").touch()
    Path(importlib.util.cache_from_source(str(module))).unlink()
    tool.main()
    assert [arguments[0] for arguments in ran] == ["install", "install"]
    assert Path(importlib.util.cache_from_source(str(module))).exists()
