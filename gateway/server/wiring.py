"""The one place where things are constructed: from a configuration to a process that can run. (Stores, which the command line opens too: stores.py.)

Nothing here connects; that is start.py's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gateway import __version__
from gateway.config.addresses import parse_listen
from gateway.crypto.assertion import jwks
from gateway.crypto.tokens import RequestIds
from gateway.mail.letters import Letters
from gateway.mail.senders import sender_of
from gateway.server.admin import Admin
from gateway.server.counting import copy_numbers, counting_absence, counting_events
from gateway.server.files import Watched
from gateway.server.process import Plan, Process
from gateway.server.readiness import Readiness
from gateway.server.reload import Reloader
from gateway.server.serving import Server
from gateway.server.stores import SessionStores, open_tracking, sql_stores
from gateway.server.tls import Certificate
from gateway.services.address_change import AddressChange
from gateway.services.audit import Audit
from gateway.services.backlog import Backlog
from gateway.services.copies import Copies
from gateway.services.effects import Effects
from gateway.services.gatekeeper import Gatekeeper
from gateway.services.history import History
from gateway.services.introductions import Introductions
from gateway.services.login import Login
from gateway.services.mailing import Mailer
from gateway.services.pace import Pace
from gateway.services.passwords import Passwords
from gateway.services.people import People
from gateway.services.proof import Proof
from gateway.services.records import Record, Records
from gateway.services.recovery import Recovery
from gateway.services.renewal import Renewal
from gateway.services.self_service import SelfService
from gateway.services.session_data import SessionData
from gateway.services.sessions import Sessions
from gateway.services.signup import SignUp
from gateway.services.throttle import Throttle
from gateway.services.tickets import Tickets
from gateway.services.trail import Trail
from gateway.services.upkeep import Upkeep
from gateway.services.verification import Verification
from gateway.services.watch import Watch
from gateway.snapshot import Fresh, Live
from gateway.stores import StoreAway
from gateway.stores.sql.engine import Database
from gateway.telemetry.access import AccessLog
from gateway.telemetry.metrics import Kept, Metrics
from gateway.web.api.handler import Api
from gateway.web.api.profile import Profiles
from gateway.web.api.recovery import Forgotten
from gateway.web.api.session_data import KeptData
from gateway.web.api.signup import Joining
from gateway.web.api.status import Status
from gateway.web.api.users import Users
from gateway.web.forward_auth.handler import ForwardAuth
from gateway.web.front import Front
from gateway.web.languages import Languages
from gateway.web.pages.account.table import account_endpoints
from gateway.web.pages.forgot import ForgotPage, ResetPage
from gateway.web.pages.handler import Pages
from gateway.web.pages.problems import Problems
from gateway.web.pages.render import Renderer
from gateway.web.pages.signup import SignUpPage
from gateway.web.pages.verify import VerifyPage
from gateway.web.proxy.handler import Proxy
from gateway.web.proxy.pool import Upstreams
from gateway.web.ready import Closing

#: How long an ending process goes on sending mail (seconds): less than a supervisor waits before it kills.
_LAST_MAIL: Final = 3.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """`wall` is seconds since 1970, `monotonic` seconds of any origin."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]


