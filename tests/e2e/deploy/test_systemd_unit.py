"""deploy/systemd as systemd itself reads it, and what it forbids tried on a real gateway."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.servers import give_up, require

UNIT = Path(__file__).resolve().parents[3] / "deploy" / "systemd" / "auth-gateway.service"
#: systemd's own scale: below 2 is "OK", 10 is a service that may do anything.
EXPOSURE = 1.2


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with programs that this machine has instead of the installed gateway."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/auth-gateway/bin/gateway", "/bin/true"))
    return copy


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require("systemd-analyze"), *map(str, arguments)], capture_output=True, text=True, timeout=50, check=False)


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def seconds(text: str) -> int:
    assert re.fullmatch(r"\d+s", text)
    return int(text[:-1])


def test_systemd_understands_every_line(unit):
    done = analyze("verify", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_little_that_is_exposed(unit):
    done = analyze("security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for auth-gateway.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE, done.stdout


def test_there_is_time_to_end_well():
    config = (UNIT.parent / "gateway.yml").read_text()
    needed = sum(int(found) for found in re.findall(r"^  shutdown_(?:delay|grace): (\d+)s", config, re.MULTILINE))
    assert seconds(values("TimeoutStopSec")[0]) > needed + 5


def test_wrong_configuration_is_not_tried_again_and_a_reload_is_checked_first():
    assert values("RestartPreventExitStatus") == ["2"]
    check, hang_up = values("ExecReload")
    assert " check " in check
    assert hang_up.endswith("kill -HUP $MAINPID")


#: NoNewPrivileges=yes (PR_SET_NO_NEW_PRIVS) and MemoryDenyWriteExecute=yes (PR_SET_MDWE, which Linux has since 6.3), then the program.
_CONFINE = """
import ctypes, os, sys
kernel = ctypes.CDLL(None)
if kernel.prctl(38, 1, 0, 0, 0) or kernel.prctl(65, 1, 0, 0, 0):
    sys.exit(1)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Confined(Gateway):
    """A gateway whose memory is never both writable and executable, and which can gain no privileges."""

    def argv(self) -> Sequence[str]:
        return [sys.executable, "-c", _CONFINE, *super().argv()]


@pytest.fixture
def confinable() -> None:
    if subprocess.run([sys.executable, "-c", _CONFINE, "/bin/true"], check=False).returncode:
        give_up("this kernel cannot deny memory that is written and executed (Linux 6.3)")


@pytest.mark.usefixtures("confinable")
async def test_logging_in_needs_no_memory_that_is_written_and_executed(echo_upstream, browser: Browser):
    """uvloop, argon2, cffi and cryptography are native code; none of them makes code while it runs."""
    app = {"name": "app", "host": "*", "path": "/", "upstream": echo_upstream.url, "access": "login"}
    with Confined({"routes": [app]}) as gateway:
        gateway.add_user("ann@example.com")
        login = await browser.get(gateway.url + "/page", headers={"Sec-Fetch-Mode": "navigate"}, follow=True)
        page = await browser.submit(login.form, email="ann@example.com", password=PASSWORD, follow=True)
        assert page.status == 200
        assert "ann@example.com" in page.text
