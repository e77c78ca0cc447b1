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
    Setting("query_timeout_s", "s", 10.0, "Longest time of one query in the store.", "一つの検索にかけられる最長の時間。"),
    # contexts
    Setting("context_bytes_max", "bytes", 1_000_000, "Largest @context document.", "@context 文書の最大の大きさ。"),
    Setting("context_depth_max", "levels", 5, "Deepest nesting of @context documents.", "@context の入れ子の最大の深さ。"),
    Setting("context_fetch_timeout_s", "s", 1.5, "Longest wait for a remote @context.", "外部の @context を待つ最長の時間。"),
    Setting("context_cache_max", "documents", 1_000, "Expanded @contexts kept in memory.", "記憶しておく @context の数。"),
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
