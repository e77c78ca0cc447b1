"""Pure decisions of identity: passwords, names, tokens, key forms, the login window."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from machinami.kernel.errors import Refusal
from machinami.security.identity.model import IdentityLimits

SESSION_COOKIE: Final = "machinami_session"
CSRF_HEADER: Final = "x-csrf-token"
KEY_HEADER: Final = "x-api-key"
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))

# Letters and digits that nobody mixes up when reading them from a screen or over the telephone.
SETUP_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SETUP_CHARACTERS: Final = 10
PREFIX_CHARACTERS: Final = 10
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_LEET: Final = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_KEY: Final = re.compile(rf"mn_([a-z0-9]{{{PREFIX_CHARACTERS}}})_([A-Za-z0-9_-]{{43}})\Z")
_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "あいうえおかきくけこさしすせそたちつてと",
)
_RUN_CHARACTERS: Final = 4
_NAME_PART_CHARACTERS: Final = 3


def normal_password(password: str) -> str:
    """The form that is hashed: NFKC, so that full-width typing and other keyboards give the same password."""
    return unicodedata.normalize("NFKC", password)


def password_problem(password: str, user_name: str, common: frozenset[str], limits: IdentityLimits) -> str | None:
    """Why a password is refused (last part of an error code), or None (trust.md 4.4).

    `common` holds lower-case passwords and words known from lists of broken passwords. A password also counts as common
    if it has no letters, is one of them with digits and signs around it, or if little is left once common words,
    keyboard and alphabet runs and repetitions are taken together.
    """
    text = normal_password(password)
    if not _encodable(text):
        return "malformed"
    if len(text) < limits.password_characters_min:
        return "too_short"
    if len(text) > limits.password_characters_max:
        return "too_long"
    folded = text.casefold()
    if len(user_name) >= _NAME_PART_CHARACTERS and user_name.casefold() in folded:
        return "contains_name"
    if any(_is_padded_word(spelling, common) for spelling in (folded, folded.translate(_LEET))):
        return "common"
    if _weight(folded, common) < limits.password_characters_min // 2:
        return "common"
    return None


def can_be_password(normal: str, limits: IdentityLimits) -> bool:
    """Whether a text is worth comparing: not longer than any password, and encodable."""
    return len(normal) <= limits.password_characters_max and _encodable(normal)


def known_name(name: str) -> str | None:
    """A typed user or key name in its stored form (full-width and capital letters forgiven), None if it can't be one."""
    normal = unicodedata.normalize("NFKC", name).strip().lower()
    return normal if _NAME.match(normal) else None


def check_name(name: str) -> str:
    """A new user or key name as it is stored: lower-case ASCII letters, digits, `.`, `_`, `-`, at most 64.

    Raises Refusal `security.name.malformed`.
    """
    normal = known_name(name)
    if normal is None:
        raise Refusal("security.name.malformed", name=name[:64])
    return normal


def check_display_name(text: str) -> str:
    """What people read beside an action: 1 to 100 printable characters; Refusal `security.display_name.malformed`."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= 100 or not trimmed.isprintable():
        raise Refusal("security.display_name.malformed")
    return trimmed


def digest(secret: str) -> str:
    """Hex SHA-256, for secrets of high entropy only (tokens, key secrets, setup codes of 15 minutes)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def csrf_of(session_token: str) -> str:
    """The CSRF token of a session: HMAC-SHA256 keyed with the cookie's value, which scripts can't read."""
    mac = hmac.digest(session_token.encode(), b"machinami csrf v1", "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def setup_code_text(entropy: bytes) -> str:
    """A code for people, `XXXXX-XXXXX`, 50 bits of `entropy` (at least 7 bytes)."""
    number = int.from_bytes(entropy, "big")
    letters = "".join(SETUP_ALPHABET[(number >> (5 * place)) & 31] for place in range(SETUP_CHARACTERS))
    return f"{letters[:5]}-{letters[5:]}"


def normal_setup_code(text: str) -> str:
    """A typed code in its one form: full-width letters, small letters, blanks, hyphens and look-alikes forgiven."""
    letters = unicodedata.normalize("NFKC", text).upper().translate(_LOOKALIKES)
    return "".join(character for character in letters if character in SETUP_ALPHABET)


def key_text(prefix: str, secret: str) -> str:
    """An API key as it is shown once."""
    return f"mn_{prefix}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """(prefix, secret) of a presented key, or None if it has not the form of one."""
    match = _KEY.match(text)
    return (match[1], match[2]) if match else None


@dataclass(slots=True)
class LoginWindow:
    """Wrong passwords per account within a sliding window, on the monotonic clock; bounded in accounts.

    Unknown accounts are counted like known ones, so the answer does not tell them apart.
    """

    tries_max: int
    window_s: float
    accounts_max: int
    _failures: OrderedDict[tuple[str, str], deque[float]]

    @classmethod
    def of(cls, limits: IdentityLimits) -> LoginWindow:
        return cls(limits.login_tries_max, limits.login_window_s, limits.accounts_watched_max, OrderedDict())

    def wait_s(self, account: tuple[str, str], now_s: float) -> float:
        """Seconds until the account may try again; 0 if it may now."""
        failures = self._failures.get(account)
        if failures is None:
            return 0.0
        while failures and failures[0] <= now_s - self.window_s:
            failures.popleft()
        return failures[0] + self.window_s - now_s if len(failures) >= self.tries_max else 0.0

    def failed(self, account: tuple[str, str], now_s: float) -> None:
        """Count a try; called before the password is compared, so that parallel guesses count too."""
        self._failures.setdefault(account, deque(maxlen=self.tries_max)).append(now_s)
        self._failures.move_to_end(account)
        while len(self._failures) > self.accounts_max:
            self._failures.popitem(last=False)

    def succeeded(self, account: tuple[str, str]) -> None:
        """Forget the account's failures."""
        self._failures.pop(account, None)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_padded_word(text: str, common: frozenset[str]) -> bool:
    """Whether at most one common word and no other letter is in the text."""
    rests = [text, *(text.replace(word, "", 1) for word in common if word in text)]
    return any(not any(character.isalpha() for character in rest) for rest in rests)


def _weight(text: str, common: frozenset[str]) -> int:
    """Characters of a password without repetitions; a common word counts as two, a keyboard or alphabet run as one."""
    rest = text
    for word in sorted((word for word in common if len(word) >= _RUN_CHARACTERS and word in rest), key=len, reverse=True):
        rest = rest.replace(word, "\0\1")
    rest = _without_runs(rest)
    for size in range(1, 7):
        rest = re.sub(rf"(.{{{size}}})\1{{1,}}", r"\1", rest)
    return len(rest)


def _without_runs(text: str) -> str:
    out: list[str] = []
    place = 0
    while place < len(text):
        length = max(_run_at(text, place, run) for run in (*_RUNS, *(run[::-1] for run in _RUNS)))
        if length >= _RUN_CHARACTERS:
            out.append("\0")
            place += length
        else:
            out.append(text[place])
            place += 1
    return "".join(out)


def _run_at(text: str, place: int, run: str) -> int:
    """How many characters from `place` on follow the order of `run`."""
    length = 0
    while place + length < len(text) and text[place : place + length + 1] in run:
        length += 1
    return length
