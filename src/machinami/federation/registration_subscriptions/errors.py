"""Error texts of registration subscriptions."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "federation.subscription.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no registration subscription {id}.",
        "登録の購読 {id} はありません。",
        "List them with GET /ngsi-ld/v1/csourceSubscriptions.",
        "GET /ngsi-ld/v1/csourceSubscriptions で一覧を確かめてください。",
    ),
    "federation.subscription.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The registration subscription {id} exists already.",
        "登録の購読 {id} はすでにあります。",
        "Choose another id, or change the existing one with PATCH.",
        "別の id にするか、PATCH で変更してください。",
    ),
    "federation.subscription.id_not_valid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{id} is no URI.",
        "{id} は URI ではありません。",
        "Name the subscription by its URI.",
        "URI で指定してください。",
    ),
    "federation.subscription.expires_in_past": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "expiresAt {expires_at} has passed.",
        "expiresAt {expires_at} はすでに過ぎています。",
        "Give a time in the future, or leave it out.",
        "将来の時刻にするか、省いてください。",
    ),
}
