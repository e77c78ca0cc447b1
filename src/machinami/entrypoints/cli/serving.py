"""`serve`: run until told to stop. PostgreSQL comes up in processes of its own while the rest of the program is loaded."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from machinami.bootstrap.database import Database
from machinami.citymap.basemaps import online_basemaps
from machinami.entrypoints.cli.folders import Use, claim
from machinami.entrypoints.cli.process import bind, is_loopback, stop_signal
from machinami.kernel.errors import Refusal
from machinami.kernel.late import Late

if TYPE_CHECKING:
    from machinami.bootstrap import core as cores
    from machinami.bootstrap.options import Options
    from machinami.entrypoints.cli import listening
else:
    cores = Late("machinami.bootstrap.core")
    listening = Late("machinami.entrypoints.cli.listening")


async def run_server(options: Options, host: str, port: int) -> int:
    """`serve`: one line `ready http://…` when it answers; SIGTERM and SIGINT end it cleanly."""
    if options.dev and not is_loopback(host):
        raise Refusal("cli.dev.loopback_only", host=host)
    address = bind(host, port)
    stop = stop_signal()
    core, listeners = await begin(options, Use.DEVELOPMENT if options.dev else Use.CITY)
    await core.open()
    try:
        taken = await listeners.listen(address)
        await listeners.listen_privately(options.data)
        if not options.dev and (code := await core.identity.begin_setup()) is not None:
            sys.stderr.write(f"set-up code {code} for http://127.0.0.1:{taken}/setup (初期設定コード)\n")
        gc.freeze()
        sys.stdout.write(f"ready http://{f'[{host}]' if ':' in host else host}:{taken}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await listeners.close()
        await core.close()
    return 0


async def begin(options: Options, use: Use) -> tuple[cores.Core, listening.Listeners]:
    """All of a city that can be made while its database comes up. What can be refused is refused before anything is begun."""
    online_basemaps(options.settings.text("online_basemaps"))
    claim(options.data, use)
    calm_collector()
    database = Database(options.data, options.store, options.postgres_bin)
    database.begin()
    try:
        core = cores.Core(options, database)
        return core, listening.Listeners(core)
    except BaseException:
        await database.stop()
        raise


def calm_collector() -> None:
    """Let Python look for reference cycles less often: entities are trees of dictionaries, which need no such search.

    With the standard thresholds a third of an update's processor time went into it (`make bench`), and a tenth of a start's.
    """
    gc.set_threshold(50_000, 20, 50)
