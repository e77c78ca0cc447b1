"""Error texts of the map."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "citymap.layer.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no layer {layer}.",
        "レイヤー {layer} はありません。",
        "GET /api/layers lists them.",
        "GET /api/layers で一覧を確かめてください。",
    ),
    "citymap.stream.too_many": ErrorText(
        Kind.UNAVAILABLE,
        "{most} live pages are open already.",
        "すでに {most} の画面がライブ配信を受けています。",
        "Close a page, or raise the setting stream_clients_max.",
        "使っていない画面を閉じるか、設定 stream_clients_max を増やしてください。",
    ),
    "data.type.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "No entity has the type {type}.",
        "型 {type} のエンティティはありません。",
        "GET /ngsi-ld/v1/types lists the types in use.",
        "GET /ngsi-ld/v1/types で使われている型を確かめてください。",
    ),
}
