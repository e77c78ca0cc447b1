"""`serve` and `up`: run until told to stop."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import sys

from rich.panel import Panel

from machinami.bootstrap.core import Core, Options
from machinami.entrypoints.cli.folders import Use, claim
from machinami.entrypoints.cli.listening import Listeners, bind, stop_signal
from machinami.entrypoints.cli.terminal import terminal
from machinami.kernel.errors import Refusal

SETUP_POLL_S = 1.0


async def run_server(options: Options, host: str, port: int) -> int:
    """`serve`: one line `ready http://…` when it answers; SIGTERM and SIGINT end it cleanly."""
    if options.dev and not is_loopback(host):
        raise Refusal("cli.dev.loopback_only", host=host)
    address = bind(host, port)
    core = Core(options)
    claim(options.data, Use.DEVELOPMENT if options.dev else Use.CITY)
    stop = stop_signal()
    await core.open()
    listeners = Listeners(core)
    calm_collector()
    try:
        taken = await listeners.listen(address)
        await listeners.listen_privately(options.data)
        if not options.dev and (code := await core.identity.begin_setup()) is not None:
            sys.stderr.write(f"set-up code {code} for http://127.0.0.1:{taken}/setup (初期設定コード)\n")
        sys.stdout.write(f"ready http://{f'[{host}]' if ':' in host else host}:{taken}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await listeners.close()
        await core.close()
    return 0


async def run_city(options: Options, port: int, lan_port: int) -> int:
    """`up`: the set-up on this computer only; once an administrator exists, TLS for the network as well."""
    console = terminal(soft_wrap=True)
    here = bind("127.0.0.1", port)
    core = Core(options)
    claim(options.data, Use.CITY)
    stop = stop_signal()
    with console.status("Machinami を起動しています… / Starting Machinami …"):
        await core.open()
    listeners = Listeners(core)
    calm_collector()
    try:
        taken = await listeners.listen(here)
        await listeners.listen_privately(options.data)
        address = f"http://127.0.0.1:{taken}"
        code = await core.identity.begin_setup()
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
        from machinami.bootstrap.lan import lan_certificate  # the cryptography that only the network's side needs

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


def calm_collector() -> None:
    """Let Python look for reference cycles less often: entities are trees of dictionaries, which need no such search.

    With the standard thresholds a third of an update's processor time went into it (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def is_loopback(host: str) -> bool:
    """Whether an address reaches this computer only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
