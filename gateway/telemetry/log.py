"""The log: what the process has to say about itself, one line an event, on standard error.

`text` is for people, `json` for machines. Third-party loggers speak from warning on whatever the level, because at debug they print statements
with their parameters, keys and whole requests. Tracebacks are indented, so that no message in one can pass for a line of the log.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Final, Literal, TextIO

from gateway.telemetry.escape import printable

Format = Literal["json", "text"]

#: Loggers that tell too much: parameters of statements, store keys, raw requests.
_TAMED: Final = ("aiohttp", "aiosqlite", "alembic", "asyncio", "asyncpg", "redis", "sqlalchemy")
_OURS: Final = "gateway"


def setup(form: Format, level: str, stream: TextIO) -> None:
    """Send every logger of this process to `stream`; `level` is one of debug, info, warning, error. May be called again after a reload."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.upper())
    for name in _TAMED:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _frames(record: logging.LogRecord) -> list[str]:
    """The traceback as escaped lines. Locals are never shown."""
    if record.exc_info is None or record.exc_info[1] is None:
        return []
    text = "".join(traceback.format_exception(record.exc_info[1]))
    return [printable(line) for line in text.splitlines()]


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z warning gateway.server: what happened`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and an indented one for every line of a traceback."""
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}: {printable(record.getMessage())}"
        return "\n".join([line, *(f"    | {frame}" for frame in _frames(record))])


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """Keys: kind, time, level, logger, message, and trace where there is one."""
        fields: dict[str, object] = {
            "kind": "log",
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        frames = _frames(record)
        if frames:
            fields["trace"] = frames
        return json.dumps(fields)
