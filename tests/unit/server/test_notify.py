from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.server.beat import watched
from gateway.server.notify import Systemd, systemd_of


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(5)
        yield bound


def environ(ear: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": ear.getsockname(), **more}


def test_ready_is_said_once_and_in_full(ear):
    systemd_of(environ(ear)).ready()
    assert ear.recv(100) == b"READY=1"


def test_a_name_in_the_abstract_namespace_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(f"\0gateway-test-{os.getpid()}")
        bound.settimeout(5)
        Systemd(f"@gateway-test-{os.getpid()}").ready()
        assert bound.recv(100) == b"READY=1"


async def test_life_is_told_often_enough_and_then_the_end(ear):
    loop = asyncio.get_running_loop()
    ear.setblocking(False)
    async with watched(systemd_of(environ(ear, WATCHDOG_USEC="20000", WATCHDOG_PID=str(os.getpid())))):
        assert [await loop.sock_recv(ear, 100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    heard = b"WATCHDOG=1"
    while heard == b"WATCHDOG=1":
        heard = await loop.sock_recv(ear, 100)
    assert heard == b"STOPPING=1"


@pytest.mark.parametrize(
    "more",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}],
    ids=["none", "zero", "words", "another's"],
)
async def test_a_watchdog_that_was_not_asked_for_hears_nothing(ear, more):
    async with watched(systemd_of(environ(ear, **more))):
        await asyncio.sleep(0)
    assert ear.recv(100) == b"STOPPING=1"


async def test_after_an_upgrade_the_new_program_is_the_service(ear):
    systemd = systemd_of(environ(ear))
    async with watched(systemd):
        systemd.replaced_by(4711)
    systemd.ready()
    assert ear.recv(100) == b"MAINPID=4711\nREADY=1"
    ear.setblocking(False)
    with pytest.raises(BlockingIOError):
        ear.recv(100)


async def test_nobody_and_somebody_gone_stop_nothing(tmp_path):
    for systemd in (systemd_of({}), Systemd(""), Systemd(str(tmp_path / "gone"), 60.0), Systemd("x" * 500)):
        async with watched(systemd):
            systemd.ready()


def test_one_that_does_not_read_holds_nothing_up(ear):
    systemd = systemd_of(environ(ear))
    for _ in range(10_000):
        systemd.ready()
    assert ear.recv(100) == b"READY=1"
