"""Error texts of the @context store."""

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS = {
    "data.context.not_available": ErrorText(
        Kind.LD_CONTEXT_NOT_AVAILABLE,
        "The @context {url} can't be had ({reason}).",
        "@context {url} を取得できません({reason})。",
        "Check the address, or add the document to the offline context folder.",
        "アドレスを確かめるか、オフライン用の context フォルダーに文書を置いてください。",
    ),
    "data.context.too_many_documents": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The @context needs more than {most} remote documents.",
        "@context が {most} を超える外部文書を必要としています。",
        "Combine the documents into one.",
        "文書を一つにまとめてください。",
    ),
    "data.context.too_large": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The @context is larger than {most} bytes.",
        "@context が {most} バイトを超えています。",
        "Keep only the terms that are used.",
        "使う用語だけにしてください。",
    ),
    "data.context.not_a_context": ErrorText(
        Kind.INVALID_REQUEST,
        "The body is not a JSON-LD document with an @context member.",
        "本文が @context をもつ JSON-LD 文書ではありません。",
        'Send {{"@context": {{…}}}}.',
        '{{"@context": {{…}}}} の形で送ってください。',
    ),
    "data.context.does_not_exist": ErrorText(
        Kind.RESOURCE_NOT_FOUND,
        "There is no @context {id} here.",
        "@context {id} はありません。",
        "List the known ones with GET /ngsi-ld/v1/jsonldContexts.",
        "GET /ngsi-ld/v1/jsonldContexts で一覧を確かめてください。",
    ),
    "data.context.built_in": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The @context {url} is built in and can't be deleted.",
        "@context {url} は組み込みのため削除できません。",
        "Nothing needs to be done.",
        "操作は不要です。",
    ),
    "data.context.only_cached": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The @context {id} was downloaded for use here and is not served.",
        "@context {id} は利用のために取得したもので、ここからは配信しません。",
        "Read it at its own address, or ask with details=true.",
        "元のアドレスから読むか、details=true を付けてください。",
    ),
    "data.context.not_reloadable": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The @context {id} is {kind}: there is no address to load it from again.",
        "@context {id} は {kind} のため、読み直す元のアドレスがありません。",
        "Add the new version, or delete it without reload.",
        "新しい版を追加するか、reload を付けずに削除してください。",
    ),
    "data.context.store_full": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "There are already {most} stored @contexts.",
        "保存できる @context の上限 {most} に達しています。",
        "Delete some with DELETE /ngsi-ld/v1/jsonldContexts/….",
        "DELETE /ngsi-ld/v1/jsonldContexts/… で不要なものを削除してください。",
    ),
}
