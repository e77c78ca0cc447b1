"""Pure decisions of the egress guard: which URLs are sound and which addresses may be reached (trust-N16, trust-S3).

Deny by default: an IPv6 address must lie in the global unicast block 2000::/3, an IPv4 address outside every special
block of the IANA registries (RFC 6890 and its updates). Cloud metadata addresses and multicast stay closed whatever
the settings say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import quote, unquote

import idna

from machinami.kernel.errors import Refusal
from machinami.security.egress.model import DEFAULT_PORTS, Address, Broker, EgressPolicy, Network, Target, Verdict

URL_CHARACTERS_MAX: Final = 4_096
NAME_CHARACTERS_MAX: Final = 253
WEB_SCHEMES: Final = frozenset({"http", "https"})
BROKER_SCHEMES: Final = frozenset({"mqtt", "mqtts"})

_METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # container credentials
        "169.254.169.253",
        "169.254.169.123",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

_V4_SPECIAL: Final[tuple[tuple[Network, Verdict], ...]] = tuple(
    (ip_network(text), verdict)
    for text, verdict in (
        ("0.0.0.0/32", Verdict.UNSPECIFIED),
        ("0.0.0.0/8", Verdict.RESERVED),  # "this network" reaches the own host on Linux
        ("10.0.0.0/8", Verdict.PRIVATE),
        ("100.64.0.0/10", Verdict.PRIVATE),  # shared address space of carriers, RFC 6598
        ("127.0.0.0/8", Verdict.LOOPBACK),
        ("169.254.0.0/16", Verdict.LINK_LOCAL),
        ("172.16.0.0/12", Verdict.PRIVATE),
        ("192.0.0.0/24", Verdict.RESERVED),
        ("192.0.2.0/24", Verdict.RESERVED),
        ("192.31.196.0/24", Verdict.RESERVED),
        ("192.52.193.0/24", Verdict.RESERVED),
        ("192.88.99.0/24", Verdict.RESERVED),
        ("192.168.0.0/16", Verdict.PRIVATE),
        ("192.175.48.0/24", Verdict.RESERVED),
        ("198.18.0.0/15", Verdict.RESERVED),
        ("198.51.100.0/24", Verdict.RESERVED),
        ("203.0.113.0/24", Verdict.RESERVED),
        ("224.0.0.0/4", Verdict.MULTICAST),
        ("240.0.0.0/4", Verdict.RESERVED),
    )
)

_V6_SPECIAL: Final[tuple[tuple[Network, Verdict], ...]] = tuple(
    (ip_network(text), verdict)
    for text, verdict in (
        ("::/128", Verdict.UNSPECIFIED),
        ("::1/128", Verdict.LOOPBACK),
        ("::ffff:0:0/96", Verdict.EMBEDDED),  # IPv4-mapped
        ("::ffff:0:0:0/96", Verdict.EMBEDDED),  # IPv4-translated
        ("::/96", Verdict.EMBEDDED),  # IPv4-compatible
        ("64:ff9b:1::/48", Verdict.EMBEDDED),  # local NAT64, RFC 8215
        ("2001::/32", Verdict.EMBEDDED),  # Teredo
        ("2002::/16", Verdict.EMBEDDED),  # 6to4
        ("fe80::/10", Verdict.LINK_LOCAL),
        ("fec0::/10", Verdict.PRIVATE),
        ("fc00::/7", Verdict.PRIVATE),
        ("ff00::/8", Verdict.MULTICAST),
        ("2001::/23", Verdict.RESERVED),
        ("2001:db8::/32", Verdict.RESERVED),
        ("2620:4f:8000::/48", Verdict.RESERVED),
        ("3fff::/20", Verdict.RESERVED),
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")
_GLOBAL_V6: Final = ip_network("2000::/3")
_ISATAP: Final = frozenset((0x00005EFE, 0x02005EFE))
_OPENABLE: Final = frozenset((Verdict.LOOPBACK, Verdict.PRIVATE, Verdict.LINK_LOCAL, Verdict.RESERVED))

# Ports of services that speak no HTTP: a request sent there could be read as a command of theirs.
_PORTS_REFUSED: Final = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526, 530,
    531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 3306,
    3389, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042,
    10080, 11211, 27017,
})  # fmt: skip
_LOCAL_SUFFIXES: Final = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "localdomain")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\<>\"^`{|}]")
_SHAPE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?\Z", re.DOTALL)
_USER_INFORMATION: Final = re.compile(r"//[^/?#]*@")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,8000}\Z")
_HEADERS_STEERING: Final = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
    "proxy-authorization", "proxy-connection", "accept-encoding",
})  # fmt: skip


def classify(address: Address) -> Verdict:
    """What an address is, settings aside: `ALLOWED` means a public unicast address."""
    if address in _METADATA:
        return Verdict.METADATA
    if isinstance(address, IPv4Address):
        return next((verdict for network, verdict in _V4_SPECIAL if address in network), Verdict.ALLOWED)
    if address in _NAT64:
        inner = classify(IPv4Address(int(address) & 0xFFFFFFFF))
        return Verdict.ALLOWED if inner.permitted else Verdict.EMBEDDED
    for network, verdict in _V6_SPECIAL:
        if address in network:
            return verdict
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return Verdict.EMBEDDED
    return Verdict.ALLOWED if address in _GLOBAL_V6 else Verdict.RESERVED


def check_address(address: Address, allowed: Sequence[Network] = (), loopback_allowed: bool = False) -> Verdict:
    """Whether a connection to `address` may be opened.

    `allowed` opens loopback, private, link-local and reserved space; never metadata, multicast, unspecified addresses
    or IPv4 hidden in IPv6. `loopback_allowed` (development mode) opens 127.0.0.0/8 and ::1 and nothing else (B9).
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return Verdict.LINK_LOCAL
    verdict = classify(address)
    if verdict is Verdict.LOOPBACK and loopback_allowed:
        return Verdict.ALLOWED
    if verdict in _OPENABLE and is_listed(address, allowed):
        return Verdict.ALLOWED
    return verdict


