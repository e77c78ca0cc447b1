"""Under which system user the server runs: ourselves, or as root a dedicated one (technology.md, rule 1)."""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from machinami.kernel.errors import Refusal

SERVICE_ACCOUNT: Final = "machinami-pg"


@dataclass(frozen=True, slots=True)
class Account:
    """A system user; `changed` when a program run as it has to change user first."""

    name: str
    uid: int
    gid: int
    changed: bool

    def popen_arguments(self) -> dict[str, Any]:
        """The `subprocess` arguments that run a program as this account, with no group but its own."""
        if not self.changed:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(cluster: Path) -> Account:
    """Who runs the server of `cluster` (which may not exist yet).

    An existing cluster belongs to its owner. A new one belongs to us; root makes and uses the account `machinami-pg`.
    """
    caller = os.geteuid()
    try:
        owner = cluster.stat().st_uid
    except FileNotFoundError:
        return _own(caller) if caller != 0 else _service_account()
    except PermissionError:
        raise not_permitted(cluster) from None
    if owner == 0:
        raise Refusal("operations.folder.owned_by_root", folder=str(cluster), account=SERVICE_ACCOUNT)
    if owner == caller:
        return _own(caller)
    if caller != 0:
        raise not_permitted(cluster)
    entry = _entry(owner)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, changed=True)


def refuse_unless_attainable(account: Account) -> None:
    """Run nothing as the account, to learn whether root may change user here at all (CAP_SETUID, CAP_SETGID)."""
    if not account.changed:
        return
    try:
        subprocess.run(["/bin/sh", "-c", ":"], cwd="/", check=True, timeout=20, **account.popen_arguments())
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal("store.server.cannot_change_user", account=account.name) from error


def peer_names(account: Account) -> tuple[str, ...]:
    """System users who may connect: the server's own, the caller and root."""
    names = {account.name, _entry(os.geteuid()).pw_name}
    with suppress(KeyError):
        names.add(pwd.getpwuid(0).pw_name)
    return tuple(sorted(names))


def _own(uid: int) -> Account:
    entry = _entry(uid)
    return Account(entry.pw_name, uid, os.getegid(), changed=False)


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise Refusal("store.server.user_unknown", uid=uid) from None


def not_permitted(folder: Path) -> Refusal:
    """The refusal of a folder that isn't ours, naming the owner of the nearest folder that can be seen."""
    visible = next(place for place in (folder, *folder.parents) if _can_stat(place))
    owner, user = _name(visible.stat().st_uid), _name(os.geteuid())
    return Refusal("operations.folder.not_permitted", folder=str(visible), owner=owner, user=user)


def _can_stat(folder: Path) -> bool:
    try:
        folder.stat()
    except OSError:
        return False
    return True


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _service_account() -> Account:
    try:
        entry = pwd.getpwnam(SERVICE_ACCOUNT)
    except KeyError:
        _create_service_account()
        entry = pwd.getpwnam(SERVICE_ACCOUNT)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, changed=True)


def _create_service_account() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SERVICE_ACCOUNT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        detail = done.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        detail = str(error)
    try:
        pwd.getpwnam(SERVICE_ACCOUNT)
    except KeyError:
        raise Refusal("store.server.user_not_created", account=SERVICE_ACCOUNT, detail=detail or "useradd failed") from None
