"""TLS for the office network: a certificate of our own, kept in the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from machinami.adapters.tls import ensure_certificate, local_addresses, local_names


@dataclass(frozen=True, slots=True)
class LanCertificate:
    """`path` holds key and certificate (0600); `addresses` are this computer's own in the network."""

    path: Path
    fingerprint: str
    addresses: tuple[str, ...]


def lan_certificate(data: Path, now: datetime) -> LanCertificate:
    """The certificate, made or renewed if need be."""
    addresses = local_addresses()
    made = ensure_certificate(data, local_names(), addresses, now)
    shown = tuple(str(one) for one in addresses if one.version == 4 and not one.is_loopback)
    return LanCertificate(made.path, made.fingerprint, shown)
