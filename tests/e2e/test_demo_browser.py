"""`gateway demo` in a real Chromium: the printed login works, the application knows who it is, streams and sockets pass, logging out ends it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.chromium import Chromium
from tests.servers import Process, free_port, wait_until

_REPOSITORY = Path(__file__).resolve().parents[2]


class Demo(Process):
    name = "demo"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    def argv(self) -> Sequence[str]:
        return [sys.executable, "-m", "gateway", "demo", "--listen", f"127.0.0.1:{self.port}"]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PATH": os.environ["PATH"], "PYTHONPATH": str(_REPOSITORY)}  # noqa: TID251 - passed on

    def ready(self) -> bool:
        return "The demo is ready" in self.log()


def test_the_printed_login_leads_to_the_application_and_out_again(chromium: Chromium, tmp_path: Path):
    chromium.forget()
    chromium.complaints()
    chromium.size(1280, 900)
    driver = chromium.driver
    with Demo(tmp_path) as demo:
        printed = demo.log()
        address, email, password = (found[1] for word in (r"ready: ", r"E-mail +", r"Password +") if (found := re.search(word + r"(\S+)", printed)))
        driver.get(address)
        assert "/_auth/login" in driver.current_url
        driver.find_element(By.ID, "email").send_keys(email)
        driver.find_element(By.ID, "password").send_keys(password, Keys.ENTER)
        wait_until(lambda: driver.title == "Demo application", "the application")
        assert driver.current_url == f"{address}/"
        shown = driver.find_element(By.TAG_NAME, "main").text
        assert f"X-User-Email\n{email}" in shown
        assert "X-User-Groups\nadmins" in shown
        wait_until(lambda: re.fullmatch(r"\d\d:\d\d:\d\d", driver.find_element(By.ID, "clock").text), "an event from the stream")
        wait_until(lambda: driver.find_element(By.ID, "socket-state").text == "Connected", "the WebSocket")
        driver.find_element(By.ID, "text").send_keys("hello", Keys.ENTER)
        wait_until(lambda: "hello" in driver.find_element(By.ID, "said").text, "the echo")
        assert chromium.accessibility() == []

        driver.get(f"{address}/_auth/logout")
        driver.find_element(By.CSS_SELECTOR, "button").click()
        wait_until(lambda: driver.current_url == f"{address}/_auth/signed-out", "logged out")
        driver.get(address)
        assert "/_auth/login" in driver.current_url
        assert chromium.complaints() == []
