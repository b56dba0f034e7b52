"""Logging in and out, and who is there, told by the JSON API."""

from __future__ import annotations

import re

import pytest

from tests.functional.api.client import Client, Served
from tests.gateways import PASSWORD

WRONG = "this e-mail address and password do not belong together"


@pytest.fixture(scope="module", autouse=True)
def people(served: Served) -> None:
    served.gateway.add_user("ann@example.com", name="Ann Example", groups=["staff", "editors"])
    served.gateway.add_user("root@example.com", groups=["admins"])
    for name in ("carl", "dora", "ed", "flo"):
        served.gateway.add_user(f"{name}@example.com")
    assert served.gateway.run("users", "add", "una@example.com", "--unverified", "--password-stdin", stdin=PASSWORD + "\n").returncode == 0
    assert served.gateway.run("users", "disable", "dora@example.com").returncode == 0
    assert served.gateway.run("users", "expire", "ed@example.com").returncode == 0


def test_a_login_from_beginning_to_end(served: Served, client: Client):
    reply = client.log_in("Ann@Example.com ", PASSWORD)
    user = reply.json()
    assert list(user) == [
        "id", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "thumbnail", "date_joined", "profile",
    ]  # fmt: skip
    assert (user["email"], user["is_active"], user["is_staff"], user["is_superuser"]) == ("ann@example.com", True, True, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["date_joined"])
    assert user["profile"] == {"id": user["id"], "user_id": user["id"], "phone_number": None, "birth_date": None, "github_link": None}
    assert re.fullmatch(r"gw=[\w-]{20,200}; Path=/; HttpOnly; SameSite=Lax", reply.cookies[0])
    assert client.get("/users/current-user/").json() == user
    assert client.get("/users/current-user").json() == user, "without the slash the same answer, not a redirect"
    assert client.send("HEAD", "/users/current-user/").status == 200
    other = served.client()
    other.log_in("ann@example.com", PASSWORD)
    reply = client.post("/users/logout/")
    assert reply.status == 200
    assert list(reply.json()) == ["message"]
    assert reply.cookies == ["gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]
    assert client.get("/users/current-user/").status == 401, "a captured cookie is dead"
    assert client.post("/users/logout/").status == 200, "idempotent"
    assert other.get("/users/current-user/").status == 200, "the other device stays"


def test_a_login_replaces_the_session_that_was_presented(client: Client):
    client.log_in("ann@example.com", PASSWORD)
    first = client.cookie
    client.log_in("ann@example.com", PASSWORD)
    assert client.cookie != first
    client.cookie = first
    assert client.get("/users/current-user/").status == 401


def test_remember_makes_the_cookie_last(client: Client):
    (line,) = client.log_in("flo@example.com", PASSWORD, remember=True).cookies
    assert re.fullmatch(r"gw=[\w-]+; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax", line)
    (line,) = client.log_in("flo@example.com", PASSWORD, remember=False).cookies
    assert "Max-Age" not in line


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("nobody@example.com", PASSWORD),
        ("carl@example.com", "wrong"),
        ("dora@example.com", PASSWORD),
        ("una@example.com", "wrong"),
        ("not an address", PASSWORD),
        ("carl@example.com", ""),
        ("", ""),
    ],
)
def test_every_wrong_login_gets_one_answer(client: Client, email: str, password: str):
    reply = client.post("/users/login/", {"email": email, "password": password})
    assert (reply.status, reply.error, reply.cookies) == (401, WRONG, [])
    assert reply.headers["WWW-Authenticate"] == 'Cookie realm="localhost"'


def test_a_right_password_of_an_unverified_account(client: Client):
    reply = client.post("/users/login/", {"email": "una@example.com", "password": PASSWORD})
    assert (reply.status, reply.error, reply.cookies) == (403, "verify your e-mail address first", [])


def test_an_expired_account_sees_itself_and_is_not_active(client: Client):
    assert client.log_in("ed@example.com", PASSWORD).json()["is_active"] is False
    assert client.get("/users/current-user/").json()["is_active"] is False


def test_a_disabled_or_deleted_account_is_nobody(served: Served, client: Client):
    served.gateway.add_user("gone@example.com")
    other = served.client()
    client.log_in("carl@example.com", PASSWORD)
    other.log_in("gone@example.com", PASSWORD)
    assert served.gateway.run("users", "disable", "carl@example.com").returncode == 0
    assert served.gateway.run("users", "delete", "gone@example.com").returncode == 0
    assert [one.get("/users/current-user/").status for one in (client, other)] == [401, 401], "at once, whatever the session still says"


@pytest.mark.parametrize("cookie", ["gw=", "gw=x", "gw=" + "A" * 5000, "gw=\x01", "gw=%00", "gw=a; gw=b; gw=c; gw=d; gw=e", "other=1", "gw"])
def test_a_garbage_cookie_is_nobody(client: Client, cookie: str):
    client.cookie = cookie
    reply = client.get("/users/current-user/")
    assert reply.status == (400 if "\x01" in cookie else 401)
    assert client.post("/users/logout/").status == (400 if "\x01" in cookie else 200)


def test_too_many_attempts_are_turned_away(client: Client):
    replies = [client.post("/users/login/", {"email": "guessed@example.com", "password": "wrong"}) for _ in range(7)]
    assert [reply.status for reply in replies[:5]] == [401] * 5
    last = replies[-1]
    assert last.status == 429
    assert int(last.headers["Retry-After"]) >= 1
    assert "too many attempts" in last.error


def test_numbers_are_for_administrators(client: Client):
    assert client.get("/metrics/").status == 401
    client.log_in("ann@example.com", PASSWORD)
    assert (client.get("/metrics/").status, client.get("/metrics/").error) == (403, "only administrators may see this")
    assert client.log_in("root@example.com", PASSWORD).json()["is_superuser"] is True
    numbers = client.get("/metrics/").json()
    assert numbers["total_requests_received"] == numbers["total_responses_sent"] + 1, "this one has not been answered yet"
    assert sum(numbers["total_responses_sent_by_status"].values()) == numbers["total_responses_sent"]
    assert numbers["total_responses_sent_by_status"]["403"] >= 1
    assert numbers["total_processing_time_μs"] > 0
    assert re.fullmatch(r"\d+\.\d+.*", numbers["version"])


def test_health(client: Client):
    told = client.get("/healthcheck/").json()
    assert told["status"] == "available"
    assert set(told) == {"status", "version"}
