"""Data kept with sessions that two gateways share, on a real Redis."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from redis import Redis as Connection

from bench.commands import calls
from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.core.identity import State
from gateway.crypto.sealing import open_cookie
from gateway.crypto.tokens import sha256
from gateway.services.records import Records
from gateway.stores.redis import RedisSessionStore, open_redis
from tests.functional.api.client import Client, Reply
from tests.gateways import PASSWORD, Gateway
from tests.redises import Cluster, Watched
from tests.servers import Redis, wait_until

PATH = "/session/data/"
CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.1/32"]},
    "session": {"data": {"enabled": True}},
    "login": {"throttle": {"per_ip": "500/1m"}},
    "users": {"password": {"argon2": {"memory": "64KiB", "time": 1, "parallelism": 1}}},
}
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "sessions.md"


class Pair:
    """Two gateways with one Redis and one database; whoever is logged in asks either."""

    def __init__(self, first: Gateway, second: Gateway) -> None:
        self.gateways = (first, second)
        self.clients = [Client(gateway, "/_auth/api", "198.51.100.7") for gateway in self.gateways]

    def log_in(self, email: str = "ann@example.com", **more: Any) -> None:
        self.cookie = self.clients[0].log_in(email, PASSWORD, **more).cookie

    @property
    def cookie(self) -> str:
        assert self.clients[0].cookie is not None
        return self.clients[0].cookie

    @cookie.setter
    def cookie(self, value: str) -> None:
        for client in self.clients:
            client.cookie = value

    def member(self) -> str:
        """The session's name in Redis."""
        snapshot = make_snapshot(load(self.gateways[0].config_file, {}))
        ticket = open_cookie(snapshot.keys, snapshot.cookie.name, self.cookie.partition("=")[2])
        assert ticket is not None
        return sha256(ticket.id).hex()


def start(store: str, **session: Any) -> tuple[Gateway, Gateway]:
    first = Gateway(CONFIG | {"session": {**CONFIG["session"], "store": store, **session}})
    first.configure({"users": {"database": f"sqlite:///{first.folder}/users.db"}})
    assert first.run("db", "upgrade").returncode == 0
    first.add_user("ann@example.com")
    shared = {name: first.config[name] for name in ("keys", "session", "users")}
    return first, Gateway(CONFIG | shared)


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture(scope="module")
def gateways(server: Redis) -> Iterator[tuple[Gateway, Gateway]]:
    """For tests that leave them as they were."""
    first, second = start(server.url)
    with first, second:
        yield first, second


@pytest.fixture
def pair(gateways: tuple[Gateway, Gateway]) -> Pair:
    pair = Pair(*gateways)
    pair.log_in()
    return pair


@pytest.fixture
def redis(server: Redis) -> Iterator[Connection]:
    with Connection.from_url(server.url) as connection:
        yield connection


def _told(reply: Reply) -> tuple[int, Any]:
    return reply.status, reply.json()


def test_parallel_patches_lose_nothing(pair: Pair):
    """Eight clients count in fields of their own and in one that they share, without and with a condition. Who is told 409 or 412 sends again."""
    clients, rounds = 8, 12
    everybody = Barrier(clients, timeout=30)
    pair.clients[0].send("PUT", PATH, {"total": 0})
    contended = []

    def own(client: Client, number: int, value: int) -> None:
        while (reply := client.send("PATCH", PATH, {f"client {number}": {str(value): value}})).status == 409:
            contended.append(reply.status)
        assert reply.status == 200, reply.body

    def shared(client: Client, *, together: bool) -> None:
        while True:
            seen = client.get(PATH)
            if together:
                everybody.wait()
                together = False
            reply = client.send("PATCH", PATH, {"total": seen.json()["total"] + 1}, headers={"If-Match": seen.headers["ETag"]})
            if reply.status == 200:
                return
            contended.append(reply.status)
            assert reply.status in (409, 412), reply.body

    def work(number: int) -> None:
        for value in range(rounds):
            own(pair.clients[(number + value) % 2], number, value)
            shared(pair.clients[(number + value + 1) % 2], together=value == 0)

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    everything = {f"client {number}": {str(value): value for value in range(rounds)} for number in range(clients)}
    reply = pair.clients[1].get(PATH)
    assert reply.json() == {"total": clients * rounds, **everything}
    assert reply.headers["ETag"] == f'"{1 + 2 * clients * rounds}"', "every change has a revision of its own"
    assert contended.count(412) >= clients - 1, "they were in each other's way"


