"""The settings table: every bound and switch of Machinami with name, unit, default and help.

The manual page `docs/settings.md` is generated from it and a test compares the two. Values come from, later wins:
the table, `settings.toml` in the data folder, environment variables `MACHINAMI_<NAME>`, command-line flags.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: `unit` is the unit of the value (`""` for none); the default's type is the value's type."""

    name: str
    unit: str
    default: Value
    help_en: str
    help_ja: str


TABLE: Final[tuple[Setting, ...]] = (
    # HTTP and bodies (trust 3.2)
    Setting("body_bytes_max", "bytes", 32_000_000, "Largest request body.", "リクエスト本文の最大の大きさ。"),
    Setting("json_depth_max", "levels", 64, "Deepest nesting of a JSON body.", "JSON の入れ子の最大の深さ。"),
    Setting(
        "batch_entities_max", "entities", 5_000, "Most entities in one batch operation.", "一括操作一回のエンティティ数の上限。"
    ),
    Setting(
        "purge_entities_max",
        "entities",
        50_000,
        "Most entities that one purge (DELETE /entities) takes; the answer says if more match.",
        "一回の一括消去(DELETE /entities)の件数の上限。残りがあれば応答で知らせる。",
    ),
    Setting(
        "page_limit_default",
        "entities",
        20,
        "Entities in a page when no limit is given.",
        "件数を指定しない一覧の1ページの件数。",
    ),
    Setting("page_limit_max", "entities", 1_000, "Largest page.", "1ページの件数の上限。"),
    Setting("query_nodes_max", "nodes", 200, "Most conditions in one query.", "一つの検索条件に書ける項目数の上限。"),
    Setting("pattern_characters_max", "characters", 512, "Longest regular expression (RE2).", "正規表現(RE2)の最大の長さ。"),
    Setting("geometry_vertices_max", "points", 2_000, "Most points in a query geometry.", "検索に使う図形の点数の上限。"),
    Setting(
        "query_candidates_max",
        "entities",
        50_000,
        "Entities a query may look at beyond its indexes.",
        "索引で絞れない検索が調べるエンティティ数の上限。",
    ),
    Setting(
        "linked_entities_max",
        "entities",
        2_000,
        "Entities behind Relationships that one request may bring along or look at.",
        "一回の要求でたどれる関連エンティティ数の上限。",
    ),
    Setting("query_timeout_s", "s", 10.0, "Longest time of one query in the store.", "一つの検索にかけられる最長の時間。"),
    # entity maps
    Setting(
        "entity_map_entities_max",
        "entities",
        20_000,
        "Most entities in one entity map.",
        "エンティティマップ一つの件数の上限。",
    ),
    Setting(
        "entity_maps_max",
        "maps",
        500,
        "Entity maps kept per tenant; those that expire first make room.",
        "テナントごとに残すエンティティマップの数。超えると期限の早いものから消える。",
    ),
    Setting(
        "entity_map_minutes",
        "min",
        60,
        "Life of an entity map if the client suggests none.",
        "エンティティマップの有効時間(指定がないとき)。",
    ),
    Setting("entity_map_minutes_max", "min", 1_440, "Longest life of an entity map.", "エンティティマップの有効時間の上限。"),
    # snapshots
    Setting(
        "snapshots_max",
        "snapshots",
        20,
        "Snapshots kept per tenant; those of low priority make room.",
        "テナントごとに残すスナップショットの数。超えると優先度の低いものから消える。",
    ),
    Setting(
        "snapshot_entities_max", "entities", 50_000, "Most entities in one snapshot.", "スナップショット一つの件数の上限。"
    ),
    Setting(
        "snapshot_queries_max", "queries", 50, "Most queries of one snapshot.", "スナップショット一つの検索条件の数の上限。"
    ),
    Setting(
        "snapshot_hours",
        "h",
        24,
        "Life of a snapshot if the client suggests none.",
        "スナップショットの有効時間(指定がないとき)。",
    ),
    Setting("snapshot_hours_max", "h", 168, "Longest life of a snapshot.", "スナップショットの有効時間の上限。"),
    # contexts
    Setting("context_bytes_max", "bytes", 1_000_000, "Largest @context document.", "@context 文書の最大の大きさ。"),
    Setting("context_depth_max", "levels", 5, "Deepest nesting of @context documents.", "@context の入れ子の最大の深さ。"),
    Setting(
        "context_fetch_timeout_s",
        "s",
        1.5,
        "Longest wait for all remote @contexts of a request together.",
        "一つの要求で、外部の @context 全体を待つ最長の時間。",
    ),
    Setting(
        "context_fresh_hours",
        "h",
        24,
        "How long a downloaded @context is used if its server doesn't say.",
        "配信元の指定がないとき、取得した @context を使い続ける時間。",
    ),
    Setting("context_cache_max", "documents", 1_000, "Expanded @contexts kept in memory.", "記憶しておく @context の数。"),
    # context sources
    Setting(
        "federation_timeout_s",
        "s",
        5.0,
        "Longest wait for a context source whose registration says nothing else.",
        "登録に指定がない情報源の応答を待つ最長の時間。",
    ),
    Setting(
        "federation_timeout_s_max", "s", 30.0, "Longest wait a registration may ask for.", "登録で指定できる待ち時間の上限。"
    ),
    Setting(
        "federation_in_flight_max",
        "requests",
        64,
        "Requests to context sources at the same time.",
        "情報源へ同時に送る要求の上限。",
    ),
    Setting(
        "federation_answer_bytes_max",
        "bytes",
        16_000_000,
        "Largest answer of a context source.",
        "情報源の応答の最大の大きさ。",
    ),
    Setting(
        "federation_credentials_conveyed",
        "",
        False,
        "Whether a registration may have callers' own Authorization or Cookie headers conveyed to its source.",
        "登録の指定により、呼び出し元の Authorization・Cookie ヘッダーを情報源へ渡してよいか。",
    ),
    Setting(
        "federation_entities_max",
        "entities",
        5_000,
        "Entities taken from one context source for one query.",
        "一つの検索で一つの情報源から受け取るエンティティ数の上限。",
    ),
    Setting(
        "federation_instances_max",
        "instances",
        100_000,
        "Attribute instances of one place that a query of histories over context sources may put together.",
        "情報源をまたぐ時系列の検索で、一か所からまとめられる属性インスタンス数の上限。",
    ),
    Setting(
        "federation_split_entities",
        "",
        False,
        "Whether one entity may be spread over several context sources, where a subscription doesn't say (splitEntities).",
        "購読に splitEntities の指定がないとき、一つのエンティティが複数の情報源に分かれていることがあるとみなすか。",
    ),
    Setting(
        "public_url",
        "",
        "",
        "Where context sources reach this broker with their notifications; empty: where the subscriber reached it.",
        "情報源がこのブローカーへ通知を送るときのアドレス。空のときは、購読を作った要求のアドレスを使う。",
    ),
    # the writer
    Setting(
        "commit_mutations_max",
        "writes",
        200,
        "Most writes of several requests that share one commit.",
        "複数の要求の書き込みを一回のコミットにまとめるときの上限。",
    ),
    Setting(
        "entity_cache_max",
        "entities",
        10_000,
        "Entities kept in memory for reading and merging.",
        "読み取りと更新のために記憶しておくエンティティ数。",
    ),
    Setting(
        "changes_kept_bytes_max",
        "bytes",
        8_000_000,
        "Committed changes kept in memory for subscriptions, alarm rules and live pages; older ones they read from the store.",
        "購読・警報規則・ライブ画面のために記憶しておく確定済みの変更の大きさ。それより古いものはストアから読む。",
    ),
    Setting(
        "commit_queue_max",
        "writes",
        20_000,
        "Writes that may wait for the writer; more are answered 503.",
        "書き込み待ちの上限。超えると 503 を返す。",
    ),
    # delivery (trust-N5)
    Setting(
        "delivery_in_flight_max", "requests", 8, "Notifications under way per subscription.", "一つの購読で同時に送る通知の数。"
    ),
    Setting("delivery_total_in_flight_max", "requests", 256, "Notifications under way in all.", "全体で同時に送る通知の数。"),
    Setting("delivery_timeout_s", "s", 5.0, "Longest wait for a receiver's answer.", "通知先の応答を待つ最長の時間。"),
    Setting("delivery_backoff_min_s", "s", 1.0, "First wait before a retry.", "最初の再送までの待ち時間。"),
    Setting("delivery_backoff_max_s", "s", 300.0, "Longest wait between retries.", "再送の間隔の上限。"),
    Setting(
        "delivery_breaker_failures",
        "failures",
        5,
        "Failures in a row after which an endpoint is only probed.",
        "この回数続けて失敗した通知先は試し送りだけにする。",
    ),
    Setting(
        "delivery_probe_s", "s", 30.0, "Time between probes of an endpoint that failed.", "失敗した通知先へ試し送りする間隔。"
    ),
    Setting(
        "delivery_measure_hours_max",
        "h",
        24,
        "Age at which an undelivered notification becomes a dead letter.",
        "届かない通知を不達として保管するまでの時間。",
    ),
    Setting("delivery_alarm_hours_max", "h", 72, "The same for alarms.", "届かない警報通知を不達として保管するまでの時間。"),
    Setting(
        "periodic_entities_max",
        "entities",
        10_000,
        "Most entities told in one interval of a periodic subscription (timeInterval).",
        "定期通知(timeInterval)の一回で知らせるエンティティ数の上限。",
    ),
    # federation
    Setting(
        "discovery_whole_registrations",
        "",
        False,
        "Discovery shows whole registrations, not only the part that matches.",
        "登録の検索で、条件に合う部分だけでなく登録全体を返す。",
    ),
    # live page
    Setting("stream_clients_max", "connections", 200, "Open live streams (SSE).", "同時に開けるライブ配信(SSE)の数。"),
    Setting(
        "stream_events_kept",
        "events",
        10_000,
        "Events a reconnecting page can catch up on.",
        "再接続した画面が追いつける出来事の数。",
    ),
    Setting("stream_heartbeat_s", "s", 15.0, "Time between heartbeats of a live stream.", "ライブ配信の生存信号の間隔。"),
    # import
    Setting("import_file_bytes_max", "bytes", 50_000_000, "Largest file to import.", "取り込むファイルの最大の大きさ。"),
    Setting(
        "import_unpacked_bytes_max",
        "bytes",
        400_000_000,
        "Largest unpacked size of a spreadsheet.",
        "表計算ファイルの展開後の最大の大きさ。",
    ),
    Setting(
        "import_unpack_ratio_max", "times", 200, "Largest ratio of unpacked to packed size.", "表計算ファイルの展開比の上限。"
    ),
    Setting("import_rows_max", "rows", 200_000, "Most rows in one file.", "一つのファイルの行数の上限。"),
    Setting("import_columns_max", "columns", 500, "Most columns in one sheet.", "一つのシートの列数の上限。"),
    Setting("import_cells_max", "cells", 5_000_000, "Most cells that one sheet may span.", "一つのシートが及ぶセル数の上限。"),
    Setting("import_commit_rows", "rows", 500, "Rows per commit of an import.", "取り込み時に一回でコミットする行数。"),
    # base maps
    Setting(
        "online_basemaps",
        "",
        "",
        "Online base maps to offer, comma-separated: gsi-std, gsi-pale, gsi-photo. Browsers then load tiles from GSI (国土地理院).",
        "選べるようにするオンライン地図(カンマ区切り): gsi-std、gsi-pale、gsi-photo。ブラウザーが国土地理院からタイルを読み込む。",
    ),
    Setting(
        "basemap_file_bytes_max",
        "bytes",
        20_000_000_000,
        "Largest base map (PMTiles) to import.",
        "取り込む背景地図(PMTiles)の最大の大きさ。",
    ),
    # people
    Setting("setup_code_minutes", "min", 15, "Life of the first-run setup code.", "初期設定コードの有効時間。"),
    Setting(
        "setup_code_tries_max",
        "tries",
        5,
        "Wrong setup codes after which a new one is needed.",
        "初期設定コードを間違えられる回数。",
    ),
    Setting("password_characters_min", "characters", 12, "Shortest password.", "パスワードの最短の長さ。"),
    Setting("session_hours", "h", 12, "Life of a login.", "ログインの有効時間。"),
    Setting(
        "login_tries_max",
        "tries",
        10,
        "Wrong passwords per account in a quarter of an hour.",
        "15分間にパスワードを間違えられる回数。",
    ),
    # history and logs
    Setting(
        "history_page_instances", "instances", 30, "Attribute instances in one page of a time series.", "時系列1ページの件数。"
    ),
    Setting(
        "history_matched_max",
        "instances",
        10_000,
        "Instances of one attribute that a temporal query compares.",
        "時系列の検索で比べる、属性1つあたりの件数の上限。",
    ),
    Setting(
        "history_periods_max", "periods", 10_000, "Periods of one aggregated time series.", "時系列の集計1つの期間数の上限。"
    ),
    Setting("change_log_days", "days", 7, "Age at which partitions of the change log are dropped.", "変更記録を保持する日数。"),
    Setting("stale_after_s", "s", 900.0, "Age at which a live value is shown as stale.", "値を「古い」と表示するまでの時間。"),
    # egress (design.md)
    Setting(
        "egress_allow",
        "",
        "",
        "Networks (CIDR, comma-separated) that notifications may reach although private.",
        "通知を送ってよい組織内ネットワーク(CIDR、カンマ区切り)。",
    ),
    Setting(
        "egress_proxy", "", "", "URL of the town's HTTP proxy for outgoing requests.", "外向き通信に使う HTTP プロキシの URL。"
    ),
    Setting("ca_bundle", "", "", "File with additional certificate authorities.", "追加の認証局証明書のファイル。"),
    Setting(
        "history_kept_on_delete",
        "",
        False,
        "Keep an entity's history when the entity is deleted.",
        "エンティティを削除しても履歴を残す。",
    ),
)

