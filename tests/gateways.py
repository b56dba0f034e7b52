"""The gateway as an operator runs it: `python -m gateway serve --config FILE` in a process of its own, and the other commands beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.servers import Process, free_port

#: What a login needs, for accounts made by add_user().
PASSWORD = "correct horse battery staple"

_REPOSITORY = Path(__file__).resolve().parent.parent


class Gateway(Process):
    """A gateway with a configuration: sections given here are merged over the smallest one that serves.

        with Gateway({"routes": [{"name": "app", "host": "*", "path": "/", "upstream": upstream.url, "access": "login"}]}) as gateway:
            gateway.add_user("ann@example.com", groups=["admins"])

    Unless `config` says otherwise: plain HTTP on a free loopback port, public_url http://localhost:<port>, memory sessions, an SQLite database in the
    folder, a key of its own, JSON log. `environ` is added to the process's environment.
    """

    name = "gateway"

    def __init__(self, config: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.port = free_port()
        self.admin_port = free_port()
        self.config_file = self.folder / "gateway.yml"
        self._environ = dict(environ or {})
        self.config: dict[str, Any] = {
            "server": {
                "listen": f"127.0.0.1:{self.port}",
                "admin_listen": f"127.0.0.1:{self.admin_port}",
                "public_url": f"http://localhost:{self.port}",
            },
            "log": {"format": "json"},
            "keys": [{"id": "test", "secret": self.run("keys", "generate", config=False).stdout.strip()}],
            "session": {"store": "memory://"},
            "users": {"database": "sqlite:///users.db"},
        }
        self.configure(config or {})

    def configure(self, sections: Mapping[str, Any]) -> None:
        """Merge `sections` into the configuration and write it. A running gateway notices by itself, or at reload()."""
        _merge(self.config, sections)
        partial = self.config_file.with_suffix(".new")
        partial.write_text(yaml.safe_dump(self.config, sort_keys=False))
        partial.replace(self.config_file)  # in one step: whoever watches never reads half a file

    def argv(self) -> Sequence[str]:
        return [sys.executable, "-m", "gateway", "serve", "--config", str(self.config_file)]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PATH": os.environ["PATH"], "PYTHONPATH": str(_REPOSITORY), **self._environ}  # noqa: TID251 - passed on

    def ready(self) -> bool:
        return self.admin("/readyz")[0] == 200

    @property
    def url(self) -> str:
        """Where browsers reach it."""
        return str(self.config["server"]["public_url"])

    def admin(self, path: str) -> tuple[int, str]:
        """Status and body of `path` on the admin listener; status 0 while nobody answers there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def run(self, *arguments: str, stdin: str = "", config: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of the gateway with this configuration; the caller judges its exit status."""
        command = [sys.executable, "-m", "gateway", *arguments, *(["--config", str(self.config_file)] if config else [])]
        return subprocess.run(
            command, cwd=self.folder, env=dict(self.environ()), input=stdin, capture_output=True, text=True, timeout=50, check=False
        )

    def add_user(self, email: str, password: str = PASSWORD, *, groups: Sequence[str] = (), name: str | None = None) -> None:
        """An account that can log in. The database must be there: `run("db", "upgrade")`, or a gateway that was started once."""
        named = ["--name", name] if name else []
        done = self.run(
            "users", "add", email, *named, *(part for group in groups for part in ("--group", group)), "--password-stdin", stdin=password + "\n"
        )
        assert done.returncode == 0, done.stderr

    def reload(self) -> None:
        """Ask it to read its configuration again."""
        self.signal(signal.SIGHUP)

    def stop(self, seconds: float = 30.0) -> int | None:
        """SIGTERM; a gateway that does not end with 0 fails the test."""
        code = super().stop(seconds)
        assert code in (0, None), f"the gateway ended with {code}:\n{self.log()[-4000:]}"
        return code

    def log_lines(self) -> list[dict[str, Any]]:
        """Its log, parsed; lines that are no JSON are left out."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]


def _merge(into: dict[str, Any], sections: Mapping[str, Any]) -> None:
    for key, value in sections.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