def test_redis_sees_none_of_it_and_keeps_it_as_long_as_the_session_may_last(pair: Pair, redis: Connection):
    pair.log_in(remember=True)
    assert pair.clients[0].send("PUT", PATH, {"secret key": "a secret value"}).status == 200
    assert _told(pair.clients[1].get(PATH)) == (200, {"secret key": "a secret value"})
    key = f"gw:d:{pair.member()}"
    assert 30 * 86400 < redis.pttl(key) / 1000 <= 30 * 86400 + 60
    for one in redis.scan_iter("*"):
        assert b"secret" not in bytes(one) + (redis.dump(one) or b"")
    assert "a secret value" not in pair.gateways[0].log() + pair.gateways[1].log()


def test_a_logout_ends_it_for_both(pair: Pair, redis: Connection):
    pair.clients[0].send("PUT", PATH, {"a": 1})
    assert pair.clients[1].get(PATH).json() == {"a": 1}
    cookie, key = pair.cookie, f"gw:d:{pair.member()}"
    assert redis.exists(key)
    assert pair.clients[1].post("/users/logout/").status == 200
    assert not redis.exists(key)
    wait_until(lambda: pair.clients[0].get(PATH).status == 401, "the other process hears of it")
    assert pair.clients[0].send("PUT", PATH, {"a": 2}).status == 401
    pair.log_in()
    assert _told(pair.clients[1].get(PATH)) == (200, {})
    pair.cookie = cookie
    assert pair.clients[1].send("PATCH", PATH, {"a": 3}).status == 401
    assert not redis.exists(key)


def test_commands_that_end_sessions_end_it(pair: Pair, redis: Connection):
    gateway, email = pair.gateways[0], "bob@example.com"
    gateway.add_user(email)
    for command in (["sessions", "revoke", "--user", email], ["sessions", "revoke", "--id"], ["users", "disable", email]):
        pair.log_in(email)
        assert pair.clients[0].send("PUT", PATH, {"a": 1}).status == 200
        member = pair.member()
        assert redis.exists(f"gw:d:{member}")
        ended = gateway.run(*command, *([member[:16]] if "--id" in command else []))
        assert (ended.returncode, redis.exists(f"gw:d:{member}")) == (0, 0), ended.stderr


def _is_refused(client: Client) -> bool:
    return client.get(PATH).status == 403


