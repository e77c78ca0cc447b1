"""Texts of the entity rules' errors; the first four may also be the reason of a `notUpdated` row (CIM 009 5.2.19)."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.entity.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no entity {id}.",
        "エンティティ {id} はありません。",
        "Check the id and, if a type was given, that the entity has it; create the entity first if it is new.",
        "ID と、指定した場合は type を確かめてください。新しいエンティティなら先に作成してください。",
    ),
    "data.entity.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The entity {id} already exists.",
        "エンティティ {id} は既にあります。",
        "Use another id, or update the existing entity (PATCH or PUT, or a batch upsert).",
        "別の ID を使うか、既存のエンティティを更新してください(PATCH、PUT、または一括 upsert)。",
    ),
    "data.attribute.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "The entity {id} has no such attribute instance: {attribute}.",
        "エンティティ {id} にその属性(インスタンス)はありません: {attribute}",
        "Check the attribute's name, the @context it is expanded with, and the datasetId.",
        "属性名、展開に使う @context、datasetId を確かめてください。",
    ),
    "data.attribute.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The entity {id} already has the attribute {attribute}, and overwriting was not allowed.",
        "エンティティ {id} には属性 {attribute} が既にあり、上書きは許可されていません。",
        "Leave out noOverwrite, or update the attribute.",
        "noOverwrite を外すか、属性の更新を使ってください。",
    ),
    "data.attribute.type_change": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The attribute {attribute} is a {stored}; a partial update cannot make it a {given}.",
        "属性 {attribute} は {stored} です。部分更新で {given} に変えることはできません。",
        "Leave out the type, or replace the whole attribute with PUT.",
        "type を省くか、PUT で属性全体を置き換えてください。",
    ),
    "data.attribute.scope_not_allowed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The scope of an entity cannot be changed as an attribute.",
        "エンティティの scope は属性としては変更できません。",
        "Send the scope in an entity fragment (PATCH /entities/{{id}}), or delete it with DELETE.",
        "scope はエンティティの一部として送る(PATCH /entities/{{id}})か、DELETE で削除してください。",
    ),
    "data.entity.no_scope": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The entity {id} has no scope that could be updated.",
        "エンティティ {id} には更新できる scope がありません。",
        "Append the scope (POST /ngsi-ld/v1/entities/{id}/attrs).",
        "scope を追加(POST /ngsi-ld/v1/entities/{id}/attrs)してください。",
    ),
    "data.entity.more_to_purge": ErrorText(
        Kind.TOO_MANY_RESULTS,
        "More than {most} entities match; {id} and those behind it are still there.",
        "該当するエンティティが {most} 件を超えています。{id} 以降は残っています。",
        "Purge again with the same query.",
        "同じ条件でもう一度消去してください。",
    ),
    "data.entity.expires_in_past": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "expiresAt {expires_at} of {id} has already passed, so it would vanish at once.",
        "{id} の expiresAt {expires_at} は過去の日時です。登録してもすぐに消えてしまいます。",
        "Give a later expiresAt, or leave it out.",
        "先の日時を指定するか、expiresAt を省いてください。",
    ),
}
