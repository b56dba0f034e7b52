"""Signing up, verifying, a forgotten password and the profile, told by the JSON API, with a real mail server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.functional.api.client import Client, Reply, Served, serve
from tests.gateways import PASSWORD
from tests.mailserver import MailServer, code_in

BAD_CODE = {"token": "is not valid, was used already, or has expired"}
NOBODY = "0190a000-0000-7000-8000-000000616e6e"
OTHER_PASSWORD = "a tortoise plays the cello"


@pytest.fixture(scope="module")
def letters() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def served(letters: MailServer) -> Iterator[Served]:
    config = {"mail": {"url": letters.url, "from": "gateway@example.com"}, "users": {"signup": {"enabled": True, "email_domains": ["example.com"]}}}
    with serve(config) as gateway:
        yield gateway


@pytest.fixture
def client(served: Served) -> Client:
    return served.client()


def _register(client: Client, email: str, **changes: str) -> Reply:
    sent = {"email": email, "first_name": "Ann", "last_name": "Example", "password": PASSWORD} | changes
    return client.post("/users/register/", sent)


def _id_of(served: Served, email: str) -> str:
    done = served.gateway.run("users", "show", email, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def _same(replies: list[Reply]) -> bool:
    """Whether nobody can tell the answers apart."""
    told = [(reply.status, sorted(name for name in reply.headers if name != "X-Request-Id"), reply.body) for reply in replies]
    return all(one == told[0] for one in told)


def test_from_signing_up_to_a_new_password(served: Served, letters: MailServer):
    _sign_up_and_recover(served, letters)


def test_the_same_with_the_stores_of_production(letters: MailServer, postgres_url: str, redis_url: str):
    config = {
        "mail": {"url": letters.url, "from": "gateway@example.com"},
        "users": {"signup": {"enabled": True}, "database": postgres_url},
        "session": {"store": redis_url},
    }
    with serve(config) as served:
        _sign_up_and_recover(served, letters, "pat@example.com")


def test_a_name_that_is_written_long_has_one_answer_there_too(letters: MailServer, postgres_url: str):
    """Letters with their accents apart are more than PostgreSQL has room for, and 100 characters at most as names are kept."""
    mail, name = {"url": letters.url, "from": "gateway@example.com"}, "e\u0301" * 60
    with serve({"mail": mail, "users": {"signup": {"enabled": True}, "database": postgres_url}}) as served:
        served.gateway.add_user("ann@example.com")
        replies = [_register(served.client(), email, first_name=name) for email in ("ann@example.com", "kim@example.com")]
        assert [reply.status for reply in replies] == [202, 202]
        assert _same(replies)


def _sign_up_and_recover(served: Served, letters: MailServer, email: str = "ann@example.com") -> None:
    client = served.client()
    reply = _register(client, email)
    assert reply.status == 202
    assert list(reply.json()) == ["message"]
    user = _id_of(served, email)
    code = code_in(letters.wait_for(email))
    assert client.post("/users/login/", {"email": email, "password": PASSWORD}).status == 403, "not verified yet"
    reply = client.send("PUT", f"/users/activate/{user}/", {"token": f" {code[:3]} {code[3:]} "})
    assert (reply.status, list(reply.json())) == (200, ["message"])
    reply = client.send("PUT", f"/users/activate/{user}/", {"token": code})
    assert (reply.status, reply.error) == (422, BAD_CODE), "once"
    told = client.log_in(email, PASSWORD).json()
    assert (told["id"], told["first_name"], told["last_name"], told["is_active"]) == (user, "Ann", "Example", True)
    assert client.post("/users/password/request-password-change/", {"email": email.upper()}).status == 202
    code = code_in(letters.wait_for(email, 2))
    change = f"/users/password/change-user-password/{user}/"
    reply = client.send("PUT", change, {"token": code, "password": "12345678"})
    assert (reply.status, list(reply.error)) == (422, ["password"]), "a weak password does not use the code up"
    reply = client.send("PUT", change, {"token": code, "password": email.upper()})
    assert (reply.status, list(reply.error)) == (422, ["password"]), "nor does one's own address"
    assert client.send("PUT", change, {"token": code, "password": OTHER_PASSWORD}).status == 200
    assert client.get("/users/current-user/").status == 401, "all sessions end"
    assert client.send("PUT", change, {"token": code, "password": PASSWORD}).error == BAD_CODE
    assert client.post("/users/login/", {"email": email, "password": PASSWORD}).status == 401
    assert client.log_in(email, OTHER_PASSWORD).status == 200


def test_mail_is_in_the_language_of_whoever_asks(client: Client, letters: MailServer):
    for language, email in (("de-AT,de;q=0.9,en;q=0.5", "uwe@example.com"), ("fr", "luc@example.com")):
        sent = {"email": email, "first_name": "Uwe", "last_name": "Example", "password": PASSWORD}
        assert client.post("/users/register/", sent, headers={"Accept-Language": language}).status == 202
    german, english = letters.wait_for("uwe@example.com"), letters.wait_for("luc@example.com")
    assert (german["Content-Language"], english["Content-Language"]) == ("de", "en")


def test_a_code_dies_after_five_wrong_tries(served: Served, client: Client, letters: MailServer):
    assert _register(client, "ben@example.com").status == 202
    code = code_in(letters.wait_for("ben@example.com"))
    user = _id_of(served, "ben@example.com")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert client.send("PUT", f"/users/activate/{user}/", {"token": wrong}).error == BAD_CODE
    assert client.send("PUT", f"/users/activate/{user}/", {"token": code}).error == BAD_CODE


def test_no_code_confirms_what_another_may_have_chosen(served: Served, client: Client, letters: MailServer):
    """Pre-hijacking: of two attempts on one address one is not its owner's, and a code asks nobody for the password that goes with it."""
    assert _register(client, "fay@example.com", password=OTHER_PASSWORD).status == 202
    assert _register(client, "fay@example.com").status == 202
    assert client.post("/users/regenerate-token/", {"email": "fay@example.com"}).status == 202
    user = _id_of(served, "fay@example.com")
    for number in (1, 2, 3):
        code = code_in(letters.wait_for("fay@example.com", number))
        assert client.send("PUT", f"/users/activate/{user}/", {"token": code}).error == BAD_CODE
    for password in (PASSWORD, OTHER_PASSWORD):
        assert client.post("/users/login/", {"email": "fay@example.com", "password": password}).status in (401, 403)