def test_an_account_that_expired_is_refused(pair: Pair):
    pair.gateways[0].add_user("carl@example.com")
    pair.log_in("carl@example.com")
    assert pair.clients[0].send("PUT", PATH, {"a": 1}).status == 200
    assert pair.gateways[0].run("users", "expire", "carl@example.com").returncode == 0
    for client in pair.clients:
        for method, body in (("GET", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
            wait_until(partial(_is_refused, client), "the process hears of it")
            reply = client.send(method, PATH, body)
            assert (reply.status, reply.error) == (403, "this account has expired")


async def test_an_account_that_is_not_verified_is_refused(pair: Pair, server: Redis):
    """No login makes such a session; what is refused elsewhere is refused here too."""
    snapshot, store = make_snapshot(load(pair.gateways[0].config_file, {})), RedisSessionStore(open_redis(server.url))
    records, member = Records(store, "gw:"), pair.member()
    record = await records.read(snapshot, member)
    assert record is not None
    identity = type(record.session.identity)(record.session.identity.user_id, "ann@example.com", "Ann", (), State.CREATED)
    session = type(record.session)(**{name: getattr(record.session, name) for name in record.session.__slots__} | {"identity": identity})
    await records.swap(snapshot, record, session, time.time())
    await store.close()
    wait_until(partial(_is_refused, pair.clients[1]), "the process hears of it")
    assert pair.clients[1].send("PUT", PATH, {}).error == "this account is not verified"


def test_rotation_keeps_it(server: Redis):
    first, second = start(server.url, rotate_every="1ms", rotate_grace="1ms")
    with first, second:
        pair = Pair(first, second)
        pair.log_in()
        cookies = {pair.cookie}
        for number in range(6):
            reply = pair.clients[number % 2].send("PATCH", PATH, {str(number): number})
            assert reply.status == 200
            if reply.cookies:
                pair.cookie = reply.cookie
                cookies.add(reply.cookie)
        assert len(cookies) > 2, "it rotates"
        assert pair.clients[0].get(PATH).json() == {str(number): number for number in range(6)}


def test_checks_ask_the_store_nothing_more(pair: Pair, server: Redis):
    """Neither are copies of the session dropped by changes of its data, nor does a check read them."""
    client = pair.clients[0]
    check = {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": f"localhost:{pair.gateways[0].port}",
        "X-Forwarded-Uri": "/",
    }
    pair.gateways[0].configure({"routes": [{"name": "all", "host": "*", "path": "/", "access": "login"}]})
    pair.gateways[0].reload()

    def checks() -> int:
        before = calls(server)
        assert [client.get("/check/traefik", base="/_auth", headers=check).status for _ in range(50)] == [200] * 50
        after = calls(server)
        return sum(after.get(name, 0) - before.get(name, 0) for name in ("get", "mget", "set", "evalsha", "del"))

    wait_until(lambda: client.get("/check/traefik", base="/_auth", headers=check).status == 200, "the route")
    wait_until(lambda: checks() == 0, "a copy")
    before = pair.gateways[0].admin("/metrics")[1]
    for number in range(20):
        assert pair.clients[1].send("PATCH", PATH, {"a": number}).status == 200
    assert checks() == 0
    after = pair.gateways[0].admin("/metrics")[1]
    pushed = re.compile(r'^gateway_session_copies_total\{event="invalidation"\} .*$', re.MULTILINE)
    assert pushed.findall(before) == pushed.findall(after) != []


@pytest.mark.parametrize("servers", [Cluster, Watched])
def test_a_cluster_and_sentinels_serve_it(servers: type[Cluster] | type[Watched]):
    with servers() as running:
        first, second = start(running.url)
        with first, second:
            pair = Pair(first, second)
            for _ in range(3):
                pair.log_in()
                for number in range(4):
                    assert pair.clients[number % 2].send("PATCH", PATH, {str(number): number}).status == 200
                assert pair.clients[1].get(PATH).json() == {str(number): number for number in range(4)}
                assert pair.clients[0].post("/users/logout/").status == 200


def test_the_documented_rights_are_enough_and_a_store_that_is_away_is_told():
    [line] = re.findall(r"^user gateway .*$", DOCUMENT.read_text(), re.MULTILINE)
    with Redis(acl=[line]) as server:
        first, second = start(f"redis://gateway:password@127.0.0.1:{server.port}/0")
        with first, second:
            pair = Pair(first, second)
            pair.log_in()
            wait_until(lambda: 'gateway_session_tracking{state="good"} 1.0' in first.admin("/metrics")[1], "tracking")
            assert pair.clients[0].send("PUT", PATH, {"a": 1}).status == 200
            assert pair.clients[1].send("PATCH", PATH, {"b": 1}).json() == {"a": 1, "b": 1}
            assert json.loads(first.run("sessions", "list", "--json").stdout)
            assert pair.clients[1].post("/users/logout/").status == 200
            pair.log_in()
            assert [one for one in first.log_lines() if one.get("level") == "warning" and "unknown" in one["message"]] == []
            server.stop()
            for method, body in (("GET", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
                reply = pair.clients[0].send(method, PATH, body)
                assert (reply.status, reply.headers["Retry-After"], reply.cookies) == (503, "5", []), method
