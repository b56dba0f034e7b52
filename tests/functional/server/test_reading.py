"""The configuration is read by a process of its own: what reads it is not in the memory of what serves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.errors import ConfigErrors
from gateway.config.fresh import read_fresh
from gateway.server.reading import CannotRead, program, read_again
from tests.functional.server.crews import alive, children
from tests.gateways import Gateway
from tests.servers import wait_until

READERS = ("pydantic", "yaml")
READ_FIRST = "import sys; from pathlib import Path; from gateway.server.reading import read_first; print(read_first(Path(sys.argv[1]), {}).fixed)"


def readers_in(pid: int) -> list[str]:
    """Compiled parts of what reads a configuration that the process has loaded."""
    return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if any(reader in line for reader in READERS)]


def sockets_of(pid: int) -> list[str]:
    """What the process holds open, as far as it is a socket."""
    names = [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return [name for name in names if name.startswith("socket:")]


@pytest.fixture
def gateway() -> Gateway:
    gateway = Gateway({"routes": [{"name": "app", "host": "*", "path": "/", "access": "login"}]})
    assert gateway.run("db", "upgrade").returncode == 0
    return gateway


def test_what_serves_has_not_loaded_what_reads_neither_at_the_start_nor_after_a_reload(gateway: Gateway):
    with gateway:
        assert readers_in(gateway.pid) == []
        gateway.configure({"pages": {"title": "Renamed"}})
        gateway.reload()
        wait_until(lambda: "the new configuration is in use (1 route)" in gateway.log(), "the reload")
        assert readers_in(gateway.pid) == []


async def test_what_another_process_read_is_what_is_read_here(gateway: Gateway):
    here, there = read_fresh(gateway.config_file, {}), await read_again(gateway.config_file, gateway.environ(), program())
    assert there.fixed == here.fixed
    assert there.files == here.files
    assert there.snapshot.places.public == here.snapshot.places.public
    assert there.snapshot.keys.keys == here.snapshot.keys.keys
    assert there.snapshot.routes.routes == here.snapshot.routes.routes


async def test_every_mistake_comes_back_from_there(gateway: Gateway):
    gateway.config_file.write_text("server: {lisen: 1}\nusers: {databas: x}\n")
    with pytest.raises(ConfigErrors) as here:
        read_fresh(gateway.config_file, {})
    with pytest.raises(ConfigErrors) as there:
        await read_again(gateway.config_file, gateway.environ(), program())
    assert there.value.problems == here.value.problems


async def test_a_reader_that_fails_is_told_and_nothing_is_taken(gateway: Gateway):
    with pytest.raises(CannotRead, match="ended with status"):
        await read_again(gateway.config_file, {**gateway.environ(), "PYTHONHOME": "/nowhere"}, program())


async def test_nothing_is_taken_from_another_version_of_the_program(gateway: Gateway):
    """It may have been installed and not been started yet; what it tells has another shape."""
    with pytest.raises(CannotRead, match="another version of the gateway is installed"):
        await read_again(gateway.config_file, gateway.environ(), "what was here at the start")


def test_a_reader_that_hangs_outlives_its_parent_without_keeping_its_sockets(tmp_path: Path):
    config = tmp_path / "gateway.yml"
    os.mkfifo(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        where = listening.getsockname()
        number = listening.fileno()
        with subprocess.Popen([sys.executable, "-c", READ_FIRST, str(config)], stderr=subprocess.PIPE, pass_fds=[number]) as parent:
            wait_until(lambda: len(children(parent.pid)) == 1, "the reader")
            (reader,) = children(parent.pid)
            wait_until(lambda: not sockets_of(reader), "its letting go")
            listening.close()
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(where).close()
            config.write_text("{}")  # now it has what it waited for, and nobody to tell
            assert parent.stderr is not None
            assert parent.stderr.read() == b""
    wait_until(lambda: not alive(reader), "its end")


def test_secrets_do_not_show(gateway: Gateway):
    gateway.configure({"session": {"store_password": "hush-hush-hush"}})
    shown = subprocess.run([sys.executable, "-c", READ_FIRST, str(gateway.config_file)], capture_output=True, text=True, check=True)
    assert "Fixed(" in shown.stdout
    assert "hush" not in shown.stdout + shown.stderr
