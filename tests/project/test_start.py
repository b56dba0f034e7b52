"""What a command need not load it does not load: packages that cost a start its time and an idle process its memory.

Python tells of every import of a real process (PYTHONPROFILEIMPORTTIME), those that happen later included.
"""

from __future__ import annotations

import re

import pytest

from tests.gateways import Gateway

#: What a serving process loads only when somebody asks for what needs it, and who that is.
NOT_TO_SERVE = {
    "alembic": "an upgrade of the database",
    "mako": "an upgrade of the database",
    "pygments": "nobody",
    "sqlalchemy.orm": "nobody: the tables are plain",
    "sqlalchemy.ext": "nobody: see stores/sql/engine.py",
    "asyncpg": "accounts in PostgreSQL",
    "sqlalchemy.dialects.postgresql": "accounts in PostgreSQL",
    "jinja2": "the first page",
    "aiosmtplib": "the first letter",
    "prometheus_client.exposition": "the first look at the metrics",
    "jwt": "the first assertion",
    "email_validator": "the first login",
    "bcrypt": "a login with a hash from elsewhere",
    "zxcvbn": "nobody: see crypto/wordlists.py",
    "aiohttp.client": "nobody: see server/packages.py",
    "aiohttp.connector": "nobody",
    "redis.client": "nobody: see stores/redis/connect.py",
    "redis.cluster": "nobody",
    "redis.sentinel": "nobody",
    "redis.keyspace_notifications": "nobody",
    "gateway.cli.desk": "other commands",
    "gateway.cli.users": "other commands",
    "gateway.services.accounts": "other commands",
    "gateway.config.reference": "other commands",
    "gateway.config.schema": "other commands",
    "gateway.server.demo": "the demo",
    "gateway.server.supervisor.crew": "a supervisor",
}
#: What only serving and the stores need.
NOT_TO_READ = {
    "aiohttp",
    "uvloop",
    "sqlalchemy",
    "redis",
    "argon2",
    "httptools",
    "prometheus_client",
    "gateway.server",
}
_LINE = re.compile(r"import time:[^|]*\|[^|]*\| *(\S+)")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway({"routes": [{"name": "app", "host": "*", "path": "/", "access": "login"}]}, environ={"PYTHONPROFILEIMPORTTIME": "1"})


def loaded(log: str, packages: set[str]) -> set[str]:
    """Which of `packages` Python tells it imported, themselves or a part of them."""
    modules = set(_LINE.findall(log))
    assert "gateway.cli" in modules
    return {package for package in packages if any(f"{module}.".startswith(f"{package}.") for module in modules)}


def test_a_server_loads_only_what_serves(gateway: Gateway):
    assert gateway.run("db", "upgrade").returncode == 0
    with gateway:
        log = gateway.log()
    assert loaded(log, {"aiohttp", "sqlalchemy"}) == {"aiohttp", "sqlalchemy"}
    assert loaded(log, set(NOT_TO_SERVE)) == set()


@pytest.mark.parametrize("command", [("check",), ("config", "show"), ("explain", "--url", "http://localhost/")])
def test_what_only_reads_a_configuration_opens_nothing(gateway: Gateway, command: tuple[str, ...]):
    assert loaded(gateway.run(*command).stderr, NOT_TO_READ) == set()


def test_making_a_key_needs_no_configuration(gateway: Gateway):
    assert loaded(gateway.run("keys", "generate", config=False).stderr, {*NOT_TO_READ, "pydantic", "yaml", "asyncio"}) == set()
