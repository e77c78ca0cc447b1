"""Error rows of identity."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

_CHOOSE_EN: Final = "Choose at least {characters_min} characters, for example four or more words that do not belong together."
_CHOOSE_JA: Final = "{characters_min} 文字以上で、例えば互いに関係のない言葉を四つ以上つなげてください。"

ROWS: Final[dict[str, ErrorText]] = {
    "security.setup.done": ErrorText(
        Kind.FORBIDDEN,
        "The first-run setup has already been done.",
        "初期設定はすでに済んでいます。",
        "Log in with the administrator's account.",
        "管理者のアカウントでログインしてください。",
    ),
    "security.setup.code_wrong": ErrorText(
        Kind.FORBIDDEN,
        "The setup code is wrong or no longer valid; {tries} tries are left.",
        "初期設定コードが違うか、有効期限が切れています。残り {tries} 回です。",
        "Type the code that the server's console shows; start machinami up again for a new one.",
        "サーバーの画面に表示されたコードを入力してください。新しいコードは machinami up を起動し直すと表示されます。",
    ),
    "security.name.malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The name {name} can't be used.",
        "名前「{name}」は使えません。",
        "Use 1 to 64 of the characters a-z, 0-9, dot, hyphen and underscore, beginning and ending with a letter or digit.",
        "英小文字・数字・ピリオド・ハイフン・下線の 1〜64 文字とし、先頭と末尾は英数字にしてください。",
    ),
    "security.display_name.malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The display name is empty, too long or holds control characters.",
        "表示名が空か、長すぎるか、制御文字を含んでいます。",
        "Give 1 to 100 printable characters.",
        "表示できる文字で 1〜100 文字にしてください。",
    ),
    "security.password.too_short": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The password has fewer than {characters_min} characters.",
        "パスワードが {characters_min} 文字より短いです。",
        _CHOOSE_EN,
        _CHOOSE_JA,
    ),
    "security.password.too_long": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The password has more than {characters_max} characters.",
        "パスワードが {characters_max} 文字を超えています。",
        "Choose a shorter one.",
        "より短いパスワードにしてください。",
    ),
    "security.password.malformed": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The password holds characters that are no text.",
        "パスワードに文字として扱えないものが含まれています。",
        "Type it again with letters, digits and signs.",
        "文字・数字・記号で入力し直してください。",
    ),
    "security.password.contains_name": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The password contains the user name.",
        "パスワードに利用者名が含まれています。",
        _CHOOSE_EN,
        _CHOOSE_JA,
    ),
    "security.password.common": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The password is among those that attackers try first.",
        "このパスワードは攻撃者が最初に試すものの一つです。",
        _CHOOSE_EN,
        _CHOOSE_JA,
    ),
    "security.login.wrong": ErrorText(
        Kind.UNAUTHENTICATED,
        "The name or the password is wrong.",
        "名前またはパスワードが違います。",
        "Try again; an administrator can set a new password with machinami user password.",
        "もう一度入力してください。管理者は machinami user password で新しいパスワードを設定できます。",
    ),
    "security.login.too_many": ErrorText(
        Kind.TOO_MANY_REQUESTS,
        "Too many wrong passwords were given for this account.",
        "このアカウントでパスワードの間違いが多すぎます。",
        "Wait {wait_s} seconds, then try again.",
        "{wait_s} 秒待ってから、もう一度試してください。",
    ),
    "security.login.busy": ErrorText(
        Kind.UNAVAILABLE,
        "Too many logins are being checked at this moment.",
        "ただいまログインの確認が混み合っています。",
        "Try again in a few seconds.",
        "数秒後にもう一度試してください。",
    ),
    "security.login.record_damaged": ErrorText(
        Kind.INTERNAL_ERROR,
        "The stored password record of this account can't be read.",
        "このアカウントのパスワード記録を読み取れません。",
        "Set a new password with machinami user password.",
        "machinami user password で新しいパスワードを設定してください。",
    ),
    "security.user.not_found": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no user {name}.",
        "利用者「{name}」は存在しません。",
        "Check the spelling of the name.",
        "名前の綴りを確認してください。",
    ),
    "security.role.missing": ErrorText(
        Kind.FORBIDDEN,
        "This needs the role {role}.",
        "この操作には役割 {role} が必要です。",
        "Ask an administrator.",
        "管理者に依頼してください。",
    ),
    "security.key.exists": ErrorText(
        Kind.ALREADY_EXISTS,
        "An API key named {name} exists already, perhaps a revoked one.",
        "API キー「{name}」はすでに存在します(失効したものも含みます)。",
        "Choose another name, so that old records stay unambiguous.",
        "過去の記録と区別できるよう、別の名前にしてください。",
    ),
    "security.key.no_role": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The API key has no role.",
        "API キーに役割が指定されていません。",
        "Give at least one of reader, writer, operator, admin.",
        "reader・writer・operator・admin のうち一つ以上を指定してください。",
    ),
    "security.key.expired": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The end of the API key's life lies in the past.",
        "API キーの有効期限が過去の日時です。",
        "Give a later time, or none.",
        "将来の日時を指定するか、期限を指定しないでください。",
    ),
    "security.key.too_many": ErrorText(
        Kind.FORBIDDEN,
        "There are already {count} API keys, which is the most.",
        "API キーは上限の {count} 個に達しています。",
        "Let several instances of a program share one key.",
        "同じプログラムの複数の実行では一つのキーを共用してください。",
    ),
    "security.key.not_found": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no API key {name}.",
        "API キー「{name}」は存在しません。",
        "List the keys and check the name.",
        "キーの一覧で名前を確認してください。",
    ),
    "security.key.invalid": ErrorText(
        Kind.UNAUTHENTICATED,
        "The API key is unknown, revoked or expired.",
        "API キーが不明か、失効しているか、期限切れです。",
        "Check that it was copied whole, or ask an administrator for a new one.",
        "全体が正しく貼り付けられているか確認するか、管理者に新しいキーを依頼してください。",
    ),
    "security.csrf.missing": ErrorText(
        Kind.FORBIDDEN,
        "The request does not carry the page's X-CSRF-Token.",
        "リクエストに画面の X-CSRF-Token が付いていません。",
        "Reload the page and try again; programs use an API key instead of a session.",
        "画面を読み込み直してからもう一度試してください。プログラムからは API キーを使ってください。",
    ),
}
