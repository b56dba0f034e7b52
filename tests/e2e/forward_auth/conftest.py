"""One gateway with one Redis and one application for a module, and each proxy in turn before them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certificates import Authority, Issued
from tests.e2e.forward_auth.stage import ANN, APP, AUTH, BOB, PROXIES, Application, gateway_of_recipes
from tests.gateways import Gateway
from tests.proxies import Proxy
from tests.servers import Redis


@pytest.fixture(scope="module")
def module_redis() -> Iterator[Redis]:
    """A Redis that tests of a module may stop."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(module_redis: Redis) -> Iterator[Gateway]:
    """The gateway of the recipes, with Ann, an administrator, and Bob."""
    with gateway_of_recipes(module_redis.url) as server:
        server.add_user(ANN, groups=["admins"], name="Ann")
        server.add_user(BOB)
        yield server


@pytest.fixture(scope="session")
def site_certificate(authority: Authority) -> Issued:
    return authority.issue(AUTH, APP)


@pytest.fixture(scope="module", params=list(PROXIES))
def proxy(request: pytest.FixtureRequest, gateway: Gateway, application: Application, site_certificate: Issued) -> Iterator[Proxy]:
    """Each recipe in turn."""
    with PROXIES[request.param](gateway.port, application.port, site_certificate) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_seen_yet(application: Application) -> None:
    """What the application was asked before this test is forgotten."""
    application.heads.clear()
