"""Texts of what can be wrong with an entity map."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.entity_map.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no entity map {id}, or it has expired.",
        "エンティティマップ {id} はありません(または期限が切れました)。",
        "Make a new one: ask the query again with entityMap=true.",
        "entityMap=true を付けて検索し直し、新しいマップを作ってください。",
    ),
    "data.entity_map.too_many_entities": ErrorText(
        Kind.TOO_MANY_RESULTS,
        "The query finds more than {most} entities, the most that one entity map holds.",
        "検索結果が {most} 件を超えました。一つのエンティティマップに入るのは {most} 件までです。",
        "Ask for less at a time, or raise the setting entity_map_entities_max.",
        "条件を絞るか、設定 entity_map_entities_max を大きくしてください。",
    ),
}
