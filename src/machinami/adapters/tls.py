"""The self-signed certificate of a town's own network (trust.md 4.4): made at the first start, renewed in time.

Key and certificate share one PEM file (`tls/server.pem`, 0600), replaced in one step, so they always belong together.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS: Final = 397
RENEW_BEFORE_DAYS: Final = 30
_BACKDATED: Final = timedelta(days=1)
_SIOCGIFADDR: Final = 0x8915
_NAMES_MAX: Final = 64

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Certificate:
    """A usable certificate: `path` is the PEM file with key and certificate; the fingerprint is what people compare."""

    path: Path
    fingerprint: str
    expires_at: datetime
    renewed: bool


def ensure_certificate(folder: Path, names: Sequence[str], addresses: Sequence[Address], now: datetime) -> Certificate:
    """The certificate in `folder/tls`, made or renewed if there is none that covers all names and addresses for 30 days.

    `names` are DNS names of this host. A file that can't be read as key and certificate is replaced: nothing else is
    kept in it. Raises OSError when the folder can't be written.
    """
    names = list(dict.fromkeys(name.lower() for name in names if name))[:_NAMES_MAX]
    addresses = list(dict.fromkeys(addresses))[:_NAMES_MAX]
    place = folder / "tls"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / "server.pem"
    present = _read(path)
    if present is not None and _serves(present, names, addresses, now):
        path.chmod(0o600)
        return _described(path, present, renewed=False)
    certificate, pem = _make(names, addresses, now)
    _replace(path, pem)
    return _described(path, certificate, renewed=True)


def local_names() -> list[str]:
    """This host's names: `localhost`, its own, its full one and the `.local` one that neighbours see by mDNS."""
    own = socket.gethostname()
    names = ("localhost", own, socket.getfqdn(), f"{own.split('.')[0]}.local")
    return list(dict.fromkeys(name for name in names if name.isascii()))


def local_addresses() -> list[Address]:
    """This host's addresses, loopback first (Linux: interface ioctl and /proc/net/if_inet6)."""
    found: list[Address] = [ip_address("127.0.0.1"), ip_address("::1")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # an interface without an IPv4 address
            found.append(IPv4Address(answer[20:24]))
    table = Path("/proc/net/if_inet6")
    if table.is_file():
        for line in table.read_text("ascii").splitlines():
            address = IPv6Address(bytes.fromhex(line.split()[0]))
            if not address.is_link_local:
                found.append(address)
    return list(dict.fromkeys(found))


def _read(path: Path) -> x509.Certificate | None:
    try:
        pem = path.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate if certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form) else None


def _serves(certificate: x509.Certificate, names: Sequence[str], addresses: Sequence[Address], now: datetime) -> bool:
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - timedelta(days=RENEW_BEFORE_DAYS):
        return False
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    covered_names = set(held.get_values_for_type(x509.DNSName))
    covered_addresses = set(held.get_values_for_type(x509.IPAddress))
    return set(names) <= covered_names and set(addresses) <= covered_addresses


def _make(names: Sequence[str], addresses: Sequence[Address], now: datetime) -> tuple[x509.Certificate, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Machinami")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(address) for address in addresses]
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, secret + certificate.public_bytes(serialization.Encoding.PEM)


def _replace(path: Path, content: bytes) -> None:
    """Write durably and in one step; the temporary file is 0600 from its creation on."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".server-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _described(path: Path, certificate: x509.Certificate, renewed: bool) -> Certificate:
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return Certificate(path, fingerprint, certificate.not_valid_after_utc, renewed)
