"""Texts of the temporal use cases' errors."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.temporal.no_instance": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "The attribute {attribute} of the entity {id} has no instance {instance}.",
        "エンティティ {id} の属性 {attribute} にインスタンス {instance} はありません。",
        "Read the temporal representation of the entity and take an instanceId from there.",
        "エンティティの時系列表現を読み、そこにある instanceId を使ってください。",
    ),
    "data.temporal.no_attribute": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "The history of the entity {id} has nothing of what was asked for: {attributes}.",
        "エンティティ {id} の履歴に、求められたものはありません: {attributes}",
        "Check the attributes' names and the @context they are expanded with.",
        "属性名と、展開に使う @context を確かめてください。",
    ),
    "data.temporal.not_aggregable": ErrorText(
        Kind.INVALID_REQUEST,
        "None of the methods asked for can aggregate the attribute {attribute} of the entity {id}.",
        "エンティティ {id} の属性 {attribute} は、指定された方法では集計できません。",
        "Ask for totalCount or distinctCount, or leave the attribute out.",
        "totalCount か distinctCount を指定するか、その属性を除いてください。",
    ),
    "data.temporal.too_many_periods": ErrorText(
        Kind.TOO_COMPLEX_QUERY,
        "The aggregation has more than {periods_max} periods.",
        "集計の期間が {periods_max} を超えます。",
        "Ask for longer periods (aggrPeriodDuration) or a shorter span of time.",
        "より長い期間 (aggrPeriodDuration) か、より短い時間範囲を指定してください。",
    ),
}
