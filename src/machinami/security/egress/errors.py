"""Error rows of the egress guard."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "security.egress.url_malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The URL {url} is not a complete, well-formed HTTP address.",
        "URL「{url}」は正しい形の HTTP アドレスではありません。",
        "Write it as https://host.example/path, without blanks, backslashes or control characters.",
        "https://host.example/path の形で、空白・バックスラッシュ・制御文字を含めずに書いてください。",
    ),
    "security.egress.scheme_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The URL {url} begins with {scheme}:, but only http and https are used for outgoing requests.",
        "URL「{url}」は {scheme}: で始まっていますが、外向き通信に使えるのは http と https だけです。",
        "Give an http:// or https:// address.",
        "http:// または https:// で始まるアドレスを指定してください。",
    ),
    "security.egress.userinfo_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The URL carries a user name or password before the host.",
        "URL のホスト名の前に利用者名またはパスワードが書かれています。",
        "Remove the part before @; pass credentials as a header of the receiver instead.",
        "@ より前の部分を除き、認証情報は通知先のヘッダーとして設定してください。",
    ),
    "security.egress.host_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The host {host} is neither a DNS name nor an IP address in its plain form.",
        "ホスト「{host}」は DNS 名でも、通常の書き方の IP アドレスでもありません。",
        "Use a DNS name, a dotted IPv4 address such as 198.51.100.7 or an IPv6 address in brackets.",
        "DNS 名、198.51.100.7 のような IPv4 アドレス、または角括弧で囲んだ IPv6 アドレスを使ってください。",
    ),
    "security.egress.port_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "Port {port} can't be used for outgoing HTTP requests.",
        "ポート {port} は外向きの HTTP 通信に使えません。",
        "Let the receiver listen on an HTTP port such as 80, 443 or one above 1024 that no other service owns.",
        "通知先は 80、443、または他のサービスが使わない 1024 より大きいポートで待ち受けてください。",
    ),
    "security.egress.address_refused": ErrorText(
        Kind.FORBIDDEN,
        "The host {host} leads to {address} ({reason}), which outgoing requests may not reach.",
        "ホスト「{host}」の行き先 {address}({reason})へは外向き通信が許可されていません。",
        "If this receiver is meant, an administrator adds its network to the setting egress_allow.",
        "この通知先で正しい場合は、管理者が設定 egress_allow にそのネットワークを追加してください。",
    ),
    "security.egress.networks_malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The setting egress_allow holds {value}, which is not a network in CIDR form.",
        "設定 egress_allow の「{value}」は CIDR 形式のネットワークではありません。",
        "Write networks such as 192.168.10.0/24, separated by commas; the bits after the prefix must be zero.",
        "192.168.10.0/24 のような形でカンマ区切りで書いてください。プレフィックスより後のビットは 0 にします。",
    ),
    "security.egress.header_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The header {name} can't be added to notifications.",
        "ヘッダー「{name}」は通知に付けられません。",
        "Remove it, or use a header of your own without line breaks; Machinami sets Host, lengths and webhook-id itself.",
        "削除するか、改行を含まない独自のヘッダーを使ってください。Host・長さ・webhook-id は Machinami が付けます。",
    ),
    "security.egress.proxy_malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The setting egress_proxy is not the address of an HTTP proxy.",
        "設定 egress_proxy は HTTP プロキシのアドレスではありません。",
        "Write it as http://proxy.example:8080, with user:password@ before the host if the proxy asks for it.",
        "http://proxy.example:8080 の形で書いてください。認証が必要なら host の前に user:password@ を付けます。",
    ),
    "security.egress.ca_bundle_unreadable": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The certificate file {path} of the setting ca_bundle can't be read: {reason}.",
        "設定 ca_bundle の証明書ファイル {path} を読めません: {reason}。",
        "Give a readable PEM file with the additional certificate authorities.",
        "追加の認証局証明書を含む、読み取り可能な PEM ファイルを指定してください。",
    ),
}
