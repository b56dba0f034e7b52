from __future__ import annotations

import asyncio
import io
import json
import logging
import os
from collections.abc import Iterator

import pytest

from gateway.telemetry.log import JsonFormatter, TextFormatter, setup
from gateway.telemetry.output import MOST_WAITING, Output


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Loggers are the process's own; they are put back as they were."""
    root = logging.getLogger()
    names = ["gateway", "aiohttp", "sqlalchemy", "redis", "aiosqlite", "asyncio", "alembic", "asyncpg"]
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in ["", *names]}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=False)


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, None)
    made = logging.LogRecord("gateway.server", logging.WARNING, __file__, 1, message, (), info)
    made.created, made.msecs = 1_800_000_000.25, 250.0
    return made


def test_text_is_one_line_an_event():
    assert TextFormatter().format(record("it happened")) == "2027-01-15T08:00:00.250Z warning gateway.server: it happened"


def test_a_message_cannot_forge_a_line():
    assert "\n" not in TextFormatter().format(record("a\n2027-01-15T08:00:00.250Z info    gateway: all is well"))
    assert "\x1b" not in TextFormatter().format(record("\x1b[2J"))


def test_a_traceback_cannot_either():
    lines = TextFormatter().format(record("failed", ValueError("x\n2027-01-15T08:00:00.250Z info    gateway: forged"))).split("\n")
    assert all(line.startswith("    | ") for line in lines[1:])


def test_json_is_parsed_back():
    said = json.loads(JsonFormatter().format(record('a "b"\nc', ValueError("d"))))
    assert (said["kind"], said["level"], said["message"]) == ("log", "warning", 'a "b"\nc')
    assert said["trace"] == ["ValueError: d"]


def test_third_parties_stay_quiet_at_debug(untouched_logging: None):
    stream = io.StringIO()
    setup("text", "debug", stream)
    logging.getLogger("gateway.server").debug("ours")
    for name in ("aiosqlite", "sqlalchemy.engine.Engine", "redis", "aiohttp.server", "asyncio", "asyncpg"):
        logging.getLogger(name).info("SELECT password_hash ...")
    logging.getLogger("somebody.else").info("chatter")
    assert stream.getvalue().count("\n") == 1
    assert "ours" in stream.getvalue()


async def test_lines_leave_together():
    read, write = os.pipe()
    os.set_blocking(read, False)
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(read, arrived.set)
    output = Output(write, loop)
    output.write("one")
    output.write("two")
    with pytest.raises(BlockingIOError):
        os.read(read, 100)
    await asyncio.wait_for(arrived.wait(), 5)
    loop.remove_reader(read)
    assert os.read(read, 100) == b"one\ntwo\n"
    output.write("three")
    output.flush()
    assert os.read(read, 100) == b"three\n"
    for number in range(MOST_WAITING):
        output.write(str(number % 10))
    assert len(os.read(read, 100_000)) == 2 * MOST_WAITING
    os.close(read)
    output.write("nobody reads this")
    output.flush()
    os.close(write)
