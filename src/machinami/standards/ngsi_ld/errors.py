"""What the NGSI-LD codecs and the JSON reader refuse, said in English and Japanese."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

_BAD = Kind.BAD_REQUEST_DATA
_INVALID = Kind.INVALID_REQUEST
_COMPLEX = Kind.TOO_COMPLEX_QUERY
_UNSUPPORTED = Kind.OPERATION_NOT_SUPPORTED

ROWS: Final[dict[str, ErrorText]] = {
    "json.input.not_json": ErrorText(
        _INVALID,
        "The text is not valid JSON (line {line}, column {column}): {reason}.",
        "JSON として読めません({line} 行 {column} 文字目): {reason}。",
        "Correct the JSON text (UTF-8 without byte order mark) and send it again.",
        "JSON(BOM なしの UTF-8)を直して、もう一度送ってください。",
    ),
    "json.input.too_deep": ErrorText(
        _INVALID,
        "The JSON text is nested deeper than {depth_max} levels.",
        "JSON の入れ子が {depth_max} 段を超えています。",
        "Flatten the data.",
        "入れ子を浅くしてください。",
    ),
    "json.input.duplicate_key": ErrorText(
        _INVALID,
        "The member {key} is given twice in one JSON object.",
        "一つの JSON オブジェクトに {key} が二つあります。",
        "Keep one of the two.",
        "どちらか一つにしてください。",
    ),
    "json.input.forbidden_character": ErrorText(
        _INVALID,
        "The text at {key} holds a NUL character (\\u0000).",
        "{key} の文字列に NUL 文字(\\u0000)が含まれています。",
        "Remove the character.",
        "その文字を取り除いてください。",
    ),
    "json.input.number_too_long": ErrorText(
        _INVALID,
        "The whole number {number} does not fit into 64 bits and would lose digits.",
        "整数 {number} は 64 ビットに収まらず、桁が失われます。",
        "Send it as a string.",
        "文字列として送ってください。",
    ),
    "ngsi_ld.name.not_valid": ErrorText(
        _BAD,
        "{name!r} can't be the name of an attribute or type.",
        "{name!r} は属性名や型名に使えません。",
        "Use letters, digits and underscores, a prefixed name or a URI.",
        "文字・数字・下線、接頭辞付きの名前、または URI を使ってください。",
    ),
    "ngsi_ld.name.no_meaning": ErrorText(
        _BAD,
        "The @context gives {name!r} no meaning that an attribute or type can have.",
        "@context では {name!r} を属性や型として使えません。",
        "Rename it, or map it to an IRI in the @context.",
        "名前を変えるか、@context で IRI に対応付けてください。",
    ),
    "ngsi_ld.context.not_valid": ErrorText(
        _BAD,
        "The @context is not valid: {reason} ({where}).",
        "@context が正しくありません: {reason}({where})。",
        "Correct the @context; it must follow JSON-LD 1.1.",
        "JSON-LD 1.1 に従って @context を直してください。",
    ),
    "ngsi_ld.context.cyclic": ErrorText(
        _BAD,
        "The @context {url} includes itself.",
        "@context {url} が自分自身を含んでいます。",
        "Remove the circular reference.",
        "循環する参照を取り除いてください。",
    ),
    "ngsi_ld.context.too_deep": ErrorText(
        _BAD,
        "@context documents are nested deeper than {depth_max} levels.",
        "@context 文書の入れ子が {depth_max} 段を超えています。",
        "Refer to fewer documents in a chain.",
        "参照の段数を減らしてください。",
    ),
    "ngsi_ld.context.too_many_terms": ErrorText(
        _BAD,
        "The @context defines more than {terms_max} terms.",
        "@context の用語が {terms_max} 個を超えています。",
        "Split the @context and name only the part that is needed.",
        "@context を分け、必要なものだけを指定してください。",
    ),
    "ngsi_ld.entity.not_an_object": ErrorText(
        _BAD,
        "An entity must be a JSON object.",
        "エンティティは JSON オブジェクトでなければなりません。",
        "Send an object with id and type.",
        "id と type を持つオブジェクトを送ってください。",
    ),
    "ngsi_ld.entity.id_missing": ErrorText(
        _BAD,
        "The entity has no id.",
        "エンティティに id がありません。",
        "Add an id, for example urn:ngsi-ld:Shelter:1.",
        "id を付けてください(例: urn:ngsi-ld:Shelter:1)。",
    ),
    "ngsi_ld.entity.id_not_valid": ErrorText(
        _BAD,
        "The entity id {id!r} is no URI.",
        "エンティティの id {id!r} が URI ではありません。",
        "Use a URI, for example urn:ngsi-ld:Shelter:1.",
        "URI にしてください(例: urn:ngsi-ld:Shelter:1)。",
    ),
    "ngsi_ld.entity.type_missing": ErrorText(
        _BAD, "The entity has no type.", "エンティティに type がありません。", "Add a type.", "type を付けてください。"
    ),
    "ngsi_ld.entity.type_not_valid": ErrorText(
        _BAD,
        "{type!r} can't be an entity type.",
        "{type!r} はエンティティの型に使えません。",
        "Give a type name or an array of type names.",
        "型名、または型名の配列にしてください。",
    ),
    "ngsi_ld.entity.scope_not_valid": ErrorText(
        _BAD,
        "{scope!r} is no scope.",
        "{scope!r} はスコープとして正しくありません。",
        "Write scopes as paths, for example /Takamatsu/Port.",
        "/Takamatsu/Port のような経路で書いてください。",
    ),
    "ngsi_ld.entity.time_not_valid": ErrorText(
        _BAD,
        "{member} {value!r} is no ISO 8601 date-time with an offset or Z.",
        "{member} の {value!r} は時差または Z の付いた ISO 8601 の日時ではありません。",
        "Write it like 2026-01-31T09:00:00Z.",
        "2026-01-31T09:00:00Z のように書いてください。",
    ),
    "ngsi_ld.attribute.not_valid": ErrorText(
        _BAD,
        "Attribute {attribute}: {reason}.",
        "属性 {attribute}: {reason}。",
        "Correct the attribute and send the request again.",
        "属性を直して、もう一度送ってください。",
    ),
    "ngsi_ld.attribute.value_missing": ErrorText(
        _BAD,
        "Attribute {attribute} has no {member}.",
        "属性 {attribute} に {member} がありません。",
        "Add {member}, or use the attribute type that fits the value.",
        "{member} を加えるか、値に合う属性の型にしてください。",
    ),
    "ngsi_ld.attribute.null": ErrorText(
        _BAD,
        "Attribute {attribute} is urn:ngsi-ld:null, which means deletion and can't be used here.",
        "属性 {attribute} の urn:ngsi-ld:null は削除を意味し、ここでは使えません。",
        "Leave the attribute out, or delete it with PATCH or DELETE.",
        "属性を省くか、PATCH または DELETE で削除してください。",
    ),
    "ngsi_ld.attribute.type_mismatch": ErrorText(
        _BAD,
        "Attribute {attribute} is a {stored}; {member} does not go with it.",
        "属性 {attribute} は {stored} なので、{member} は使えません。",
        "Send the value under the member of its type, or give the new type.",
        "その型に合う形で値を送るか、新しい型を指定してください。",
    ),
    "ngsi_ld.geometry.not_valid": ErrorText(
        _BAD,
        "The geometry of {attribute} is not valid GeoJSON: {reason}.",
        "{attribute} の図形が GeoJSON として正しくありません: {reason}。",
        "Correct the geometry; coordinates are longitude, latitude.",
        "図形を直してください。座標は経度、緯度の順です。",
    ),
    "ngsi_ld.geometry.too_many_vertices": ErrorText(
        _BAD,
        "The geometry of {attribute} has {count} points, more than {vertices_max}.",
        "{attribute} の図形の点数 {count} が上限 {vertices_max} を超えています。",
        "Simplify the geometry.",
        "図形を簡略化してください。",
    ),
    "ngsi_ld.query.not_valid": ErrorText(
        _BAD,
        "{language} can't be read at position {position}: {reason} ({text}).",
        "{language} の {position} 文字目を読めません: {reason}({text})。",
        "Correct the query at that position.",
        "その位置を直してください。",
    ),
    "ngsi_ld.query.too_complex": ErrorText(
        _COMPLEX,
        "{language} has more than {nodes_max} parts.",
        "{language} の項目が {nodes_max} 個を超えています。",
        "Ask in several smaller queries.",
        "検索条件を分けてください。",
    ),
    "ngsi_ld.query.pattern_not_valid": ErrorText(
        _BAD,
        "The pattern {pattern!r} can't be used: {reason}.",
        "パターン {pattern!r} は使えません: {reason}。",
        "Use a regular expression that RE2 accepts (no back references or look-around).",
        "RE2 の正規表現にしてください(後方参照や先読みは使えません)。",
    ),
    "ngsi_ld.query.too_deep": ErrorText(
        _BAD,
        "{language} names attributes of linked entities farther away than the {levels} levels asked for.",
        "{language} が、指定された {levels} 段より遠い関連エンティティの属性を指しています。",
        "Ask with join=inline or join=flat and a joinLevel as deep as the braces.",
        "join=inline または join=flat と、波括弧の深さ以上の joinLevel を指定してください。",
    ),
    "ngsi_ld.collation.not_valid": ErrorText(
        _BAD,
        "The collation {collation} is no language tag with collation settings.",
        "照合順序 {collation} は言語タグとして読めません。",
        "Write it as RFC 6067 has it, such as und, ja or und-u-ks-level2.",
        "RFC 6067 の書き方(und、ja、und-u-ks-level2 など)で指定してください。",
    ),
    "ngsi_ld.collation.not_supported": ErrorText(
        _UNSUPPORTED,
        "The collation {collation} asks for {what}, which is not offered.",
        "照合順序 {collation} の {what} には対応していません。",
        "Use the root order (und), ja, or a language that orders as root does; settings are ks, kf, kn, ka and de-u-co-phonebk.",
        "ルート順(und)、ja、ルート順と同じ言語のいずれかにしてください。設定は ks・kf・kn・ka・de-u-co-phonebk が使えます。",
    ),
    "ngsi_ld.geo_query.not_valid": ErrorText(
        _BAD,
        "The geo-query is not valid: {reason}.",
        "地理検索が正しくありません: {reason}。",
        "Give georel, geometry and coordinates, for example near;maxDistance==1000, Point, [134.04,34.34].",
        "georel・geometry・coordinates を指定してください(例: near;maxDistance==1000、Point、[134.04,34.34])。",
    ),
    "ngsi_ld.temporal_query.not_valid": ErrorText(
        _BAD,
        "The temporal query is not valid: {reason}.",
        "時間の条件が正しくありません: {reason}。",
        "Give timerel (before, after, between), timeAt and, for between, endTimeAt; for aggregated values also aggrMethods.",
        "timerel(before・after・between)、timeAt、between のときは endTimeAt、集計値のときは aggrMethods も指定してください。",
    ),
    "ngsi_ld.duration.not_valid": ErrorText(
        _BAD,
        "{name}={value} is no duration.",
        "{name}={value} は期間として読めません。",
        "Give an ISO 8601 duration such as PT15M, P1D or P2W.",
        "PT15M・P1D・P2W のような ISO 8601 の期間で指定してください。",
    ),
    "ngsi_ld.snapshot.not_valid": ErrorText(
        _BAD,
        "Snapshot, {member}: {reason}.",
        "スナップショットの {member}: {reason}。",
        "Correct the member and send the snapshot again.",
        "その項目を直して、もう一度送ってください。",
    ),
    "ngsi_ld.subscription.not_valid": ErrorText(
        _BAD,
        "Subscription, {member}: {reason}.",
        "購読の {member}: {reason}。",
        "Correct the member and send the subscription again.",
        "その項目を直して、もう一度送ってください。",
    ),
    "ngsi_ld.registration.not_valid": ErrorText(
        _BAD,
        "Context source registration, {member}: {reason}.",
        "コンテキストソース登録の {member}: {reason}。",
        "Correct the member and send the registration again.",
        "その項目を直して、もう一度送ってください。",
    ),
}
