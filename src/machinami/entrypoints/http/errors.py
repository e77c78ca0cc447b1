"""Error texts of the HTTP edge."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "http.path.unknown": ErrorText(Kind.RESOURCE_NOT_FOUND, "Nothing lives at {path}.", "{path} には何もありません。", "Check the address.", "アドレスを確かめてください。"),
    "http.method.not_allowed": ErrorText(Kind.METHOD_NOT_ALLOWED, "{method} is not defined here.", "ここでは {method} は使えません。", "Use one of: {allowed}.", "使えるのは {allowed} です。"),
    "http.query.unknown": ErrorText(Kind.INVALID_REQUEST, "The query parameter {name} is not defined for this operation.", "この操作に問い合わせ引数 {name} はありません。", "Defined are: {allowed}.", "使えるのは {allowed} です。"),
    "http.query.not_valid": ErrorText(Kind.BAD_REQUEST_DATA, "{name}={value} is not valid.", "{name}={value} は正しくありません。", "Wanted: {wanted}.", "正しい形: {wanted}。"),
    "http.query.exclusive": ErrorText(Kind.BAD_REQUEST_DATA, "{one} can't be combined with {other}.", "{one} は {other} と同時に使えません。", "Leave one of them out.", "どちらかを省いてください。"),
    "http.query.incomplete": ErrorText(Kind.BAD_REQUEST_DATA, "A {given} also needs {missing}.", "{given} には {missing} も必要です。", "Add the missing parameters.", "足りない引数を加えてください。"),
    "http.query.no_filter": ErrorText(Kind.BAD_REQUEST_DATA, "The query asks for nothing in particular.", "検索条件がありません。", "Give at least one of type, id, idPattern, attrs, q, a geo-query or scopeQ.", "type・id・idPattern・attrs・q・地理条件・scopeQ のいずれかを指定してください。"),
    "http.body.empty": ErrorText(Kind.INVALID_REQUEST, "The request has no body.", "リクエストに本文がありません。", "Send a JSON document.", "JSON 文書を送ってください。"),
    "http.body.too_large": ErrorText(Kind.PAYLOAD_TOO_LARGE, "The body is larger than {most} bytes.", "本文が {most} バイトを超えています。", "Send it in several requests.", "何回かに分けて送ってください。"),
    "http.body.incomplete": ErrorText(Kind.INVALID_REQUEST, "The body ended early.", "本文が途中で切れました。", "Send it again.", "もう一度送ってください。"),
    "http.body.encoding": ErrorText(Kind.UNSUPPORTED_MEDIA_TYPE, "The content encoding {given} can't be read.", "Content-Encoding {given} は読めません。", "Send it plain or as gzip.", "圧縮なし、または gzip で送ってください。"),
    "http.body.other_id": ErrorText(Kind.BAD_REQUEST_DATA, "The body speaks of {body}, the address of {path}.", "本文の id {body} がアドレスの id {path} と違います。", "Give the same id, or leave it out of the body.", "同じ id にするか、本文から省いてください。"),
    "http.body.not_a_query": ErrorText(Kind.BAD_REQUEST_DATA, "The body is not a Query document.", "本文が Query 文書ではありません。", 'Send {{"type": "Query", "entities": [{{"type": "…"}}]}}.', '{{"type": "Query", "entities": [{{"type": "…"}}]}} の形で送ってください。'),
    "http.body.unknown_member": ErrorText(Kind.BAD_REQUEST_DATA, "The member {member} is not known here.", "項目 {member} はここでは使えません。", "Leave it out.", "省いてください。"),
    "http.batch.not_an_array": ErrorText(Kind.BAD_REQUEST_DATA, "A batch is a JSON array with at least one item.", "一括操作の本文は1件以上の JSON 配列です。", "Send an array.", "配列で送ってください。"),
    "http.batch.too_many": ErrorText(Kind.PAYLOAD_TOO_LARGE, "The batch has {given} items; at most {most} are taken.", "一括操作が {given} 件あります。上限は {most} 件です。", "Send it in several batches.", "何回かに分けて送ってください。"),
    "http.media_type.unsupported": ErrorText(Kind.UNSUPPORTED_MEDIA_TYPE, "The content type {given} can't be read here.", "Content-Type {given} は受け付けません。", "Use one of: {allowed}.", "使えるのは {allowed} です。"),
    "http.accept.impossible": ErrorText(Kind.NOT_ACCEPTABLE, "None of the accepted types {given} is offered.", "Accept の {given} では返せません。", "Offered are: {offered}.", "返せるのは {offered} です。"),
    "http.context.both": ErrorText(Kind.BAD_REQUEST_DATA, "application/ld+json with a Link header context.", "application/ld+json に Link ヘッダーの @context が付いています。", "Put the @context into the body only.", "@context は本文だけに書いてください。"),
    "http.context.missing": ErrorText(Kind.BAD_REQUEST_DATA, "application/ld+json without @context.", "application/ld+json に @context がありません。", "Add @context, or send application/json.", "@context を加えるか、application/json で送ってください。"),
    "http.context.in_json": ErrorText(Kind.BAD_REQUEST_DATA, "application/json with @context in the body.", "application/json の本文に @context があります。", "Send application/ld+json, or a Link header.", "application/ld+json で送るか、Link ヘッダーを使ってください。"),
    "http.context.several_links": ErrorText(Kind.BAD_REQUEST_DATA, "More than one @context in the Link header.", "Link ヘッダーに @context が複数あります。", "Give one.", "一つにしてください。"),
    "http.feature.not_yet": ErrorText(Kind.OPERATION_NOT_SUPPORTED, "{feature} is not offered yet.", "{feature} はまだ使えません。", "See the README for what works.", "README の対応状況を確かめてください。"),
    "security.access.other_tenant": ErrorText(Kind.NONEXISTENT_TENANT, "Your key doesn't belong to the tenant {tenant}.", "このキーはテナント {tenant} のものではありません。", "Leave the tenant header out, or use a key of that tenant.", "テナントのヘッダーを省くか、そのテナントのキーを使ってください。"),
    "http.internal": ErrorText(Kind.INTERNAL_ERROR, "Something went wrong inside Machinami; it was logged.", "Machinami の内部で問題が起きました(記録済み)。", "Try again; if it stays, send the log to whoever looks after this server.", "もう一度試し、続くときはログを管理者に渡してください。"),
    "http.upload.no_file": ErrorText(Kind.BAD_REQUEST_DATA, "No file was sent.", "ファイルがありません。", "Choose at least one spreadsheet.", "表計算ファイルを一つ以上選んでください。"),
    "data.attribute.none_of_these": ErrorText(Kind.RESOURCE_NOT_FOUND, "{id} has none of the attributes asked for.", "{id} に指定の属性はありません。", "Leave attrs out to see what it has.", "attrs を省くと、もっている属性が分かります。"),
    "data.entity.partly_updated": ErrorText(Kind.BAD_REQUEST_DATA, "Only a part of the entity was updated.", "エンティティの一部だけが更新されました。", "See notUpdated for the reasons.", "理由は notUpdated を見てください。"),
}
