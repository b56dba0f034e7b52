"""Fixtures that several folders share: the servers (one of each for a run, a fresh database of it for a test), the clock, the browsers."""

from __future__ import annotations

import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from types import FrameType
from typing import Any

import pytest

from tests.browser import Browser
from tests.certificates import Authority
from tests.chromium import Chromium
from tests.gateways import Gateway
from tests.mailserver import MailServer
from tests.samples import SettableClock
from tests.servers import Postgres, Redis
from tests.upstreams import EchoUpstream

_DATABASES = itertools.count(1)


def pytest_configure() -> None:
    """SIGTERM ends the tests as Ctrl-C does: fixtures are torn down and servers stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture
def clock() -> SettableClock:
    """Stands still until the test moves it."""
    return SettableClock()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """One Redis for the run. A test that stops or pauses a Redis starts its own."""
    with Redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """An empty numbered database of its own."""
    return redis_server.url_of(next(_DATABASES))


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that this test may stop, pause and restart."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the run. A test that stops or pauses one starts its own."""
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A new, empty database of its own."""
    url = postgres_server.fresh()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., Gateway]]:
    """Start gateways; each is stopped at the end, and must end with 0."""
    with ExitStack() as running:

        def start(config: Mapping[str, Any] | None = None, **options: Any) -> Gateway:
            return running.enter_context(Gateway(config, **options))

        yield start


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A real mail server that takes everything until the test says otherwise; its `url` is for `mail.url`."""
    with MailServer() as server:
        yield server


@pytest.fixture
def echo_upstream() -> Iterator[EchoUpstream]:
    """An upstream that tells as JSON what it was asked."""
    with EchoUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Makes certificates that the tests' clients can be told to trust."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """An HTTP client that knows forms and cookies."""
    async with Browser() as client:
        yield client


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A real headless Chromium for the run; names below .test lead to 127.0.0.1. Begin with `chromium.forget()`."""
    with Chromium() as browser:
        yield browser
