"""Write `docs/settings.md` from the settings table (`kernel/settings.py`).

Usage: .venv/bin/python tools/settings_page.py
A test compares the page with `render()`.
"""

from __future__ import annotations

from pathlib import Path

from machinami.kernel.settings import TABLE, Setting, Value

PAGE = Path(__file__).resolve().parents[1] / "docs/settings.md"
HEAD = """# Settings / 設定

<!-- Made by tools/settings_page.py from src/machinami/kernel/settings.py. Do not edit: change the table and run the tool. -->

Every bound and switch of Machinami. Values come from, later wins: this table, the file `settings.toml` in the data folder,
environment variables `MACHINAMI_<NAME>`. An unknown name in the file, or a value of another form, is refused at start. A change
takes effect at the next start.

すべての上限と切り替えの一覧です。後のものほど優先します: この表、データフォルダの `settings.toml`、
環境変数 `MACHINAMI_<名前>`。ファイルに知らない名前があるか、値の形が違うと起動しません。変更は次の起動から効きます。

```toml
# settings.toml
delivery_alarm_hours_max = 96
egress_allow = "10.1.0.0/16"
```

| Name / 名前 | Default / 既定 | Unit / 単位 | Meaning | 意味 |
|---|---|---|---|---|
"""


def shown(value: Value) -> str:
    """A default as it is written in settings.toml."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def row(setting: Setting) -> str:
    """One line of the table."""
    cells = (f"`{setting.name}`", f"`{shown(setting.default)}`", setting.unit or "-", setting.help_en, setting.help_ja)
    return f"| {' | '.join(cells)} |\n"


def render() -> str:
    """The whole page."""
    return HEAD + "".join(row(setting) for setting in TABLE)


def main() -> None:
    PAGE.write_text(render(), "utf-8")


if __name__ == "__main__":
    main()
