"""`machinami demo`: a living city in the browser, narrated in the terminal."""

from __future__ import annotations

import asyncio
import shutil
import time
import webbrowser
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape

from machinami.bootstrap.core import Core
from machinami.bootstrap.moving import Demonstration
from machinami.bootstrap.options import Options
from machinami.command.alarms.ports import Ledger
from machinami.command.alarms.presentation import row as alarm_row
from machinami.entrypoints.cli.folders import Use, claim
from machinami.entrypoints.cli.listening import Listeners
from machinami.entrypoints.cli.process import bind, stop_signal
from machinami.entrypoints.cli.receiver import Receiver
from machinami.entrypoints.cli.terminal import terminal
from machinami.kernel.caller import development_caller

JST = ZoneInfo("Asia/Tokyo")
_MARKS = {"exercise": "【訓練】", "test": "【試験】", "replay": "【再生】", "simulation": "【模擬】"}


class Narrator:
    """Says in two languages what happens, with the seconds since the server was ready."""

    def __init__(self, console: Console, address: str, data: str) -> None:
        self._console = console
        self._address = address
        self._data = data
        self._began = time.monotonic()
        self._known: dict[str, tuple[bool, bool]] = {}

    def say(self, text_ja: str, text_en: str, style: str = "") -> None:
        seconds = time.monotonic() - self._began
        told = f"[{style or 'default'}]{escape(text_ja)}[/]  [dim]{escape(text_en)}[/dim]"
        self._console.print(f"[dim]{seconds:6.1f} s[/dim]  {told}")

    def __call__(self, event: str, facts: dict[str, Any]) -> None:
        if event == "weather":
            at = facts["at"].astimezone(JST)
            self.say(
                f"アメダス {facts['stations']} 地点の記録({at:%Y-%m-%d %H:%M})を読み込みました",
                f"{facts['stations']} AMeDAS stations, a dated snapshot",
            )
        elif event == "imported":
            self._imported(facts["run"], facts["seconds"])
        elif event == "telegram":
            sent = facts["sent_at"].astimezone(JST)
            self.say(f"【再生】気象庁電文「{facts['title']}」({sent:%Y-%m-%d %H:%M})", "replayed JMA telegram")

    def _imported(self, run: dict[str, Any], seconds: float) -> None:
        stored = sum(one["created"] + one["updated"] + one["unchanged"] for one in run["files"])
        counts = run["findings_count"]
        told = sum(counts.values())
        self.say(
            f"オープンデータ {len(run['names'])} ファイルから {stored} 件を取り込みました({seconds:.1f} 秒、指摘 {told} 件)",
            f"{stored} entities from {len(run['names'])} files in {seconds:.1f} s, {told} findings",
            "green",
        )
        self._console.print(f"           {self._address}/import で指摘を見る / findings are on the import page")

    def alarm(self, row: dict[str, Any]) -> None:
        """An alarm was raised, changed or ended."""
        mark = _MARKS.get(row["status"], "") + _MARKS.get(row["label"] or "", "")
        headline = f"{mark}{row['headline_ja']}"
        before = self._known.get(row["id"], (False, False))
        self._known[row["id"]] = now = (row["active"], row["acknowledged"])
        if before[0] and not now[0]:
            self.say(f"警報が自動で解除されました: {headline}", "the alarm cleared by itself")
        elif now[1] and not before[1]:
            self.say(f"{row['acknowledged_by']} が確認しました: {headline}", "acknowledged", "cyan")
        elif now[0] and not before[0]:
            self.say(f"警報: {headline}", row["headline_en"], "bold red")
            self._console.print(f"           {self._address}/operations で確認(J で選び A) / J selects, A acknowledges")


async def run_demo(options: Options, port: int, fresh: bool) -> int:
    """Serve the demonstration until Ctrl-C."""
    console = terminal(highlight=False, soft_wrap=True)
    here = bind("127.0.0.1", port)
    claim(options.data, Use.DEMONSTRATION)
    stop = stop_signal()
    if fresh and options.data.is_dir():
        shutil.rmtree(options.data / "postgres", ignore_errors=True)
    core = Core(options)
    with console.status("Machinami を起動しています… / Starting Machinami …"):
        await core.open()
    listeners = Listeners(core)
    receiver = Receiver()
    try:
        taken = await listeners.listen(here)
        await listeners.listen_privately(options.data)
        address = f"http://127.0.0.1:{taken}"
        narrator = Narrator(console, address, str(options.data))
        _introduce(console, core, address)
        core.on_alarm(lambda alarm: narrator.alarm(alarm_row(alarm, Ledger(received=alarm.raised_at), core.clock.now())))
        await receiver.start(lambda headline: narrator.say(f"通知が届きました: {headline}", "a webhook received it", "magenta"))
        await core.webhooks.add(development_caller(), "デモの受信先", receiver.address)
        Demonstration(core, narrator).start()
        await asyncio.to_thread(webbrowser.open, address)
        await stop.wait()
    finally:
        console.print("終了しています… / Stopping …")
        await listeners.close()
        await receiver.close()
        await core.close()
    return 0


def _introduce(console: Console, core: Core, address: str) -> None:
    view = core.profile.view
    console.print(f"\n[bold]Machinami 街並み[/bold] — {view.ja} {view.en}   [bold underline]{address}[/bold underline]")
    console.print(
        "動くものはすべて表示のとおり、再生(訓練電文)・模擬(水位計とバス)・記録(アメダス)です。操作者は「試用」です。\n"
        "[dim]All that moves is labelled: replay (drill telegrams), simulation (gauge, bus), snapshot (AMeDAS).[/dim]"
    )
    console.print("\n試してみる / try next:")
    console.print(f"  curl -s '{address}/ngsi-ld/v1/entities?type=EvacuationSpace&limit=1&format=simplified'", style="cyan")
    console.print(f"  .venv/bin/machinami import 避難所.xlsx --data {core.options.data}", style="cyan")
    console.print("Ctrl-C で終了 / ends it\n")
