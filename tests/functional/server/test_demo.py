"""`gateway demo`, from the first start to logging out."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.servers import Process, free_port, listens

_REPOSITORY = Path(__file__).resolve().parents[3]


class DemoProcess(Process):
    name = "demo"

    def __init__(self, folder: Path, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(folder)
        self.port = port
        self.host = host
        self._welcomes = self._count_welcomes()  # of an earlier start in the same folder

    def argv(self) -> Sequence[str]:
        return [sys.executable, "-m", "gateway", "demo", "--listen", f"{self.host}:{self.port}"]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PATH": os.environ["PATH"], "PYTHONPATH": str(_REPOSITORY)}  # noqa: TID251 - passed on

    def ready(self) -> bool:
        return listens(self.port) and self._count_welcomes() > self._welcomes

    def _count_welcomes(self) -> int:
        return self.log().count("Stop with Ctrl-C") if self.log_file.exists() else 0


async def test_the_demo_from_its_first_start_to_logging_out(tmp_path: Path):
    demo = DemoProcess(tmp_path, free_port())
    with demo:
        password = re.search(r"Password\s+(\S+-\S+-\S+-\S+)", demo.log())
        assert password is not None, demo.log()
        assert f"http://localhost:{demo.port}" in demo.log()
        assert stat.S_IMODE((tmp_path / "var" / "gateway.yml").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
        async with Browser(f"http://localhost:{demo.port}") as browser:
            page = await browser.get("/", follow=True)
            assert "/_auth/login" in str(page.url)
            page = await browser.submit(page.form, email="admin@demo.localhost", password=password[1], follow=True)
            assert page.status == 200
            for words in ("You are in", "X-User-Email", "admin@demo.localhost", "admins", "Event stream", "WebSocket"):
                assert words in page.text
            assert "gw=" not in page.text
            assert (await browser.get("/admin")).status == 200
            assert (await browser.get("/assets/demo.css")).status == 200
            events = await browser.get("/public")
            assert "empty" in events.text
            leaving = await browser.get("/_auth/logout")
            await browser.submit(leaving.form, follow=True)
            assert (await browser.get("/")).status == 303
    assert not listens(demo.port)


async def test_a_second_start_keeps_the_account(tmp_path: Path):
    with DemoProcess(tmp_path, free_port()):
        pass
    with DemoProcess(tmp_path, free_port()) as demo:
        assert f"users set-password admin@demo.localhost --config {Path('var') / 'gateway.yml'}" in demo.log()


def test_a_port_that_is_taken_has_a_way_out(tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with DemoProcess(folders[0], free_port()) as first:
        second = DemoProcess(folders[1], first.port)
        with pytest.raises(RuntimeError, match="ended with 3"):
            second.start()
        assert "--listen 127.0.0.1:" in second.log()
        assert re.search(r"the password is \S+-\S+", second.log()), "the account was made: its password must not be lost"


def test_the_demo_is_for_this_machine_only(tmp_path: Path):
    demo = DemoProcess(tmp_path, free_port(), "0.0.0.0")
    with pytest.raises(RuntimeError, match="ended with 2"):
        demo.start()
