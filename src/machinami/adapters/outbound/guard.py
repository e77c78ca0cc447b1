"""The egress guard at the socket: names are resolved once, every address is checked, only checked ones are connected to.

`GuardedResolver` is the only resolver the HTTP client has, and `checked_socket` is asked again for each connection
just before it is opened, whichever way its address came in (trust-N16).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from machinami.security.egress import rules
from machinami.security.egress.model import Address, EgressPolicy

Lookup = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Addresses of a name; raises OSError when it has none or nobody answers."""

_LOOKUPS_AT_ONCE: Final = 8


class DeniedAddress(PermissionError):
    """A connection was about to be opened to a closed address."""


class SystemLookup:
    """The operating system's resolver, in threads of its own so that dead name servers hold up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        return list(dict.fromkeys(ip_address(row[4][0]) for row in rows))

    def close(self) -> None:
        """Let the threads end; a lookup under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Resolves through `lookup` and refuses a name as soon as one of its addresses is closed (rebinding)."""

    def __init__(self, lookup: Lookup, policy: EgressPolicy) -> None:
        self._lookup = lookup
        self._policy = policy

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        rules.check_addresses(host, addresses, self._policy)
        return _results(host, port, addresses)

    async def close(self) -> None:
        """Nothing is held here."""


class PinnedResolver(AbstractResolver):
    """Knows one name only: the town's proxy. Its addresses are looked up once per connection and not restricted,
    because the administrator named it; nothing else can be reached through this resolver.
    """

    def __init__(self, lookup: Lookup, host: str) -> None:
        self._lookup = lookup
        self._host = host

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        if host != self._host:
            raise DeniedAddress(f"{host} is not the proxy")
        return _results(host, port, await self._lookup(host, port))

    async def close(self) -> None:
        """Nothing is held here."""


def checked_socket(policy: EgressPolicy) -> Callable[[Any], socket.socket]:
    """A socket factory that refuses closed addresses at the last moment before connecting."""

    def make(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, peer = info
        verdict = rules.check_address(ip_address(peer[0]), policy.allowed, policy.loopback_allowed)
        if not verdict.permitted:
            raise DeniedAddress(f"{peer[0]} is closed ({verdict})")
        return socket.socket(family, kind, protocol)

    return make


def _getaddrinfo(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _results(host: str, port: int, addresses: Sequence[Address]) -> list[ResolveResult]:
    if not addresses:
        raise OSError(f"{host} has no address")
    return [
        ResolveResult(
            hostname=host,
            host=str(address),
            port=port,
            family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for address in addresses
    ]
