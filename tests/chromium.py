"""A real headless Chromium, and the accessibility checker axe-core in it.

Names below .test lead to 127.0.0.1. The browser talks to nobody else: what it does in the background is switched off.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.servers import give_up, require

#: Switched off: whatever would need a sandbox of its own (the tests may run as root), a screen, or the internet.
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
    "--password-store=basic",
    "--window-size=1280,900",
    "--lang=en",
)
_HERE = Path(__file__).resolve().parent


class Chromium:
    """`driver` is Selenium's. `hosts` are further rules as Chromium writes them (`MAP app.example.com:80 127.0.0.1:8080`)."""

    def __init__(self, *, hosts: Sequence[str] = (), arguments: Sequence[str] = (), trust_any_certificate: bool = False) -> None:
        self._profile = tempfile.mkdtemp(prefix="gateway-test-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = require("chromium")
        rules = ",".join([*hosts, "MAP *.test 127.0.0.1"])
        own = [f"--user-data-dir={self._profile}", f"--host-resolver-rules={rules}"]
        for argument in (*_QUIET, *own, *arguments, *(["--ignore-certificate-errors"] if trust_any_certificate else [])):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._options = options
        self._driver: webdriver.Chrome | None = None

    @property
    def driver(self) -> webdriver.Chrome:
        assert self._driver is not None, "use it as a context manager"
        return self._driver

    def __enter__(self) -> Self:
        service = Service(require("chromedriver"), env={**os.environ, "HOME": self._profile})  # noqa: TID251 - passed on
        self._driver = webdriver.Chrome(options=self._options, service=service)
        self._driver.set_page_load_timeout(20)
        self._driver.set_script_timeout(30)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.driver.quit()
        finally:
            shutil.rmtree(self._profile, ignore_errors=True)

    def forget(self) -> None:
        """An empty profile's state: no cookie of any host, no page."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def forced_colours(self) -> None:
        """Few colours of the system's own, as Windows offers to people who see little; `colours` ends it."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "forced-colors", "value": "active"}]})

    def size(self, width: int, height: int) -> None:
        """The size of the page in CSS pixels; a phone is 360 by 740."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def complaints(self) -> list[str]:
        """What the console said since the last call: errors of scripts, of the content security policy, of missing files."""
        entries: list[Mapping[str, Any]] = self.driver.get_log("browser")
        return [f"{entry['level']}: {entry['message']}" for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def accessibility(self) -> list[str]:
        """What axe-core finds wrong on the present page: rule, elements and how to mend it. Empty is good."""
        if self.driver.execute_script("return !window.axe"):  # half a megabyte: once a page is enough
            self.driver.execute_script(_axe())
        found = self.driver.execute_async_script(_RUN_AXE)
        if isinstance(found, str):
            raise AssertionError(f"axe-core failed: {found}")
        return [f"{one['id']} ({one['impact']}): {one['help']}: {'; '.join(node['html'] for node in one['nodes'])}" for one in found]


_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations), failure => done(String(failure)));
"""


@functools.cache
def _axe() -> str:
    """The checker's script, from the cache that scripts/fetch-axe fills. Missing: `give_up()`."""
    lock = hashlib.sha256((_HERE / "axe" / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # noqa: TID251 - as scripts/fetch-axe does
    script = cache / "auth-gateway" / f"axe-{lock}" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        give_up("axe-core is not there: run scripts/fetch-axe (packages nodejs and npm)")
    return script.read_text()
