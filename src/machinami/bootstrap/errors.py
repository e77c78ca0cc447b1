"""Registers every feature's error texts in the one registry."""

from __future__ import annotations

from machinami.adapters.outbound.errors import ROWS as OUTBOUND
from machinami.adapters.postgres.embedded.errors import ROWS as EMBEDDED
from machinami.adapters.postgres.errors import ROWS as POSTGRES
from machinami.bootstrap.reasons import REASONS
from machinami.citymap.errors import ROWS as CITYMAP
from machinami.command.alarms.errors import ROWS as ALARMS
from machinami.data.contexts.errors import ROWS as CONTEXTS
from machinami.data.entities.errors import ROWS as ENTITIES
from machinami.data.entity_maps.errors import ROWS as ENTITY_MAPS
from machinami.data.matching.errors import ROWS as MATCHING
from machinami.data.snapshots.errors import ROWS as SNAPSHOTS
from machinami.data.subscriptions.errors import ROWS as SUBSCRIPTIONS
from machinami.data.temporal.errors import ROWS as TEMPORAL
from machinami.federation.distributed_subscriptions.errors import ROWS as DISTRIBUTED_SUBSCRIPTIONS
from machinami.federation.distribution.errors import ROWS as DISTRIBUTION
from machinami.federation.registration_subscriptions.errors import ROWS as REGISTRATION_SUBSCRIPTIONS
from machinami.federation.registrations.errors import ROWS as REGISTRATIONS
from machinami.kernel.error_texts import ERRORS, ErrorText, register, register_reasons
from machinami.kernel.errors import Kind
from machinami.linkage.importing.errors import ROWS as IMPORTING
from machinami.security.egress.errors import ROWS as EGRESS
from machinami.security.identity.errors import ROWS as IDENTITY
from machinami.standards.jma.errors import ROWS as JMA
from machinami.standards.ngsi_ld.errors import ROWS as NGSI_LD

GENERAL = {
    "security.access.forbidden": ErrorText(
        Kind.FORBIDDEN,
        "{principal} has not the role {role}.",
        "{principal} には役割 {role} がありません。",
        "Ask an administrator for the role, or use another key.",
        "管理者に役割の付与を依頼するか、別のキーを使ってください。",
    ),
    "security.access.unauthenticated": ErrorText(
        Kind.UNAUTHENTICATED,
        "Nobody is logged in.",
        "ログインしていません。",
        "Log in, or send an API key in the header Authorization: Bearer.",
        "ログインするか、Authorization: Bearer ヘッダーで API キーを送ってください。",
    ),
    "data.store.dsn": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "--store {dsn}:… is no PostgreSQL address.",
        "--store {dsn}:… は PostgreSQL のアドレスではありません。",
        "Give postgresql://user:password@host:5432/database.",
        "postgresql://user:password@host:5432/database の形で指定してください。",
    ),
    "cli.dev.loopback_only": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "--dev has no login, so it listens on loopback only, not on {host}.",
        "--dev はログインなしのため、{host} では待ち受けません。",
        "Leave --host out, or use `machinami up` for a network.",
        "--host を省くか、ネットワークで使うときは machinami up を使ってください。",
    ),
    "cli.settings.not_valid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The settings are not right: {reason}.",
        "設定に誤りがあります: {reason}。",
        "Correct settings.toml in the data folder or the environment variable; docs/settings.md lists all settings.",
        "データフォルダーの settings.toml または環境変数を直してください。設定の一覧は docs/settings.md にあります。",
    ),
    "cli.folder.other_use": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "{folder} is used for: {kept}. It is not opened for: {wanted}.",
        "{folder} は {kept} 用のフォルダーです。{wanted} 用には開きません。",
        "Name another folder with --data.",
        "--data で別のフォルダーを指定してください。",
    ),
    "cli.folder.empty": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "No city was begun in {folder}.",
        "{folder} にはまだ街のデータがありません。",
        "Name the city's folder with --data, or begin with `machinami up`.",
        "--data で街のフォルダーを指定するか、`machinami up` で始めてください。",
    ),
    "cli.port.taken": ErrorText(
        Kind.UNAVAILABLE,
        "Port {port} on {host} can't be used: {reason}.",
        "{host} のポート {port} を使えません({reason})。",
        "Choose another with --port, or stop the program that uses it.",
        "--port で別の番号にするか、使っているプログラムを終了してください。",
    ),
    "cli.file.not_found": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "There is no spreadsheet at {path}.",
        "{path} に表計算ファイルがありません。",
        "Check the path; xlsx, xls, ods and csv are read.",
        "パスを確かめてください。xlsx・xls・ods・csv を読めます。",
    ),
    "import.town.missing": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "Which town's files are these?",
        "どのまちのファイルか分かりません。",
        "Give the town (--city, or the field city): the six-digit code or the name.",
        "市区町村(--city、または項目 city)を 6 桁の団体コードか名称で指定してください。",
    ),
    "cli.server.refused": ErrorText(Kind.BAD_REQUEST_DATA, "{detail}", "{detail_ja}", "{remedy}", "{remedy_ja}"),
    "import.run.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no import run {run}.",
        "取り込み {run} はありません。",
        "See the list on the import page.",
        "取り込みページの一覧を確かめてください。",
    ),
    "import.run.failed": ErrorText(
        Kind.INTERNAL_ERROR,
        "The import {run} failed inside Machinami; it was logged.",
        "取り込み {run} は Machinami の内部の問題で失敗しました(記録済み)。",
        "Import the same files again; if it stays, send the log to whoever looks after this server.",
        "同じファイルをもう一度取り込み、続くときはログを管理者に渡してください。",
    ),
    "import.run.interrupted": ErrorText(
        Kind.UNAVAILABLE,
        "The import was interrupted.",
        "取り込みが途中で中断されました。",
        "Import the same files again: what is stored already is not stored twice.",
        "同じファイルをもう一度取り込んでください。保存済みのものが重複することはありません。",
    ),
    "bootstrap.profile.not_found": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "There is no city profile {profile}.",
        "都市プロファイル {profile} がありません。",
        "Known profiles: {known}.",
        "使えるプロファイル: {known}。",
    ),
    "bootstrap.profile.not_valid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The city profile {profile} is not right: {reason}.",
        "都市プロファイル {profile} に誤りがあります: {reason}。",
        "Correct its city.toml.",
        "city.toml を直してください。",
    ),
}


def register_all() -> None:
    """Fill the registry once per process."""
    if ERRORS:
        return
    for rows in (
        GENERAL, OUTBOUND, EMBEDDED, POSTGRES, CITYMAP, ALARMS, CONTEXTS, ENTITIES, ENTITY_MAPS, MATCHING, SNAPSHOTS, SUBSCRIPTIONS,
        TEMPORAL, IMPORTING, EGRESS, IDENTITY, JMA, NGSI_LD, REGISTRATIONS, REGISTRATION_SUBSCRIPTIONS, DISTRIBUTION,
        DISTRIBUTED_SUBSCRIPTIONS,
    ):  # fmt: skip
        register(rows)
    register_reasons(REASONS)
