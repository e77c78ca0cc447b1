"""`machinami`: demo, up, serve, import."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvloop

from machinami import __version__
from machinami.bootstrap.errors import register_all
from machinami.bootstrap.options import Options
from machinami.bootstrap.profile import load_profile, plain_profile
from machinami.entrypoints.cli import serving
from machinami.entrypoints.cli.logs import configure_logs
from machinami.kernel.error_texts import describe
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.late import Late
from machinami.kernel.settings import load

if TYPE_CHECKING:
    from machinami.entrypoints.cli import administration, basemaps, importing, opening, terminal
    from machinami.entrypoints.cli import demo as demonstration
else:
    administration = Late("machinami.entrypoints.cli.administration")
    basemaps = Late("machinami.entrypoints.cli.basemaps")
    demonstration = Late("machinami.entrypoints.cli.demo")
    importing = Late("machinami.entrypoints.cli.importing")
    opening = Late("machinami.entrypoints.cli.opening")
    terminal = Late("machinami.entrypoints.cli.terminal")

app = typer.Typer(help="Machinami (街並み): an open-source City OS.", no_args_is_help=True, add_completion=False)


class Language(StrEnum):
    """Languages of reports."""

    JA = "ja"
    EN = "en"


DataFolder = Annotated[Path, typer.Option("--data", help="Folder that holds everything of this city.", envvar="MACHINAMI_DATA")]
Profile = Annotated[str, typer.Option("--profile", help="City profile: its name, e.g. takamatsu, or its folder.")]
Store = Annotated[str, typer.Option("--store", help="postgresql://… instead of the embedded server.", envvar="MACHINAMI_STORE")]
PostgresBin = Annotated[Path | None, typer.Option("--postgres-bin", help="Folder of PostgreSQL programs to use.")]


def default_folder(name: str = "machinami") -> Path:
    """The data folder that all commands share unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / name


DEFAULT_FOLDER = default_folder()
DEMO_FOLDER = default_folder("machinami-demo")


def options(
    data: Path, *, store: str = "", postgres_bin: Path | None = None, dev: bool = False, profile: str = "", town: str = ""
) -> Options:
    """Options of a run. Settings come from the data folder and the environment; profile and town are remembered there."""
    register_all()
    data = data.expanduser().absolute()
    given = {"profile": profile, "town": town}
    known = {name: value or remembered(data / name) for name, value in given.items()}
    chosen = load_profile(known["profile"]) if known["profile"] else plain_profile(known["town"])
    try:
        settings = load(data, os.environ)
    except ValueError as error:
        raise Refusal("cli.settings.not_valid", reason=str(error)) from error
    for name, value in given.items():
        if value:
            data.mkdir(parents=True, exist_ok=True)
            (data / name).write_text(value + "\n", "utf-8")
    return Options(data, store or os.environ.get("MACHINAMI_STORE", ""), postgres_bin, dev, chosen, settings)


def remembered(file: Path) -> str:
    """What an earlier start kept in the data folder."""
    return file.read_text("utf-8").strip() if file.is_file() else ""


@app.callback(invoke_without_command=True)
def common(
    show: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """Options of the program itself."""
    if show:
        version()
        raise typer.Exit


@app.command()
def demo(
    data: DataFolder = DEMO_FOLDER,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=0, max=65535)] = 8080,
    profile: Profile = "takamatsu",
    fresh: Annotated[bool, typer.Option(help="Begin with an empty city again.")] = False,
) -> None:
    """Show a living city: Takamatsu's own open data, recorded official drill telegrams, simulated movement."""
    configure_logs("warning")
    run(demonstration.run_demo(options(data, dev=True, profile=profile), port, fresh))


