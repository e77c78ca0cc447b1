"""A real Mosquitto of a test's own on free loopback ports, and a listener on its topics."""

from __future__ import annotations

import queue
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = Path("/usr/sbin/mosquitto")
WAIT_S = 20.0
needs_mosquitto = pytest.mark.skipif(
    not MOSQUITTO.exists(), reason="Mosquitto is not installed (Debian: apt install mosquitto)"
)


@dataclass
class Broker:
    """Where it listens, and what it said so far."""

    port: int
    tls_port: int
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def mosquitto(folder: Path, *lines: str, certificate: Path | None = None) -> Iterator[Broker]:
    """Mosquitto with some lines of configuration; `certificate` (with its key) is that of a second listener."""
    port, tls_port = free_port(), free_port()
    config = ["persistence false", "user root", "log_type all", f"log_dest file {folder}/log", *lines]
    config += [f"listener {port} 127.0.0.1"]
    if certificate is not None:
        config += [f"listener {tls_port} 127.0.0.1", f"certfile {certificate}", f"keyfile {certificate}"]
    (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")
    process = subprocess.Popen([MOSQUITTO, "-c", folder / "mosquitto.conf"])
    try:
        _wait_for(port)
        yield Broker(port, tls_port, folder)
    finally:
        process.terminate()
        process.wait(WAIT_S)


@contextmanager
def listening(port: int, topic: str, user: str = "", password: str = "") -> Iterator[queue.Queue[MQTTMessage]]:
    """Messages on a topic, from the moment the block begins."""
    heard: queue.Queue[MQTTMessage] = queue.Queue()
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    if user:
        client.username_pw_set(user, password)
    client.on_message = lambda _client, _data, message: heard.put(message)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_connect = lambda *_: client.subscribe(topic, qos=2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert subscribed.wait(WAIT_S)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def only_user(folder: Path, user: str, password: str) -> tuple[str, str]:
    """The configuration of a broker that lets one user in."""
    users = folder / "users"
    users.write_text(f"{user}:{password}\n")
    subprocess.run(["mosquitto_passwd", "-U", users], check=True)
    return "allow_anonymous false", f"password_file {users}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + WAIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "Mosquitto did not start"
            time.sleep(0.02)
        else:
            return
