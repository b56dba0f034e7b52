"""Accounts in every state, with links and codes of every kind, behind a gateway; and what somebody outside sends to find out about them.

Nobody is asked about twice, so that no limit for one address comes into a measurement, and every question comes from a client of its own. Accounts
are imported with a hash of the gateway's own parameters, tokens are made by the package's own code.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.core.password import Argon2Cost
from gateway.crypto.mailed import new_token
from gateway.crypto.passwords import Hasher
from gateway.services.throttle import Throttle
from gateway.services.tickets import Purpose, Tickets
from gateway.stores.memory import MemoryThrottleStore
from gateway.stores.sql.engine import Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.tokens import SqlTokenStore
from tests.gateways import PASSWORD, Gateway

#: Who may be behind an address; `unknown` is nobody.
STATES: Final = ("unknown", "created", "verified", "expired", "disabled")
#: What may be wrong with a link. `disabled`: it is good, its owner's account is not.
FAULTS: Final = ("unknown", "used", "expired", "malformed", "disabled")
#: A password that is nobody's, and may be chosen.
CHOSEN: Final = "the moon is made of brass"
#: Longer ago than any link lives (seconds).
_LONG_AGO: Final = 30 * 86_400.0
_CSRF: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_CLIENTS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Question:
    """One request; `headers` beyond those that every one has."""

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] | None = None


class Line:
    """A kept-alive connection to a gateway; one question at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._host = f"localhost:{gateway.port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)

    def ask(self, question: Question) -> tuple[int, float, http.client.HTTPMessage, bytes]:
        """The status, the seconds from the first byte sent to the last one read, headers, body."""
        headers = {"Host": self._host, "Accept": "text/html", "Sec-Fetch-Mode": "navigate", "X-Forwarded-For": _somebody()} | dict(
            question.headers or {}
        )
        begun = time.perf_counter()
        self._connection.request(question.method, question.target, body=question.body, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, time.perf_counter() - begun, answer.headers, body

    def close(self) -> None:
        """Leave."""
        self._connection.close()


class Residents:
    """`count` people of each state for each of `rows` (names), and what a form needs. They are imported into its database."""

    def __init__(self, gateway: Gateway, cost: Argon2Cost, rows: Iterable[str], count: int) -> None:
        self.gateway = gateway
        self._places = {name: number for number, name in enumerate(rows)}
        self._count = count
        self._database = load(gateway.config_file, {}).settings.users.database
        self._forms: dict[str, tuple[str, str]] = {}
        self._sessions: dict[str, str] = {}
        self._tokens: dict[tuple[Purpose, str], str] = {}
        stored = Hasher(cost).hash(PASSWORD)
        lines = [
            json.dumps({"id": self.id(row, state, number), "email": self.email(row, state, number), "state": state, "password_hash": stored})
            for row in self._places
            for state in STATES[1:]
            for number in range(count)
        ]
        file = gateway.folder / "residents.jsonl"
        file.write_text("\n".join(lines) + "\n")
        done = gateway.run("users", "import", str(file))
        if done.returncode:
            raise RuntimeError(done.stderr)

    def email(self, row: str, state: str, number: int) -> str:
        """An address that nothing else asks about."""
        return f"{state}{number}.{self._places[row]}@example.com"

    def id(self, row: str, state: str, number: int) -> str:
        """The id of that account, or of none."""
        return f"0190a000-0000-7000-8000-{(self._places[row] * len(STATES) + STATES.index(state)) * self._count + number:012x}"

    def form(self, path: str, fields: Mapping[str, str], cookie: str = "") -> Question:
        """What a browser sends from the page of ours at `path`; `cookie` is the session's, if there is one."""
        if (path + cookie) not in self._forms:
            status, headers, page = self.ask_apart(Question("GET", f"/_auth{path}", headers={"Cookie": cookie}))
            field = _CSRF.search(page.decode())
            if status != 200 or field is None:
                raise RuntimeError(f"no form at {path}: {status}")
            own = [cookie] if cookie else []
            self._forms[path + cookie] = field[1], "; ".join([*own, *(one.split(";")[0] for one in headers.get_all("Set-Cookie", []))])
        token, cookies = self._forms[path + cookie]
        headers_sent = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return Question("POST", f"/_auth{path}", urlencode({**fields, "csrf_token": token}).encode(), headers_sent)

    def call(self, method: str, path: str, values: Mapping[str, str]) -> Question:
        """What a program sends to the JSON API."""
        return Question(method, f"/_auth/api{path}", json.dumps(values).encode(), {"Content-Type": "application/json", "Accept": "application/json"})

    def logged_in(self, row: str, number: int) -> str:
        """The cookie of a verified account's session."""
        email = self.email(row, "verified", number)
        if email not in self._sessions:
            status, headers, _ = self.ask_apart(self.call("POST", "/users/login/", {"email": email, "password": PASSWORD}))
            if status != 200:
                raise RuntimeError(f"a login got {status}")
            self._sessions[email] = headers["Set-Cookie"].split(";")[0]
        return self._sessions[email]

    def ask_apart(self, question: Question) -> tuple[int, http.client.HTTPMessage, bytes]:
        """The status, headers and body of an answer that is not measured."""
        line = Line(self.gateway)
        status, _, headers, body = line.ask(question)
        line.close()
        return status, headers, body

    def token(self, purpose: Purpose, fault: str) -> str:
        """What stands in a link that is bad in that way."""
        if fault == "unknown":
            return new_token()
        return "x" if fault == "malformed" else self._tokens[purpose, fault]

    def make_links(self, row: str) -> None:
        """A used link, one whose time is over, and a disabled person's, of every purpose."""
        asyncio.run(self._make_links(row))

    def give_codes(self, row: str, purpose: Purpose, states: Iterable[str]) -> None:
        """A code for everybody in these states."""
        asyncio.run(self._give_codes([self.id(row, state, number) for state in states for number in range(self._count)], purpose))

    async def _make_links(self, row: str) -> None:
        snapshot, database = make_snapshot(load(self.gateway.config_file, {})), open_database(self._database)
        owner = self.id(row, "created", 0)
        now, past = _tickets(database, time.time), _tickets(database, lambda: time.time() - _LONG_AGO)
        for purpose in Purpose:
            used = (await now.issue(snapshot, purpose, owner, {})).token
            await now.take(snapshot, purpose, used)
            self._tokens[purpose, "used"] = used
            self._tokens[purpose, "expired"] = (await past.issue(snapshot, purpose, owner, {"email": "a@example.com"})).token
            disabled = await now.issue(snapshot, purpose, self.id(row, "disabled", 0), {"email": "a@example.com"})
            self._tokens[purpose, "disabled"] = disabled.token
        await database.close()

    async def _give_codes(self, ids: Iterable[str], purpose: Purpose) -> None:
        snapshot, database = make_snapshot(load(self.gateway.config_file, {})), open_database(self._database)
        tickets = _tickets(database, time.time)
        for one in ids:
            await tickets.issue(snapshot, purpose, one, {})
        await database.close()


def _tickets(database: Database, clock: Callable[[], float]) -> Tickets:
    return Tickets(SqlTokenStore(database), Throttle(MemoryThrottleStore(clock), "", SqlFailureStore(database)), clock)


def _somebody() -> str:
    """An address that nobody has asked from."""
    number = next(_CLIENTS)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
