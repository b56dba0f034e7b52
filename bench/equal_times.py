"""Whether answers take one time, whoever an address belongs to: `python -m bench.equal_times`.

A row is one question that must not tell anything; its states are what differs behind it (no account, one that is created, verified, expired or
disabled; a link that is unknown, used, expired, malformed). Each state is asked about equally often, one question after the other in an order that is
shuffled anew for every round, so that whatever else the machine does falls on all alike. Held: the medians of a row lie less than 10 % and less than
5 ms apart. The gateway is a process of its own, hashes with Argon2id, and has SQLite and sessions in memory, then PostgreSQL and Redis.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random  # noqa: TID251 - an order, no secret
from statistics import median
from typing import Any, Final

from bench.residents import CHOSEN, FAULTS, STATES, Line, Question, Residents
from gateway.core.password import Argon2Cost
from gateway.stores.tokens import Purpose
from tests.gateways import PASSWORD, Gateway
from tests.servers import Postgres, Redis

#: How far the medians of a row may lie apart: a share of the least, and seconds.
SHARE: Final = 0.1
SECONDS: Final = 0.005
#: How often one account may ask for a change of its address before it has to wait; two questions a round.
_CHANGES: Final = 4
_RIGHT: Final = ", right password"
_WRONG_CODE: Final = {"token": "000 000"}
_NEW: Final = {"password": CHOSEN, "password_confirm": CHOSEN}

Ask = Callable[[Residents, str, int], Question]


@dataclass(frozen=True, slots=True)
class Row:
    """`ask` makes the question about a state in a round; every answer has `status`. `hashes`: only one is asked at a time then, since hashes
    compete; most of every other answer is a pause. `prepare` is told how many rounds there will be."""

    states: Sequence[str]
    status: int
    ask: Ask
    hashes: bool = False
    prepare: Callable[[Residents, int], object] = lambda residents, runs: None


def form(name: str, path: str, fields: Mapping[str, str]) -> Ask:
    """A page of ours, filled in with an address."""
    return lambda residents, state, number: residents.form(path, {**fields, "email": residents.email(name, state, number)})


def call(name: str, path: str, fields: Mapping[str, str]) -> Ask:
    """A call of the JSON API with an address."""
    return lambda residents, state, number: residents.call("POST", path, {**fields, "email": residents.email(name, state, number)})


def call_with_id(name: str, path: str, fields: Mapping[str, str]) -> Ask:
    """A call of the JSON API with an account's id in its path."""
    return lambda residents, state, number: residents.call("PUT", f"{path}/{residents.id(name, state, number)}/", fields)


def link(path: str, purpose: Purpose) -> Ask:
    """A link that somebody follows."""
    return lambda residents, fault, number: Question("GET", f"/_auth{path}?token={residents.token(purpose, fault)}")


def login(name: str, *, page: bool) -> Ask:
    """A login, with the right password where the state says so."""

    def ask(residents: Residents, state: str, number: int) -> Question:
        email = residents.email(name, state.removesuffix(_RIGHT), number)
        fields = {"email": email, "password": PASSWORD if state.endswith(_RIGHT) else CHOSEN}
        return residents.form("/login", fields) if page else residents.call("POST", "/users/login/", fields)

    return ask


def codes(name: str, purpose: Purpose, *states: str) -> Callable[[Residents, int], object]:
    """Those in these states have a code; it is never the one that is tried (once in a million times it is)."""
    return lambda residents, runs: residents.give_codes(name, purpose, states)


