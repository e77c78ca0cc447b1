"""What the egress guard speaks about: a parsed target, a verdict on an address, the policy in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Verdict(StrEnum):
    """Whether an address may be connected to; every member but `ALLOWED` names why not."""

    ALLOWED = "allowed"
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    METADATA = "metadata"
    MULTICAST = "multicast"
    RESERVED = "reserved"
    EMBEDDED = "embedded-ipv4"

    @property
    def permitted(self) -> bool:
        return self is Verdict.ALLOWED


DEFAULT_PORTS: Final = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Target:
    """A checked HTTP(S) URL, or one of an MQTT broker, taken apart.

    `host` is the lower-case ASCII name (punycode for IDN, without a final dot) or the canonical text of the address;
    `address` is set when the URL names an IP address; `path` is the request target: path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """Host and port as in a URL; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in one canonical spelling."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT endpoint: where the broker is, the topic to publish on, and who to be there (empty: nobody)."""

    target: Target
    topic: str
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where requests may go: networks opened by setting `egress_allow`; loopback in development mode only (B9)."""

    allowed: Sequence[Network] = ()
    loopback_allowed: bool = False
