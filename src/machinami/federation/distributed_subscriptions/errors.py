"""Error texts of notifications that come from sources."""

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "federation.notification.unknown": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "No subscription of ours has this address.",
        "このアドレスの購読はありません。",
        "Delete the subscription that sends here.",
        "このアドレスへ通知している購読を削除してください。",
    ),
    "federation.notification.not_valid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "This is no notification about entities: {reason}.",
        "エンティティの通知ではありません: {reason}。",
        "Send a Notification (5.3.1) with entities in normalized form.",
        "正規化形式のエンティティを含む Notification(5.3.1)を送ってください。",
    ),
}
