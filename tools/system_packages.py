"""Install the Debian packages that the tests use: Chromium, Japanese fonts, Mosquitto, PostgreSQL.

As root, or where sudo works without a password. Elsewhere it says what is missing: the tests that need it are skipped
with that reason. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "fonts-noto-cjk": lambda: Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists(),
    "mosquitto": lambda: Path("/usr/sbin/mosquitto").exists(),
    "postgresql-15": lambda: Path("/usr/lib/postgresql/15/bin/postgres").exists(),
}


def main() -> None:
    missing = [name for name, present in PACKAGES.items() if not present()]
    if not missing:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    able = shutil.which("apt-get") and (not prefix or _works([*prefix, "true"]))
    if not able:
        print(f"Not installed and not installable here: {', '.join(missing)}; tests that need them will be skipped.")
        return
    print(f"Installing for the tests: {', '.join(missing)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Debian's package would otherwise start a server of its own.
    options = ["-y", "-qq", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends"]
    for command in ([*prefix, "apt-get", "update", "-qq"], [*prefix, "apt-get", "install", *options, *missing]):
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"{' '.join(command)} failed; tests that need these packages will be skipped.")
            return


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
