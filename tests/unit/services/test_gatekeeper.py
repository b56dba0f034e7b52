"""Admission: the same people, the same rules, seen through `admit` (DESIGN 1.6, 1.8, 2.1)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import jwt
import pytest

from gateway.core.access import Effect, QueryCriterion, Rule
from gateway.core.answer import Fail, Pass, Problem, Redirect
from gateway.core.facts import Facts, Surface
from gateway.core.globs import Glob
from gateway.core.headers import encode_value
from gateway.core.identity import State
from gateway.crypto.assertion import jwks
from gateway.services.audit import Audit
from gateway.services.gatekeeper import Admission, Gatekeeper
from gateway.services.introductions import Introductions
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Sessions
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from tests.samples import DENY, LOGIN, OPTIONAL, PUBLIC, SettableClock, sample_account, sample_facts, sample_ring, sample_route, sample_snapshot

ADMINS = Rule(Effect.MEMBERS, "gateway.yml:5", groups=frozenset({"admins"}))


class CountingStore(MemorySessionStore):
    """Counts reads, and can be away."""

    reads = 0
    away = False

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        if self.away:
            raise StoreAway("away")
        return await super().get(key)


class World:
    def __init__(self) -> None:
        self.clock = SettableClock()
        self.store = CountingStore(self.clock)
        records = Records(self.store, "gw:")
        self.sessions = Sessions(records, Renewal(records, self.clock), Audit(lambda line: None, self.clock), self.clock)
        self.gatekeeper = Gatekeeper(self.sessions, Introductions(self.clock))
        self.snapshot = sample_snapshot(
            sample_route("wiki", "/", LOGIN),
            sample_route("open", "/public", PUBLIC),
            sample_route("maybe", "/maybe", OPTIONAL),
            sample_route("never", "/never", DENY),
            sample_route("admin", "/admin", Rule(Effect.PUBLIC, "gateway.yml:6", methods=frozenset({"OPTIONS"})), ADMINS, DENY),
            sample_route("nothing", "/nothing", upstream=None),
        )

    async def cookie(self, name: str = "ann", *groups: str, state: State = State.VERIFIED) -> str:
        return (await self.sessions.start(self.snapshot, sample_account(name, *groups, state=state), sample_facts(), remember=False)).cookie

    async def admit(self, facts: Facts, surface: Surface = Surface.PROXY, snapshot: Snapshot | None = None) -> Admission:
        return await self.gatekeeper.admit(snapshot or self.snapshot, facts, surface)


@pytest.fixture
def world() -> World:
    return World()


def headers(admission: Admission) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in admission.introduction.headers}


EMPTY = {"X-User-Id": "", "X-User-Email": "", "X-User-Name": "", "X-User-Groups": "", "X-Gateway-Jwt-Assertion": ""}


async def test_public_reads_no_store_and_sends_empty_identity(world: World) -> None:
    admission = await world.admit(sample_facts("/public/x", await world.cookie()))
    assert admission.answer == Pass()
    assert headers(admission) == EMPTY
    assert world.store.reads == 0


async def test_optional_sends_who_is_there_else_nobody(world: World) -> None:
    assert headers(await world.admit(sample_facts("/maybe"))) == EMPTY
    assert headers(await world.admit(sample_facts("/maybe", await world.cookie())))["X-User-Email"] == "ann@example.com"
    assert headers(await world.admit(sample_facts("/maybe", await world.cookie("eve", state=State.EXPIRED)))) == EMPTY


async def test_nobody_is_sent_to_the_login_of_the_same_host(world: World) -> None:
    admission = await world.admit(sample_facts("/a%20b?x=1&y=ä".replace("ä", "%C3%A4")))
    assert admission.answer == Redirect("/_auth/login?next=/a%2520b%3Fx%3D1%26y%3D%25C3%25A4")
    assert admission.introduction.headers == ()


async def test_with_a_cookie_domain_login_is_at_public_url(world: World) -> None:
    snapshot = sample_snapshot(sample_route(), domain="example.com")
    admission = await world.admit(sample_facts("/a"), snapshot=snapshot)
    assert admission.answer == Redirect("https://auth.example.com/_auth/login?next=https://wiki.example.com/a")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"navigating": False}, Fail(401, Problem.LOGIN_REQUIRED)),
        ({"upgrade": True, "passive": True}, Fail(401, Problem.LOGIN_REQUIRED)),
        ({"method": "POST"}, Fail(401, Problem.NOT_SENT, login_url="/_auth/login")),
        (
            {"method": "POST", "referer": "https://wiki.example.com/form?a=1"},
            Fail(401, Problem.NOT_SENT, login_url="/_auth/login?next=/form%3Fa%3D1"),
        ),
        ({"method": "POST", "referer": "https://evil.example/form"}, Fail(401, Problem.NOT_SENT, login_url="/_auth/login")),
    ],
)
async def test_who_is_not_browsing_gets_401(world: World, changes: dict[str, object], expected: Fail) -> None:
    assert (await world.admit(sample_facts("/")._replace(**changes))).answer == expected  # type: ignore[arg-type]


async def test_nginx_hears_only_what_it_understands(world: World) -> None:
    answer = (await world.admit(sample_facts("/a"), Surface.NGINX)).answer
    assert answer == Fail(401, Problem.LOGIN_REQUIRED, login_url="https://wiki.example.com/_auth/login?next=/a")
    for facts, status in [
        (sample_facts("/a", host="unknown.example"), 403),
        (sample_facts("/public/../admin"), 403),
        (sample_facts("/never"), 403),
    ]:
        fail = (await world.admit(facts, Surface.NGINX)).answer
        assert isinstance(fail, Fail)
        assert fail.status == status


async def test_members_only(world: World) -> None:
    allowed = await world.admit(sample_facts("/admin", await world.cookie("ann", "admins")))
    assert allowed.answer == Pass()
    assert headers(allowed)["X-User-Groups"] == "admins"
    refused = (await world.admit(sample_facts("/admin", await world.cookie("bob", "readers")))).answer
    assert isinstance(refused, Fail)
    assert refused.status == 403
    assert isinstance((await world.admit(sample_facts("/admin"))).answer, Redirect)
    assert (await world.admit(sample_facts("/admin", method="OPTIONS"))).answer == Pass()


@pytest.mark.parametrize("state", [State.CREATED, State.EXPIRED, State.DISABLED])
async def test_accounts_that_are_not_verified_reach_nothing(world: World, state: State) -> None:
    answer = (await world.admit(sample_facts("/", await world.cookie("eve", state=state)))).answer
    assert isinstance(answer, Fail)
    assert answer.status == 403
    assert answer.detail


async def test_unknown_host_unknown_path_and_no_upstream(world: World) -> None:
    for facts, status in [(sample_facts("/", host="other.example.com"), 421), (sample_facts("/nothing"), 404)]:
        answer = (await world.admit(facts)).answer
        assert isinstance(answer, Fail)
        assert answer.status == status


async def test_store_away_is_503_for_those_who_have_a_cookie_and_nothing_for_the_others(world: World) -> None:
    cookie = await world.cookie()
    world.store.away = True
    for path in ("/", "/maybe", "/admin"):
        answer = (await world.admit(sample_facts(path, cookie))).answer
        assert isinstance(answer, Fail)
        assert (answer.status, answer.retry_after) == (503, 5)
    assert (await world.admit(sample_facts("/public", cookie))).answer == Pass()
    assert (await world.admit(sample_facts("/maybe"))).answer == Pass()
    assert isinstance((await world.admit(sample_facts("/"))).answer, Redirect)


@pytest.mark.parametrize(
    "target",
    [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/..;/admin",
        "/public//../admin",
        "//admin",
        "/./admin",
        "/public/%252e%252e/admin",
        "/public/%25%32%65%25%32%65/admin",
        "/public/%ef%bc%8e%ef%bc%8e/admin",
        "/public;/../admin",
        "/public/.;x/../../admin",
        "/;x/admin",
        "/public/%2e%2e;a=b/admin",
    ],
)
@pytest.mark.parametrize("policy", ["reject", "keep"])
async def test_no_spelling_of_a_path_passes_as_public(world: World, target: str, policy: Literal["reject", "keep"]) -> None:
    changed = [replace(route, encoded_paths=policy) for route in world.snapshot.routes.routes]
    snapshot = sample_snapshot(*changed)
    answer = (await world.admit(sample_facts(target), snapshot=snapshot)).answer
    assert answer != Pass()


async def test_keep_lets_encoded_slashes_pass_where_all_readings_have_one_rule(world: World) -> None:
    snapshot = sample_snapshot(sample_route("git", "/", PUBLIC, encoded_paths="keep"), sample_route("admin", "/admin", DENY, encoded_paths="keep"))
    assert (await world.admit(sample_facts("/api/projects/group%2Fname"), snapshot=snapshot)).answer == Pass()
    assert (await world.admit(sample_facts("/x/..%2fadmin"), snapshot=snapshot)).answer != Pass()


async def test_a_doubled_query_parameter_cannot_be_read_both_ways(world: World) -> None:
    asks = (QueryCriterion("view", (Glob("public"),)),)
    allow = sample_snapshot(sample_route("a", "/", Rule(Effect.PUBLIC, "x:1", query=asks), DENY))
    deny = sample_snapshot(sample_route("a", "/", Rule(Effect.DENY, "x:1", query=asks), PUBLIC))
    for query, allowed, denied in [
        ("view=public", True, True),
        ("view=%70ublic", True, True),
        ("view=public&view=secret", False, True),
        ("view=secret", False, False),
        ("", False, False),
    ]:
        assert ((await world.admit(sample_facts(f"/?{query}"), snapshot=allow)).answer == Pass()) is allowed, query
        assert ((await world.admit(sample_facts(f"/?{query}"), snapshot=deny)).answer != Pass()) is denied, query


async def test_websockets_of_other_sites_are_refused(world: World) -> None:
    cookie = await world.cookie()
    handshake = sample_facts("/ws", cookie, upgrade=True, passive=True, navigating=False)
    assert (await world.admit(handshake)).answer == Pass()
    assert (await world.admit(handshake._replace(origin="https://wiki.example.com"))).answer == Pass()
    for origin in ("https://evil.example", "http://wiki.example.com", "null", "https://wiki.example.com.evil"):
        answer = (await world.admit(handshake._replace(origin=origin))).answer
        assert isinstance(answer, Fail)
        assert answer.status == 403
    listed = sample_snapshot(sample_route("wiki", "/", LOGIN, origins=("https://app.example.com",)))
    assert (await world.admit(handshake._replace(origin="https://app.example.com"), snapshot=listed)).answer == Pass()


async def test_the_assertion_is_verifiable_bound_to_the_route_and_signed_once_per_half_life(world: World) -> None:
    cookie = await world.cookie("ann", "admins", "staff")
    token = headers(await world.admit(sample_facts("/", cookie)))["X-Gateway-Jwt-Assertion"]
    keys = jwt.PyJWKSet.from_json(jwks(sample_ring("2026a", "2026b")).decode())
    assert [key.key_id for key in keys.keys] == ["2026a", "2026b"]
    claims = jwt.decode(
        token,
        keys["2026a"],
        algorithms=["EdDSA"],
        audience="wiki",
        issuer="https://auth.example.com",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == sample_account().identity.user_id
    assert claims["groups"] == ["admins", "staff"]
    assert claims["exp"] - claims["iat"] == 300
    world.clock.forward(149)
    assert headers(await world.admit(sample_facts("/", cookie)))["X-Gateway-Jwt-Assertion"] == token
    assert headers(await world.admit(sample_facts("/admin", cookie)))["X-Gateway-Jwt-Assertion"] != token
    world.clock.forward(1)
    assert headers(await world.admit(sample_facts("/", cookie)))["X-Gateway-Jwt-Assertion"] != token


def test_values_cannot_split_a_header() -> None:
    assert encode_value("Ann\r\nX-Admin: 1") == b"Ann%0D%0AX-Admin: 1"
    assert encode_value("Zoë 100%") == b"Zo%C3%AB 100%25"
    assert encode_value("\x00\x7f") == b"%00%7F"


async def test_audit_is_one_json_object_a_line(world: World) -> None:
    lines: list[str] = []
    records = Records(world.store, "gw:")
    sessions = Sessions(records, Renewal(records, world.clock), Audit(lines.append, world.clock), world.clock)
    facts = sample_facts("/", user_agent='x"\n{}')
    await sessions.start(world.snapshot, sample_account(), facts, remember=False)
    [line] = lines
    assert "\n" not in line
    assert json.loads(line)["audit"] == "session:start"
    assert len(json.loads(line)["session"]) == 16
