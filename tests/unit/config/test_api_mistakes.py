"""The JSON API among routes: its exact paths win, so a route there is a mistake wherever one host serves both."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.snapshot import make_snapshot
from gateway.core.api import ApiPlace
from tests.configurations import SMALLEST, errors, loaded


@pytest.mark.parametrize(
    ("api", "host", "path", "wrong"),
    [
        ("{path: /}", "auth.example.com", "/users/login", True),
        ("{path: /}", "auth.example.com", "/users/login/help/", True),
        ("{path: /}", "auth.example.com", "/users/activate/7", True),
        ("{path: /}", "'*.example.com'", "/metrics", True),
        ("{path: /}", "'*'", "/metrics", True),
        ("{path: /v1/}", "auth.example.com", "/v1/users/register", True),
        ("{path: /, hosts: ['*.front.example.com']}", "a.front.example.com", "/healthcheck/", True),
        ("{path: /, hosts: [front.example.com]}", "'*.example.com'", "/healthcheck", True),
        ("{path: /}", "auth.example.com", "/", False),
        ("{path: /}", "auth.example.com", "/users", False),
        ("{path: /}", "auth.example.com", "/users/activate", False),
        ("{path: /v1}", "auth.example.com", "/users/login", False),
        ("{path: /}", "wiki.example.com", "/users/login", False),
        ("{path: /, hosts: [front.example.com]}", "auth.example.com", "/users/login", False),
        ("{path: /, enabled: false}", "auth.example.com", "/users/login", False),
        ("{}", "auth.example.com", "/users/login", False),
    ],
)
def test_a_route_at_or_below_a_path_of_the_api(tmp_path: Path, api: str, host: str, path: str, wrong: bool):
    found = errors(tmp_path, f"{SMALLEST}api: {api}\nroutes:\n  - {{name: a, host: {host}, path: {path}, access: login}}\n")
    assert [(problem.key, problem.mark.line) for problem in found] == ([("routes[0].path", 5)] if wrong else [])


@pytest.mark.parametrize(
    ("api", "place"),
    [
        ("{}", ApiPlace("/_auth/api", whole=True, hosts=("auth.example.com",))),
        ("{path: /}", ApiPlace("", whole=False, hosts=("auth.example.com",))),
        ("{path: /v1/, hosts: ['*.a.example']}", ApiPlace("/v1", whole=False, hosts=("*.a.example",))),
        (
            "{origins: ['https://App.example.com:443', 'http://localhost:5173']}",
            ApiPlace("/_auth/api", whole=True, hosts=("auth.example.com",), origins=frozenset({"https://app.example.com", "http://localhost:5173"})),
        ),
        ("{enabled: false}", None),
        (
            "{path: /}\nsession: {data: {enabled: true}}",
            ApiPlace("", whole=False, hosts=("auth.example.com",), session_data=True),
        ),
    ],
)
def test_where_it_is(tmp_path: Path, api: str, place: ApiPlace | None):
    assert make_snapshot(loaded(tmp_path, f"api: {api}\n")).api == place


@pytest.mark.parametrize(
    ("prefix", "path", "wrong"),
    [
        ("/users", "/", True),
        ("/metrics", "/", True),
        ("/users/activate/7", "/", True),
        ("/v1/users", "/v1", True),
        ("/v1", "/v1", True),
        ("/users", "/v1", False),
        ("/user", "/", False),
        ("/users/login/pages", "/", False),
    ],
)
def test_paths_of_the_api_among_the_own_pages(tmp_path: Path, prefix: str, path: str, wrong: bool):
    found = errors(tmp_path, SMALLEST.replace("{public_url", f"{{prefix: {prefix}, public_url") + f"api: {{path: {path}}}\n")
    assert [problem.key for problem in found] == (["api.path"] if wrong else [])
