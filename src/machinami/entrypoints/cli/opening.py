"""`up`: open a city for real, with its first-run set-up and TLS for the office network."""

from __future__ import annotations

import asyncio
import gc

from rich.panel import Panel

from machinami.bootstrap.core import Core
from machinami.bootstrap.lan import lan_certificate
from machinami.bootstrap.options import Options
from machinami.entrypoints.cli.folders import Use
from machinami.entrypoints.cli.process import bind, stop_signal
from machinami.entrypoints.cli.serving import begin
from machinami.entrypoints.cli.terminal import terminal

SETUP_POLL_S = 1.0


async def run_city(options: Options, port: int, lan_port: int) -> int:
    """`up`: the set-up on this computer only; once an administrator exists, TLS for the network as well."""
    console = terminal(soft_wrap=True)
    here = bind("127.0.0.1", port)
    stop = stop_signal()
    with console.status("Machinami を起動しています… / Starting Machinami …"):
        core, listeners = await begin(options, Use.CITY)
        await core.open()
    try:
        taken = await listeners.listen(here)
        await listeners.listen_privately(options.data)
        address = f"http://127.0.0.1:{taken}"
        code = await core.identity.begin_setup()
        gc.freeze()
        if code is not None:
            minutes = core.settings.integer("setup_code_minutes")
            console.print(
                Panel(
                    f"{address}/setup\n\n初期設定コード / setup code: [bold]{code}[/bold]\n"
                    f"{minutes} 分間有効 / valid for {minutes} minutes",
                    title="Machinami",
                )
            )
            if not await _set_up(core, stop):
                return 0
        certificate = lan_certificate(options.data, core.clock.now())
        lan = await listeners.listen(bind("0.0.0.0", lan_port), certificate.path)  # noqa: S104 - TLS with login, after set-up
        console.print(f"[bold]{address}[/bold]   (この端末 / this computer)")
        for name in certificate.addresses:
            console.print(f"[bold]https://{name}:{lan}[/bold]   (庁内ネットワーク / office network)")
        console.print(f"証明書の指紋 / certificate fingerprint (SHA-256): {certificate.fingerprint}")
        await stop.wait()
    finally:
        console.print("終了しています… / Stopping …")
        await listeners.close()
        await core.close()
    return 0


async def _set_up(core: Core, stop: asyncio.Event) -> bool:
    """Wait for the first administrator; False if the program is to stop before."""
    while await core.identity.setup_open():
        try:
            await asyncio.wait_for(stop.wait(), SETUP_POLL_S)
        except TimeoutError:
            continue
        return False
    return True
