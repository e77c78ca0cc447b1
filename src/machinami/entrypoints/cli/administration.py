"""`machinami user`, `key` and `webhook`: who may do what, and who is told about alarms."""

from __future__ import annotations

from rich.prompt import Prompt
from rich.table import Table

from machinami.bootstrap.options import Options
from machinami.entrypoints.cli.joining import joined
from machinami.entrypoints.cli.terminal import terminal


async def new_password(options: Options, name: str) -> int:
    """Give a user a new password; the user's sessions end."""
    password = Prompt.ask("新しいパスワード / new password", password=True)
    async with joined(options) as city:
        await city.json("POST", "/auth/password", {"name": name, "password": password})
    terminal().print(f"{name}: パスワードを変更しました / the password is changed")
    return 0


async def create_key(options: Options, name: str, roles: list[str]) -> int:
    """Make an API key and show its secret, once."""
    async with joined(options) as city:
        made = await city.json("POST", "/auth/keys", {"name": name, "roles": roles})
    console = terminal(soft_wrap=True)
    console.print(f"[bold]{made['secret']}[/bold]", highlight=False)
    console.print("この鍵は一度しか表示されません / this secret is shown only once\nAuthorization: Bearer …")
    return 0


async def list_keys(options: Options) -> int:
    """All keys, without secrets."""
    async with joined(options) as city:
        keys = (await city.json("GET", "/auth/keys"))["keys"]
    table = Table("name", "prefix", "roles", "created", "state")
    for key in keys:
        state = "revoked" if key["revoked"] else "valid"
        table.add_row(key["name"], key["prefix"], ", ".join(key["roles"]), key["created_at"], state)
    terminal().print(table)
    return 0


async def revoke_key(options: Options, name: str) -> int:
    """End a key at once."""
    async with joined(options) as city:
        await city.json("DELETE", f"/auth/keys/{name}")
    terminal().print(f"{name}: 失効しました / revoked")
    return 0


async def add_webhook(options: Options, name: str, url: str) -> int:
    """Tell an address about every alarm."""
    async with joined(options) as city:
        await city.json("POST", "/api/alarm-webhooks", {"name": name, "url": url})
    terminal().print(f"{name}: {url}", highlight=False)
    return 0


async def list_webhooks(options: Options) -> int:
    """Who is told about alarms, and what could not be delivered."""
    async with joined(options) as city:
        webhooks = (await city.json("GET", "/api/alarm-webhooks"))["webhooks"]
        dead = (await city.json("GET", "/api/dead-letters"))["dead_letters"]
    table = Table("name", "url", "dead letters")
    for one in webhooks:
        count = sum(letter["subscription"] == f"alarm-webhook:{one['id']}" for letter in dead)
        table.add_row(one["name"], one["url"], str(count))
    terminal().print(table)
    return 0


async def remove_webhook(options: Options, name: str) -> int:
    """Stop telling an address."""
    async with joined(options) as city:
        await city.json("DELETE", f"/api/alarm-webhooks/{name}")
    terminal().print(f"{name}: 削除しました / removed")
    return 0