def make_process(
    database: Database,
    stores: SessionStores,
    passwords: Passwords,
    clocks: Clocks,
    write: Callable[[str], None],
    report: Callable[[str], None],
    configuration: Path,
    first: Fresh,
    read: Callable[[], Awaitable[Fresh]],
) -> Process:
    """Everything that serves. `write` takes lines for standard output, `report` warnings. `first` was read from `configuration`, `read` reads it
    again.

    Raises BadCertificate.
    """
    snapshot, fixed = first.snapshot, first.fixed
    metrics = Metrics(__version__)
    metrics.expect_routes(route.name for route in snapshot.routes.routes)
    live = Live(snapshot)
    tables = sql_stores(database, lambda: metrics.store_error(Kept.DATABASE))
    accounts = tables.accounts
    trail = Trail(tables.trail, lambda: live.snapshot.audit_retention, clocks.wall, metrics.audit_lost)
    audit = Audit(write, clocks.wall, counting_events(metrics), trail.keep)
    backlog = Backlog()

    def store_was_away() -> None:
        backlog.store_was_away()
        metrics.store_error(Kept.SESSIONS)

    session_store = counting_absence(stores.sessions, store_was_away)
    copies: Copies[Record] = Copies(f"{fixed.key_prefix}s:")
    tracking = open_tracking(fixed, stores.client, copies.changed, clocks.monotonic)
    if tracking is not None:
        copies.source = tracking
        metrics.watch_copies(partial(copy_numbers, copies, tracking))
    records = Records(session_store, fixed.key_prefix, copies if tracking is not None else None)
    renewal = Renewal(records, clocks.wall)
    sessions = Sessions(records, renewal, audit, clocks.wall, backlog)
    effects = Effects(accounts, sessions, live, report)
    backlog.worked_off_by(effects.apply_pending)
    throttle = Throttle(counting_absence(stores.throttle, lambda: metrics.store_error(Kept.SESSIONS)), fixed.key_prefix, tables.failures)
    login = Login(accounts, sessions, throttle, passwords, audit, clocks.wall)
    own = fixed.templates
    languages = Languages(own)
    letters = Letters(languages.translate, None if own is None else own / "letters")
    mailer = Mailer(tables.outbox, letters, live, lambda mail: sender_of(mail, write), audit, metrics.mail, clocks.wall)
    upkeep = Upkeep(accounts, tables.tokens, tables.failures, live, audit, clocks.wall)
    watch = Watch(sessions, live)
    problems = Problems(Renderer(languages, own))
    upstreams = Upstreams()
    proxy = Proxy(upstreams, watch, problems, clocks.monotonic)
    pace, tickets = Pace(), Tickets(tables.tokens, throttle, clocks.wall)
    verification = Verification(tables.accounts, tickets, mailer, passwords, throttle, effects, audit, pace)
    signup = SignUp(tables.accounts, verification, mailer, passwords, throttle, audit, pace, clocks.wall)
    recovery = Recovery(tables.accounts, tickets, verification, mailer, passwords, throttle, effects, audit, pace)
    proof = Proof(throttle, passwords, audit, clocks.wall)
    self_service = SelfService(accounts, sessions, effects, proof, passwords, mailer, audit, clocks.wall)
    change = AddressChange(accounts, tickets, mailer, proof, throttle, effects, audit, pace)
    people = (
        *SignUpPage(signup, problems).endpoints(),
        *VerifyPage(verification, signup, problems).endpoints(),
        *ForgotPage(recovery, problems).endpoints(),
        *ResetPage(recovery, problems).endpoints(),
        *account_endpoints(sessions, problems, self_service, change, History(tables.trail)),
    )
    pages = Pages(sessions, login, problems, lambda current: jwks(current.keys), clocks.wall, people)
    users = Users(sessions, login, People(accounts))
    groups = (
        Status(__version__, metrics, users, clocks.wall),
        users,
        Joining(signup, verification),
        Forgotten(recovery),
        Profiles(users, self_service),
        KeptData(users, SessionData(session_store, records, clocks.wall)),
    )
    api = Api([endpoint for group in groups for endpoint in group.endpoints()])
    access_log = AccessLog(write, fixed.log_format, clocks.wall)
    gatekeeper = Gatekeeper(sessions, Introductions(clocks.wall))
    forward_auth = ForwardAuth(gatekeeper, problems, Closing(clocks.wall))
    front = Front(live, gatekeeper, proxy, pages, api, forward_auth, problems, access_log, metrics, RequestIds(), clocks.monotonic)
    readiness = Readiness(session_store.ping, accounts.ping)
    public = Server(front.handle, front.refuse, live, metrics.connection_refused, front.at_once)
    admin_handler = Admin(readiness, metrics)
    admin = Server(admin_handler.handle, admin_handler.refuse, live, metrics.connection_refused)
    metrics.watch_open(lambda: public.open, lambda: proxy.tunnels)
    certificate = None if fixed.tls is None else Certificate(*fixed.tls)
    certificates = [] if certificate is None else [certificate]
    watched = Watched(configuration, [*first.files, *(path for one in certificates for path in one.files)])
    reloader = Reloader(read, fixed, watched, live, certificates, audit, metrics)

    async def close() -> None:
        await renewal.flush()
        await mailer.drain(_LAST_MAIL)
        upstreams.close()
        try:
            await trail.flush()
        except StoreAway as error:
            report(f"the end of the audit trail is missing in the database: {error}")

    return Process(
        _plan(first, certificate),
        public,
        admin,
        readiness,
        metrics,
        reloader,
        [
            *(effects.run, upkeep.run, watch.run, renewal.run, login.run, mailer.run, trail.run, reloader.watch),
            *([tracking.run] if tracking is not None else []),
        ],
        proxy.close_tunnels,
        close,
        audit,
    )


def _plan(first: Fresh, certificate: Certificate | None) -> Plan:
    fixed = first.fixed
    return Plan(
        public=tuple(parse_listen(text) for text in fixed.listen),
        admin=() if fixed.admin_listen is None else (parse_listen(fixed.admin_listen),),
        certificate=certificate,
        handshake=first.snapshot.limits.header_timeout,
        delay=fixed.shutdown_delay,
        grace=fixed.shutdown_grace,
    )
