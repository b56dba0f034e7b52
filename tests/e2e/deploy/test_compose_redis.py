"""The Redis of deploy/compose.yml, started with that file's own command and configuration on this machine's Redis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis
import yaml

from tests.servers import Process, free_port, listens, require

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


class ComposeRedis(Process):
    """Containers' paths are led into the test's folder; nothing else is changed."""

    name = "redis"

    def __init__(self) -> None:
        super().__init__()
        require("redis-server")
        self.port = free_port()
        config = (DEPLOY / "compose" / "redis" / "redis.conf").read_text()
        (self.folder / "redis.conf").write_text(config.replace("dir /data", f"dir {self.folder}") + f"\nport {self.port}\nbind 127.0.0.1\n")
        (self.folder / "redis_password").write_text("a-password\n")
        service = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]["redis"]
        self.command = [
            part.replace("$$", "$").replace("/etc/redis", str(self.folder)).replace("/run/secrets", str(self.folder)) for part in service["command"]
        ]

    def argv(self) -> Sequence[str]:
        return self.command

    def ready(self) -> bool:
        return listens(self.port)

    def arguments(self) -> str:
        """What everybody on the machine sees in the process list."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/cmdline").read_text()


@pytest.fixture
def server():
    with ComposeRedis() as running:
        yield running


def test_nobody_comes_in_without_the_password(server):
    with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(port=server.port, password="a-password") as client:
        assert client.ping()


def test_the_password_is_in_no_process_list(server):
    assert re.match(r".*redis-server", server.arguments()), "the shell has given way to Redis, which therefore hears of docker stop"
    assert "a-password" not in server.arguments()


def test_no_session_is_lost_or_thrown_out(server):
    with redis.Redis(port=server.port, password="a-password", decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.set("session", "kept")
    server.stop()
    server.start()
    with redis.Redis(port=server.port, password="a-password", decode_responses=True) as client:
        assert client.get("session") == "kept"
