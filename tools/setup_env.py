"""Make `.venv` with the locked dependencies and the `machinami` command; standard library only.

A fresh Debian 12 has Python but neither pip nor the parts of `venv` that install it, so the environment is laid out
here and pip runs straight from the wheel kept in `tools/bootstrap` (its hash is checked first). Where packages come
from is pip's own setting, so a town's mirror or proxy is honoured. Run again, it installs nothing unless a lock file changed.

`--lock fuzz` makes an environment of its own for the tool that throws generated requests at the API (`make prove`): what
it needs is no part of Machinami's.

Usage: python3 tools/setup_env.py [--lock run|test|fuzz]
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
FUZZ_VENV = ROOT / ".venv-fuzz"
PIP_WHEEL = ROOT / "tools/bootstrap/pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


def lay_out_venv(venv: Path) -> Path:
    """Write the three things that make a folder a virtual environment (PEP 405); returns its interpreter."""
    python = venv / "bin/python"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (venv / "lib" / f"python{version}" / "site-packages").mkdir(parents=True, exist_ok=True)
    (venv / "bin").mkdir(exist_ok=True)
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    (venv / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}\n")
    for name in ("python", "python3"):
        link = venv / "bin" / name
        if link.is_symlink():
            link.unlink()
        link.symlink_to(base)
    return python


def pip(python: Path, *arguments: str) -> None:
    """Run the kept pip wheel inside the environment; ends the program with pip's own message if it fails."""
    command = [str(python), str(PIP_WHEEL / "pip"), *arguments]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    if subprocess.run(command, env=environment, check=False).returncode:
        sys.exit(
            "machinami setup: the packages could not be installed. Is there a network connection, or a pip mirror in your "
            "pip configuration? Nothing else was changed; run the same command again."
        )


def compile_sources() -> None:
    """Translate our modules once, here, so that the first start need not (0.3 s); nothing to do where that was done."""
    compileall.compile_dir(ROOT / "src", quiet=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", choices=("run", "test", "fuzz"), default="run")
    lock_name = parser.parse_args().lock
    if sys.version_info < (3, 11):
        sys.exit(f"machinami setup: Python 3.11 or newer is needed; this is {sys.version.split()[0]} ({sys.executable}).")
    lock = ROOT / "requirements" / f"{lock_name}.lock"
    ours = lock_name != "fuzz"
    venv = VENV if ours else FUZZ_VENV
    stamp = venv / f".installed-{lock_name}"
    wanted = hashlib.sha256(lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    if ours:
        compile_sources()
    if stamp.exists() and stamp.read_text() == wanted and (venv / "bin" / ("machinami" if ours else "st")).exists():
        return
    if hashlib.sha256(PIP_WHEEL.read_bytes()).hexdigest() != PIP_SHA256:
        sys.exit(f"machinami setup: {PIP_WHEEL.name} is damaged (its SHA-256 differs); clone the repository again.")
    python = lay_out_venv(venv)
    print(f"Installing the locked packages into {venv} (about a minute the first time) ...", flush=True)
    pip(python, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(lock))
    if ours:
        pip(python, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
