"""No HTTP client but `adapters.outbound` exists in the package (trust-N16).

The command line is no way out: it talks to the running server over the data folder's private socket, and its demo
receiver only listens.
"""

from __future__ import annotations

import ast
from pathlib import Path

import machinami

PACKAGE = Path(machinami.__file__).parent
CLIENTS = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib", "urllib.request", "urllib3", "xmlrpc.client"}


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_http_clients_are_imported_by_the_outbound_adapter_only() -> None:
    importers = {
        path.relative_to(PACKAGE).parts[:2]
        for path in PACKAGE.rglob("*.py")
        if any(name == client or name.startswith(client + ".") for name in _imported(path) for client in CLIENTS)
    }
    assert importers - {("entrypoints", "cli")} == {("adapters", "outbound")}


def test_the_command_line_connects_to_the_private_socket_only() -> None:
    for path in (PACKAGE / "entrypoints" / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ClientSession":
                made = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "connector"]
                assert [one.partition("(")[0] for one in made] == ["aiohttp.UnixConnector"], path
