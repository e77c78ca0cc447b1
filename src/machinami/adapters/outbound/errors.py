"""Error rows of outgoing HTTP."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "outbound.fetch.failed": ErrorText(
        Kind.UNAVAILABLE,
        "{url} could not be fetched: {reason}.",
        "{url} を取得できませんでした: {reason}。",
        "Check the address and that its server answers, then try again.",
        "アドレスと、相手のサーバーが応答することを確認してから、もう一度試してください。",
    ),
    "outbound.fetch.denied": ErrorText(
        Kind.FORBIDDEN,
        "{url} may not be fetched: {reason}.",
        "{url} の取得は許可されていません: {reason}。",
        "If this address is meant, an administrator adds its network to the setting egress_allow.",
        "このアドレスで正しい場合は、管理者が設定 egress_allow にそのネットワークを追加してください。",
    ),
    "outbound.fetch.too_large": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{url} is larger than {bytes_max} bytes.",
        "{url} は {bytes_max} バイトを超えています。",
        "Offer a smaller document.",
        "より小さい文書を用意してください。",
    ),
    "outbound.fetch.too_many_redirects": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "More than {count} redirects were given on the way to {url}.",
        "{url} までの転送が {count} 回を超えました。",
        "Give the final address directly.",
        "転送先の最終アドレスを直接指定してください。",
    ),
    "outbound.fetch.downgraded": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "A secure address redirects to the unprotected {url}.",
        "保護されたアドレスから、保護されない {url} へ転送されています。",
        "Give an https address that stays with https.",
        "https のまま取得できるアドレスを指定してください。",
    ),
    "outbound.fetch.encoding_unknown": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{url} was sent with the unknown content encoding {encoding}.",
        "{url} は未対応の圧縮形式 {encoding} で送られてきました。",
        "Let its server send it plain, or packed with gzip or deflate.",
        "相手のサーバーから、無圧縮または gzip・deflate で送るようにしてください。",
    ),
}
