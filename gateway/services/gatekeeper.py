"""Admission: gather, decide, answer. The proxy, forward-auth and `gateway explain` all call `admit`, so they cannot differ.

Identity headers are made here, once. Whatever goes wrong on the way is no admission.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.answer import Answer, answer
from gateway.core.decide import Allow, Decision, Nobody, NoRoute, Selected, decide, select
from gateway.core.facts import Facts, Surface
from gateway.core.headers import Header
from gateway.core.identity import Identity
from gateway.core.routes import Route
from gateway.services.assertions import Assertions
from gateway.services.sessions import Found, Sessions
from gateway.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Admission:
    """What was found out and decided about one request.

    `identity_headers` are complete and ready to be appended after hygiene (empty values included); `set_cookie` is a whole Set-Cookie value, None
    when the client has the present cookie or must not be sent one now.
    """

    facts: Facts
    decision: Decision
    answer: Answer
    route: Route | None = None
    found: Found | None = None
    identity_headers: list[Header] = field(default_factory=list, repr=False)
    set_cookie: str | None = field(default=None, repr=False)


class Gatekeeper:
    """Needs at most one store read for an admission, and none for public routes."""

    def __init__(self, sessions: Sessions, assertions: Assertions) -> None:
        self._sessions = sessions
        self._assertions = assertions

    async def admit(self, snapshot: Snapshot, facts: Facts, surface: Surface) -> Admission:
        """What happens with `facts` on `surface`. Never raises for anything that a client can send."""
        selected = select(facts, snapshot.places)
        if not isinstance(selected, Selected):
            return Admission(facts, selected, answer(selected, facts, surface, snapshot.places))
        route = selected.route
        if surface is Surface.PROXY and route.upstream is None:
            return Admission(facts, NoRoute(), answer(NoRoute(), facts, surface, snapshot.places), route)
        who: Identity | Nobody = Nobody.ANONYMOUS
        found: Found | None = None
        if selected.needs_session and facts.cookies:
            loaded = await self._sessions.load(snapshot, facts)
            if isinstance(loaded, Found):
                found = loaded
                who = loaded.session.identity
            else:
                who = loaded
        decision = decide(facts, selected, who)
        return Admission(
            facts,
            decision,
            answer(decision, facts, surface, snapshot.places),
            route,
            found,
            self._identity_headers(snapshot, decision, route, found),
            self._set_cookie(snapshot, facts, found),
        )

    def _identity_headers(self, snapshot: Snapshot, decision: Decision, route: Route, found: Found | None) -> list[Header]:
        if not isinstance(decision, Allow):
            return []
        identity = decision.identity
        headers = route.identity.values(identity)
        if route.identity.assertion is not None:
            token = b""
            if identity is not None and found is not None:
                token = self._assertions.token(snapshot, found, identity, route.name, route.identity)
            headers.append((route.identity.assertion.encode("ascii"), token))
        return headers

    def _set_cookie(self, snapshot: Snapshot, facts: Facts, found: Found | None) -> str | None:
        if found is None or found.cookie is None or facts.passive:
            return None
        return snapshot.cookie.line(found.cookie, facts.host, self._sessions.max_age(snapshot, found.session))
