"""The rows of the table that the account pages bring along."""

from __future__ import annotations

from gateway.services.address_change import AddressChange
from gateway.services.history import History
from gateway.services.self_service import SelfService
from gateway.services.sessions import Sessions
from gateway.web.pages.account.email import EmailPage, LinkPages
from gateway.web.pages.account.gate import Gate
from gateway.web.pages.account.overview import OverviewPage
from gateway.web.pages.account.password import PasswordPage
from gateway.web.pages.account.profile import ProfilePage
from gateway.web.pages.account.sessions import SessionsPage
from gateway.web.pages.account.trail import TrailPage
from gateway.web.pages.problems import Problems
from gateway.web.pages.table import Endpoint, Reach


def account_endpoints(sessions: Sessions, problems: Problems, service: SelfService, change: AddressChange, history: History) -> tuple[Endpoint, ...]:
    """Every account page. The prefix itself leads to the overview, and so does public_url where no route takes it."""
    gate = Gate(sessions, problems)
    overview, profile, password = OverviewPage(gate, service), ProfilePage(gate, service), PasswordPage(gate, service)
    email, links = EmailPage(gate, service, change), LinkPages(gate, change)
    listed, trail = SessionsPage(gate, service), TrailPage(gate, history)
    public = Reach.PUBLIC
    return (
        Endpoint("GET", "/", public, gate.shows(overview.show)),
        Endpoint("GET", "/account", public, gate.shows(overview.show)),
        Endpoint("GET", "/account/profile", public, gate.shows(profile.show)),
        Endpoint("POST", "/account/profile", public, gate.takes(profile.save)),
        Endpoint("GET", "/account/password", public, gate.shows(password.show)),
        Endpoint("POST", "/account/password", public, gate.takes(password.change)),
        Endpoint("GET", "/account/email", public, gate.shows(email.show)),
        Endpoint("POST", "/account/email", public, gate.takes(email.ask)),
        Endpoint("GET", "/account/email/confirm", public, links.ask_confirm),
        Endpoint("POST", "/account/email/confirm", public, links.confirm),
        Endpoint("GET", "/account/email/cancel", public, links.ask_cancel),
        Endpoint("POST", "/account/email/cancel", public, links.cancel),
        Endpoint("GET", "/account/sessions", public, gate.shows(listed.show)),
        Endpoint("POST", "/account/sessions", public, gate.takes(listed.end)),
        Endpoint("GET", "/account/audit", public, gate.shows(trail.show)),
    )
