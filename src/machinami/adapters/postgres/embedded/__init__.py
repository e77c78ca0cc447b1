"""A real PostgreSQL inside the data folder, started, watched and stopped by machinami (technology.md, rules 1-12)."""

from machinami.adapters.postgres.embedded.binaries import Binaries, find_binaries
from machinami.adapters.postgres.embedded.errors import ROWS
from machinami.adapters.postgres.embedded.folder import free_bytes, refuse_unsafe_filesystem
from machinami.adapters.postgres.embedded.locks import ServerFolderLock
from machinami.adapters.postgres.embedded.supervisor import EmbeddedServer, ServerState

__all__ = [
    "ROWS",
    "Binaries",
    "EmbeddedServer",
    "ServerFolderLock",
    "ServerState",
    "find_binaries",
    "free_bytes",
    "refuse_unsafe_filesystem",
]
