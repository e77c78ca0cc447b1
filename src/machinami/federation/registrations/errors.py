"""Error texts of context source registrations."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "federation.registration.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no context source registration {id}.",
        "コンテキストソース登録 {id} はありません。",
        "Look for it with GET /ngsi-ld/v1/csourceRegistrations and a type.",
        "GET /ngsi-ld/v1/csourceRegistrations に type を付けて確かめてください。",
    ),
    "federation.registration.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The context source registration {id} exists already.",
        "コンテキストソース登録 {id} はすでにあります。",
        "Choose another id, or change the existing one with PATCH.",
        "別の id にするか、PATCH で変更してください。",
    ),
    "federation.registration.id_not_valid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{id} is no URI.",
        "{id} は URI ではありません。",
        "Name the resource by its URI.",
        "URI で指定してください。",
    ),
    "federation.registration.expires_in_past": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "expiresAt {expires_at} has passed.",
        "expiresAt {expires_at} はすでに過ぎています。",
        "Give a time in the future, or leave it out.",
        "将来の時刻にするか、省いてください。",
    ),
    "federation.registration.other_source": ErrorText(
        Kind.CONFLICT,
        "The registration {other} already stands for the same entity and attributes.",
        "同じエンティティと属性の登録 {other} がすでにあります。",
        "Register other attributes, or remove that registration first.",
        "別の属性を登録するか、先にその登録を削除してください。",
    ),
    "federation.registration.held_here": ErrorText(
        Kind.CONFLICT,
        "Data of {entity} that the registration is about are held here.",
        "登録の対象となるデータ({entity})がここに保存されています。",
        "Remove them here first, or register the source as inclusive.",
        "先にここから削除するか、inclusive で登録してください。",
    ),
    "federation.discovery.too_wide": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The query is too wide.",
        "検索条件が広すぎます。",
        "Give at least one of type, attrs, q and a geo-query.",
        "type・attrs・q・地理検索のいずれかを指定してください。",
    ),
}
