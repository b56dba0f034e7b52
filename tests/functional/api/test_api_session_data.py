"""Data that a front end keeps with its session: `/session/data`, as a script of a page uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.functional.api.client import Client, Reply, Served, serve
from tests.gateways import PASSWORD
from tests.upstreams import EchoUpstream

PATH = "/session/data/"
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module", autouse=True)
def people(served: Served) -> None:
    for name in ("ann", "bob"):
        served.gateway.add_user(f"{name}@example.com")


@pytest.fixture
def ann(client: Client) -> Iterator[Client]:
    client.log_in("ann@example.com", PASSWORD)
    yield client
    client.post("/users/logout/")


def told(reply: Reply) -> tuple[int, object, str]:
    return reply.status, reply.json(), reply.headers["ETag"]


def test_from_beginning_to_end(served: Served, ann: Client):
    assert told(ann.get(PATH)) == (200, {}, '"0"')
    assert told(ann.send("PUT", PATH, {"cart": ["tea"], "theme": "dark"})) == (200, {"cart": ["tea"], "theme": "dark"}, '"1"')
    assert told(ann.send("PATCH", PATH, {"cart": None, "view": {"zoom": 2}}, headers=PATCH)) == (200, {"theme": "dark", "view": {"zoom": 2}}, '"2"')
    assert told(ann.send("PATCH", PATH, {"view": {"zoom": None}})) == (200, {"theme": "dark", "view": {}}, '"3"'), "plain JSON will do"
    assert told(ann.get(PATH.rstrip("/"))) == (200, {"theme": "dark", "view": {}}, '"3"')
    head = ann.send("HEAD", PATH)
    assert (head.status, head.headers["ETag"], head.body) == (200, '"3"', b"")
    assert ann.send("OPTIONS", PATH).headers["Allow"] == "GET, HEAD, OPTIONS, DELETE, PATCH, PUT"
    bob = served.client()
    bob.log_in("bob@example.com", PASSWORD)
    assert bob.get(PATH).json() == {}
    other = served.client()
    other.log_in("ann@example.com", PASSWORD)
    assert other.get(PATH).json() == {}, "each session has its own"
    assert told(ann.send("DELETE", PATH)) == (200, {}, '"4"')
    assert told(ann.send("PATCH", PATH, {"a": 1})) == (200, {"a": 1}, '"5"')
    ann.log_in("ann@example.com", PASSWORD)
    assert told(ann.get(PATH)) == (200, {}, '"0"'), "a new login sees nothing of it"


def test_a_change_can_depend_on_what_was_read(ann: Client):
    def put(condition: str) -> int:
        return ann.send("PUT", PATH, {"a": condition}, headers={"If-Match": condition}).status

    assert [put('"0"'), put('"0"'), put('"1"'), put("*"), put('"7", "3"')] == [200, 412, 200, 200, 200]
    assert [put('W/"4"'), put('"5"'), put('"04"'), put('"x"')] == [412] * 4, "a weak one is not the same"
    assert [put("4"), put('"4'), put(" "), put('"4",'), put('*, "4"')] == [400] * 5, "nor is what cannot be read no condition"
    for method, body in (("PATCH", {"b": 1}), ("DELETE", None)):
        reply = ann.send(method, PATH, body, headers={"If-Match": '"3"'})
        assert (reply.status, "read them again" in reply.error) == (412, True)
    assert told(ann.get(PATH)) == (200, {"a": '"7", "3"'}, '"4"')
    assert ann.send("DELETE", PATH, headers={"If-Match": '"4"'}).status == 200


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (b"[1]", 400, "the body must be a JSON object"),
        (b"null", 400, "the body must be a JSON object"),
        (b"", 400, "the body is empty, a JSON object is needed"),
        (b'{"a": 1, "a": 2}', 400, 'the key "a" stands twice'),
        (b'{"a": {"b": 1, "b": 2}}', 400, 'the key "b" stands twice'),
        (b'{"a": NaN}', 400, "the body is not JSON: NaN is no number"),
        (b'{"a": 9.99, "b": 1}', 422, {"a": "has a number that is not whole, or beyond 2⁵³ − 1: write it as text"}),
        (b'{"a": 1e400}', 422, {"a": "has a number that is not whole, or beyond 2⁵³ − 1: write it as text"}),
        (b'{"a": [9007199254740992]}', 422, {"a": "has a number that is not whole, or beyond 2⁵³ − 1: write it as text"}),
        (b'{"a": "\\ud800"}', 422, {"a": "has a character that no text may have"}),
        (b'{"\\ud800": 1}', 422, {"?": "has a key of more than 256 characters, or with one that no text may have"}),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", 422, {"a": "is nested more than 16 deep"}),
        (b'{"a": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", 422, {"a": "is nested more than 16 deep"}),
        (b'{"a": ' + b"[" * 100_000, 400, "the body is nested too deeply"),
        (json.dumps({"a": "x" * 16384}).encode(), 413, "a session may keep 16384 bytes of JSON and 1000 keys, this would be more"),
        (
            json.dumps({str(number): 1 for number in range(1001)}).encode(),
            413,
            "a session may keep 16384 bytes of JSON and 1000 keys, this would be more",
        ),
        (b"{}" + b" " * 131_071, 413, "the body is larger than 131072 bytes"),
    ],
    ids=range(17),
)
def test_what_cannot_be_kept(ann: Client, raw: bytes, status: int, said: object):
    for method in ("PUT", "PATCH"):
        reply = ann.send(method, PATH, raw=raw)
        assert (reply.status, reply.error) == (status, said)
    assert told(ann.get(PATH)) == (200, {}, '"0"')


def test_patches_add_up_to_the_limit_and_no_further(ann: Client):
    assert [ann.send("PATCH", PATH, {name: "x" * 6000}).status for name in "abc"] == [200, 200, 413]
    assert list(ann.get(PATH).json()) == ["a", "b"]


def test_the_type_of_a_body(ann: Client):
    for media in ("", "text/plain", "application/x-www-form-urlencoded"):
        assert [ann.send(method, PATH, {}, headers={"Content-Type": media}).status for method in ("PUT", "PATCH")] == [415, 415]
    assert ann.send("PUT", PATH, {}, headers=PATCH).status == 415, "a patch is no whole"


def test_nobodys_body_is_not_even_read(client: Client):
    """Judging a mebibyte of lists takes a process most of a second, in which nobody else is answered."""
    client.cookie = "gw=garbage"
    for method in ("PUT", "PATCH"):
        for raw in (b"[1]", b'{"a": 0.5}', b"{}" + b" " * 1_048_576):
            assert client.send(method, PATH, raw=raw).status == 401


def test_what_is_kept_may_be_sent_with_escapes_and_spaces(ann: Client):
    content = {"a": "ü" * 8000}
    assert len(json.dumps(content)) > 16384 * 2
    assert ann.send("PUT", PATH, raw=json.dumps(content, indent=4).encode() + b" " * 80_000).status == 200
    ann.send("DELETE", PATH)


def test_nobody_has_none(client: Client):
    client.cookie = "gw=garbage"
    for method, body in (("GET", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
        assert client.send(method, PATH, body).status == 401, method


def test_switched_off_it_is_no_address_of_ours(echo_upstream: EchoUpstream):
    with serve({}) as served:
        client = served.client()
        for method, body in (("GET", None), ("OPTIONS", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
            reply, other = (client.send(method, path, body) for path in (PATH, "/session/dates/"))
            assert (reply.status, reply.body) == (other.status, other.body) == (404, b'{"error": "there is nothing at this address"}\n')
    route = {"name": "app", "host": "localhost", "path": "/", "upstream": echo_upstream.url, "access": "public"}
    with serve({"api": {"path": "/"}, "routes": [route]}) as served:
        client = served.client()
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            assert json.loads(client.send(method, PATH, {}).body)["target"] == PATH


def test_a_page_on_the_applications_own_host_can_use_it(echo_upstream: EchoUpstream):
    """Where hosts have sessions of their own, the API has to be on that host, and its session is the one."""
    route = {"name": "app", "host": "app.localhost", "path": "/", "upstream": echo_upstream.url, "access": "login"}
    with serve({"api": {"hosts": ["app.localhost"]}, "routes": [route], "session": {"data": {"enabled": True}}}) as served:
        served.gateway.add_user("ann@example.com")
        client = served.client()
        here = {"Host": f"app.localhost:{served.gateway.port}", "Origin": f"http://app.localhost:{served.gateway.port}"}
        reply = client.post("/users/login/", {"email": "ann@example.com", "password": PASSWORD}, headers=here)
        client.cookie = reply.cookie
        assert client.send("PUT", PATH, {"a": 1}, headers=here).json() == {"a": 1}
        assert client.send("PUT", PATH, {"a": 2}, headers={**here, "Origin": f"http://other.localhost:{served.gateway.port}"}).status == 403
        seen = json.loads(client.get("/", base="", headers=here).body)
        assert "gw=" not in json.dumps(seen), "the application itself does not get the cookie"
