"""What a server's process takes first: its addresses and the signals that end it."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from typing import Final

from machinami.kernel.errors import Refusal

SOCKET_NAME: Final = "machinami.sock"
"""Where in the data folder a running server answers the commands of this computer's user."""


def bind(host: str, port: int) -> socket.socket:
    """Take an address before anything else is begun; `port` 0 takes a free one. Refusal `cli.port.taken`."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Refusal("cli.port.taken", host=host, port=str(port), reason=error.strerror or str(error)) from error
    return bound


def is_loopback(host: str) -> bool:
    """Whether an address reaches this computer only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    return stop