def test_a_disabled_account_stays_disabled(served: Served, client: Client, letters: MailServer):
    assert _register(client, "dora@example.com").status == 202
    code = code_in(letters.wait_for("dora@example.com"))
    user = _id_of(served, "dora@example.com")
    assert served.gateway.run("users", "disable", "dora@example.com").returncode == 0
    assert client.send("PUT", f"/users/activate/{user}/", {"token": code}).error == BAD_CODE
    assert client.post("/users/login/", {"email": "dora@example.com", "password": PASSWORD}).status == 401


@pytest.mark.parametrize("user", [NOBODY, "42", "%C3%A9", NOBODY.upper(), "0" * 300, "a%20b", "..."])
def test_an_id_or_code_that_is_none(client: Client, user: str):
    for token in ("123456", "", "12345", "abcdef", "１２３４５６"):
        assert client.send("PUT", f"/users/activate/{user}/", {"token": token}).error == BAD_CODE
        sent = {"token": token, "password": OTHER_PASSWORD}
        assert client.send("PUT", f"/users/password/change-user-password/{user}/", sent).error == BAD_CODE


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"email": ""}, ["email"]),
        ({"email": "not an address"}, ["email"]),
        ({"email": "ann@elsewhere.example.org"}, ["email"]),
        ({"first_name": " "}, ["first_name"]),
        ({"first_name": "a" * 60, "last_name": "b" * 60}, ["first_name", "last_name"]),
        ({"first_name": "quixoplasm " * 60, "password": "quixoplasm"}, ["first_name", "last_name"]),  # and not taken apart for the password
        ({"password": ""}, ["password"]),
        ({"password": "short"}, ["password"]),
        ({"password": "Password1!"}, ["password"]),
        ({"email": "x", "first_name": "", "last_name": "", "password": "x"}, ["email", "first_name", "last_name", "password"]),
    ],
)
def test_what_nobody_can_sign_up_with(client: Client, changes: dict[str, str], faults: list[str]):
    reply = _register(client, **{"email": "una@example.com", **changes})
    assert (reply.status, sorted(reply.error)) == (422, faults)


def test_nothing_was_made_of_it(served: Served):
    assert served.gateway.run("users", "show", "una@example.com").returncode == 1


