"""Why something is refused, in Japanese: what errors carry as `reason` and `wanted`, which the source says in English.

`{}` stands for what changes. A test finds each reason in the source here, and none that the source has not.
"""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    # --- what a parameter or a member should look like
    "URIs or @none": "URI または @none(コンマ区切り)",
    "a JSON object": "JSON オブジェクト",
    "a URI": "URI",
    "a URI or @none": "URI または @none",
    "a date-time with offset or Z": "時差または Z が付いた日時",
    "a shorter pattern": "もっと短いパターン",
    "a text": "文字列",
    "a text that is not empty": "空でない文字列",
    "1 to {} whole numbers": "整数の配列(1 から {} 個)",
    "a whole number from 1 to {}": "1 から {} までの整数",
    "a whole number from {} to {}": "{} から {} までの整数",
    "an EntityMap": "EntityMap",
    "an ISO 8601 time with offset": "時差または Z が付いた ISO 8601 の日時",
    "an array of objects that is not empty": "空でない、オブジェクトの配列",
    "an array of {}": "{} の配列",
    "an array that is not empty": "空でない配列",
    "an encoded query string": "URL エンコードしたクエリー文字列",
    "an object": "オブジェクト",
    "exactly one instance": "インスタンス一つだけ",
    "flat, inline or @none": "flat、inline、@none のいずれか",
    "members of a snapshot": "スナップショットの項目",
    "names of attributes": "属性の名前",
    "no linked entities": "関連エンティティをたどらない条件",
    "the EntityMap {}": "EntityMap {}",
    "true or false": "true または false",
    # --- members of documents
    "a member can't be both in pick and in omit": "同じ項目を pick と omit の両方に書くことはできません",
    "a notification has no such member": "通知にこの項目はありません",
    "a selector has type, id and idPattern only": "使える項目は type、id、idPattern だけです",
    "a snapshot has no such member": "スナップショットにこの項目はありません",
    "a subscription has no such member": "購読にこの項目はありません",
    "a subscription needs entities, watchedAttributes or localOnly": (
        "entities、watchedAttributes、localOnly のいずれかが必要です"
    ),
    "a topic to publish on has neither wildcards nor a leading $": "送り先のトピックにワイルドカードや先頭の $ は使えません",
    "a copy has no place for it": "写しには使えない項目です",
    "an EntityInfo has type, id and idPattern only": "使える項目は type、id、idPattern だけです",
    "an auxiliary registration offers {} only": "auxiliary の登録で使えるのは {} だけです",
    "an exclusive registration is about entities by id, without idPattern": (
        "exclusive の登録では、idPattern ではなく id で指定します"
    ),
    "an exclusive registration names the attributes it is about": "exclusive の登録では、対象の属性の名前が必要です",
    "an mqtt URL needs a topic after the host, and nothing behind it": "mqtt の URL は、ホストの後にトピックだけを付けます",
    "data must be an array of at most {} entities": "data はエンティティの配列({} 件まで)にしてください",
    "each element is an object with {}": "各要素は {} をもつオブジェクトにしてください",
    'each item must be {"key": text, "value": text}': '各要素は {{"key": 文字列, "value": 文字列}} にしてください',
    "each of its instances must be a Property with a value": "各インスタンスは value をもつ Property にしてください",
    "endAt must be an ISO 8601 date-time that is not before startAt": "endAt は startAt 以後の ISO 8601 の日時にしてください",
    "id must be a URI": "id は URI にしてください",
    "id must be a URI or an array of URIs": "id は URI か、その配列にしてください",
    "id or type is given twice": "id または type が重複しています",
    "idPattern must be a regular expression": "idPattern は正規表現にしてください",
    "it can only be set when the snapshot is created": "スナップショットの作成時にだけ指定できます",
    "it can't be changed": "変更できません",
    "it can't be false when entities of all types are wanted (5.2.33)": (
        "すべての種別を対象とするときは false にできません(5.2.33)"
    ),
    "it can't be removed": "削除できません",
    "it can't be sent": "送信できません",
    "it can't go with pick or omit": "pick や omit と同時には使えません",
    "it can't go with the simplified format, which has no place for changes": (
        "変更内容を表せないため、simplified 形式とは同時に使えません"
    ),
    "it can't go with {}": "{} と同時には使えません",
    "it chooses among context sources, and localOnly leaves them all out": (
        "情報源を選ぶ条件なので、localOnly とは同時に使えません"
    ),
    "it has a member that its type does not allow": "その type では使えない項目があります",
    "it has more than one value: {}": "値が複数あります: {}",
    "it has more than {} Context Source Properties": "Context Source Property が {} 個を超えています",
    "it is for subscriptions to registrations: /csourceSubscriptions": "登録の購読(/csourceSubscriptions)で使う項目です",
    "it is given twice, under two names of the same meaning": "同じ意味の二つの名前で、重複して指定されています",
    "it is missing": "この項目が必要です",
    "it looks behind more Relationships than notification.join retrieves": (
        "notification.join でたどる段数より先を指しています"
    ),
    'it must be "Snapshot"': "Snapshot にしてください",
    "it must be ContextSourceRegistration": "ContextSourceRegistration にしてください",
    "it must be Subscription": "Subscription にしてください",
    "it must be a JSON object": "JSON オブジェクトにしてください",
    "it must be a URI": "URI にしてください",
    "it must be a URL": "URL にしてください",
    "it must be a number of milliseconds above 0, at most a day": "0 より大きく 1 日以下のミリ秒数にしてください",
    "it must be a number of seconds above 0, at most {}": "0 より大きく {} 以下の秒数にしてください",
    "it must be a text of one line that is not empty": "空でない 1 行の文字列にしてください",
    "it must be a text that is not empty": "空でない文字列にしてください",
    "it must be a version as major.minor, such as 1.5": "1.5 のような版の番号にしてください",
    "it must be a version such as 1.5": "1.5 のような版の番号にしてください",
    "it must be a whole number above 0": "1 以上の整数にしてください",
    "it must be a whole number from 1 to 10": "1 から 10 までの整数にしてください",
    "it must be an ISO 8601 date-time with offset or Z": "時差または Z が付いた ISO 8601 の日時にしてください",
    "it must be an array of 1 to {} EntityInfo objects": "EntityInfo の配列(1 から {} 個)にしてください",
    "it must be an array of 1 to {} RegistrationInfo objects": "RegistrationInfo の配列(1 から {} 個)にしてください",
    "it must be an array of 1 to {} selectors": "エンティティの条件の配列(1 から {} 個)にしてください",
    "it must be an array of URIs or @none": "URI または @none の配列にしてください",
    "it must be an array of at most 100 key-value pairs": "key と value の組の配列(100 個まで)にしてください",
    "it must be an array of at most {} names": "名前の配列({} 個まで)にしてください",
    "it must be an array of attribute names": "属性名の配列にしてください",
    "it must be an array of attribute names that is not empty": "空でない、属性名の配列にしてください",
    "it must be an array of key-value pairs": "key と value の組の配列にしてください",
    "it must be an array of names of operations and operation groups": "操作または操作グループの名前の配列にしてください",
    "it must be an array of names that is not empty": "空でない、名前の配列にしてください",
    "it must be an array of objects with key and value": "key と value をもつオブジェクトの配列にしてください",
    "it must be an array of queries that is not empty": "空でない、検索条件の配列にしてください",
    "it must be an array of {}": "{} の配列にしてください",
    "it must be an http or https URI": "http または https の URI にしてください",
    "it must be an http or https URL without query or fragment": (
        "クエリーやフラグメントのない http または https の URL にしてください"
    ),
    "it must be an http, https, mqtt or mqtts URL": "http、https、mqtt、mqtts のいずれかの URL にしてください",
    "it must be an integer of 1 to {}": "1 から {} までの整数にしてください",
    "it must be an object": "オブジェクトにしてください",
    "it must be an object of georel, geometry, coordinates and perhaps geoproperty": (
        "georel、geometry、coordinates(必要なら geoproperty も)をもつオブジェクトにしてください"
    ),
    "it must be an object of startAt and perhaps endAt, ISO 8601 date-times with offset or Z": (
        "startAt(必要なら endAt も)をもつオブジェクトにしてください。値は時差または Z が付いた ISO 8601 の日時です"
    ),
    "it must be an object of timeout, cooldown, cacheDuration and localOnly": (
        "timeout、cooldown、cacheDuration、localOnly のオブジェクトにしてください"
    ),
    "it must be an object of {} and lastN": "{}、lastN のオブジェクトにしてください",
    "it must be an object with timerel, and only {}": "timerel をもち、{} だけを使ったオブジェクトにしてください",
    "it must be an object with {} only": "{} だけを使ったオブジェクトにしてください",
    "it must be one of {}": "{} のいずれかにしてください",
    "it must be true or false": "true または false にしてください",
    "it must be {}": "{} にしてください",
    "it needs an id and the type Notification": "id と、type の Notification が必要です",
    "it needs the q whose values it expands beside it": "値を展開する対象の q も必要です",
    "its value is null": "値が null です",
    "one of them must be there": "どちらかが必要です",
    "queries of the past carry temporalQ, the others don't": "temporalQ は、過去を調べる検索条件にだけ付けます",
    "registrations are told as application/json or application/ld+json": (
        "登録の通知で使えるのは application/json と application/ld+json です"
    ),
    "temporalQ is missing": "temporalQ が必要です",
    "the body must be a JSON object": "本文は JSON オブジェクトにしてください",
    "they name entities behind more Relationships than join retrieves": "join でたどる段数より先のエンティティを指しています",
    "type must be a type selection": "type は種別の選択式にしてください",
    "type must be the name of an entity type or an array of names": (
        "type はエンティティの種別の名前か、その配列にしてください"
    ),
    "{} can't be sent as a header": "{} はヘッダーとして送れません",
    "{} must be one of {}": "{} は {} のいずれかにしてください",
    # --- attributes
    "datasetId must be a URI": "datasetId は URI にしてください",
    "languageMap must be an object with at least one language": (
        "languageMap は、言語を一つ以上もつオブジェクトにしてください"
    ),
    "ngsildproof must be a Property": "ngsildproof は Property にしてください",
    "the value of ngsildproof must be an object": "ngsildproof の value はオブジェクトにしてください",
    "entityIdSealed must be a URI": "entityIdSealed は URI にしてください",
    "object must be a URI or an array of URIs": "object は URI か、その配列にしてください",
    "objectList must be an array": "objectList は配列にしてください",
    'objectList must hold URIs, each as {"object": URI}': 'objectList の各要素は {{"object": URI}} にしてください',
    "the text for {} must be a string or an array of strings": "{} の値は文字列か、その配列にしてください",
    "this name of the core @context is no attribute's": "コア @context で別の意味をもつ名前なので、属性には使えません",
    "two of its instances have the same datasetId": "同じ datasetId のインスタンスが二つあります",
    "unitCode must be a string that is not empty": "unitCode は空でない文字列にしてください",
    "valueList must be an array": "valueList は配列にしてください",
    "valueType must be a string that is not empty": "valueType は空でない文字列にしてください",
    "vocab must be a string or an array of strings": "vocab は文字列か、その配列にしてください",
    "{} is no ISO 8601 date-time with offset or Z": "{} は、時差または Z が付いた ISO 8601 の日時ではありません",
    "{} is no language tag (BCP 47)": "{} は言語タグ(BCP 47)ではありません",
    # --- places
    "a GeometryCollection needs an array of geometries, at most 3 levels deep": (
        "GeometryCollection には geometries の配列が必要です(入れ子は 3 段まで)"
    ),
    "a line needs at least 2 positions": "線には 2 つ以上の位置が必要です",
    "a position holds numbers only": "位置は数だけで表します",
    "a position is an array of longitude, latitude and perhaps height": "位置は、経度、緯度(必要なら高さも)の配列です",
    "a ring must end where it starts": "輪は始まりの位置で終わらせてください",
    "a ring needs at least 4 positions": "輪には 4 つ以上の位置が必要です",
    "coordinates are no JSON array": "coordinates が JSON の配列ではありません",
    "geoproperty must be a name": "geoproperty は名前にしてください",
    "georel, geometry and coordinates must be given together": "georel、geometry、coordinates は三つとも必要です",
    "it is empty": "空です",
    "it is no object": "オブジェクトではありません",
    "longitude {} must be within -180..180 and latitude {} within -90..90, in this order": (
        "経度 {} は -180 から 180、緯度 {} は -90 から 90 の範囲で、この順に書いてください"
    ),
    "near needs maxDistance or minDistance, and no other relation takes them": (
        "near には maxDistance か minDistance が必要です(ほかの関係には付けられません)"
    ),
    "the coordinates of a {} must be nested arrays that are not empty": (
        "{} の coordinates は、空でない入れ子の配列にしてください"
    ),
    "{} is no GeoJSON geometry type": "{} は GeoJSON の図形の種類ではありません",
    "{} is not maxDistance==metres or minDistance==metres": (
        "{} は maxDistance==メートル、minDistance==メートルのどちらでもありません"
    ),
    "{} is none of {}": "{} は {} のいずれでもありません",
    # --- times and aggregation
    "aggrMethods must name at least one of {}, and nothing else": "aggrMethods には {} から一つ以上を指定してください",
    "aggregatedValues need aggrMethods": "aggregatedValues には aggrMethods も必要です",
    "between needs endTimeAt, and no other timerel takes it": (
        "between には endTimeAt が必要です(ほかの timerel には付けられません)"
    ),
    "endTimeAt must be an ISO 8601 date-time with offset or Z": (
        "endTimeAt は、時差または Z が付いた ISO 8601 の日時にしてください"
    ),
    "endTimeAt must be later than timeAt": "endTimeAt は timeAt より後にしてください",
    "lastN must be a whole number above 0": "lastN は 1 以上の整数にしてください",
    "timeAt and endTimeAt need timerel": "timeAt と endTimeAt には timerel も必要です",
    "timeAt must be an ISO 8601 date-time with offset or Z": "timeAt は、時差または Z が付いた ISO 8601 の日時にしてください",
    "timeproperty {} is none of {}": "timeproperty {} は {} のいずれでもありません",
    "timerel and timeAt must be given to query entities": "エンティティの検索には timerel と timeAt が必要です",
    "times and their relation are texts": "時刻と timerel は文字列にしてください",
    "timerel {} is none of {}": "timerel {} は {} のいずれでもありません",
    # --- the languages of queries
    "a closing brace is missing": "閉じる波括弧がありません",
    "a closing bracket is missing": "閉じる角括弧がありません",
    "a closing parenthesis is missing": "閉じる括弧がありません",
    "a name between dots is empty": "点と点の間に名前がありません",
    "a name is expected": "ここには名前が必要です",
    "a pattern is expected": "ここにはパターンが必要です",
    "a scope such as /a/b, /a/+/c or /a/# is expected": "ここには /a/b、/a/+/c、/a/# のような scope が必要です",
    "a value is expected": "ここには値が必要です",
    "a value is expected; put quotes around a text with such signs": (
        "ここには値が必要です。このような記号を含む文字列は引用符で囲んでください"
    ),
    "an attribute name is expected": "ここには属性名が必要です",
    "an entity type is expected": "ここにはエンティティの種別が必要です",
    "an order by distance needs orderFrom": "距離の順にするには orderFrom が必要です",
    "both ends of a range must be of the same kind": "範囲の両端は同じ種類の値にしてください",
    "braces follow the name of a Relationship": "波括弧は Relationship の名前の後に書きます",
    "more than {} characters": "{} 文字を超えています",
    "ranges and lists go with == and != only": "範囲と列挙は == と != だけで使えます",
    "the braces are nested too deep": "波括弧の入れ子が深すぎます",
    "the closing quote is missing": "閉じる引用符がありません",
    "the escape sequence is not JSON's": "JSON のエスケープではありません",
    "the number is too large": "数が大きすぎます",
    "true and false can't be ordered": "true と false は大小を比べられません",
    "{} is not expected here": "ここに {} は書けません",
    "{} is not expected here; directions are asc, desc, dist-asc and dist-desc": (
        "ここに {} は書けません。向きは asc、desc、dist-asc、dist-desc です"
    ),
    # --- @contexts
    "a chain of more than {} terms that rest on each other": "互いに依存する用語が {} 個を超えて続いています",
    "a document without an @context member": "文書に @context がありません",
    "a reference that is no absolute URL": "参照先が絶対 URL ではありません",
    "a term that is neither text nor object": "用語の定義が文字列でもオブジェクトでもありません",
    "an @id that is no text": "@id が文字列ではありません",
    "an @import that is no URL": "@import が URL ではありません",
    "an @type that is no text": "@type が文字列ではありません",
    "an @version other than 1.1": "@version が 1.1 ではありません",
    "an @vocab that is no IRI": "@vocab が IRI ではありません",
    "an alias of @context": "@context に別名は付けられません",
    "an array inside an array": "配列の中に配列があります",
    "failed a moment ago": "直前に失敗しました",
    "it did not come in time": "時間内に届きませんでした",
    "neither a URL nor an object nor an array": "URL、オブジェクト、配列のいずれでもありません",
    "terms that are defined by each other": "用語どうしが互いの定義になっています",
    # --- other places
    "a name holds a NUL character.": "名前に NUL 文字が含まれています",
    "an attribute is named twice or not at all": "属性の名前が重複しているか、ありません",
    "a part of a history without its range": "履歴の一部だけを返し、その範囲(Content-Range)を示していません",
    "an entity is no NGSI-LD": "エンティティが NGSI-LD の形ではありません",
    "broken {} data": "{} のデータが壊れています",
    "data behind the end of its {} stream": "{} の終わりの後に余分なデータがあります",
    "incomplete {} data": "{} のデータが途中で切れています",
    "no answer of {}": "{} の応答ではありません",
    "no regular file": "通常のファイルではありません",
    "no time is left": "制限時間に達しました",
    "not open": "接続が開いていません",
    "nothing within {} s": "{} 秒以内に応答がありませんでした",
    "stopping": "停止処理中です",
    "version {}": "版 {}",
    "{} of {} entities are no NGSI-LD": "{1} 件のうち {0} 件が NGSI-LD の形ではありません",
}  # fmt: skip