def is_listed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether one of the networks of setting `egress_allow` holds the address."""
    return any(address in network for network in allowed)


def is_local(address: Address, policy: EgressPolicy) -> bool:
    """Whether the address is opened by the policy rather than public; such a target is reached past the proxy."""
    return check_address(address, policy.allowed, policy.loopback_allowed).permitted and not classify(address).permitted


def parse_networks(text: str) -> tuple[Network, ...]:
    """Setting `egress_allow`: CIDR networks or single addresses, separated by commas or spaces.

    Raises Refusal `security.egress.networks_malformed`; host bits set after the prefix are an error, not a guess.
    """
    networks: list[Network] = []
    for part in text.replace(",", " ").split():
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise Refusal("security.egress.networks_malformed", value=part) from error
    return tuple(networks)


def parse_target(url: str) -> Target:
    """Take a URL apart and refuse every form that two readers could understand differently.

    Only `http` and `https`, no user information, no control characters, blanks or backslashes. A host is a DNS name
    (IDN by UTS 46, without mapping to numbers), a dotted-quad IPv4 address or a bracketed IPv6 address without zone;
    decimal, octal, hexadecimal or shortened addresses are refused. Raises Refusal `security.egress.*`.
    """
    shape = _shape(url, WEB_SCHEMES)
    if "@" in shape[2]:
        raise Refusal("security.egress.userinfo_refused")
    return _target(shape, shape[2], url)


def parse_broker(url: str) -> Broker:
    """An MQTT endpoint, `mqtt[s]://[user[:password]@]host[:port]/topic[/subtopic]`, as strict as `parse_target`.

    User, password and topic may be percent-encoded. Raises Refusal `security.egress.*`.
    """
    shape = _shape(url, BROKER_SCHEMES)
    names, _, authority = shape[2].rpartition("@")
    user, _, password = names.partition(":")
    if shape[4] is not None or not shape[3].strip("/"):
        raise Refusal("security.egress.url_malformed", url=_shown(url))
    topic = unquote(shape[3].removeprefix("/"))
    return Broker(_target(shape, authority, f"{shape[1]}://{authority}"), topic, unquote(user), unquote(password))


def _shape(url: str, schemes: frozenset[str]) -> re.Match[str]:
    """The parts of a URL in one of some schemes, with an authority."""
    shape = None if not url or len(url) > URL_CHARACTERS_MAX or _FORBIDDEN.search(url) else _SHAPE.match(url)
    if shape is None:
        raise Refusal("security.egress.url_malformed", url=_shown(url))
    if shape[1].lower() not in schemes:
        raise Refusal("security.egress.scheme_refused", url=_shown(url), scheme=shape[1].lower()[:20])
    if not shape[2]:
        raise Refusal("security.egress.url_malformed", url=_shown(url))
    return shape


def _target(shape: re.Match[str], authority: str, url: str) -> Target:
    scheme = shape[1].lower()
    host_text, port = _split_authority(authority, scheme, url)
    host, address = _parse_host(host_text)
    try:
        path = quote(shape[3] or "/", safe="%/:@!$&'()*+,;=~-._[]")
        query = "" if shape[4] is None else "?" + quote(shape[4], safe="%/:@!$&'()*+,;=~-._?[]")
    except UnicodeEncodeError as error:
        raise Refusal("security.egress.url_malformed", url="…") from error
    return Target(scheme, host, port, path + query, address)


def check_literal(target: Target, policy: EgressPolicy) -> None:
    """Refuse a URL that names a closed address itself; Refusal `security.egress.address_refused`."""
    if target.address is not None:
        check_addresses(target.host, (target.address,), policy)


def check_addresses(host: str, addresses: Sequence[Address], policy: EgressPolicy) -> None:
    """Refuse when any one of a name's addresses is closed: a mixed answer is how rebinding looks."""
    for address in addresses:
        verdict = check_address(address, policy.allowed, policy.loopback_allowed)
        if not verdict.permitted:
            raise Refusal("security.egress.address_refused", host=host, address=str(address), reason=verdict.value)


