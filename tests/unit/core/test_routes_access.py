"""Which route and which rule speak, as tables."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.access import Effect, QueryCriterion, Rule, first_about
from gateway.core.globs import Glob
from gateway.core.identity import State
from gateway.core.routes import RouteTable, UpstreamAddress
from tests.samples import sample_facts, sample_identity, sample_route

ROUTES = RouteTable(
    [
        sample_route("wiki", "/", host="wiki.example.com"),
        sample_route("admin", "/admin", host="wiki.example.com"),
        sample_route("deep", "/admin/deep/er/", host="wiki.example.com"),
        sample_route("only", "/only", host="only.example.com"),
        sample_route("apps", "/", host="*.apps.example.com"),
        sample_route("below", "/", host="*.example.com"),
        sample_route("exact", "/", host="a.apps.example.com"),
        sample_route("else", "/", host="*"),
        sample_route("v6", "/", host="[2001:db8::1]"),
    ]
)


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("wiki.example.com", "/", "wiki"),
        ("wiki.example.com", "/x", "wiki"),
        ("wiki.example.com", "/admin", "admin"),
        ("wiki.example.com", "/admin/", "admin"),
        ("wiki.example.com", "/admin/x/y", "admin"),
        ("wiki.example.com", "/administrator", "wiki"),
        ("wiki.example.com", "/Admin", "wiki"),
        ("wiki.example.com", "/x/admin", "wiki"),
        ("wiki.example.com", "/admin/deep", "admin"),
        ("wiki.example.com", "/admin/deep/er", "deep"),
        ("wiki.example.com", "/admin/deep/er/x", "deep"),
        ("wiki.example.com", "/admin/deep/erx", "admin"),
        ("only.example.com", "/only", "only"),
        ("only.example.com", "/only/x", "only"),
        ("only.example.com", "/", None),
        ("only.example.com", "/other", None),
        ("a.apps.example.com", "/", "exact"),
        ("b.apps.example.com", "/", "apps"),
        ("c.b.apps.example.com", "/", "apps"),
        ("apps.example.com", "/", "below"),
        ("example.com", "/", "else"),
        ("other.test", "/", "else"),
        ("[2001:db8::1]", "/", "v6"),
        ("badwiki.example.com", "/", "below"),
        ("wiki.example.com.evil", "/", "else"),
    ],
)
def test_the_best_host_and_then_the_longest_path(host: str, path: str, name: str | None) -> None:
    found = ROUTES.find(host, path)
    assert (found and found.name) == name


def test_without_a_route_for_all_hosts_others_are_unknown() -> None:
    table = RouteTable([sample_route("wiki", host="wiki.example.com"), sample_route("apps", host="*.apps.example.com")])
    assert table.knows("wiki.example.com")
    assert table.knows("x.apps.example.com")
    assert not table.knows("apps.example.com")
    assert not table.knows("other.example.com")
    assert table.names_exactly("wiki.example.com")
    assert not table.names_exactly("x.apps.example.com")
    assert table.names_by_wildcard("x.apps.example.com")
    assert not table.names_by_wildcard("wiki.example.com")
    assert RouteTable().find("wiki.example.com", "/") is None


@pytest.mark.parametrize(
    ("address", "authority"),
    [
        (UpstreamAddress("http", "127.0.0.1", 80), "127.0.0.1"),
        (UpstreamAddress("http", "127.0.0.1", 3000), "127.0.0.1:3000"),
        (UpstreamAddress("https", "app.internal", 443), "app.internal"),
        (UpstreamAddress("https", "app.internal", 80), "app.internal:80"),
        (UpstreamAddress("http", "", 80, "/run/app.sock"), "localhost"),
    ],
)
def test_the_host_header_of_an_upstream(address: UpstreamAddress, authority: str) -> None:
    assert address.authority == authority


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("/a", ["/a"], ["/a/", "/ab", "/a/b", "x/a", "/A"]),
        ("/a/*", ["/a/b", "/a/"], ["/a", "/a/b/c"]),
        ("/a/**", ["/a", "/a/", "/a/b", "/a/b/c"], ["/ab", "/x/a"]),
        ("/**", ["/", "/a", "/a/b"], []),
        ("/**/x", ["/a/x", "/a/b/x", "//x"], ["/x", "/a/xy"]),
        ("/a?c", ["/abc"], ["/ac", "/a/c", "/abbc"]),
        ("/*.css", ["/a.css", "/.css"], ["/a/b.css", "/a.cssx"]),
        ("/a**b", ["/ab", "/axb", "/ax/yb"], ["/abc"]),
        ("/(x)+[a].$^|\\", ["/(x)+[a].$^|\\"], ["/x+a"]),
        ("/a", [], ["/a\n", "\n/a"]),
        ("/*", ["/a\nb"], ["/a/b"]),
        ("/ä*", ["/äb"], ["/a"]),
        ("", [""], ["/"]),
    ],
)
def test_globs_match_the_whole_text(glob: str, yes: list[str], no: list[str]) -> None:
    assert all(Glob(glob).matches(text) for text in yes)
    assert not any(Glob(glob).matches(text) for text in no)


def rule(effect: Effect = Effect.LOGIN, **criteria: object) -> Rule:
    return Rule(effect, "c:1", **criteria)  # type: ignore[arg-type]  # a test names the criterion and gives its type


NETWORK = rule(networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))


@pytest.mark.parametrize(
    ("client", "covered"),
    [("10.1.2.3", True), ("11.0.0.1", False), ("2001:db8::1", True), ("2001:db9::1", False), ("unix", False), ("", False), ("10.1.2.3.4", False)],
)
def test_networks(client: str, covered: bool) -> None:
    assert NETWORK.is_about(sample_facts("/", client=client), "/") is covered


@pytest.mark.parametrize(("method", "about"), [("GET", True), ("HEAD", False), ("get", False), ("POST", True), ("", False)])
def test_methods(method: str, about: bool) -> None:
    assert rule(methods=frozenset({"GET", "POST"})).is_about(sample_facts("/", method=method), "/") is about


QUERY = (QueryCriterion("mode", (Glob("view"), Glob("read*"))),)


@pytest.mark.parametrize(
    ("query", "allows", "denies"),
    [
        (None, False, False),
        ("", False, False),
        ("mode=view", True, True),
        ("mode=readonly", True, True),
        ("mode=edit", False, False),
        ("mode=view&mode=edit", False, True),
        ("mode=edit&mode=view", False, True),
        ("mode=view&mode=read", True, True),
        ("m%6fde=vi%65w", True, True),
        ("MODE=view", False, False),
        ("mode", False, False),
        ("mode=", False, False),
        ("xmode=view", False, False),
        ("mode=view&", True, True),
        ("x=1&mode=view", True, True),
        ("mode=view;x", False, False),
        ("mode=view%00", False, False),
        ("mode+=view", False, False),
    ],
)
def test_a_doubled_parameter_allows_only_if_all_are_good_and_denies_if_any_is(query: str | None, allows: bool, denies: bool) -> None:
    facts = sample_facts("/")._replace(query=query)
    assert rule(query=QUERY).is_about(facts, "/") is allows
    assert rule(Effect.DENY, query=QUERY).is_about(facts, "/") is denies


def test_all_criteria_must_hold_and_their_values_are_alternatives() -> None:
    both = rule(methods=frozenset({"GET"}), paths=(Glob("/a/**"), Glob("/b")))
    assert both.is_about(sample_facts("/b"), "/b")
    assert not both.is_about(sample_facts("/b", method="PUT"), "/b")
    assert not both.is_about(sample_facts("/c"), "/c")


@pytest.mark.parametrize(
    ("subject", "admitted"),
    [
        (rule(Effect.MEMBERS, users=frozenset({"ann@example.com"})), True),
        (rule(Effect.MEMBERS, users=frozenset({"bob@example.com"})), False),
        (rule(Effect.MEMBERS, groups=frozenset({"dev", "ops"})), True),
        (rule(Effect.MEMBERS, groups=frozenset({"admins"})), False),
        (rule(Effect.MEMBERS, groups=frozenset({"Dev"})), False),
        (rule(Effect.MEMBERS), False),
        (rule(Effect.LOGIN), True),
        (rule(Effect.DENY), False),
    ],
)
def test_subjects(subject: Rule, admitted: bool) -> None:
    for state in State:
        assert subject.admits(sample_identity("ann", "dev", state=state)) is admitted


def test_the_first_rule_that_is_about_it_speaks() -> None:
    rules = (rule(paths=(Glob("/a"),)), rule(paths=(Glob("/b"),)), rule())
    assert [first_about(rules, sample_facts(path), path) for path in ("/a", "/b", "/c")] == [0, 1, 2]
    assert first_about(rules, sample_facts("/a"), "/a", 1) == 2
    assert first_about(rules[:2], sample_facts("/c"), "/c") is None
    assert first_about((), sample_facts("/c"), "/c") is None
