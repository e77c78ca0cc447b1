"""argon2id in threads of its own, and the bundled list of common passwords."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from machinami.kernel.errors import Unavailable
from machinami.security.identity.model import IdentityLimits


class Argon2Hasher:
    """argon2id with the parameters of RFC 9106's second recommendation (64 MiB, 3 passes, 4 lanes).

    One hash runs at a time, so that logins never take more than 64 MiB; more than `hashings_waiting_max` waiting ones
    are refused with Unavailable `security.login.busy`.
    """

    def __init__(self, limits: IdentityLimits, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)
        self._waiting_max = limits.hashings_waiting_max
        self._waiting = 0
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        self._enter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)
        finally:
            self._waiting -= 1

    async def verify(self, stored: str, password: str) -> bool:
        self._enter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, stored, password)
        finally:
            self._waiting -= 1

    def outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _enter(self) -> None:
        if self._waiting >= self._waiting_max:
            raise Unavailable("security.login.busy")
        self._waiting += 1

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise Unavailable("security.login.record_damaged") from error


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """The bundled list, lower-case; used without any connection to the Internet (trust.md 4.4)."""
    text = resources.files("machinami.security.identity").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
