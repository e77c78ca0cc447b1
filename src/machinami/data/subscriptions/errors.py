"""Error texts of subscriptions."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "data.subscription.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no subscription {id}.",
        "購読 {id} はありません。",
        "List the subscriptions with GET /ngsi-ld/v1/subscriptions.",
        "GET /ngsi-ld/v1/subscriptions で一覧を確かめてください。",
    ),
    "data.subscription.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The subscription {id} exists already.",
        "購読 {id} はすでにあります。",
        "Choose another id, or change the existing one with PATCH.",
        "別の id にするか、PATCH で変更してください。",
    ),
    "data.subscription.expires_in_past": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "expiresAt {expires_at} has passed.",
        "expiresAt {expires_at} はすでに過ぎています。",
        "Give a time in the future, or leave it out.",
        "将来の時刻にするか、省いてください。",
    ),
}
