"""What scenario tests share: a real server process, a plain HTTP client, a webhook receiver, and waiting."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

REPOSITORY = Path(__file__).parents[2]
MACHINAMI = str(Path(sys.executable).parent / "machinami")
WAIT_S = 20.0
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def until[T](question: Callable[[], T], what: str = "", seconds: float = WAIT_S) -> T: ...
