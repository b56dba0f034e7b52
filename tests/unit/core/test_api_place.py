"""Where the JSON API is, and what it takes from routes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.api import PATHS, ApiPlace, Asked, paths_of, taken_by

BELOW = ApiPlace("/_auth/api", whole=True, hosts=("auth.example.com",))
ROOT = ApiPlace("", whole=False, hosts=("api.example.com", "*.front.example.com"))


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/_auth/api/users/login/", Asked("/users/login", "")),
        ("/_auth/api/users/login", Asked("/users/login", "")),
        ("/_auth/api/users/activate/42/", Asked("/users/activate/:id", "42")),
        ("/_auth/api/users/activate/", Asked(None, "")),
        ("/_auth/api/users/activate/4/2", Asked(None, "")),
        ("/_auth/api/nothing", Asked(None, "")),
        ("/_auth/api", Asked(None, "")),
        ("/_auth/apiary", None),
        ("/_auth/login", None),
        ("/users/login/", None),
    ],
)
def test_below_the_prefix_everything_is_the_apis(path: str, asked: Asked | None):
    assert BELOW.find("auth.example.com", path) == asked
    assert BELOW.find("wiki.example.com", path) is None


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/users/login/", Asked("/users/login", "")),
        ("/users/password/change-user-password/a-b/", Asked("/users/password/change-user-password/:id", "a-b")),
        ("/users/login/more", None),
        ("/users/", None),
        ("/", None),
        ("/users/login//", None),
        ("/users/activate/:id/more", None),
    ],
)
def test_elsewhere_only_exact_paths_are(path: str, asked: Asked | None):
    assert ROOT.find("api.example.com", path) == asked
    assert ROOT.find("a.front.example.com", path) == asked
    assert ROOT.find("front.example.com", path) is None


def test_a_route_at_or_below_an_api_path_is_taken():
    assert taken_by("/", "", PATHS) is None
    assert taken_by("/users", "", PATHS) is None
    assert taken_by("/users/activate", "", PATHS) is None
    assert taken_by("/users/login", "/v1", PATHS) is None
    assert taken_by("/users/login/", "", PATHS) == "/users/login/"
    assert taken_by("/users/login/help", "", PATHS) == "/users/login/"
    assert taken_by("/v1/users/login", "/v1", PATHS) == "/v1/users/login/"
    assert taken_by("/users/activate/7", "", PATHS) == "/users/activate/:id/"


def test_session_data_is_there_only_where_it_is_enabled():
    assert ROOT.find("api.example.com", "/session/data/") is None
    assert BELOW.find("auth.example.com", "/_auth/api/session/data") == Asked(None, "")
    assert replace(ROOT, session_data=True).find("api.example.com", "/session/data/") == Asked("/session/data", "")
    assert taken_by("/session/data", "", paths_of(session_data=False)) is None
    assert taken_by("/session/data/x", "", paths_of(session_data=True)) == "/session/data/"


def test_no_path_can_be_read_as_two_routes():
    assert len({path.replace(":id", "x") for path in PATHS}) == len(PATHS)
