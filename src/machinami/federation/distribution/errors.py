"""Error texts of distributed operations."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "federation.source.no_answer": ErrorText(
        Kind.GATEWAY_TIMEOUT,
        "The context source of {registration} gave no complete answer: {reason}.",
        "登録 {registration} の情報源から応答がありません: {reason}。",
        "Check that the source runs and that its address in the registration is right, then try again.",
        "情報源が動いていることと、登録のアドレスが正しいことを確かめてから、もう一度試してください。",
    ),
    "federation.source.resting": ErrorText(
        Kind.GATEWAY_TIMEOUT,
        "The context source of {registration} failed a moment ago and is left alone for its cooldown time.",
        "登録 {registration} の情報源は直前に失敗したため、待ち時間(cooldown)が過ぎるまで問い合わせません。",
        "Try again later.",
        "しばらくしてから、もう一度試してください。",
    ),
    "federation.source.not_understood": ErrorText(
        Kind.BAD_GATEWAY,
        "The answer of the context source of {registration} can't be understood: {reason}.",
        "登録 {registration} の情報源の応答を理解できません: {reason}。",
        "Ask whoever looks after the source; it may not speak NGSI-LD.",
        "情報源の管理者に確かめてください。NGSI-LD に対応していない可能性があります。",
    ),
    "federation.source.unsaid": ErrorText(
        Kind.BAD_GATEWAY,
        "The context source of {registration} carried out only a part and does not say which.",
        "登録 {registration} の情報源は一部だけを実行しましたが、どの部分かを返しませんでした。",
        "Read the entity to see how it stands.",
        "エンティティを読み、現在の状態を確かめてください。",
    ),
    "federation.operation.not_offered": ErrorText(
        Kind.CONFLICT,
        "The registration {registration} holds these data elsewhere, and its source does not offer {operation}.",
        "登録 {registration} によりこのデータは外部にあり、その情報源は {operation} に対応していません。",
        "Change the data at the source, or register the operation.",
        "情報源で直接変更するか、登録の operations に操作を加えてください。",
    ),
    "federation.temporal.too_long": ErrorText(
        Kind.TOO_COMPLEX_QUERY,
        "The history of {registration} is too long to be put together with that of other brokers.",
        "{registration} の履歴が長すぎるため、ほかのブローカーの履歴とまとめられません。",
        "Ask for a shorter span of time (timerel, timeAt, endTimeAt) or fewer attributes, or with local=true.",
        "timerel・timeAt・endTimeAt で期間を短くするか、属性を減らすか、local=true を付けてください。",
    ),
    "federation.operation.loop": ErrorText(
        Kind.LOOP_DETECTED,
        "This request has already passed through this broker.",
        "この要求は、すでにこのブローカーを通っています。",
        "Two registrations lead in a circle: remove one, or set localOnly in its management.",
        "登録が循環しています。どちらかを削除するか、management に localOnly を指定してください。",
    ),
}
