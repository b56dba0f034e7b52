"""What holds for every route of the API: addresses, methods, bodies, other sites."""

from __future__ import annotations

import json
import socket

import pytest

from gateway.core.api import MOST_BYTES, PATHS
from tests.functional.api.client import Client, Served, serve
from tests.gateways import PASSWORD

LOGIN = {"email": "ann@example.com", "password": PASSWORD}


@pytest.fixture(scope="module", autouse=True)
def people(served: Served) -> None:
    served.gateway.add_user("ann@example.com")


def _changing(served: Served) -> list[tuple[str, str]]:
    """Every route and method that changes something, as OPTIONS tells them."""
    client = served.client()
    found = []
    for path in PATHS:
        here = path.replace(":id", "0190a000-0000-7000-8000-000000616e6e")
        reply = client.send("OPTIONS", f"{here}/")
        assert reply.status == 204, path
        found += [(method, here) for method in reply.headers["Allow"].split(", ") if method not in ("GET", "HEAD", "OPTIONS")]
    assert len(found) == 11
    return found


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost"},
    {"Origin": "https://localhost:1"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_nothing_is_changed_for_another_site(served: Served, headers: dict[str, str]):
    client = served.client()
    client.log_in(**LOGIN)
    for method, path in _changing(served):
        reply = client.send(method, f"{path}/", {}, headers=headers)
        assert (reply.status, reply.error) == (403, "this was sent from another site, so it was not done"), path
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert client.get("/users/current-user/", headers=headers).status == 200, "reading changes nothing, and no other site can read it"


def test_our_own_site_and_programs_may_change_things(served: Served):
    client = served.client()
    for headers in ({}, {"Origin": served.origin}, {"Sec-Fetch-Site": "same-origin", "Origin": served.origin}, {"Sec-Fetch-Site": "none"}):
        assert client.post("/users/login/", LOGIN, headers=headers).status == 200, headers


@pytest.mark.parametrize(
    ("path", "status"), [("", 404), ("/", 404), ("/users/", 404), ("/nothing", 404), ("/users/activate/", 404), ("/%75sers//x", 400)]
)
def test_addresses_that_are_none(client: Client, path: str, status: int):
    for headers in ({}, {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}):
        assert client.get(path, headers=headers).status == status
        assert isinstance(client.get(path, headers=headers).error, str)


def test_methods_that_are_not_known(client: Client):
    for method, path, allow in (
        ("GET", "/users/login/", "OPTIONS, POST"),
        ("DELETE", "/healthcheck/", "GET, HEAD, OPTIONS"),
    ):
        reply = client.send(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, allow)
        assert reply.error == f"this address knows {allow}"


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=utf-16"])
def test_a_body_must_say_that_it_is_json(client: Client, media: str):
    reply = client.post("/users/login/", LOGIN, headers={"Content-Type": media})
    assert reply.status == 415
    assert "Content-Type" in reply.error


def test_bodies_that_cannot_be_read(client: Client):
    for raw, said in (
        (b"", "the body is empty, a JSON object is needed"),
        (b'{"email": "a", "password": "b", "is_superuser": true}', 'the key "is_superuser" is not known here'),
        (b'{"email": "a", "password": "b"}{}', "the body has more than one JSON value, the second at character 32"),
        (b'{"email"', "the body is not JSON at character 9"),
    ):
        reply = client.post("/users/login/", raw=raw)
        assert (reply.status, reply.error) == (400, said)
    assert client.post("/users/login/", {"email": "a"}).status == 422
    assert client.post("/users/login/", {}).error == {"email": "is missing", "password": "is missing"}
    assert client.post("/users/login/", {**LOGIN, "password": "x" * 5000}).error == {"password": "is too long"}
    assert client.post("/users/login/", LOGIN, headers={"Content-Encoding": "gzip"}).status == 415


def test_the_largest_body(client: Client):
    text = json.dumps(LOGIN).encode()
    assert client.post("/users/login/", raw=text + b" " * (MOST_BYTES - len(text))).status == 200
    reply = client.post("/users/login/", raw=text + b" " * (MOST_BYTES - len(text) + 1))
    assert (reply.status, reply.error) == (400, f"the body is larger than {MOST_BYTES} bytes")


def test_a_body_of_unknown_length_is_bounded_too(served: Served):
    with socket.create_connection(("127.0.0.1", served.gateway.port), timeout=20) as line:
        host = f"localhost:{served.gateway.port}"
        line.sendall(f"POST {served.base}/users/login/ HTTP/1.1\r\nHost: {host}\r\n".encode())
        line.sendall(b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        line.sendall(piece * 16 + b"1\r\n \r\n")
        assert b" 400 " in line.recv(65536).split(b"\r\n")[0]


def test_cors_is_for_the_origins_that_are_named():
    with serve({"api": {"origins": ["https://app.example.com"]}}) as served:
        served.gateway.add_user("ann@example.com")
        client = served.client()
        ours = {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
        reply = client.send("OPTIONS", "/users/update-user/", headers={**ours, "Access-Control-Request-Method": "PATCH"})
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "PATCH" in reply.headers["Access-Control-Allow-Methods"]
        assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type, If-Match"
        reply = client.post("/users/login/", LOGIN, headers=ours)
        assert reply.status == 200
        assert (reply.headers["Access-Control-Allow-Origin"], reply.headers["Access-Control-Allow-Credentials"]) == (
            "https://app.example.com",
            "true",
        )
        assert reply.headers["Vary"] == "Cookie, Origin"
        assert reply.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id"
        assert client.post("/users/login/", {}, headers=ours).headers["Access-Control-Allow-Origin"] == "https://app.example.com", "errors too"
        for origin in ("https://app.example.com.evil.example", "https://evil.example", "null"):
            theirs = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            reply = client.send("OPTIONS", "/users/login/", headers=theirs)
            assert not [name for name in reply.headers if name.startswith("Access-Control")]
            assert client.post("/users/login/", LOGIN, headers=theirs).status == 403


def test_the_api_is_where_it_is_configured_and_nowhere_else(front: Served):
    client = front.client()
    assert client.get("/healthcheck/").status == 200
    assert client.get("/healthcheck/", base="/_auth/api").status == 404
    assert client.get("/nothing").headers["Content-Type"] != "application/json", "the page of a path that no route takes"
    assert client.get("/healthcheck/", headers={"Host": "other.example.com"}).status == 421


def test_a_route_keeps_what_the_api_does_not_take(echo_upstream):
    route = {"name": "app", "host": "localhost", "path": "/", "upstream": echo_upstream.url, "access": "public"}
    with serve({"api": {"path": "/"}, "routes": [route]}) as served:
        client = served.client()
        assert json.loads(client.get("/users/").body)["target"] == "/users/"
        assert json.loads(client.get("/users/login/x").body)["target"] == "/users/login/x"
        assert client.post("/users/login/").status == 415, "the exact path is the API's"


def test_switched_off():
    with serve({"api": {"enabled": False}}) as served:
        assert served.client().get("/healthcheck/").status == 404


def test_the_store_is_away(own_redis):
    with serve({"session": {"store": own_redis.url}}) as served:
        served.gateway.add_user("ann@example.com")
        client = served.client()
        client.log_in(**LOGIN)
        own_redis.stop()
        for reply in (client.get("/users/current-user/"), client.post("/users/login/", LOGIN), client.post("/users/logout/")):
            assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert client.post("/users/login/", LOGIN).cookies == []
        assert client.post("/users/logout/").cookie == "gw="
        assert client.get("/healthcheck/").status == 200
