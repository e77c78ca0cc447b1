"""Static files under addresses that carry a content hash, so that a browser may keep them for a year (console.md 4.2).

`/static/<digest>/<path>`: the digest covers a whole group (own code, or the vendor folder), therefore relative imports
between ES modules need no rewriting and one changed file gives all of its group new addresses.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
UNPACKABLE: Final = frozenset({".woff2", ".png"})
FOREVER: Final = "public, max-age=31536000, immutable"
DIGEST_CHARACTERS: Final = 16


def digest_of(files: dict[str, Path]) -> str:
    """Hash over the names and contents of `files`, in order of name."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name].read_bytes()).digest())
    return total.hexdigest()[:DIGEST_CHARACTERS]


@dataclass(slots=True)
class StaticFiles:
    """The files of two folders' trees and the addresses they are served at.

    `own` holds what changes with Machinami (js, css, locale, base map), `vendor` what changes with a library.
    Packed copies are made on first use and kept: their number is the number of files.
    """

    own: dict[str, Path]
    vendor: dict[str, Path]
    digests: dict[str, str] = field(default_factory=dict)
    _packed: dict[Path, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.digests = {"own": digest_of(self.own), "vendor": digest_of(self.vendor)}

    def url(self, path: str) -> str:
        """The address of a file such as `js/app.js` or `vendor/lit/index.js`; an unknown one is a programming error."""
        if path not in self.own and path not in self.vendor:
            raise KeyError(path)
        return f"/static/{self.digests['vendor' if path in self.vendor else 'own']}/{path}"

    async def serve(self, request: Request) -> Response:
        """Answer a static address. An address of an earlier version is answered too, but not kept by the browser."""
        name = request.path_params["path"]
        path = self.own.get(name) or self.vendor.get(name)
        if path is None:
            raise HTTPException(404)
        current = request.path_params["digest"] == self.digests["vendor" if name in self.vendor else "own"]
        headers = {
            "Cache-Control": FOREVER if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        media_type = MEDIA_TYPES[path.suffix]
        packs = "gzip" in request.headers.get("accept-encoding", "") and "range" not in request.headers
        if packs and path.suffix not in UNPACKABLE:
            return Response(self._pack(path), headers={**headers, "Content-Encoding": "gzip"}, media_type=media_type)
        return FileResponse(path, headers=headers, media_type=media_type)

    def _pack(self, path: Path) -> bytes:
        if path not in self._packed:
            self._packed[path] = gzip.compress(path.read_bytes(), 6, mtime=0)
        return self._packed[path]


def collect(root: Path, locale: Path) -> StaticFiles:
    """All servable files below `root` (`vendor/` is its own group) and the message catalogues in `locale`."""
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file() and path.suffix in MEDIA_TYPES}
    vendor = {name: path for name, path in found.items() if name.startswith("vendor/")}
    own = {name: path for name, path in found.items() if name not in vendor}
    own |= {f"locale/{path.name}": path for path in locale.glob("*.json")}
    return StaticFiles(own, vendor)
