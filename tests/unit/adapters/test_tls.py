"""The self-signed certificate of the town's network (trust.md 4.4)."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from machinami.adapters import tls

NOW = datetime(2026, 11, 26, tzinfo=UTC)
NAMES = ["localhost", "town-hall", "town-hall.local"]
ADDRESSES = [ip_address("127.0.0.1"), ip_address("192.168.1.20"), ip_address("fd00::20")]


def test_ensure_certificate_covers_names_and_addresses_and_is_private_when_new(tmp_path: Path) -> None:
    made = tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW)
    assert made.renewed
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    certificate = x509.load_pem_x509_certificate(made.path.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert held.get_values_for_type(x509.DNSName) == NAMES
    assert held.get_values_for_type(x509.IPAddress) == ADDRESSES
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.path)
    assert [one.name for one in made.path.parent.iterdir()] == ["server.pem"]


def test_ensure_certificate_keeps_it_when_it_still_serves(tmp_path: Path) -> None:
    first = tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW)
    later = tls.ensure_certificate(tmp_path, NAMES[:1], ADDRESSES[:2], NOW + timedelta(days=tls.VALID_DAYS - 31))
    assert (later.fingerprint, later.renewed) == (first.fingerprint, False)


@pytest.mark.parametrize("days", [tls.VALID_DAYS - 30, tls.VALID_DAYS + 100, -2])
def test_ensure_certificate_renews_when_it_ends_soon_or_is_not_valid_yet(tmp_path: Path, days: int) -> None:
    first = tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW)
    later = tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW + timedelta(days=days))
    assert later.renewed
    assert later.fingerprint != first.fingerprint


def test_ensure_certificate_renews_when_the_host_got_another_address(tmp_path: Path) -> None:
    tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW)
    assert tls.ensure_certificate(tmp_path, NAMES, [*ADDRESSES, ip_address("10.0.0.5")], NOW).renewed


@pytest.mark.parametrize("damage", ["empty", "garbage", "other_key"])
def test_ensure_certificate_renews_when_the_file_is_damaged(tmp_path: Path, damage: str) -> None:
    first = tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW)
    if damage == "other_key":
        other = tls.ensure_certificate(tmp_path / "other", NAMES, ADDRESSES, NOW).path.read_bytes()
        mine = first.path.read_bytes()
        first.path.write_bytes(other[: other.index(b"-----BEGIN CERT")] + mine[mine.index(b"-----BEGIN CERT") :])
    else:
        first.path.write_bytes(b"" if damage == "empty" else b"\x00garbage")
    assert tls.ensure_certificate(tmp_path, NAMES, ADDRESSES, NOW).renewed
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(first.path)


def test_local_names_and_addresses_hold_this_hosts_loopback() -> None:
    assert "localhost" in tls.local_names()
    assert {ip_address("127.0.0.1"), ip_address("::1")} <= set(tls.local_addresses())
