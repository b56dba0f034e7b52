"""The pages and the API alone behind a real HTTP server: memory sessions, SQLite accounts, a clock that the test moves. The rest is 404.

`http://auth.example.test` is public_url, `wiki.example.test` has a route; every name leads to this machine (see `Browser`).
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from gateway.core.api import ApiPlace
from gateway.core.cookies import CookieShape
from gateway.core.facts import Facts
from gateway.core.forwarded import Trust
from gateway.core.identity import State
from gateway.core.password import Argon2Cost
from gateway.core.places import AllowedHost, Places
from gateway.core.routes import RouteTable
from gateway.core.urls import Malformed, Origin
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.crypto.tokens import new_request_id
from gateway.mail.letters import WORDS
from gateway.services.address_change import AddressChange
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.history import History
from gateway.services.login import Login
from gateway.services.people import People
from gateway.services.proof import Proof
from gateway.services.records import Records
from gateway.services.recovery import Recovery
from gateway.services.renewal import Renewal
from gateway.services.self_service import SelfService
from gateway.services.sessions import Sessions
from gateway.services.signup import SignUp
from gateway.services.throttle import Throttle
from gateway.services.tickets import Tickets
from gateway.services.verification import Verification
from gateway.snapshot import Live, MailSettings, MailWay, SignUpRules, Snapshot
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.memory.throttle import MemoryThrottleStore
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.schema import upgrade
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.sql.trail import SqlTrailStore
from gateway.web.api.handler import Api
from gateway.web.api.profile import Profiles
from gateway.web.api.recovery import Forgotten
from gateway.web.api.signup import Joining
from gateway.web.api.users import Users
from gateway.web.exchange import Exchange
from gateway.web.pages.account.table import account_endpoints
from gateway.web.pages.forgot import ForgotPage, ResetPage
from gateway.web.pages.handler import Pages
from gateway.web.pages.problems import Problems
from gateway.web.pages.signup import SignUpPage
from gateway.web.pages.verify import VerifyPage
from gateway.web.request import read_facts
from tests.browser import Browser, Form, Page
from tests.contract.stores import World
from tests.functional.pages.ledger import Ledger, NotedPace, NotedPasswords, noted
from tests.samples import SettableClock, sample_account, sample_ring, sample_route, sample_snapshot

PASSWORD = "a tortoise plays the cello"
AUTH = "http://auth.example.test"
WIKI = "http://wiki.example.test"
#: For a snapshot, where a test is about the API.
API = ApiPlace("/_auth/api", whole=True, hosts=("auth.example.test",))


class SwitchedStore(MemorySessionStore):
    """A store that goes away when the test says so: altogether, or for what is changed only."""

    away = False
    writes_away = False

    async def get(self, key: str) -> bytes | None:
        self._check()
        return await super().get(key)

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        self._check(write=True)
        await super().put(key, record, ttl)

    async def delete(self, key: str) -> bool:
        self._check(write=True)
        return await super().delete(key)

    def records(self) -> int:
        """How many sessions there are."""
        return len(self._records)

    def _check(self, *, write: bool = False) -> None:
        if self.away or (write and self.writes_away):
            raise StoreAway("switched off")


class CountingHasher(Hasher):
    """Counts what it is asked. While `free` is clear, verifying takes for ever; `busy` is set once somebody waits for it."""

    made = 0
    verified = 0

    def __init__(self, cost: Argon2Cost) -> None:
        super().__init__(cost)
        self.free, self.busy = threading.Event(), threading.Event()
        self.free.set()

    def hash(self, password: str) -> str:
        self.made += 1
        return super().hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        self.verified += 1
        if not self.free.is_set():
            self.busy.set()
            self.free.wait()
        return super().verify(stored, password)


@dataclass
class Posted:
    """A letter that was put into the post."""

    recipient: str
    letter: str
    values: dict[str, str | int]
    language: str = "en"

    @property
    def link(self) -> str:
        return str(self.values["link"])


class Postbox:
    """Keeps letters where the test finds them, and takes those only that there are words for."""

    def __init__(self) -> None:
        self.letters: list[Posted] = []
        self.away = False

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        if self.away:
            raise StoreAway("switched off")
        assert WORDS[letter] == set(values)
        assert snapshot.mail is not None
        assert language in snapshot.languages
        assert facts is not None
        self.letters.append(Posted(recipient, letter, values, language))

    def to(self, recipient: str) -> list[str]:
        """The letters that somebody got, taken ones aside."""
        return [posted.letter for posted in self.letters if posted.recipient == recipient]

    def last(self, letter: str) -> Posted:
        """The latest one of that kind."""
        return [posted for posted in self.letters if posted.letter == letter][-1]

    def take(self) -> list[tuple[str, str]]:
        """Who got which letter since the last time."""
        taken, self.letters = self.letters, []
        return [(one.recipient, one.letter) for one in taken]


class Site:
    """One server. Replace `snapshot` to change the configuration."""

    def __init__(
        self, clock: SettableClock, pages: Pages, store: SwitchedStore, accounts: SqlAccountStore, audit: list[str], postbox: Postbox
    ) -> None:
        self.clock = clock
        self.postbox = postbox
        self.world: World | None = None
        self.slept: list[float] = []
        self.hasher = CountingHasher(CHEAPEST)
        self.ledger = Ledger()
        self.signup: SignUp
        self.api: Api
        self.pages = pages
        self.store = store
        self.accounts = accounts
        self.audit = audit
        self.port = 0
        self.snapshot = site_snapshot()
        self.exchanges: list[Exchange] = []
        self.trail: SqlTrailStore
        self.tickets: Tickets
        self.effects: Effects

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(new_request_id(), 0.0, request.remote)
        self.exchanges.append(exchange)
        try:
            facts = read_facts(request.method, request._message.path, request.raw_headers, request.remote, request.scheme, self.snapshot)
        except Malformed:
            return web.Response(status=400)
        place = self.snapshot.api
        if place is not None and (asked := place.find(facts.host, facts.path)) is not None:
            return await self.api.handle(request, asked, place, facts, self.snapshot, exchange)
        own = self.snapshot.places.own(facts.path)
        if own is None:
            return web.Response(status=404, text="the application")
        return await self.pages.handle(request, own, facts, self.snapshot, exchange)

    async def forward(self, seconds: float) -> None:
        """Let time pass, in the stores too."""
        if self.world is None:
            self.clock.forward(seconds)
        else:
            await self.world.forward(seconds)

    def browser(self, base: str = AUTH) -> Browser:
        """A new profile."""
        return Browser(base, ports={80: self.port})

    async def login_form(self, browser: Browser, url: str = f"{AUTH}/_auth/login") -> Form:
        """Open the login page."""
        page = await browser.get(url)
        assert page.status == 200, page.words
        return page.form_to("/login")

    async def login(self, browser: Browser, url: str = f"{AUTH}/_auth/login", *, email: str = "ann@example.com") -> Page:
        """Open the login page there and log in."""
        form = await self.login_form(browser, url)
        page = await browser.submit(form, email=email, password=PASSWORD)
        assert page.status == 303, page.words
        return page

    async def logged_in(self, browser: Browser, url: str = f"{AUTH}/_auth/session") -> bool:
        """Whether the gateway knows who that is."""
        page = await browser.get(url)
        assert page.status in (200, 401), page.text
        return page.status == 200


def site_snapshot(*, domain: str | None = None, public: Origin | None = None, **changes: Any) -> Snapshot:
    """Plain http, a wiki, a wildcard, one allowed host."""
    public = public or Origin("http", "auth.example.test", 80)
    secure = public.scheme == "https"
    table = RouteTable((sample_route(host="wiki.example.test"), sample_route("docs", host="*.docs.example.test")))
    name = ("__Secure-gw" if domain else "__Host-gw") if secure else "gw"
    snapshot = replace(
        sample_snapshot(),
        places=Places(public, "/_auth", domain, (AllowedHost("other.example.org"), AllowedHost("dev.example.org", 8443)), table),
        cookie=CookieShape(name, secure, "lax", domain),
        keys=sample_ring("2026a", "2026b"),
        trust=Trust([ip_network("127.0.0.0/8")]),
        mail=MailSettings(MailWay.CONSOLE, "no-reply@example.test"),
        signup=SignUpRules(enabled=True),
    )
    return replace(snapshot, **changes)


async def make_accounts(database_url: str) -> None:
    """Ann is verified, Carl is created, Dora disabled, Ed expired; all have the same password."""
    database = open_database(database_url)
    await upgrade(database)
    accounts, hasher = SqlAccountStore(database), Hasher(CHEAPEST)
    for name, state in (("ann", State.VERIFIED), ("carl", State.CREATED), ("dora", State.DISABLED), ("ed", State.EXPIRED)):
        await accounts.add(replace(sample_account(name, state=state), password_hash=hasher.hash(PASSWORD)))
    await database.close()


@asynccontextmanager
async def open_site(clock: SettableClock, database_url: str, world: World | None = None) -> AsyncIterator[Site]:
    """`database_url` leads to accounts of `make_accounts`; sessions and counters are in `world`, else in memory. Answers wait in name only."""
    audit_lines: list[str] = []
    database = open_database(database_url, within=LONG)  # patient: nothing here is about a slow database, and the machine may be busy
    accounts, hasher = SqlAccountStore(database), CountingHasher(CHEAPEST)
    store, audit, postbox = SwitchedStore(clock), Audit(audit_lines.append, clock), Postbox()
    ledger = Ledger()
    records = Records(noted(store if world is None else world.sessions, ledger), "gw:")
    sessions = Sessions(records, Renewal(records, clock, gathered=0), audit, clock)
    passwords, problems = NotedPasswords(hasher, 1), Problems()
    passwords.ledger = ledger
    await passwords.measure([])
    counters = noted(MemoryThrottleStore(clock) if world is None else world.throttle, ledger)
    throttle = Throttle(counters, "gw:", SqlFailureStore(database))
    login = Login(accounts, sessions, throttle, passwords, audit, clock)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    tokens, trail = SqlTokenStore(database), SqlTrailStore(database)
    pace, tickets = NotedPace(1.0, lambda: 0.0, sleep), Tickets(tokens, throttle, clock)
    pace.ledger = ledger
    effects = Effects(accounts, sessions, Live(site_snapshot()), audit_lines.append)
    verification = Verification(accounts, tickets, postbox, passwords, throttle, effects, audit, pace)
    signup = SignUp(accounts, verification, postbox, passwords, throttle, audit, pace, clock)
    recovery = Recovery(accounts, tickets, verification, postbox, passwords, throttle, effects, audit, pace)
    proof = Proof(throttle, passwords, audit, clock)
    service = SelfService(accounts, sessions, effects, proof, passwords, postbox, audit, clock)
    change = AddressChange(accounts, tickets, postbox, proof, throttle, effects, audit, pace)
    more = (
        *SignUpPage(signup, problems).endpoints(),
        *VerifyPage(verification, signup, problems).endpoints(),
        *ForgotPage(recovery, problems).endpoints(),
        *ResetPage(recovery, problems).endpoints(),
        *account_endpoints(sessions, problems, service, change, History(trail)),
    )
    users = Users(sessions, login, People(accounts))
    site = Site(clock, Pages(sessions, login, problems, _no_keys, clock, more), store, accounts, audit_lines, postbox)
    site.slept, site.tickets, site.trail, site.effects = slept, tickets, trail, effects
    site.hasher, site.world, site.signup, site.ledger = hasher, world, signup, ledger
    groups = (users, Joining(signup, verification), Forgotten(recovery), Profiles(users, service))
    site.api = Api([row for group in groups for row in group.endpoints()])
    runner = web.ServerRunner(web.Server(site.answer))
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    site.port = runner.addresses[0][1]
    try:
        with ledger.reads_sql():
            yield site
    finally:
        await runner.cleanup()
        passwords.close()
        await database.close()


def _no_keys(_snapshot: Snapshot) -> bytes:
    return b'{"keys":[]}'
