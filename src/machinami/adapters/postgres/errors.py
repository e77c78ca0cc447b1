"""Texts of what can go wrong with the store itself."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.store.unavailable": ErrorText(
        Kind.UNAVAILABLE,
        "The database can't answer now ({reason}).",
        "データベースが今は応答できません({reason})。",
        "Nothing was lost. Try again in a few seconds; Machinami reconnects by itself.",
        "失われたものはありません。数秒後にやり直してください。接続は自動で回復します。",
    ),
    "data.store.busy": ErrorText(
        Kind.UNAVAILABLE,
        "Too many writes are waiting ({waiting}).",
        "書き込み待ちが多すぎます({waiting} 件)。",
        "Send more slowly, or try again in a few seconds.",
        "送る速さを落とすか、数秒後にやり直してください。",
    ),
    "data.store.conflict": ErrorText(
        Kind.UNAVAILABLE,
        "Others changed the same data at the same time; after {tries} tries nothing was written.",
        "同じデータへの変更が重なり、{tries} 回試しましたが書き込めませんでした。",
        "Try again.",
        "もう一度やり直してください。",
    ),
    "data.store.rule_failed": ErrorText(
        Kind.INTERNAL_ERROR,
        "A fault of Machinami kept {id} from being changed; nothing of it was written.",
        "Machinami の不具合により {id} を変更できませんでした。書き込みは行われていません。",
        "Report it with the log's entry of this time.",
        "この時刻のログを添えて報告してください。",
    ),
    "data.store.too_old": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The database server is PostgreSQL {version}; Machinami needs {least} or newer.",
        "データベースサーバーは PostgreSQL {version} ですが、{least} 以上が必要です。",
        "Use a newer server, or leave --store out to use the built-in one.",
        "新しいサーバーを使うか、--store を指定せずに内蔵のものを使ってください。",
    ),
    "data.store.unsafe_setting": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The database server could lose confirmed data: {setting} is {found} but has to be {wanted}.",
        "データベースサーバーの設定 {setting} が {found} のため、確定したデータを失うおそれがあります({wanted} が必要です)。",
        "Set {setting} = {wanted} on the server (and for the role and database), then start again.",
        "サーバー(およびロールとデータベース)で {setting} = {wanted} に設定し、起動し直してください。",
    ),
    "data.store.newer_schema": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The database was used by a newer Machinami (schema {found}; this one knows {known}).",
        "このデータベースは新しい Machinami で使われています(スキーマ {found}、この版は {known} まで)。",
        "Install the newer version again, or restore a backup that was made with this one.",
        "新しい版に戻すか、この版で作ったバックアップから復元してください。",
    ),
    "data.store.changed_migration": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The migration {name} isn't the one that made this database.",
        "移行スクリプト {name} が、このデータベースを作ったときのものと異なります。",
        "Install an unchanged release of Machinami.",
        "改変されていない Machinami を入れ直してください。",
    ),
    "data.query.too_slow": ErrorText(
        Kind.TOO_COMPLEX_QUERY,
        "The query took longer than {seconds} s.",
        "検索が {seconds} 秒以内に終わりませんでした。",
        "Narrow it by type, id or area.",
        "種別・ID・範囲などで絞り込んでください。",
    ),
    "data.query.too_complex": ErrorText(
        Kind.TOO_COMPLEX_QUERY,
        "The query would have to look at more than {budget} entities beyond its indexes ({examined} looked at).",
        "索引で絞り込めない検索のため、調べる件数が上限 {budget} を超えます({examined} 件で打ち切り)。",
        "Narrow it by type, id, area or a comparison of an attribute's value.",
        "種別・ID・範囲・属性値の比較などで絞り込んでください。",
    ),
    "data.store.value_refused": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The store can't keep a value: {reason}.",
        "保存できない値があります: {reason}。",
        "Remove control characters such as NUL from the text and send it again.",
        "NUL などの制御文字を取り除いて、もう一度送ってください。",
    ),
    "data.entity.not_storable": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The database can't store {id} as it is.",
        "{id} はこのままでは保存できません。",
        "Look for characters that can't be stored (U+0000) and for numbers out of range.",
        "保存できない文字(U+0000)や範囲外の数値がないか確かめてください。",
    ),
    "data.consumer.overtaken": ErrorText(
        Kind.UNAVAILABLE,
        "Another process has already taken the changes of {consumer} in hand.",
        "{consumer} の変更は、すでに別のプロセスが処理しています。",
        "Nothing has to be done: the work goes on from the newest place.",
        "対応は不要です。最新の位置から処理が続きます。",
    ),
}
