"""Accounts that two gateways share: one account an address, one use of a code, one count of failures. On SQLite and PostgreSQL, with a real Redis."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as Connection

from tests.functional.api.client import Client, Reply
from tests.gateways import PASSWORD, Gateway
from tests.mailserver import code_in
from tests.servers import Redis, wait_until

API = "/_auth/api"
CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.1/32"]},
    "login": {"throttle": {"per_ip": "500/1m", "per_account_delay_after": 50, "per_account_stop_after": 6}},
}


class Pair:
    """Two gateways with one database, one Redis and one spool folder for mail."""

    def __init__(self, first: Gateway, second: Gateway, spool: Path) -> None:
        self.first = first
        self._clients = [Client(gateway, API, "198.51.100.7") for gateway in (first, second)]
        self._spool = spool

    def both(self, times: int, ask: Callable[[Client], Reply]) -> list[int]:
        """The statuses of so many requests at once, by turns to each gateway."""
        with ThreadPoolExecutor(times) as threads:
            return sorted(reply.status for reply in threads.map(ask, [self._clients[number % 2] for number in range(times)]))

    def ask(self, ask: Callable[[Client], Reply]) -> list[int]:
        """The status that each gateway answers, one after the other."""
        return [ask(client).status for client in self._clients]

    def accounts(self) -> list[dict[str, Any]]:
        """Those that are in the database, but for the first."""
        listed = self.first.run("users", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        return [account for account in json.loads(listed.stdout) if account["email"] != "ann@example.com"]

    def letters(self, recipient: str) -> list[Any]:
        """Messages in the spool."""
        messages = [message_from_bytes(path.read_bytes(), policy=default) for path in self._spool.glob("*") if not path.name.startswith(".")]
        return [message for message in messages if recipient in str(message["To"])]


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, own_redis: Redis) -> Iterator[Pair]:
    database = f"sqlite:///{tmp_path}/users.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    shared: dict[str, Any] = {
        "session": {"store": own_redis.url},
        "users": {"database": database, "signup": {"enabled": True}, "password": {"argon2": {"memory": "64KiB", "time": 1, "parallelism": 1}}},
        "mail": {"url": f"spool:{tmp_path}/spool", "from": "gateway@example.com"},
    }
    first = Gateway(CONFIG | shared)
    assert first.run("db", "upgrade").returncode == 0
    first.add_user("ann@example.com")
    second = Gateway(CONFIG | shared | {"keys": first.config["keys"]})
    with first, second:
        yield Pair(first, second, tmp_path / "spool")


def _register(client: Client, email: str) -> Reply:
    return client.post("/users/register/", {"email": email, "first_name": "Nora", "last_name": "North", "password": PASSWORD})


def test_sign_ups_of_one_address_at_once_are_one_account(pair: Pair):
    assert pair.both(12, lambda client: _register(client, "Nora@example.com")) == [202] * 12
    (nora,) = pair.accounts()
    assert (nora["email"], nora["state"]) == ("Nora@example.com", "created")
    wait_until(lambda: len(pair.letters("Nora@example.com")) == 3, "three letters an hour are sent, however many ask")
    assert {str(letter["Subject"]) for letter in pair.letters("Nora@example.com")} == {str(pair.letters("Nora@example.com")[0]["Subject"])}


def test_a_code_is_used_once_by_whichever_process(pair: Pair):
    email = "olga@example.com"
    assert pair.both(1, lambda client: _register(client, email)) == [202]
    wait_until(lambda: pair.letters(email), "the letter comes")
    (letter,) = pair.letters(email)
    (olga,) = pair.accounts()
    activation = {"token": code_in(letter)}
    assert pair.both(8, lambda client: client.send("PUT", f"/users/activate/{olga['id']}/", activation)) == [200] + [422] * 7
    assert pair.accounts()[0]["state"] == "verified"


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
def test_failures_are_counted_together_and_outlive_the_session_store(pair: Pair, own_redis: Redis, email: str):
    def log_in(client: Client, password: str = "a wrong password") -> Reply:
        return client.post("/users/login/", {"email": email, "password": password})

    assert pair.both(12, log_in) == [401] * 6 + [429] * 6
    with Connection.from_url(own_redis.url) as connection:
        connection.flushall()
    assert pair.ask(log_in) == pair.ask(lambda client: log_in(client, PASSWORD)) == [429, 429]
    if email == "ann@example.com":
        assert pair.first.run("users", "enable", email).returncode == 0
        assert pair.ask(lambda client: log_in(client, PASSWORD)) == [200, 200]