BY_NAME: Final = {setting.name: setting for setting in TABLE}


class Settings(Mapping[str, Value]):
    """The values in force. Typed access by `integer`, `number`, `text`, `switch`; unknown names are refused."""

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values: dict[str, Value] = {setting.name: setting.default for setting in TABLE}
        for name, value in (values or {}).items():
            self._values[name] = _converted(name, value)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def integer(self, name: str) -> int:
        return int(self._values[name])

    def number(self, name: str) -> float:
        return float(self._values[name])

    def text(self, name: str) -> str:
        return str(self._values[name])

    def switch(self, name: str) -> bool:
        return bool(self._values[name])


def _converted(name: str, value: Value) -> Value:
    setting = BY_NAME.get(name)
    if setting is None:
        raise ValueError(f"unknown setting {name!r}; docs/settings.md lists them all")
    converted = _read(value, type(setting.default))
    if converted is None:
        raise ValueError(f"setting {name} = {value!r} is not of the form of its default {setting.default!r}")
    return converted


def _read(value: object, kind: type[Value]) -> Value | None:
    """The value as a `kind`, read from text if it came as text; None if it is none. Numbers are finite and not negative."""
    if kind is bool:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    if kind is str:
        return value if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        whole = int(value) if kind is int else 0
    except (ValueError, OverflowError):
        return None
    if not 0 <= number < math.inf:
        return None
    if kind is float:
        return number
    return whole if whole == number else None


def load(folder: Path | None, environment: Mapping[str, str], flags: Mapping[str, Value] | None = None) -> Settings:
    """Settings of a data folder: its `settings.toml`, then `MACHINAMI_*` variables, then `flags`."""
    values: dict[str, Value] = {}
    if folder is not None and (folder / "settings.toml").is_file():
        values.update(tomllib.loads((folder / "settings.toml").read_text("utf-8")))
    for name in BY_NAME:
        variable = f"MACHINAMI_{name.upper()}"
        if variable in environment:
            values[name] = environment[variable]
    values.update(flags or {})
    return Settings(values)
