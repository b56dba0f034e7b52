"""The stack of deploy/compose.yml without containers: its gateway configuration and its Traefik configuration as they stand there, on real programs.

Only what containers would provide is exchanged: addresses, ports, the folder of secrets, and a certificate that the test's browser trusts.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.browser import Browser, Page
from tests.certificates import Authority, Issued
from tests.gateways import PASSWORD, Gateway
from tests.proxies import built, exchanged
from tests.servers import Postgres, Process, Redis, free_port, listens
from tests.upstreams import EchoUpstream

COMPOSE = Path(__file__).resolve().parents[3] / "deploy" / "compose"
DOMAIN = "example.test"
AUTH, APP = f"https://auth.{DOMAIN}", f"https://app.{DOMAIN}"


class Traefik(Process):
    """compose/traefik, in front of a gateway and an application."""

    name = "traefik"

    def __init__(self, gateway: int, application: str, certificate: Issued) -> None:
        super().__init__()
        self._program = built("traefik", "go.sum")
        self._trust = ssl.create_default_context(cafile=str(certificate.authority))
        self.port, self.plain_port, self.ping_port = free_port(), free_port(), free_port()
        dynamic = exchanged(
            (COMPOSE / "traefik" / "dynamic.yml").read_text(),
            {"http://gateway:8080": f"http://127.0.0.1:{gateway}", "http://application:8080": application},
        )
        files = f"{{certFile: {certificate.certificate}, keyFile: {certificate.key}}}"
        (self.folder / "dynamic.yml").write_text(f"{dynamic}\ntls:\n  certificates: [{files}]\n")
        ports = {'":443"': self.port, '":80"': self.plain_port, '"127.0.0.1:8081"': self.ping_port}
        static = exchanged(
            (COMPOSE / "traefik" / "traefik.yml").read_text(),
            {
                **{written: f'"127.0.0.1:{port}"' for written, port in ports.items()},
                "/etc/traefik/dynamic.yml": f"{self.folder}/dynamic.yml",
                "/certificates/": f"{self.folder}/",
            },
        )
        self._file = self.folder / "traefik.yml"
        self._file.write_text(static)

    def argv(self) -> Sequence[str]:
        return [self._program, f"--configfile={self._file}"]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "DOMAIN": DOMAIN, "CERT_RESOLVER": ""}

    def ready(self) -> bool:
        """It listens before it has read the dynamic configuration; from then on it has the certificate."""
        if not all(map(listens, (self.port, self.plain_port, self.ping_port))):
            return False
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=2) as plain,
                self._trust.wrap_socket(plain, server_hostname=f"app.{DOMAIN}"),
            ):
                return True
        except OSError:
            return False


@pytest.fixture(scope="module")
def application() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(redis_server: Redis, postgres_server: Postgres) -> Iterator[Gateway]:
    gateway = Gateway(environ={"DOMAIN": DOMAIN, "TRAEFIK_ADDRESS": "127.0.0.1"})
    text = (COMPOSE / "gateway" / "gateway.yml").read_text()
    config: dict[str, Any] = yaml.safe_load(text)
    config["server"] |= {"listen": f"127.0.0.1:{gateway.port}", "admin_listen": f"127.0.0.1:{gateway.admin_port}"}
    config["keys"] = gateway.config["keys"]
    config["session"] = {key: value for key, value in config["session"].items() if key != "store_password_file"} | {
        "store": redis_server.url_of(1001)
    }
    config["users"] = {"database": postgres_server.fresh()}
    gateway.config.clear()
    gateway.configure(config)
    assert gateway.run("db", "upgrade").returncode == 0
    with gateway:
        gateway.add_user("ann@example.com", groups=["admins"])
        gateway.add_user("bob@example.com")
        yield gateway


@pytest.fixture(scope="module")
def traefik(gateway: Gateway, application: EchoUpstream, authority: Authority) -> Iterator[Traefik]:
    with Traefik(gateway.port, application.url, authority.issue(f"auth.{DOMAIN}", f"app.{DOMAIN}")) as running:
        yield running


@pytest.fixture
async def person(traefik: Traefik, authority: Authority) -> AsyncIterator[Browser]:
    trust: ssl.SSLContext = authority.context()
    async with Browser(APP, ports={443: traefik.port, 80: traefik.plain_port}, trust=trust) as browser:
        yield browser


async def log_in(person: Browser, email: str, url: str) -> Page:
    login = await person.get(url, follow=True)
    assert str(login.url).startswith(f"{AUTH}/_auth/login?")
    return await person.submit(login.form, email=email, password=PASSWORD, follow=True)


def headers(page: Page) -> dict[str, str]:
    assert page.status == 200, page.text
    return {name.lower(): value for name, value in page.json()["headers"]}


async def test_a_stranger_logs_in_and_comes_back_to_where_they_were_going(person):
    page = await log_in(person, "ann@example.com", f"{APP}/page?of=2")
    assert str(page.url) == f"{APP}/page?of=2"
    seen = headers(page)
    assert seen["x-user-email"] == "ann@example.com"
    assert seen["x-user-groups"] == "admins"
    assert seen["x-gateway-jwt-assertion"].count(".") == 2
    assert "__Secure-gw" not in seen.get("cookie", "")


async def test_plain_http_leads_to_https(person, traefik):
    page = await person.get(f"http://app.{DOMAIN}/page?of=2")
    assert page.status in (301, 308)
    assert page.location == f"https://app.{DOMAIN}:{traefik.port}/page?of=2"


async def test_the_administration_is_for_administrators(person):
    assert (await log_in(person, "bob@example.com", f"{APP}/admin")).status == 403
    assert (await person.get(f"{APP}/")).status == 200


@pytest.mark.parametrize("spelling", ["X-User-Email", "x-user-email", "X_User_Email", "X.User.Email"])
async def test_nobody_says_who_they_are(person, spelling):
    seen = headers(await person.get(f"{APP}/health", headers={spelling: "ann@example.com"}))
    assert [value for name, value in seen.items() if re.sub(r"[._]", "-", name) == "x-user-email"] in ([], [""])


async def test_nobody_chooses_what_is_judged(person):
    spoofed = {"X-Forwarded-Uri": "/health", "X-Forwarded-Method": "OPTIONS", "X-Original-URL": f"{APP}/health", "X-Forwarded-Host": "elsewhere.test"}
    page = await person.get(f"{APP}/page", headers=spoofed)
    assert page.status == 303
    assert page.location is not None
    assert page.location.startswith(f"{AUTH}/_auth/login?")


@pytest.mark.parametrize("url", [f"{APP}/_auth/check/traefik", f"{AUTH}/_auth/check/traefik", f"{AUTH}/_auth/check/nginx"])
async def test_nobody_asks_for_checks_but_the_proxy(person, url):
    spoofed = {"X-Original-URL": f"{APP}/health", "X-Original-Method": "GET"}
    assert (await person.get(url, headers=spoofed)).status == 404


async def test_logging_out_ends_it(person):
    await log_in(person, "ann@example.com", f"{APP}/page")
    asked = await person.get(f"{AUTH}/_auth/logout")
    await person.submit(asked.form, follow=True)
    assert (await person.get(f"{APP}/page")).status == 303


async def test_an_unknown_host_gets_nothing(person):
    assert (await person.get(f"{APP}/", headers={"Host": f"other.{DOMAIN}"})).status == 404
