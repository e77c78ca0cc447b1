"""Texts of the errors of JMA telegrams and AMeDAS snapshots; `bootstrap` registers them."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "standards.jma.too_large": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "The telegram has {size} bytes; at most {limit} are read.",
        "電文の大きさが {size} バイトあります。上限は {limit} バイトです。",
        "Send a single telegram as JMA publishes it.",
        "気象庁が公開する電文を一通ずつ送ってください。",
    ),
    "standards.jma.not_xml": ErrorText(
        Kind.INVALID_REQUEST,
        "This is not well-formed XML without DTD and entities: {problem}.",
        "正しい XML ではないか、DTD や実体宣言を含んでいます: {problem}",
        "Send the telegram unchanged, as JMA publishes it.",
        "気象庁が公開する電文をそのまま送ってください。",
    ),
    "standards.jma.not_a_telegram": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "This XML is not a JMA telegram: its root is {root}.",
        "この XML は気象庁の防災情報電文ではありません(最上位の要素: {root})。",
        "A telegram's root is Report of http://xml.kishou.go.jp/jmaxml1/.",
        "電文の最上位の要素は http://xml.kishou.go.jp/jmaxml1/ の Report です。",
    ),
    "standards.jma.element_missing": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The telegram has no {element}.",
        "電文に {element} がありません。",
        "Send the telegram unchanged, as JMA publishes it.",
        "気象庁が公開する電文をそのまま送ってください。",
    ),
    "standards.jma.value_wrong": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{element} of the telegram is {value}, which cannot be read.",
        "電文の {element} の値 {value} を読み取れません。",
        "Send the telegram unchanged, as JMA publishes it.",
        "気象庁が公開する電文をそのまま送ってください。",
    ),
    "standards.amedas.value_wrong": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "AMeDAS station {station}: {element} is {value}, which cannot be read.",
        "アメダス地点 {station}: {element} の値 {value} を読み取れません。",
        "Use the files of JMA's AMeDAS page unchanged: the snapshot and amedastable.json.",
        "気象庁のアメダスのファイル(時刻別の値と amedastable.json)をそのまま使ってください。",
    ),
}
