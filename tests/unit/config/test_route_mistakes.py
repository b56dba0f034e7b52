"""Mistakes in routes and rules, and the rules that are fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.configurations import SMALLEST, errors

ROUTE = "routes:\n  - {name: a, host: a.example.com"


@pytest.mark.parametrize(
    ("rest", "key", "said"),
    [
        ("}", "routes[0].access", "is missing"),
        (", access: }", "routes[0].access", "is empty"),
        (", access: null}", "routes[0].access", "is empty"),
        (", access: []}", "routes[0].access", "is empty"),
        (", access: {}}", "routes[0].access", "is empty"),
        (", access: logn}", "routes[0].access", "must be public"),
        (", access: [null]}", "routes[0].access[0]", "is empty"),
        (", access: [{}]}", "routes[0].access[0]", "needs either"),
        (", access: [{paths: [/a]}]}", "routes[0].access[0]", "needs either"),
        (", access: [{allow: login, deny: true}]}", "routes[0].access[0]", "needs either"),
        (", access: [{deny: false}]}", "routes[0].access[0]", "says nothing"),
        (", access: [{allow: }]}", "routes[0].access[0]", "`allow` is empty"),
        (", access: [{allow: []}]}", "routes[0].access[0].allow", "nobody is allowed"),
        (", access: [{allow: admins}]}", "routes[0].access[0].allow", "must be public"),
        (", access: [{allow: [admins]}]}", "routes[0].access[0].allow[0]", "write group:admins"),
        (", access: [{allow: [ann@example.com]}]}", "routes[0].access[0].allow[0]", "write user:ann@example.com"),
        (", access: [{allow: ['group:a,b']}]}", "routes[0].access[0].allow[0]", "must be a group's name"),
        (", access: [{allow: [login, 'group:a']}]}", "routes[0].access[0].allow", "the word alone"),
        (", access: [{allow: login, methods: []}]}", "routes[0].access[0].methods", "is empty"),
        (", access: [{allow: login, methods: null}]}", "routes[0].access[0]", "`methods` is empty"),
        (", access: [{allow: login, methods: [get]}]}", "routes[0].access[0].methods[0]", "write GET"),
        (", access: [{allow: login, methods: GET}]}", "routes[0].access[0].methods", "write [GET]"),
        (", access: [{allow: login, paths: [help/*]}]}", "routes[0].access[0].paths[0]", "write /help/*"),
        (", access: [{allow: login, paths: ['/a/../b']}]}", "routes[0].access[0].paths[0]", "plain path"),
        (", access: [{allow: login, networks: [10.0.0.1/8]}]}", "routes[0].access[0].networks[0]", "write 10.0.0.0/8"),
        (", access: [{allow: login, networks: []}]}", "routes[0].access[0].networks", "is empty"),
        (", access: [{allow: login, query: {}}]}", "routes[0].access[0].query", "is empty"),
        (", access: [{allow: login, query: {a: []}}]}", "routes[0].access[0].query.a", "is empty"),
        (", access: [{allow: login, method: [GET]}]}", "routes[0].access[0].method", "did you mean `methods`?"),
        (", access: login, upstream: '127.0.0.1:80'}", "routes[0].upstream", "write http://127.0.0.1:80"),
        (", access: login, upstream: 'http://a/path'}", "routes[0].upstream", "must have no path"),
        (", access: login, upstream: 'ftp://a'}", "routes[0].upstream", "must begin with https://"),
        (", access: login, upstream: 'ws://a:1'}", "routes[0].upstream", "write http://a:1"),
        (", access: lgin}", "routes[0].access", "write login"),
        (", access: [{allow: publik}]}", "routes[0].access[0].allow", "write public"),
        (", access: login, upstream: 'http://u:p@a'}", "routes[0].upstream", "user name"),
        (", access: login, upstream: 'unix:sock'}", "routes[0].upstream", "absolute"),
        (", access: login, upstream: ['http://a', 'http://b']}", "routes[0].upstream", "not built yet"),
        (", access: login, upstream: []}", "routes[0].upstream", "is empty"),
        (", access: login, upstream: 'http://a', tls: {server_name: b}}", "routes[0].tls", "is not https"),
        (", access: login, upstream: 'https://a', tls: {ca_file: missing.pem}}", "routes[0].tls.ca_file", "cannot be read"),
        (", access: login, upstream: 'https://a', tls: {verify: on}}", "routes[0].tls.verify", "write true"),
        (", access: login, upstream: 'https://a', tls: {certificate_file: a}}", "routes[0].tls.certificate_file", "not built yet"),
        (", access: login, upstream: 'https://a', tls: }", "routes[0].tls", "is empty"),
        (", access: login, balance: hash}", "routes[0].balance", "not built yet"),
        (", access: login, health: {path: /}}", "routes[0].health", "not built yet"),
        (", access: login, max_connections: 5}", "routes[0].max_connections", "not built yet"),
        (", access: login, forwarded: true}", "routes[0].forwarded", "not built yet"),
        (", access: login, basic: true}", "routes[0].basic", "later version"),
        (", access: login, path: admin}", "routes[0].path", "write /admin"),
        (", access: login, path: '/a%20b'}", "routes[0].path", "plain path"),
        (", access: login, path: /_auth/x}", "routes[0].path", "never reached"),
        (", access: login, path: /_auth}", "routes[0].path", "never reached"),
        (", access: login, origins: ['https://a/b']}", "routes[0].origins[0]", "no path"),
        (", access: login, preserve_host: 5}", "routes[0].preserve_host", "true, false or a fixed host"),
        (", access: login, upstream: 'http://a', set_headers: {Host: x}}", "routes[0].set_headers.Host", "preserve_host"),
        (", access: login, upstream: 'http://a', set_headers: {x_user_id: '1'}}", "routes[0].set_headers.x_user_id", "everybody that person"),
        (", access: login, upstream: 'http://a', set_headers: {X-A: \"a\\nb\"}}", "routes[0].set_headers.X-A", "printable ASCII"),
        (
            ", access: login, upstream: 'http://a', response: {set_headers: {Set-Cookie: x}}}",
            "routes[0].response.set_headers.Set-Cookie",
            "by the gateway",
        ),
        (", access: login, identity: {headers: {Cookie: id}}}", "routes[0].identity.headers.Cookie", "standard"),
    ],
)
def test_mistakes_of_a_route(tmp_path: Path, rest: str, key: str, said: str) -> None:
    found = errors(tmp_path, f"{SMALLEST}{ROUTE}{rest}\n")
    assert [problem.key for problem in found] == [key], found
    assert said in f"{found[0].message} {found[0].suggestion}"
    assert found[0].mark.line == 4


@pytest.mark.parametrize("host", ["'a b'", "'https://a'", "'a:80'", "'a*.b'", "'*.*.b'", "''", "'a/b'"])
def test_hosts_that_are_none(tmp_path: Path, host: str) -> None:
    assert [problem.key for problem in errors(tmp_path, f"{SMALLEST}routes:\n  - {{name: a, host: {host}, access: login}}\n")] == ["routes[0].host"]


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("host: a.b", "host: a.b", "routes[1].host"),
        ("host: a.b", "host: A.B.", "routes[1].host"),
        ("host: a.b, path: /x", "host: [c.d, a.b], path: /x/", "routes[1].path"),
        ("host: '*.b'", "host: '*.b'", "routes[1].host"),
        ("host: '*'", "host: '*'", "routes[1].host"),
        ("host: bücher.example", "host: xn--bcher-kva.example", "routes[1].host"),
    ],
)
def test_a_tie_names_both_routes(tmp_path: Path, first: str, second: str, key: str) -> None:
    [found] = errors(tmp_path, f"{SMALLEST}routes:\n  - {{name: one, {first}, access: login}}\n  - {{name: two, {second}, access: login}}\n")
    assert found.key == key
    assert found.mark.line == 5
    assert "the route one" in found.message
    assert "gateway.yml:4" in found.message


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    text = f"{SMALLEST}routes:\n  - {{name: one, host: a.b, access: login}}\n  - {{name: one, host: c.d, access: login}}\n"
    assert [(problem.key, problem.mark.line) for problem in errors(tmp_path, text)] == [("routes[1].name", 5)]


def _rules(tmp_path: Path, *rules: str, path: str = "/") -> list[tuple[str, int]]:
    lines = "".join(f"      - {rule}\n" for rule in rules)
    text = f"{SMALLEST}routes:\n  - name: a\n    host: a.b\n    path: {path}\n    access:\n{lines}"
    found = errors(tmp_path, text)
    assert all("can never match" in problem.message for problem in found), found
    return [(problem.key, problem.mark.line) for problem in found]


@pytest.mark.parametrize(
    "rules",
    [
        ("public", "login"),
        ("login", "deny"),
        ("optional", "{allow: login, paths: [/a]}"),
        ("deny", "{allow: public, methods: [GET]}"),
        ("{allow: [group:a, group:b]}", "{allow: [group:a], methods: [GET]}"),
        ("{allow: login, paths: [/a/**]}", "{allow: public, paths: [/a/b, /a]}"),
        ("{allow: login, methods: [GET, POST]}", "{deny: true, methods: [GET]}"),
        ("{allow: public, networks: [10.0.0.0/8]}", "{allow: login, networks: [10.1.0.0/16]}"),
        ("{allow: public, query: {a: '1'}}", "{allow: login, query: {a: '1'}}"),
    ],
)
def test_a_rule_behind_one_that_settles_everything(tmp_path: Path, rules: tuple[str, ...]) -> None:
    assert _rules(tmp_path, *rules) == [("routes[0].access[1]", 9)]


@pytest.mark.parametrize(
    "rules",
    [
        (
            "{allow: public, methods: [OPTIONS]}",
            "{allow: [group:a], networks: [10.0.0.0/8]}",
            "{allow: login, paths: [/a/**], methods: [GET]}",
            "deny",
        ),
        ("{allow: [group:a]}", "{allow: [group:b]}", "deny"),
        ("{allow: [group:a]}", "public"),
        ("{allow: login, paths: [/a/*]}", "{allow: public, paths: [/a/b]}"),
        ("{allow: login, methods: [GET]}", "{allow: public, methods: [GET, POST]}"),
        ("{allow: public, networks: [10.0.0.0/8]}", "{allow: login, networks: ['fd00::/8']}"),
        ("{deny: true, query: {a: '1'}}", "{allow: login, query: {a: '2'}}"),
    ],
)
def test_rules_that_can_match(tmp_path: Path, rules: tuple[str, ...]) -> None:
    assert _rules(tmp_path, *rules) == []


@pytest.mark.parametrize("glob", ["/help", "/adminx", "/adminx/**", "/a/**/../b", "/other/*", "/b/**"])
def test_a_glob_outside_the_routes_path(tmp_path: Path, glob: str) -> None:
    found = errors(tmp_path, f"{SMALLEST}routes:\n  - {{name: a, host: a.b, path: /admin, access: [{{allow: login, paths: ['{glob}']}}]}}\n")
    assert [problem.key for problem in found] == ["routes[0].access[0].paths[0]"]


@pytest.mark.parametrize("glob", ["/admin", "/admin/x", "/admin/**", "/**", "/*", "/*/x", "/adm*/x", "/admin*", "**", "/admin/?"])
def test_a_glob_inside_the_routes_path(tmp_path: Path, glob: str) -> None:
    found = errors(tmp_path, f"{SMALLEST}routes:\n  - {{name: a, host: a.b, path: /admin, access: [{{allow: login, paths: ['{glob}']}}]}}\n")
    assert found == [] or glob == "**"


def test_a_glob_that_belongs_to_a_longer_route(tmp_path: Path) -> None:
    text = f"""{SMALLEST}routes:
  - {{name: a, host: a.b, access: [{{allow: public, paths: [/admin/x]}}, login]}}
  - {{name: b, host: [a.b, c.d], path: /admin, access: login}}
"""
    [found] = errors(tmp_path, text)
    assert found.key == "routes[0].access[0].paths[0]"
    assert "belongs to the route b" in found.message
