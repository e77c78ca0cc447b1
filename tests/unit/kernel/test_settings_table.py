"""Where settings come from, and what is refused as one."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from machinami.kernel.settings import BY_NAME, TABLE, Settings, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.toml").write_text(
        'page_limit_max = 10\npage_limit_default = 11\nbody_bytes_max = 12\negress_allow = "10.0.0.0/8"\n', "utf-8"
    )
    return tmp_path


def test_load_lets_later_sources_win_over_earlier_ones(folder: Path) -> None:
    environment = {"MACHINAMI_PAGE_LIMIT_DEFAULT": "21", "MACHINAMI_BODY_BYTES_MAX": "22", "MACHINAMI_DATA": "/somewhere"}
    settings = load(folder, environment, {"body_bytes_max": 32})
    assert settings.integer("page_limit_max") == 10
    assert settings.integer("page_limit_default") == 21
    assert settings.integer("body_bytes_max") == 32
    assert settings.text("egress_allow") == "10.0.0.0/8"
    assert settings.integer("json_depth_max") == BY_NAME["json_depth_max"].default


def test_load_gives_the_defaults_when_there_is_no_file(tmp_path: Path) -> None:
    assert dict(load(tmp_path, {})) == dict(load(None, {})) == {one.name: one.default for one in TABLE}


def test_load_reads_text_of_the_environment_in_the_form_of_the_default() -> None:
    settings = load(None, {"MACHINAMI_HISTORY_KEPT_ON_DELETE": "True", "MACHINAMI_QUERY_TIMEOUT_S": "2.5"})
    assert settings.switch("history_kept_on_delete") is True
    assert settings.number("query_timeout_s") == 2.5


def test_load_refuses_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("page_limit_max: 10", "utf-8")
    with pytest.raises(tomllib.TOMLDecodeError):
        load(tmp_path, {})


def test_load_refuses_an_unknown_name_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("page_limit_maximum = 10", "utf-8")
    with pytest.raises(ValueError, match=r"unknown setting 'page_limit_maximum'.*docs/settings\.md"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_limit_max", "many"), ("page_limit_max", 10.5), ("page_limit_max", "10.5"), ("page_limit_max", True),
        ("page_limit_max", -1), ("page_limit_max", [10]), ("page_limit_max", ""), ("query_timeout_s", "nan"),
        ("query_timeout_s", "inf"), ("query_timeout_s", -0.1), ("query_timeout_s", {"s": 1}), ("query_timeout_s", True),
        ("history_kept_on_delete", "yes"), ("history_kept_on_delete", 1), ("egress_proxy", 8080), ("egress_proxy", ["a"]),
        ("page_limit_max", "9" * 5000),
    ],
)  # fmt: skip
def test_settings_refuses_a_value_that_has_not_the_form_of_the_default(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"setting {name} = "):
        Settings({name: value})  # type: ignore[dict-item]


def test_settings_takes_a_whole_number_for_a_setting_in_seconds() -> None:
    assert Settings({"query_timeout_s": 3}).number("query_timeout_s") == 3.0


def test_settings_raises_key_error_when_asked_for_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        Settings().integer("no_such_setting")


def test_table_names_each_setting_once_with_both_languages() -> None:
    assert len(BY_NAME) == len(TABLE) == len(Settings())
    for one in TABLE:
        assert one.help_en.endswith(".")
        assert one.help_ja.endswith("。")
        assert one.name == one.name.lower()
