"""Texts of the errors of alarms and their rules; `bootstrap` registers them."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "command.alarm.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no alarm {alarm}.",
        "アラーム {alarm} はありません。",
        "Open the list of alarms again and pick one of its rows.",
        "アラームの一覧を開き直し、その中から選んでください。",
    ),
    "command.alarm.illegal_action": ErrorText(
        Kind.ALREADY_EXISTS,
        "{action} is not possible for alarm {alarm}: it is {state}.",
        "アラーム {alarm} に対して {action} はできません。現在の状態: {state}",
        "Use one of the row's `actions`. Closing needs a cleared and acknowledged alarm.",
        "一覧の行の actions にある操作を使ってください。完了にできるのは、解除済みかつ確認済みのアラームだけです。",
    ),
    "command.alarm.unknown_action": ErrorText(
        Kind.INVALID_REQUEST,
        "There is no action {action} on alarms.",
        "アラームに対する操作 {action} はありません。",
        "The actions are: {allowed}.",
        "使える操作: {allowed}",
    ),
    "command.alarm.text_missing": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{action} needs a text.",
        "{action} には文の入力が必要です。",
        "Send `text` (the comment, or the reason for shelving) or `to` (who takes it).",
        "text(コメント、または保留の理由)か to(担当者)を入力してください。",
    ),
    "command.alarm.text_too_long": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The text is longer than {limit} characters.",
        "文が {limit} 文字を超えています。",
        "Shorten it, or spread it over several comments.",
        "短くするか、複数のコメントに分けてください。",
    ),
    "command.alarm.shelving_end": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "An alarm is shelved until a time in the future, at most {hours} hours ahead.",
        "保留の終わりには、{hours} 時間以内の将来の時刻が必要です。",
        "Send `until` as a date-time with an offset, e.g. 2026-11-26T09:00:00+09:00.",
        "until に時差つきの日時(例 2026-11-26T09:00:00+09:00)を指定してください。",
    ),
    "command.alarm.operator_needed": ErrorText(
        Kind.FORBIDDEN,
        "Only an operator can act on alarms; {principal} is not one.",
        "アラームの操作は運用担当者だけができます({principal} は運用担当者ではありません)。",
        "Ask an administrator for the role `operator`.",
        "管理者に operator の役割を依頼してください。",
    ),
    "command.alarm.unknown_state": ErrorText(
        Kind.INVALID_REQUEST,
        "There is no list of alarms called {state}.",
        "アラームの一覧に {state} という区分はありません。",
        "Use state=active, acknowledged, history or all.",
        "state には active・acknowledged・history・all のいずれかを指定してください。",
    ),
    "command.intake.member_missing": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The alarm has no {member}.",
        "アラームに {member} がありません。",
        "Send event, kind, severity and a headline.",
        "event・kind・severity と見出し(headline_ja など)を送ってください。",
    ),
    "command.intake.member_unknown": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "An alarm has no member {member}.",
        "アラームに項目 {member} はありません。",
        "Check the spelling, or remove it.",
        "綴りを確かめるか、削除してください。",
    ),
    "command.intake.value_wrong": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{member} is {value}; it has to be {expected}.",
        "{member} の値 {value} は使えません。{expected} が必要です。",
        "Correct the value and send the alarm again.",
        "値を直して送り直してください。",
    ),
    "command.rule.not_json": ErrorText(
        Kind.INVALID_REQUEST,
        "The rules are not JSON: {problem}.",
        "ルールが JSON ではありません: {problem}",
        "Check the file with a JSON editor; its encoding is UTF-8.",
        "文字コード UTF-8 の JSON として正しいか確認してください。",
    ),
    "command.rule.member_missing": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{where}: {member} is missing.",
        "{where}: {member} がありません。",
        "Add the member; docs/rules.md shows each kind of rule.",
        "項目を追加してください。書き方は docs/rules.md にあります。",
    ),
    "command.rule.member_unknown": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{where}: there is no member {member} in this kind of rule.",
        "{where}: この種類のルールに項目 {member} はありません。",
        "Check the spelling, or remove it.",
        "綴りを確かめるか、削除してください。",
    ),
    "command.rule.value_wrong": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{where}: {member} is {value}; it has to be {expected}.",
        "{where}: {member} の値 {value} は使えません。{expected} が必要です。",
        "Correct the value.",
        "値を直してください。",
    ),
    "command.webhook.name": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "A receiver needs a name of 1 to {most} printable characters without a slash.",
        "受信先の名前は、斜線を含まない 1 から {most} 文字で付けてください。",
        "Choose another name.",
        "別の名前にしてください。",
    ),
    "command.webhook.too_many": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "There are {most} receivers already.",
        "受信先はすでに {most} 件あります。",
        "Remove one that is no longer used.",
        "使っていない受信先を削除してください。",
    ),
    "command.webhook.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no receiver {name}.",
        "受信先 {name} はありません。",
        "List them with machinami webhook list.",
        "machinami webhook list で一覧を確かめてください。",
    ),
    "command.rule.twice": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{where}: another rule already has {member} {value}.",
        "{where}: {member} {value} は別のルールで使われています。",
        "Rename or merge one of the two rules.",
        "どちらかの名前を変えるか、一つにまとめてください。",
    ),
}