@app.command()
def serve(
    data: DataFolder = DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    dev: Annotated[bool, typer.Option("--dev", help="No login; loopback only; loopback may be notified.")] = False,
    store: Store = "",
    postgres_bin: PostgresBin = None,
    profile: Profile = "",
    workers: Annotated[int, typer.Option(help="Processes; more than 1 is not offered yet.")] = 1,
    log: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the server; prints `ready http://…` when it answers."""
    configure_logs(log)
    if workers != 1:
        complain("machinami: --workers above 1 is not offered yet; one process serves a town.")
        raise typer.Exit(2)
    chosen = options(data, store=store, postgres_bin=postgres_bin, dev=dev, profile=profile)
    run(serving.run_server(chosen, host, port))


@app.command()
def up(
    data: DataFolder = DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1 for the set-up.", min=0, max=65535)] = 8080,
    lan_port: Annotated[int, typer.Option(help="TLS port for the LAN once an administrator exists.", min=0, max=65535)] = 8443,
    store: Store = "",
    postgres_bin: PostgresBin = None,
    profile: Profile = "",
    city: Annotated[str, typer.Option(help="Your town: six-digit code or name, e.g. 丸亀市. Remembered.")] = "",
) -> None:
    """Start a city for real: first-run set-up with a code, then login and TLS for the office network."""
    configure_logs("warning")
    chosen = options(data, store=store, postgres_bin=postgres_bin, profile=profile, town=city)
    run(opening.run_city(chosen, port, lan_port))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="xlsx, xls, ods or csv files, or folders of them.")],
    data: DataFolder = DEFAULT_FOLDER,
    model: Annotated[str, typer.Option(help="Data model, if it shall not be recognised by the headings.")] = "",
    city: Annotated[str, typer.Option(help="Town: six-digit code or name; default: the profile's.")] = "",
    new_edition: Annotated[
        bool, typer.Option("--new-edition", help="The files replace what is there, although they look like an older list.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and show findings; store nothing.")] = False,
    findings: Annotated[Path | None, typer.Option(help="Write all findings to this CSV file.")] = None,
    lang: Annotated[Language | None, typer.Option(help="Language of the report.")] = None,
) -> None:
    """Import a town's own spreadsheets; joins the server that runs on the same data folder."""
    configure_logs("warning")
    language = lang.value if lang else ("ja" if os.environ.get("LANG", "").startswith("ja") else "en")
    wanted = importing.Wanted(tuple(files), model, city, new_edition, dry_run, findings, language)
    run(importing.run_import(options(data), wanted))


users = typer.Typer(help="People who log in.", no_args_is_help=True)
keys = typer.Typer(help="API keys for programs.", no_args_is_help=True)
webhooks = typer.Typer(help="Receivers of alarm notices.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(keys, name="key")
app.add_typer(webhooks, name="webhook")
maps = typer.Typer(help="Base maps of your own (PMTiles).", no_args_is_help=True)
app.add_typer(maps, name="basemap")
Name = Annotated[str, typer.Argument(help="Its name.")]


@users.command("password")
def user_password(name: Name, data: DataFolder = DEFAULT_FOLDER) -> None:
    """Give a user a new password; asked for, never on the command line."""
    administer(administration.new_password, data, name)


@keys.command("create")
def key_create(
    name: Name,
    role: Annotated[list[str], typer.Option(help="reader, writer, operator or admin; may be repeated.")],
    data: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Make a key and show its secret, once."""
    administer(administration.create_key, data, name, role)


@keys.command("list")
def key_list(data: DataFolder = DEFAULT_FOLDER) -> None:
    """List the keys, without secrets."""
    administer(administration.list_keys, data)


@keys.command("revoke")
def key_revoke(name: Name, data: DataFolder = DEFAULT_FOLDER) -> None:
    """End a key at once."""
    administer(administration.revoke_key, data, name)


@webhooks.command("add")
def webhook_add(
    name: Name, url: Annotated[str, typer.Argument(help="https://… of the receiver.")], data: DataFolder = DEFAULT_FOLDER
) -> None:
    """Tell an address about every alarm."""
    administer(administration.add_webhook, data, name, url)


@webhooks.command("list")
def webhook_list(data: DataFolder = DEFAULT_FOLDER) -> None:
    """List the receivers and how many notices could not be delivered."""
    administer(administration.list_webhooks, data)


@webhooks.command("remove")
def webhook_remove(name: Name, data: DataFolder = DEFAULT_FOLDER) -> None:
    """Stop telling an address."""
    administer(administration.remove_webhook, data, name)


TileFile = Annotated[Path, typer.Argument(help="A PMTiles file, version 3, with vector or image tiles.")]
Credit = Annotated[str, typer.Option(help="Credit that the map shows; default: the file's own, without one it is refused.")]
Licence = Annotated[str, typer.Option(help="Licence of the map; default: the file's own.")]
Link = Annotated[str, typer.Option(help="https://… that the credit points to.")]


@maps.command("import")
def basemap_import(
    file: TileFile,
    name: Annotated[str, typer.Option(help="What people choose it by.")],
    credit: Credit = "",
    licence: Licence = "",
    link: Link = "",
    data: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Copy a base map into the data folder and offer it on the map."""
    administer(basemaps.import_basemap, data, file.expanduser().absolute(), name, credit, licence, link)


@maps.command("list")
def basemap_list(data: DataFolder = DEFAULT_FOLDER) -> None:
    """List the imported base maps with credit and licence."""
    administer(basemaps.list_basemaps, data)


@maps.command("remove")
def basemap_remove(name: Name, data: DataFolder = DEFAULT_FOLDER) -> None:
    """Stop offering an imported base map and delete its file."""
    administer(basemaps.remove_basemap, data, name)


@maps.command("check")
def basemap_check(
    file: TileFile, credit: Credit = "", licence: Licence = "", link: Link = "", data: DataFolder = DEFAULT_FOLDER
) -> None:
    """Show what a file holds and the credit that the map would show; import nothing."""
    administer(basemaps.check_basemap, data, file.expanduser(), credit, licence, link)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"machinami {__version__}\n")


def administer(command: Callable[..., Coroutine[Any, Any, int]], data: Path, *arguments: Any) -> None:
    """Run a command of administration on the city of a data folder."""
    configure_logs("warning")
    run(command(options(data), *arguments))


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run a command; a refused one ends with its text and remedy and exit code 2."""
    try:
        code = uvloop.run(work)
    except MachinamiError as error:
        language = "ja" if os.environ.get("LANG", "").startswith("ja") else "en"
        wrong, remedy = describe(error, language)
        complain(f"machinami: {wrong}\n{remedy}  [{error.code}]")
        code = 2
    except asyncio.CancelledError:
        code = 130
    raise SystemExit(code)


def complain(text: str) -> None:
    """Say on standard error what was wrong."""
    terminal.terminal(stderr=True).print(text, markup=False, highlight=False)


def main() -> None:
    """The console script."""
    try:
        app()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        complain(f"machinami: {error.strerror or error}{where}")
        raise SystemExit(2) from error
    except MachinamiError as error:
        wrong, remedy = describe(error)
        complain(f"machinami: {wrong}\n{remedy}  [{error.code}]")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
