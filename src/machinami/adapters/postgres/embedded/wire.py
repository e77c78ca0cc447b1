"""One question to a server over its socket: are you there? The few messages of PostgreSQL's protocol 3.0 it takes."""

from __future__ import annotations

import socket
import struct
from enum import Enum, auto
from typing import Final

SOCKET_NAME: Final = ".s.PGSQL.5432"
_PROTOCOL_3_0: Final = 196_608
_CANNOT_CONNECT_NOW: Final = "57P03"
_TOO_MANY_CONNECTIONS: Final = "53300"
_MESSAGE_BYTES_MAX: Final = 1_000_000


class Answer(Enum):
    """What a probe learnt."""

    READY = auto()
    STARTING = auto()
    """It is there but starting, recovering or stopping (SQLSTATE 57P03)."""
    SILENT = auto()
    """Nothing listens, or it didn't answer in time."""
    REFUSED = auto()
    """It answered with another error."""


def probe(folder: str, user: str, database: str, timeout_s: float) -> tuple[Answer, str]:
    """Connect to the socket in `folder` (peer authentication), run `SELECT 1`; the text is the server's error, if any."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        try:
            link.connect(f"{folder}/{SOCKET_NAME}")
            link.sendall(_startup(user, database))
            answer, text = _read_until_ready(link)
            if answer is Answer.READY:
                link.sendall(_message(b"Q", b"SELECT 1\0"))
                answer, text = _read_until_ready(link)
                link.sendall(_message(b"X", b""))
        except OSError as error:
            return Answer.SILENT, str(error)
        return answer, text


def _startup(user: str, database: str) -> bytes:
    pairs = ("user", user, "database", database, "application_name", "machinami supervisor")
    body = struct.pack("!i", _PROTOCOL_3_0) + b"".join(text.encode() + b"\0" for text in pairs) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read_until_ready(link: socket.socket) -> tuple[Answer, str]:
    while True:
        kind, body = _read_message(link)
        if kind == b"Z":
            return Answer.READY, ""
        if kind == b"E":
            fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
            state, text = fields.get(b"C", ""), fields.get(b"M", "")
            if state == _CANNOT_CONNECT_NOW:
                return Answer.STARTING, text
            return (Answer.STARTING if state == _TOO_MANY_CONNECTIONS else Answer.REFUSED), f"{state} {text}"
        if kind == b"R" and struct.unpack_from("!i", body)[0] != 0:
            return Answer.REFUSED, "the server asks for a password"


def _read_message(link: socket.socket) -> tuple[bytes, bytes]:
    head = _read_exactly(link, 5)
    length: int = struct.unpack("!i", head[1:])[0]
    if not 4 <= length <= _MESSAGE_BYTES_MAX:
        raise OSError("not a PostgreSQL message")
    return head[:1], _read_exactly(link, length - 4)


def _read_exactly(link: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            raise OSError("the connection was closed")
        parts += part
    return bytes(parts)
