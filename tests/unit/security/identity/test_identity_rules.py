"""Password rule, names, codes and the login window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.security.identity import rules
from machinami.security.identity.model import IdentityLimits
from machinami.security.identity.passwords import common_passwords

LIMITS = IdentityLimits()


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "dragon sunshine monkey tiger",
        "xK9#mQ2$vL5!",
        "雨の日に青い傘と古い橋を渡った",
        "さぬきうどんは毎朝食べたい",
        "a" * 3 + " walk in the rain",
    ],
)
def test_password_problem_is_none_when_password_is_sound(password: str) -> None:
    assert rules.password_problem(password, "sato", common_passwords(), LIMITS) is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("elevenchars", "too_short"),
        ("", "too_short"),
        ("x" * 257, "too_long"),
        ("\ud800 is no character", "malformed"),
        ("password1234", "common"),
        ("PASSWORD!!!!", "common"),
        ("P@ssw0rd1234", "common"),
        ("Ｐａｓｓｗｏｒｄ１２３４", "common"),
        ("123456789012", "common"),
        ("20261126202611", "common"),
        ("2026-11-26 10:15", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("abcabcabcabc", "common"),
        ("aB3$aB3$aB3$", "common"),
        ("qwertyuiop12", "common"),
        ("1qaz2wsx3edc", "common"),
        ("zyxwvutsrqponm", "common"),
        ("Takamatsu2026!", "common"),
        ("takamatsu-shiyakusho", "common"),
        ("machinami-admin", "common"),
        ("パスワードパスワードパスワード", "common"),
        ("Sato likes blue bridges", "contains_name"),
        ("ｓａｔｏ likes blue bridges", "contains_name"),
    ],
)
def test_password_problem_names_the_reason_when_password_is_weak(password: str, problem: str) -> None:
    assert rules.password_problem(password, "sato", common_passwords(), LIMITS) == problem


@given(st.sampled_from(sorted(common_passwords())), st.text("0123456789!?-_. ", max_size=12))
def test_password_problem_is_never_none_when_a_common_password_is_only_padded(word: str, padding: str) -> None:
    assert rules.password_problem(word + padding, "", common_passwords(), LIMITS) is not None


@given(st.text(max_size=300), st.text(max_size=20))
def test_password_problem_answers_when_given_any_text(password: str, name: str) -> None:
    problem = rules.password_problem(password, name, common_passwords(), LIMITS)
    assert problem in (None, "too_short", "too_long", "malformed", "contains_name", "common")


@given(st.binary(min_size=7, max_size=7))
def test_setup_code_text_is_its_own_normal_form(entropy: bytes) -> None:
    code = rules.setup_code_text(entropy)
    assert len(code) == 11
    assert rules.normal_setup_code(code) == code.replace("-", "")


@pytest.mark.parametrize(
    "text", ["mn_abc_def", "", "mn__", "Bearer x", "mn_" + "a" * 10 + "_" + "b" * 42, "mn_" + "a" * 10 + "_" + "b" * 43 + "\n"]
)
def test_parse_key_gives_none_when_it_has_not_the_form(text: str) -> None:
    assert rules.parse_key(text) is None


def test_login_window_stays_bounded_when_many_accounts_are_tried() -> None:
    window = rules.LoginWindow.of(IdentityLimits(accounts_watched_max=100))
    for number in range(1_000):
        window.failed(("t", f"u{number}"), float(number))
    assert len(window._failures) == 100


def test_login_window_slides() -> None:
    window = rules.LoginWindow.of(IdentityLimits(login_tries_max=3, login_window_s=60.0))
    for at_s in (0.0, 10.0, 20.0):
        assert window.wait_s(("t", "u"), at_s) == 0
        window.failed(("t", "u"), at_s)
    assert window.wait_s(("t", "u"), 30.0) == 30.0
    assert window.wait_s(("t", "u"), 60.0) == 0
    window.failed(("t", "u"), 60.0)
    assert window.wait_s(("t", "u"), 60.0) == 10.0
    assert window.wait_s(("t", "other"), 60.0) == 0
