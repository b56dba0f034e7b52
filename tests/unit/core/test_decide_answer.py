"""The decision and what each surface hears of it, as tables: who passes, who is asked, who is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.access import Effect, Rule
from gateway.core.answer import RETRY_AFTER, Answer, Fail, Pass, Problem, Redirect, answer
from gateway.core.decide import (
    Allow,
    AskLogin,
    Decision,
    Malformed,
    Nobody,
    NoRoute,
    Reason,
    Refuse,
    Selected,
    StoreAway,
    UnknownHost,
    decide,
    select,
)
from gateway.core.facts import Facts, Surface
from gateway.core.globs import Glob
from gateway.core.identity import Identity, State
from tests.samples import DENY, LOGIN, OPTIONAL, PUBLIC, sample_facts, sample_identity, sample_route, sample_snapshot

ANN = sample_identity("ann", "staff")
BOB = sample_identity("bob")
STAFF = Rule(Effect.MEMBERS, "c:1", groups=frozenset({"staff"}))
NO_ADMIN = Rule(Effect.DENY, "c:2", paths=(Glob("/admin/**"),))
SURFACES = list(Surface)


def decided(facts: Facts, who: Identity | Nobody, *rules: Rule, **changes: Any) -> Decision:
    selected = select(facts, sample_snapshot(sample_route("wiki", "/", *rules, **changes)).places)
    return decide(facts, selected, who) if isinstance(selected, Selected) else selected


@pytest.mark.parametrize(
    ("rule", "who", "decision"),
    [
        (PUBLIC, Nobody.ANONYMOUS, Allow(None, PUBLIC)),
        (PUBLIC, Nobody.UNKNOWN, Allow(None, PUBLIC)),
        (PUBLIC, ANN, Allow(None, PUBLIC)),
        (DENY, Nobody.ANONYMOUS, Refuse(Reason.RULE, DENY)),
        (DENY, Nobody.UNKNOWN, Refuse(Reason.RULE, DENY)),
        (DENY, ANN, Refuse(Reason.RULE, DENY)),
        (LOGIN, Nobody.ANONYMOUS, AskLogin(LOGIN)),
        (LOGIN, Nobody.UNKNOWN, StoreAway()),
        (LOGIN, ANN, Allow(ANN, LOGIN)),
        (OPTIONAL, Nobody.ANONYMOUS, Allow(None, OPTIONAL)),
        (OPTIONAL, Nobody.UNKNOWN, StoreAway()),
        (OPTIONAL, ANN, Allow(ANN, OPTIONAL)),
        (STAFF, Nobody.ANONYMOUS, AskLogin(STAFF)),
        (STAFF, Nobody.UNKNOWN, StoreAway()),
        (STAFF, ANN, Allow(ANN, STAFF)),
        (STAFF, BOB, Refuse(Reason.NO_MATCH)),
    ],
)
def test_one_rule(rule: Rule, who: Identity | Nobody, decision: Decision) -> None:
    assert decided(sample_facts("/"), who, rule) == decision


@pytest.mark.parametrize(
    ("state", "reason"), [(State.CREATED, Reason.UNVERIFIED), (State.EXPIRED, Reason.EXPIRED), (State.DISABLED, Reason.DISABLED)]
)
def test_only_verified_accounts_pass_what_asks_for_login(state: State, reason: Reason) -> None:
    somebody = sample_identity("ann", "staff", state=state)
    assert decided(sample_facts("/"), somebody, LOGIN) == Refuse(reason, LOGIN)
    assert decided(sample_facts("/"), somebody, STAFF) == Refuse(reason, STAFF)
    assert decided(sample_facts("/"), somebody, OPTIONAL) == Allow(None, OPTIONAL)
    assert decided(sample_facts("/"), somebody, PUBLIC) == Allow(None, PUBLIC)


def test_somebody_whom_a_rule_does_not_name_comes_to_the_next() -> None:
    assert decided(sample_facts("/"), BOB, STAFF, LOGIN) == Allow(BOB, LOGIN)
    assert decided(sample_facts("/admin/x"), BOB, STAFF, NO_ADMIN, LOGIN) == Refuse(Reason.RULE, NO_ADMIN)
    assert decided(sample_facts("/x"), BOB, STAFF, NO_ADMIN, LOGIN) == Allow(BOB, LOGIN)
    assert decided(sample_facts("/x"), BOB, STAFF, PUBLIC) == Allow(None, PUBLIC)
    assert decided(sample_facts("/admin/x"), ANN, STAFF, NO_ADMIN, LOGIN) == Allow(ANN, STAFF)
    assert decided(sample_facts("/x"), Nobody.ANONYMOUS, STAFF, PUBLIC) == AskLogin(STAFF)


@pytest.mark.parametrize(
    "target", ["/admin;x/secret", "/admin;/secret", "/x/..;/admin/secret", "/admin%3fx/secret", "/%2561dmin/secret", "/ａdmin/secret"]
)
@pytest.mark.parametrize("encoded_paths", ["reject", "keep"])
def test_later_rules_are_read_in_every_way_too(target: str, encoded_paths: str) -> None:
    """Java cuts `;x` off: what the first rule leaves to the second must not slip past it in another spelling."""
    facts = sample_facts("".join(c if c.isascii() else "".join(f"%{byte:02x}" for byte in c.encode()) for c in target))
    outcome = decided(facts, BOB, STAFF, NO_ADMIN, LOGIN, encoded_paths=encoded_paths)
    assert isinstance(outcome, (Malformed, Refuse)), outcome
    assert isinstance(decided(facts, ANN, STAFF, NO_ADMIN, LOGIN, encoded_paths="keep"), Allow), "for whom every reading has the same rule"


def test_no_rule_at_all_refuses() -> None:
    only = Rule(Effect.PUBLIC, "c:1", paths=(Glob("/public/**"),))
    for who in (ANN, Nobody.ANONYMOUS, Nobody.UNKNOWN):
        assert decided(sample_facts("/x"), who, only) == Refuse(Reason.NO_MATCH)


def test_public_and_denied_read_no_store() -> None:
    for rule, needs in ((PUBLIC, False), (DENY, False), (LOGIN, True), (OPTIONAL, True), (STAFF, True)):
        selected = select(sample_facts("/"), sample_snapshot(sample_route("wiki", "/", rule)).places)
        assert isinstance(selected, Selected)
        assert selected.needs_session is needs


@pytest.mark.parametrize(
    ("host", "path", "outcome"),
    [
        ("wiki.example.com", "/x", Selected),
        ("wiki.example.com", "/", NoRoute),
        ("auth.example.com", "/x", NoRoute),
        ("other.example.com", "/x", UnknownHost),
    ],
)
def test_hosts_that_nobody_named_and_paths_without_a_route(host: str, path: str, outcome: type) -> None:
    places = sample_snapshot(sample_route("wiki", "/x")).places
    assert isinstance(select(sample_facts(path, host=host), places), outcome)


@pytest.mark.parametrize(
    ("origin", "changes", "passes"),
    [
        (None, {}, True),
        ("https://wiki.example.com", {}, True),
        ("HTTPS://WIKI.example.com", {}, True),
        ("https://wiki.example.com:443", {}, False),
        ("http://wiki.example.com", {}, False),
        ("https://wiki.example.com.evil", {}, False),
        ("https://evil.example.com", {}, False),
        ("https://wiki.example.com:8443", {}, False),
        ("null", {}, False),
        ("", {}, False),
        ("https://evil.example.com", {"origins": ("https://evil.example.com",)}, True),
        ("https://evil.example.com", {"origins": ("*",)}, True),
        ("null", {"origins": ("https://wiki.example.com",)}, False),
    ],
)
def test_a_websocket_comes_from_here_or_from_a_named_origin(origin: str | None, changes: dict[str, object], passes: bool) -> None:
    facts = sample_facts("/", upgrade=True, origin=origin)
    for rule, who in ((LOGIN, ANN), (PUBLIC, Nobody.ANONYMOUS)):
        outcome = decided(facts, who, rule, **changes)
        assert isinstance(outcome, Allow) is passes
        assert passes or outcome == Refuse(Reason.ORIGIN, rule)


def test_a_websocket_with_a_port_of_its_own_and_a_route_that_takes_none() -> None:
    facts = sample_facts("/", upgrade=True, origin="https://wiki.example.com:8443", port=8443)
    assert decided(facts, ANN, LOGIN) == Allow(ANN, LOGIN)
    assert decided(facts, ANN, LOGIN, websocket=False) == Refuse(Reason.NO_WEBSOCKET, LOGIN)


PLACES = sample_snapshot().places
BROWSER = sample_facts("/a?b=c")
SCRIPT = BROWSER._replace(navigating=False)
FORM = BROWSER._replace(method="POST", referer="https://wiki.example.com/edit?page=1#top")
SOCKET = BROWSER._replace(upgrade=True)
LOGIN_URL = "/_auth/login?next=/a%3Fb%3Dc"
ABSOLUTE = "https://wiki.example.com" + LOGIN_URL


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("facts", [BROWSER, SCRIPT, FORM, SOCKET])
@pytest.mark.parametrize(
    ("decision", "status", "on_nginx", "problem"),
    [
        (Refuse(Reason.RULE, DENY), 403, 403, Problem.REFUSED),
        (Refuse(Reason.NO_MATCH), 403, 403, Problem.REFUSED),
        (Malformed("x"), 400, 403, Problem.MALFORMED),
        (UnknownHost(), 421, 403, Problem.UNKNOWN_HOST),
        (NoRoute(), 404, 403, Problem.NOT_FOUND),
        (StoreAway(), 503, 503, Problem.STORE_AWAY),
    ],
)
def test_failures_in_the_words_of_each_surface(
    surface: Surface, facts: Facts, decision: Decision, status: int, on_nginx: int, problem: Problem
) -> None:
    heard = answer(decision, facts, surface, PLACES)
    assert isinstance(heard, Fail)
    assert heard.status == (on_nginx if surface is Surface.NGINX else status)
    assert heard.problem is problem
    assert heard.retry_after == (RETRY_AFTER if isinstance(decision, StoreAway) else None)
    assert heard.login_url is None


@pytest.mark.parametrize("surface", SURFACES)
def test_who_passes_passes_everywhere(surface: Surface) -> None:
    assert answer(Allow(ANN, LOGIN), BROWSER, surface, PLACES) == Pass()
    assert answer(Allow(None, PUBLIC), SOCKET, surface, PLACES) == Pass()


@pytest.mark.parametrize(
    ("facts", "surface", "heard"),
    [
        (BROWSER, Surface.PROXY, Redirect(LOGIN_URL)),
        (BROWSER._replace(method="HEAD"), Surface.PROXY, Redirect(LOGIN_URL)),
        (BROWSER, Surface.TRAEFIK, Redirect(ABSOLUTE)),
        (BROWSER, Surface.CADDY, Redirect(ABSOLUTE)),
        (BROWSER, Surface.HAPROXY, Redirect(ABSOLUTE)),
        (BROWSER, Surface.ENVOY, Redirect(ABSOLUTE)),
        (BROWSER, Surface.NGINX, Fail(401, Problem.LOGIN_REQUIRED, login_url=ABSOLUTE)),
        (SCRIPT, Surface.PROXY, Fail(401, Problem.LOGIN_REQUIRED)),
        (SCRIPT, Surface.NGINX, Fail(401, Problem.LOGIN_REQUIRED)),
        (SCRIPT._replace(method="POST"), Surface.TRAEFIK, Fail(401, Problem.LOGIN_REQUIRED)),
        (SOCKET, Surface.PROXY, Fail(401, Problem.LOGIN_REQUIRED)),
        (SOCKET, Surface.NGINX, Fail(401, Problem.LOGIN_REQUIRED)),
        (SOCKET._replace(navigating=False), Surface.CADDY, Fail(401, Problem.LOGIN_REQUIRED)),
        (FORM, Surface.PROXY, Fail(401, Problem.NOT_SENT, login_url="/_auth/login?next=/edit%3Fpage%3D1")),
    ],
)
def test_asking_for_login(facts: Facts, surface: Surface, heard: Answer) -> None:
    assert answer(AskLogin(LOGIN), facts, surface, PLACES) == heard


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("surface", [surface for surface in SURFACES if surface is not Surface.NGINX])
def test_a_form_is_never_answered_with_a_redirect(method: str, surface: Surface) -> None:
    heard = answer(AskLogin(LOGIN), FORM._replace(method=method), surface, PLACES)
    assert isinstance(heard, Fail)
    assert (heard.status, heard.problem) == (401, Problem.NOT_SENT)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_check_of_the_login_page_is_not_answered_with_the_way_to_it(surface: Surface) -> None:
    heard = answer(AskLogin(LOGIN), BROWSER._replace(path="/_auth/login", raw_path="/_auth/login"), surface, PLACES)
    assert isinstance(heard, Fail)
    assert (heard.status, heard.login_url) == (403, None)


def test_nginx_gets_a_location_for_a_navigating_get_or_head_only() -> None:
    """Recipes redirect when it is there, and a redirect would turn a form into a GET."""
    heard = answer(AskLogin(LOGIN), FORM, Surface.NGINX, PLACES)
    assert isinstance(heard, Fail)
    assert (heard.status, heard.login_url) == (401, None)


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        (None, "/_auth/login"),
        ("", "/_auth/login"),
        ("https://wiki.example.com/x", "/_auth/login?next=/x"),
        ("https://wiki.example.com:443/x", "/_auth/login?next=/x"),
        ("https://WIKI.example.com/x#y", "/_auth/login?next=/x"),
        ("https://wiki.example.com", "/_auth/login"),
        ("http://wiki.example.com/x", "/_auth/login"),
        ("https://wiki.example.com:8443/x", "/_auth/login"),
        ("https://evil.example.com/x", "/_auth/login"),
        ("https://wiki.example.com@evil.example.com/x", "/_auth/login"),
        ("https://wiki.example.com\\@evil/x", "/_auth/login"),
        ("//wiki.example.com/x", "/_auth/login"),
        ("/x", "/_auth/login"),
        ("javascript:alert(1)", "/_auth/login"),
        ("https:///x", "/_auth/login"),
    ],
)
def test_the_way_back_of_a_form_is_the_referring_page_of_the_same_host(referer: str | None, back: str) -> None:
    heard = answer(AskLogin(LOGIN), FORM._replace(referer=referer), Surface.PROXY, PLACES)
    assert isinstance(heard, Fail)
    assert heard.login_url == back


def test_no_other_host_s_route_is_ever_used() -> None:
    routes = (sample_route("a", "/x", host="a.example.com"), sample_route("b", host="b.example.com"), sample_route("c", host="*"))
    places = sample_snapshot(*routes).places
    assert isinstance(select(sample_facts("/", host="a.example.com"), places), NoRoute)
