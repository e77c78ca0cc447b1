"""Texts of what can be wrong with a snapshot."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.snapshot.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no snapshot {id}, or it has expired.",
        "スナップショット {id} はありません(または期限が切れました)。",
        "Check the id, or create a new snapshot.",
        "ID を確かめるか、新しいスナップショットを作ってください。",
    ),
    "data.snapshot.none_matches": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "No snapshot matches the query.",
        "条件に合うスナップショットはありません。",
        "Check the query.",
        "条件を確かめてください。",
    ),
    "data.snapshot.already_exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "The snapshot {id} already exists.",
        "スナップショット {id} は既にあります。",
        "Use another id, or leave it out.",
        "別の ID を使うか、ID を省いてください。",
    ),
    "data.snapshot.preparing": ErrorText(
        Kind.CONFLICT,
        "The snapshot {id} is still being filled.",
        "スナップショット {id} は作成中です。",
        "Ask for its status, and come back when it is no longer preparing.",
        "状態を確かめ、preparing でなくなってから使ってください。",
    ),
    "data.snapshot.too_many": ErrorText(
        Kind.TOO_MANY_RESULTS,
        "{most} snapshots are kept already, all of a higher priority.",
        "スナップショットは既に {most} 個あり、いずれも優先度が高いものです。",
        "Delete some, or raise the setting snapshots_max.",
        "不要なものを削除するか、設定 snapshots_max を大きくしてください。",
    ),
    "data.snapshot.too_large": ErrorText(
        Kind.TOO_MANY_RESULTS,
        "The snapshot would hold more than {most} entities.",
        "スナップショットのエンティティが {most} 件を超えます。",
        "Ask for less, or raise the setting snapshot_entities_max.",
        "条件を絞るか、設定 snapshot_entities_max を大きくしてください。",
    ),
    "data.snapshot.sources_missing": ErrorText(
        Kind.GATEWAY_TIMEOUT,
        "Sources are missing from the result: {warnings}.",
        "結果に含まれない情報源があります: {warnings}",
        "Create the snapshot again when they answer.",
        "情報源が応答するようになってから、作り直してください。",
    ),
    "data.snapshot.source_gone": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "The snapshot to be cloned is gone.",
        "複製元のスナップショットがなくなりました。",
        "Clone another one.",
        "別のスナップショットを複製してください。",
    ),
    "data.snapshot.operation_not_supported": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "{operation} is not offered on a snapshot.",
        "スナップショットに対して {operation} は使えません。",
        "Leave out the header NGSILD-Snapshot; on snapshots entities and their past can be read and changed.",
        "NGSILD-Snapshot ヘッダーを外してください。スナップショットではエンティティとその履歴を読み書きできます。",
    ),
}
