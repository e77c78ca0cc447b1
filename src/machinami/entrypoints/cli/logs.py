"""Structured logs: JSON lines on standard error for programs, readable lines on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

ORDINARY: Final = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"))


class JsonLines(logging.Formatter):
    """One JSON object per record: what happened, what was given as `extra`, and a whole traceback as one text."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(facts(self, record), ensure_ascii=False, default=str)


class ReadableLines(logging.Formatter):
    """Time, level and what happened; a traceback stands below."""

    def format(self, record: logging.LogRecord) -> str:
        told = facts(self, record)
        story = told.pop("exception", "")
        head = f"{told.pop('timestamp')} {told.pop('level'):<8} {told.pop('event')}"
        return "\n".join(filter(None, (" ".join([head, *(f"{name}={value}" for name, value in told.items())]), story)))


def facts(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    """All that a record says."""
    told = {name: value for name, value in record.__dict__.items() if name not in ORDINARY}
    at = datetime.fromtimestamp(record.created, UTC).isoformat()
    told |= {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name, "timestamp": at}
    if record.exc_info:
        told["exception"] = formatter.formatException(record.exc_info)
    return told


def configure_logs(level: str) -> None:
    """Send the logs of all parts to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ReadableLines() if sys.stderr.isatty() else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
