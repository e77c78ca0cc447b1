"""A broker that stores nothing, to run the conformance suite against: what passes here, passes for the wrong reason.

It knows no resource (404 ResourceNotFound), and every list is empty. Its figure stands in the conformance page as the floor.

Usage: python tools/conformance_floor.py [PORT]
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LISTS = frozenset(
    "entities types attributes subscriptions csourceRegistrations csourceSubscriptions jsonldContexts entityMaps".split()  # noqa: SIM905
)
NOTHING = {"type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "title": "There is nothing here.", "status": 404}


class Nothing(BaseHTTPRequestHandler):
    """Answers everything, keeps nothing."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        is_list = self.command == "GET" and urlsplit(self.path).path.rstrip("/").rpartition("/")[2] in LISTS
        body = json.dumps([] if is_list else NOTHING).encode()
        self.send_response(200 if is_list else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Nothing)
    print(f"http://127.0.0.1:{server.server_address[1]}/ngsi-ld/v1", flush=True)
    server.serve_forever()
