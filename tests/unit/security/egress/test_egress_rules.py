"""The egress guard's pure rules against the ways in which an address can be disguised (trust-S3)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.security.egress import rules
from machinami.security.egress.model import EgressPolicy, Verdict

PUBLIC = ["8.8.8.8", "1.1.1.1", "133.242.0.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "11.0.0.1",
          "169.253.0.1", "192.167.1.1", "198.17.0.1", "223.255.255.255", "2001:4860:4860::8888", "2400:cb00::1",
          "64:ff9b::808:808"]  # fmt: skip

CLOSED = [
    ("0.0.0.0", Verdict.UNSPECIFIED),
    ("0.1.2.3", Verdict.RESERVED),
    ("10.0.0.1", Verdict.PRIVATE),
    ("10.255.255.255", Verdict.PRIVATE),
    ("100.64.0.1", Verdict.PRIVATE),
    ("100.100.100.200", Verdict.METADATA),
    ("127.0.0.1", Verdict.LOOPBACK),
    ("127.255.255.254", Verdict.LOOPBACK),
    ("168.63.129.16", Verdict.METADATA),
    ("169.254.1.1", Verdict.LINK_LOCAL),
    ("169.254.169.254", Verdict.METADATA),
    ("169.254.170.2", Verdict.METADATA),
    ("172.16.0.1", Verdict.PRIVATE),
    ("172.31.255.255", Verdict.PRIVATE),
    ("192.0.0.8", Verdict.RESERVED),
    ("192.0.2.1", Verdict.RESERVED),
    ("192.88.99.1", Verdict.RESERVED),
    ("192.168.0.1", Verdict.PRIVATE),
    ("198.18.0.1", Verdict.RESERVED),
    ("198.51.100.1", Verdict.RESERVED),
    ("203.0.113.9", Verdict.RESERVED),
    ("224.0.0.1", Verdict.MULTICAST),
    ("239.255.255.255", Verdict.MULTICAST),
    ("240.0.0.1", Verdict.RESERVED),
    ("255.255.255.255", Verdict.RESERVED),
    ("::", Verdict.UNSPECIFIED),
    ("::1", Verdict.LOOPBACK),
    ("::ffff:127.0.0.1", Verdict.EMBEDDED),
    ("::ffff:8.8.8.8", Verdict.EMBEDDED),
    ("::ffff:0:127.0.0.1", Verdict.EMBEDDED),
    ("::127.0.0.1", Verdict.EMBEDDED),
    ("64:ff9b::7f00:1", Verdict.EMBEDDED),
    ("64:ff9b::a9fe:a9fe", Verdict.EMBEDDED),
    ("64:ff9b:1::1", Verdict.EMBEDDED),
    ("2001::1", Verdict.EMBEDDED),
    ("2002:7f00:1::", Verdict.EMBEDDED),
    ("2001:db8::1", Verdict.RESERVED),
    ("2001:10::1", Verdict.RESERVED),
    ("2600:1::5efe:10.0.0.1", Verdict.EMBEDDED),
    ("3fff::1", Verdict.RESERVED),
    ("fc00::1", Verdict.PRIVATE),
    ("fd00:ec2::254", Verdict.METADATA),
    ("fd12::1", Verdict.PRIVATE),
    ("fe80::1", Verdict.LINK_LOCAL),
    ("fec0::1", Verdict.PRIVATE),
    ("ff02::1", Verdict.MULTICAST),
    ("100::1", Verdict.RESERVED),
    ("4000::1", Verdict.RESERVED),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_check_address_allows_when_public(text: str) -> None:
    assert rules.check_address(ipaddress.ip_address(text)) is Verdict.ALLOWED


@pytest.mark.parametrize(("text", "verdict"), CLOSED)
def test_check_address_names_the_reason_when_closed(text: str, verdict: Verdict) -> None:
    assert rules.check_address(ipaddress.ip_address(text)) is verdict


@pytest.mark.parametrize(("text", "verdict"), CLOSED)
def test_check_address_opens_only_loopback_when_in_development(text: str, verdict: Verdict) -> None:
    expected = Verdict.ALLOWED if verdict is Verdict.LOOPBACK else verdict
    assert rules.check_address(ipaddress.ip_address(text), loopback_allowed=True) is expected


def test_check_address_opens_listed_networks_only() -> None:
    allowed = rules.parse_networks("192.168.10.0/24, fd12::/16")
    assert rules.check_address(ipaddress.ip_address("192.168.10.7"), allowed).permitted
    assert rules.check_address(ipaddress.ip_address("fd12::9"), allowed).permitted
    assert not rules.check_address(ipaddress.ip_address("192.168.11.7"), allowed).permitted
    assert not rules.check_address(ipaddress.ip_address("::ffff:192.168.10.7"), allowed).permitted


@pytest.mark.parametrize("text", ["169.254.169.254", "100.100.100.200", "224.0.0.1", "0.0.0.0", "::", "fd00:ec2::254"])
def test_check_address_keeps_metadata_and_multicast_closed_when_everything_is_listed(text: str) -> None:
    everything = rules.parse_networks("0.0.0.0/0 ::/0")
    assert not rules.check_address(ipaddress.ip_address(text), everything, loopback_allowed=True).permitted


def test_check_address_refuses_when_scoped() -> None:
    assert not rules.check_address(ipaddress.ip_address("2600::1%eth0")).permitted


@given(st.ip_addresses())
def test_check_address_allows_nothing_that_the_standard_library_calls_private(address: rules.Address) -> None:
    if rules.check_address(address).permitted:
        inner = address
        if isinstance(address, ipaddress.IPv6Address) and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        names = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "is_unspecified")
        assert [name for name in names if getattr(inner, name)] == []


@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::"]))
def test_check_address_refuses_when_private_ipv4_is_embedded(address: ipaddress.IPv4Address, prefix: str) -> None:
    hidden = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))
    assert not rules.check_address(hidden, rules.parse_networks("10.0.0.0/8"), loopback_allowed=True).permitted


@pytest.mark.parametrize("text", ["192.168.10.7/24", "10.0.0.0/33", "example.com", "10.0.0", "::/129"])
def test_parse_networks_refuses_when_malformed(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        rules.parse_networks(text)
    assert caught.value.code == "security.egress.networks_malformed"


SOUND = [
    ("http://example.com", "http://example.com/", 80),
    ("HTTPS://Example.COM:443/a?b=c#d", "https://example.com/a?b=c", 443),
    ("http://my.csource.org:1026", "http://my.csource.org:1026/", 1026),
    ("http://example.com.", "http://example.com/", 80),
    (
        "http://高松市.jp/通知?地区=仏生山",
        "http://xn--7stz4s186b.jp/%E9%80%9A%E7%9F%A5?%E5%9C%B0%E5%8C%BA=%E4%BB%8F%E7%94%9F%E5%B1%B1",
        80,
    ),
    ("http://8.8.8.8:8080/x", "http://8.8.8.8:8080/x", 8080),
    ("http://[2400:CB00:0:0::1]/x", "http://[2400:cb00::1]/x", 80),
    ("http://[2400:cb00::1]:8443", "http://[2400:cb00::1]:8443/", 8443),
    ("http://host_with_underscore:9000/a%20b", "http://host_with_underscore:9000/a%20b", 9000),
    ("http://example.com?x=1", "http://example.com/?x=1", 80),
    ("http://1.example.com/", "http://1.example.com/", 80),
    ("http://xn--7stz4s186b.jp/", "http://xn--7stz4s186b.jp/", 80),
]


@pytest.mark.parametrize(("url", "canonical", "port"), SOUND)
def test_parse_target_gives_one_spelling_when_sound(url: str, canonical: str, port: int) -> None:
    target = rules.parse_target(url)
    assert (target.url, target.port) == (canonical, port)
    assert rules.parse_target(target.url) == target


REFUSED = [
    # schemes
    ("file:///etc/passwd", "scheme_refused"),
    ("gopher://127.0.0.1:6379/_INFO", "scheme_refused"),
    ("ftp://example.com/", "scheme_refused"),
    ("unix:///run/docker.sock", "scheme_refused"),
    ("http+unix://%2Frun%2Fdocker.sock/x", "scheme_refused"),
    ("javascript:alert(1)", "scheme_refused"),
    ("data:text/plain,hello", "scheme_refused"),
    ("mqtt://example.com/topic", "scheme_refused"),
    ("ws://example.com/", "scheme_refused"),
    ("dict://127.0.0.1:11211/stat", "scheme_refused"),
    ("jar:http://example.com!/", "scheme_refused"),
    # shapes
    ("", "url_malformed"),
    ("example.com/x", "url_malformed"),
    ("//example.com/x", "url_malformed"),
    ("http:example.com", "url_malformed"),
    ("http:/example.com", "url_malformed"),
    ("http://", "url_malformed"),
    ("http:///x", "url_malformed"),
    (" http://example.com", "url_malformed"),
    ("http://example.com /", "url_malformed"),
    ("http://exam\tple.com/", "url_malformed"),
    ("http://example.com/\r\nX-Injected: 1", "url_malformed"),
    ("http://example.com\\@127.0.0.1/", "url_malformed"),
    ("http:\\\\127.0.0.1\\", "url_malformed"),
    ("http://example.com/" + "a" * 5000, "url_malformed"),
    ("http://example.com:8o/", "url_malformed"),
    ("http://example.com:80:80/", "url_malformed"),
    ("http://example.com:８０/", "url_malformed"),
    ("http://example.com:-1/", "url_malformed"),
    ("http://example.com:123456/", "url_malformed"),
    # user information
    ("http://user:secret@example.com/", "userinfo_refused"),
    ("http://example.com@127.0.0.1/", "userinfo_refused"),
    ("http://127.0.0.1:80@example.com/", "userinfo_refused"),
    ("http://@127.0.0.1/", "userinfo_refused"),
    # ports
    ("http://example.com:0/", "port_refused"),
    ("http://example.com:65536/", "port_refused"),
    ("http://example.com:22/", "port_refused"),
    ("http://example.com:25/", "port_refused"),
    ("http://example.com:5432/", "port_refused"),
    ("http://127.0.0.1:6379/", "port_refused"),
    # disguised addresses
    ("http://2130706433/", "host_refused"),
    ("http://017700000001/", "host_refused"),
    ("http://0x7f000001/", "host_refused"),
    ("http://0x7f.0.0.1/", "host_refused"),
    ("http://0177.0.0.1/", "host_refused"),
    ("http://127.1/", "host_refused"),
    ("http://127.0.1/", "host_refused"),
    ("http://0/", "host_refused"),
    ("http://127.0.0.1./", "host_refused"),
    ("http://127.0.0.01/", "host_refused"),
    ("http://127.0.0.0x1/", "host_refused"),
    ("http://127.0.0.256/", "host_refused"),
    ("http://1.2.3.4.5/", "host_refused"),
    ("http://example.0x/", "host_refused"),
    ("http://１２７.０.０.１/", "host_refused"),
    ("http://①②⑦.⓪.⓪.①/", "host_refused"),
    ("http://127。0。0。1/", "host_refused"),
    ("http://%31%32%37.0.0.1/", "host_refused"),
    ("http://localhost%00.example.com/", "host_refused"),
    ("http://[::1%25lo]/", "host_refused"),
    ("http://[fe80::1%eth0]/", "host_refused"),
    ("http://[::1/", "host_refused"),
    ("http://[::1]x/", "host_refused"),
    ("http://[127.0.0.1]/", "host_refused"),
    ("http://[v1.fe80]/", "host_refused"),
    ("http://[]/", "host_refused"),
    # names
    ("http://example..com/", "host_refused"),
    ("http://.example.com/", "host_refused"),
    ("http://example.com../", "host_refused"),
    ("http://-example.com/", "host_refused"),
    ("http://exa*mple.com/", "host_refused"),
    ("http://" + "a" * 64 + ".com/", "host_refused"),
    ("http://" + "a." * 130 + "com/", "host_refused"),
    ("http://\u200bexample.com/", "host_refused"),
    ("http://ex\u2100ample.com/", "host_refused"),
    ("http://\U000110bd.com/", "host_refused"),
]


@pytest.mark.parametrize(("url", "problem"), REFUSED)
def test_parse_target_refuses_when_two_readers_could_differ(url: str, problem: str) -> None:
    with pytest.raises(Refusal) as caught:
        rules.parse_target(url)
    assert caught.value.code == f"security.egress.{problem}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "[::1]",
        "[::]",
        "[::ffff:7f00:1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[2002:7f00:1::]",
    ],
)
def test_check_literal_refuses_when_the_url_names_a_closed_address(host: str) -> None:
    with pytest.raises(Refusal) as caught:
        rules.check_literal(rules.parse_target(f"http://{host}/x"), EgressPolicy())
    assert caught.value.code == "security.egress.address_refused"


def test_check_addresses_refuses_when_one_of_several_is_closed() -> None:
    mixed = [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("127.0.0.1")]
    with pytest.raises(Refusal):
        rules.check_addresses("rebinding.example", mixed, EgressPolicy())


@given(st.text(max_size=80))
def test_parse_target_parses_or_refuses_when_given_any_text(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/x"):
        try:
            target = rules.parse_target(url)
        except Refusal:
            continue
        assert target.url.isascii()
        assert rules.parse_target(target.url) == target


@given(st.integers(min_value=0, max_value=2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}", "0x{:X}"]))
def test_parse_target_refuses_when_an_address_is_one_number(number: int, form: str) -> None:
    with pytest.raises(Refusal):
        rules.parse_target(f"http://{form.format(number)}/")


@given(st.from_regex(r"https?://[a-z0-9.:\[\]@%x-]{1,30}/", fullmatch=True))
def test_parse_target_agrees_with_the_standard_library_about_the_host(url: str) -> None:
    try:
        target = rules.parse_target(url)
    except Refusal:
        return
    parts = urlsplit(url)
    assume(parts.hostname is not None)
    assert parts.hostname is not None
    if target.address is None:
        assert parts.hostname.removesuffix(".") == target.host
    else:
        assert ipaddress.ip_address(parts.hostname) == target.address


@pytest.mark.parametrize(
    ("host", "local"),
    [("intranet", True), ("printer.local", True), ("x.home.arpa", True), ("example.com", False), ("notlocal.jp", False)],
)
def test_is_local_name_tells_names_of_this_network(host: str, local: bool) -> None:
    assert rules.is_local_name(host) is local


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("X-A", "b\r\nX-B: c"),
        ("X A", "b"),
        ("X-A", "é"),
        ("", "x"),
        ("Webhook-Id", "x"),
    ],
)
def test_check_headers_refuses_when_they_steer_or_split(name: str, value: str) -> None:
    with pytest.raises(Refusal) as caught:
        rules.check_headers({name: value}, ours=frozenset({"webhook-id"}))
    assert caught.value.code == "security.egress.header_refused"


def test_check_headers_passes_when_they_are_the_receivers_own() -> None:
    rules.check_headers({"Authorization": "Bearer abc", "X-Town": "Takamatsu", "Content-Type": "application/ld+json"})
