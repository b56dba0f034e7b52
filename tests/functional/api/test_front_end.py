"""The original's own front end: a SvelteKit server that asks the API at the root on behalf of a browser (`api.path: /`).

It names its own cookie, takes the session's from the one Set-Cookie by position, and sends back name and value as `sessionid=…` alone, for as long as
it likes, whatever other cookies it has been sent. Its `fetch` adds the Origin of the front end to what changes something, which `api.origins` names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.functional.api.client import Client, Reply, Served, serve
from tests.gateways import PASSWORD
from tests.mailserver import MailServer, code_in
from tests.servers import wait_until

ORIGIN = "https://front.example.com"
SERVER = {"User-Agent": "node", "Accept": "*/*", "Accept-Language": "*", "Sec-Fetch-Mode": "cors", "Connection": "keep-alive"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def letters() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def front(letters: MailServer) -> Iterator[Served]:
    config = {
        "api": {"path": "/", "origins": [ORIGIN]},
        "session": {"cookie": {"name": "sessionid", "persistent": True}, "rotate_every": "1s"},
        "users": {"signup": {"enabled": True}},
        "mail": {"url": letters.url, "from": "gateway@example.com"},
    }
    with serve(config) as served:
        yield served


class FrontEnd:
    """One browser's visit; `session` is what stands in the front end's own cookie."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.session: str | None = None

    def fetch(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Reply:
        """What `fetch` of the SvelteKit server sends."""
        own = {"Cookie": f"sessionid={self.session}"} if self.session is not None else {}
        origin = {"Origin": ORIGIN} if method != "GET" else {}
        return self._client.send(method, path, body, headers={**SERVER, **origin, **own, **(headers or {})})

    def log_in(self, email: str, password: str) -> Reply:
        """The login action."""
        reply = self.fetch("POST", "/users/login/", {"email": email, "password": password}, JSON)
        if reply.status == 200:
            # Object.fromEntries(res.headers)['set-cookie'].split(';')[0].split(/=(.*)/s)[1]
            self.session = reply.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
        return reply


def test_the_whole_visit(front: Served, letters: MailServer):
    visit = FrontEnd(front.client())
    sent = {"email": "ann@example.com", "first_name": "Ann", "last_name": "Example", "password": PASSWORD}
    reply = visit.fetch("POST", "/users/register/", sent, JSON)
    assert reply.status == 202
    assert isinstance(reply.json()["message"], str)
    reply = visit.log_in("ann@example.com", PASSWORD)
    assert (reply.status, isinstance(reply.error, str)) == (403, True)
    user = json.loads(front.gateway.run("users", "show", "ann@example.com", "--json").stdout)["id"]
    reply = visit.fetch("PUT", f"/users/activate/{user}/", {"token": code_in(letters.wait_for("ann@example.com"))}, JSON)
    assert reply.status == 200
    reply = visit.log_in("ann@example.com", PASSWORD)
    assert reply.status == 200
    (line,) = reply.cookies
    name, path, age = line.split("; ")[:3]
    assert name.startswith("sessionid=")
    assert (path, age) == ("Path=/", "Max-Age=43200")
    reply = visit.fetch("GET", "/users/current-user/")
    assert (reply.status, reply.json()["id"]) == (200, user)
    form = {
        "first_name": "Ann",
        "last_name": "Miller",
        "thumbnail": "",
        "phone_number": "+491511234567",
        "birth_date": "1990-02-28",
        "github_link": "https://github.com/ann",
    }
    reply = visit.fetch("PATCH", "/users/update-user/", form, JSON)
    assert reply.status == 200
    assert reply.json()["profile"]["birth_date"].split("T")[0] == "1990-02-28"
    assert visit.fetch("PATCH", "/users/update-user/", {**form, "phone_number": "1"}, JSON).error == {"phone_number": "must be + and 8 to 18 digits"}
    assert visit.fetch("GET", "/metrics/").status == 403
    reply = visit.fetch("POST", "/users/logout/", headers=JSON)
    assert reply.status == 200
    assert visit.fetch("GET", "/users/current-user/").status == 401
    visit.session = None
    assert visit.fetch("POST", "/users/password/request-password-change/", {"email": "ann@example.com"}, JSON).status == 202
    code = code_in(letters.wait_for("ann@example.com", 2))
    sent = {"token": code, "password": "a tortoise plays the cello"}
    assert visit.fetch("PUT", f"/users/password/change-user-password/{user}/", sent, JSON).status == 200
    assert visit.log_in("ann@example.com", sent["password"]).status == 200


def test_errors_have_the_shapes_that_its_pages_take_apart(front: Served):
    visit = FrontEnd(front.client())
    assert isinstance(visit.log_in("nobody@example.com", "wrong").error, str)
    for method, path, body in (
        ("POST", "/users/register/", {"email": "x", "first_name": "", "last_name": "", "password": "x"}),
        ("PUT", "/users/activate/null/", {"token": "000000"}),
        ("POST", "/users/regenerate-token/", {"email": ""}),
    ):
        reply = visit.fetch(method, path, body, JSON)
        assert reply.status == 422
        assert all(isinstance(text, str) for text in reply.error.values())


def test_the_page_of_metrics_finds_what_it_looks_for(front: Served):
    front.gateway.add_user("root@example.com", groups=["admins"])
    visit = FrontEnd(front.client())
    assert visit.log_in("root@example.com", PASSWORD).json()["is_superuser"] is True
    metrics = visit.fetch("GET", "/metrics/").json()
    assert metrics["total_processing_time_μs"] / metrics["total_requests_received"] > 0
    for name in ("database", "memstats", "total_responses_sent_by_status"):
        assert isinstance(metrics[name], dict)


def test_a_cookie_that_is_never_renewed_goes_on_working(front: Served):
    """The front end keeps what the login gave it: renewed cookies are sent to it, not taken, and the session lives on."""
    front.gateway.add_user("kim@example.com")
    visit = FrontEnd(front.client())
    visit.log_in("kim@example.com", PASSWORD)
    kept = visit.session
    assert kept is not None

    def renewed() -> bool:
        reply = visit.fetch("GET", "/users/current-user/")
        assert reply.status == 200
        return any(line.startswith("sessionid=") and kept not in line for line in reply.cookies)

    wait_until(renewed, "the rotation of the cookie")
    assert renewed(), "whoever does not take it is told again"
    assert visit.session == kept
    assert visit.fetch("GET", "/users/current-user/").status == 200


def test_another_front_end_changes_nothing(front: Served):
    visit = FrontEnd(front.client())
    assert visit.fetch("POST", "/users/logout/", headers={**JSON, "Origin": "https://evil.example.com"}).status == 403