def is_local_name(host: str) -> bool:
    """Whether a name can only mean something inside this network: one label, or a local suffix.

    Behind a proxy such a name is refused unless it resolves here to an opened address: the proxy would reach it with
    rights of its own.
    """
    return "." not in host or any(host == suffix or host.endswith("." + suffix) for suffix in _LOCAL_SUFFIXES)


def check_headers(headers: Mapping[str, str], ours: frozenset[str] = frozenset()) -> None:
    """Headers that a request may carry: ASCII, none that steer the connection or split a request.

    `ours` are lower-case names that a subscription may not give because Machinami sets them itself. Raises
    Refusal `security.egress.header_refused`.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value) or name.lower() in _HEADERS_STEERING | ours:
            raise Refusal("security.egress.header_refused", name=name[:60])


def _split_authority(authority: str, scheme: str, url: str) -> tuple[str, int]:
    if authority.startswith("["):
        end = authority.find("]")
        host, rest = authority[: end + 1], authority[end + 1 :]
        if end < 0 or (rest and not rest.startswith(":")):
            raise Refusal("security.egress.host_refused", host=_shown(authority))
        port_text = rest[1:] if rest else ""
    else:
        host, _, port_text = authority.partition(":")
    if not port_text:
        return host, DEFAULT_PORTS[scheme]
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
        raise Refusal("security.egress.url_malformed", url=_shown(url))
    port = int(port_text)
    if not 1 <= port <= 65_535 or port in _PORTS_REFUSED:
        raise Refusal("security.egress.port_refused", port=port)
    return host, port


def _parse_host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except ValueError as error:
            raise Refusal("security.egress.host_refused", host=_shown(text)) from error
        if address.scope_id is not None:
            raise Refusal("security.egress.host_refused", host=_shown(text))
        return str(address), address
    name = _ascii_name(text)
    if _NUMBER.match(name.rsplit(".", 1)[-1]):
        # The last label is a number, so address readers of every kind would try it: only the one plain form passes.
        try:
            quad = IPv4Address(name)
        except ValueError as error:
            raise Refusal("security.egress.host_refused", host=_shown(text)) from error
        if str(quad) != text:
            raise Refusal("security.egress.host_refused", host=_shown(text))
        return name, quad
    if len(name) > NAME_CHARACTERS_MAX or not all(_LABEL.match(label) for label in name.split(".")):
        raise Refusal("security.egress.host_refused", host=_shown(text))
    return name, None


def _ascii_name(text: str) -> str:
    name = text.removesuffix(".")
    if name.isascii():
        return name.lower()
    if any(unicodedata.category(character) == "Cf" for character in name):  # invisible; UTS 46 would drop them
        raise Refusal("security.egress.host_refused", host=_shown(text))
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise Refusal("security.egress.host_refused", host=_shown(text)) from error


def _shown(text: str) -> str:
    """At most 120 printable characters of what was given, without user and password, for messages and logs."""
    text = _USER_INFORMATION.sub("//…@", text)
    return "".join(character if character.isprintable() else "�" for character in text[:120])