def log_in(residents: Residents, runs: int) -> None:
    """Sessions of those who will ask for a change of their address."""
    for number in range(-(-2 * runs // _CHANGES)):
        residents.form("/account/email", {}, residents.logged_in("email", number))


def change(residents: Residents, state: str, number: int) -> Question:
    """A change of address to one that somebody has, or nobody."""
    wanted = residents.email("email", "expired" if state == "taken" else "unknown", number)
    return residents.form("/account/email", {"email": wanted, "current_password": PASSWORD}, residents.logged_in("email", 2 * number // _CHANGES))


_REFUSED: Final = (*STATES, f"disabled{_RIGHT}")
_LET_IN: Final = (f"verified{_RIGHT}", f"expired{_RIGHT}")
_JOIN: Final = {"first_name": "Nora", "last_name": "North", "password": CHOSEN}
_API: Final = "/users/password"
ROWS: Final[Mapping[str, Row]] = {
    "signup": Row(STATES, 200, form("signup", "/signup", {"name": "Nora", **_NEW}), hashes=True),
    "resend": Row(STATES, 200, form("resend", "/verify/resend", {})),
    "forgot": Row(STATES, 200, form("forgot", "/forgot", {})),
    "login": Row(_REFUSED, 401, login("login", page=True), hashes=True),
    "login-right": Row(_LET_IN, 303, login("login-right", page=True), hashes=True),
    "email": Row(("free", "taken"), 303, change, hashes=True, prepare=log_in),
    "verify-link": Row(FAULTS, 400, link("/verify", Purpose.VERIFY), prepare=lambda residents, runs: residents.make_links("verify-link")),
    "reset-link": Row(FAULTS, 400, link("/reset", Purpose.RESET), prepare=lambda residents, runs: residents.make_links("reset-link")),
    "verify-code": Row(STATES, 422, form("verify-code", "/verify", _WRONG_CODE), prepare=codes("verify-code", Purpose.VERIFY, "created")),
    "reset-code": Row(
        STATES,
        422,
        form("reset-code", "/reset", {**_WRONG_CODE, **_NEW}),
        hashes=True,
        prepare=codes("reset-code", Purpose.RESET, "verified", "expired"),
    ),
    "api-register": Row(STATES, 202, call("api-register", "/users/register/", _JOIN), hashes=True),
    "api-resend": Row(STATES, 202, call("api-resend", "/users/regenerate-token/", {})),
    "api-forgot": Row(STATES, 202, call("api-forgot", f"{_API}/request-password-change/", {})),
    "api-login": Row(_REFUSED, 401, login("api-login", page=False), hashes=True),
    "api-login-right": Row(_LET_IN, 200, login("api-login-right", page=False), hashes=True),
    "api-activate": Row(
        STATES, 422, call_with_id("api-activate", "/users/activate", _WRONG_CODE), prepare=codes("api-activate", Purpose.VERIFY, "created")
    ),
    "api-reset": Row(
        STATES,
        422,
        call_with_id("api-reset", f"{_API}/change-user-password", {**_WRONG_CODE, "password": CHOSEN}),
        hashes=True,
        prepare=codes("api-reset", Purpose.RESET, "verified", "expired"),
    ),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of a row by state (seconds)."""

    medians: Mapping[str, float]

    @property
    def apart(self) -> float:
        """Seconds between the least and the most."""
        return max(self.medians.values()) - min(self.medians.values())

    @property
    def equal(self) -> bool:
        """Whether that is what is held."""
        return self.apart < min(SECONDS, SHARE * min(self.medians.values()))

    def __str__(self) -> str:
        each = ", ".join(f"{state} {seconds * 1000:.2f}" for state, seconds in self.medians.items())
        share = self.apart / min(self.medians.values())
        return f"{'equal' if self.equal else 'NOT EQUAL'}: {self.apart * 1000:.2f} ms apart, {share:.1%} ({each})"


def measure(residents: Residents, row: Row, runs: int, lanes: int) -> Measured:
    """Ask so many times about each state, on so many connections. Raises RuntimeError for an answer of another status."""
    taken: dict[str, list[float]] = {state: [] for state in row.states}
    first = [(state, residents.ask_apart(row.ask(residents, state, runs))[0]) for state in row.states]  # whatever is made once is made
    if any(status != row.status for _, status in first):
        raise RuntimeError(f"other answers than {row.status}: {first}")

    def lane(number: int) -> None:
        line, order = Line(residents.gateway), Random(number)  # noqa: S311 - the same
        for one in range(number, runs, lanes):
            for state in order.sample(row.states, len(row.states)):
                status, seconds, _, _ = line.ask(row.ask(residents, state, one))
                if status != row.status:
                    raise RuntimeError(f"{state}, round {one}: {status} instead of {row.status}")
                taken[state].append(seconds)
        line.close()

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(lane, range(lanes)))
    return Measured({state: median(times) for state, times in taken.items()})


@contextmanager
def open_gateway(stores: str, cost: Argon2Cost) -> Iterator[Gateway]:
    """A gateway on these stores that sends its mail into a folder and limits no client."""
    argon2 = {"memory": f"{cost.memory}KiB", "time": cost.time, "parallelism": cost.parallelism}
    sections: dict[str, Any] = {
        "server": {"trusted_proxies": ["127.0.0.1/32"]},
        "users": {"password": {"argon2": argon2}, "signup": {"enabled": True}},
        "mail": {"url": "spool:spool", "from": "gateway@example.com"},
        "log": {"format": "text", "level": "warning"},
    }
    if stores == "small":
        with Gateway(sections) as gateway:
            yield gateway
        return
    with Postgres() as postgres, Redis() as redis:
        gateway = Gateway({**sections, "session": {"store": redis.url}, "users": {**sections["users"], "database": postgres.fresh()}})
        if gateway.run("db", "upgrade").returncode:
            raise RuntimeError("the database could not be made")
        with gateway:
            yield gateway


def main() -> int:
    """Exit status: 0 every row takes one time, 1 one does not."""
    parser = argparse.ArgumentParser(prog="python -m bench.equal_times", description="Whether answers take one time, whoever an address belongs to.")
    parser.add_argument("--runs", type=int, default=200, help="how often each state is asked about (200)")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"which rows, of {','.join(ROWS)} (all)")
    parser.add_argument("--stores", choices=["small", "usual", "both"], default="both", help="SQLite and memory, or PostgreSQL and Redis (both)")
    parser.add_argument("--lanes", type=int, default=4, help="how many connections ask at a time, where answers are mostly a pause (4)")
    parser.add_argument("--memory", type=int, default=Argon2Cost().memory, help="KiB of one hash (65536, as the gateway does)")
    wanted = parser.parse_args()
    chosen = wanted.rows.split(",")
    if unknown := set(chosen) - set(ROWS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    cost, good = Argon2Cost(memory=wanted.memory), True
    for stores in ("small", "usual") if wanted.stores == "both" else (wanted.stores,):
        print("SQLite and memory" if stores == "small" else "PostgreSQL and Redis", flush=True)
        with open_gateway(stores, cost) as gateway:
            residents = Residents(gateway, cost, chosen, wanted.runs + 1)
            for name in chosen:
                row = ROWS[name]
                row.prepare(residents, wanted.runs + 1)
                measured = measure(residents, row, wanted.runs, 1 if row.hashes else wanted.lanes)
                print(f"  {name:16} {measured}", flush=True)
                good = good and measured.equal
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