@pytest.fixture(scope="module")
def every_state(served: Served) -> list[str]:
    """An address without account, and one of each state."""
    for state in ("created", "verified", "expired", "disabled"):
        unverified = ["--unverified"] if state == "created" else []
        done = served.gateway.run("users", "add", f"{state}@example.com", *unverified, "--password-stdin", stdin=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
    assert served.gateway.run("users", "expire", "expired@example.com").returncode == 0
    assert served.gateway.run("users", "disable", "disabled@example.com").returncode == 0
    return [f"{state}@example.com" for state in ("unknown", "created", "verified", "expired", "disabled")]


@pytest.mark.parametrize("path", ["/users/regenerate-token/", "/users/password/request-password-change/"])
def test_no_answer_tells_who_has_an_account(served: Served, every_state: list[str], path: str):
    replies = [served.client().post(path, {"email": email}) for email in [*every_state, "not an address"]]
    assert [reply.status for reply in replies] == [202] * 6
    assert _same(replies)


def test_signing_up_has_one_answer_too(served: Served, every_state: list[str]):
    replies = [_register(served.client(), email) for email in every_state]
    assert [reply.status for reply in replies] == [202] * 5
    assert _same(replies)


@pytest.mark.parametrize("path", ["/users/regenerate-token/", "/users/password/request-password-change/"])
def test_an_address_must_be_given(client: Client, path: str):
    for sent in ({}, {"email": None}, {"email": " "}):
        assert (client.post(path, sent).status, client.post(path, sent).error) == (422, {"email": "is missing"})


def test_questions_are_counted(client: Client):
    replies = [client.post("/users/password/request-password-change/", {"email": f"p{number}@example.com"}) for number in range(11)]
    assert [reply.status for reply in replies] == [202] * 10 + [429]
    assert int(replies[-1].headers["Retry-After"]) > 0


def test_a_closed_sign_up():
    with serve({}) as served:
        reply = _register(served.client(), "ann@example.com")
        assert (reply.status, reply.error) == (403, "nobody can sign up here")


@pytest.fixture(scope="module")
def eve(served: Served) -> Client:
    served.gateway.add_user("eve@example.com", name="Eve")
    client = served.client()
    client.log_in("eve@example.com", PASSWORD)
    return client


def test_the_profile_is_changed_key_by_key(eve: Client):
    def update(**changes: str | None) -> dict[str, object]:
        reply = eve.send("PATCH", "/users/update-user/", changes)
        assert reply.status == 200, reply.body
        user = reply.json()
        assert eve.get("/users/current-user/").json() == user
        return {**user, **user["profile"]}

    user = update(first_name="Eve", last_name="Adams", phone_number="+4915112345678", birth_date="1990-02-28", github_link="https://github.com/eve")
    assert (user["first_name"], user["last_name"], user["phone_number"]) == ("Eve", "Adams", "+4915112345678")
    assert (user["birth_date"], user["github_link"], user["thumbnail"]) == ("1990-02-28", "https://github.com/eve", None)
    user = update(last_name="Miller")
    assert (user["first_name"], user["last_name"], user["birth_date"]) == ("Eve", "Miller", "1990-02-28"), "what is left out stays"
    user = update(phone_number=None, birth_date="", github_link=None, thumbnail="", first_name="")
    assert (user["first_name"], user["phone_number"], user["birth_date"], user["github_link"]) == ("", None, None, None), "null and nothing clear"
    assert update() == user


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("phone_number", "015112345678"),
        ("phone_number", "+1234567"),
        ("phone_number", "+1234567890123456789"),
        ("phone_number", "+49 151 12345678"),
        ("phone_number", "+１２３４５６７８９"),
        ("birth_date", "28.02.1990"),
        ("birth_date", "1990-02-30"),
        ("birth_date", "1990-2-3"),
        ("birth_date", "2999-01-01"),
        ("birth_date", "1990-02-28T00:00:00Z"),
        ("github_link", "http://github.com/eve"),
        ("github_link", "javascript:alert(1)"),
        ("github_link", "https://"),
        ("github_link", "https://\u212aelvin.example/"),
        ("github_link", "https://user@github.com/"),
        ("github_link", "https://github.com/\nx"),
        ("thumbnail", "https://pictures.example.com/eve.png"),
        ("first_name", "a" * 101),
        ("first_name", "Ev\u2028e"),
    ],
)
def test_fields_that_cannot_be_used(eve: Client, key: str, value: str):
    before = eve.get("/users/current-user/").json()
    reply = eve.send("PATCH", "/users/update-user/", {key: value, "last_name": "Changed"})
    assert (reply.status, list(reply.error)) == (422, [key])
    assert eve.get("/users/current-user/").json() == before, "nothing is changed by half"


def test_everything_that_is_wrong_is_told_at_once(eve: Client):
    before = eve.get("/users/current-user/").json()
    wrong = {"phone_number": "1", "thumbnail": "x", "birth_date": "x", "github_link": "x", "first_name": "a" * 60, "last_name": "b" * 60}
    reply = eve.send("PATCH", "/users/update-user/", wrong)
    assert (reply.status, sorted(reply.error)) == (422, sorted(wrong))
    reply = eve.send("PATCH", "/users/update-user/", {"thumbnail": "x", "first_name": "a" * 60, "last_name": "b" * 60})
    assert (reply.status, sorted(reply.error)) == (422, ["first_name", "last_name", "thumbnail"])
    assert eve.get("/users/current-user/").json() == before


def test_names_that_are_too_long_together(eve: Client):
    reply = eve.send("PATCH", "/users/update-user/", {"first_name": "a" * 60, "last_name": "b" * 60})
    assert (reply.status, sorted(reply.error)) == (422, ["first_name", "last_name"])


def test_nobody_changes_a_profile_without_a_session(served: Served, client: Client):
    assert client.send("PATCH", "/users/update-user/", {"first_name": "X"}).status == 401
    served.gateway.run("users", "add", "old@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    client.log_in("old@example.com", PASSWORD)
    assert served.gateway.run("users", "expire", "old@example.com").returncode == 0
    reply = client.send("PATCH", "/users/update-user/", {"first_name": "X"})
    assert (reply.status, reply.error) == (403, "this account has expired")


def test_nothing_secret_is_logged(served: Served, letters: MailServer):
    log = served.gateway.log()
    assert PASSWORD not in log
    assert OTHER_PASSWORD not in log
    assert not re.search(r'"token"', log)
