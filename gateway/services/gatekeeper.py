"""Admission: gather, decide, answer. The proxy, forward-auth and `gateway explain` all call `admit`, so they cannot differ.

Identity headers are made here, once. Whatever goes wrong on the way is no admission.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.answer import Answer, answer
from gateway.core.decide import Allow, Decision, Nobody, NoRoute, Selected, decide, select
from gateway.core.facts import Facts, Surface
from gateway.core.routes import Route
from gateway.services.introductions import NOBODY, Introduction, Introductions
from gateway.services.sessions import Found, Sessions
from gateway.snapshot import Snapshot


@dataclass(slots=True)  # never changed; not frozen, since it is made for every request
class Admission:
    """What was found out and decided about one request.

    `introduction` are the identity headers, to be appended after hygiene; `set_cookie` is a whole Set-Cookie value, None
    when the client has the present cookie or must not be sent one now.
    """

    facts: Facts
    decision: Decision
    answer: Answer
    route: Route | None = None
    found: Found | None = None
    introduction: Introduction = NOBODY
    set_cookie: str | None = field(default=None, repr=False)


class Gatekeeper:
    """Needs at most one store read for an admission, and none for public routes."""

    def __init__(self, sessions: Sessions, introductions: Introductions) -> None:
        self._sessions = sessions
        self._introductions = introductions

    async def admit(self, snapshot: Snapshot, facts: Facts, surface: Surface) -> Admission:
        """What happens with `facts` on `surface`. Never raises for anything that a client can send."""
        admission = self.admit_now(snapshot, facts, surface)
        if admission is not None:
            return admission
        selected = select(facts, snapshot.places)
        assert isinstance(selected, Selected)  # only whom to let in had to be looked up
        return self._judged(snapshot, facts, surface, selected, await self._sessions.load(snapshot, facts))

    def admit_now(self, snapshot: Snapshot, facts: Facts, surface: Surface) -> Admission | None:
        """The same where it needs no store; None where the store must be read."""
        selected = select(facts, snapshot.places)
        if not isinstance(selected, Selected):
            return Admission(facts, selected, answer(selected, facts, surface, snapshot.places))
        route = selected.route
        if surface is Surface.PROXY and route.upstream is None:
            return Admission(facts, NoRoute(), answer(NoRoute(), facts, surface, snapshot.places), route)
        if not selected.needs_session or not facts.cookies:
            return self._judged(snapshot, facts, surface, selected, Nobody.ANONYMOUS)
        loaded = self._sessions.load_now(snapshot, facts)
        return None if loaded is None else self._judged(snapshot, facts, surface, selected, loaded)

    def _judged(self, snapshot: Snapshot, facts: Facts, surface: Surface, selected: Selected, loaded: Found | Nobody) -> Admission:
        found, who = (None, loaded) if isinstance(loaded, Nobody) else (loaded, loaded.session.identity)
        decision = decide(facts, selected, who)
        introduction = NOBODY
        if isinstance(decision, Allow):
            introduction = self._introductions.of(snapshot, selected.route, decision.identity, found)
        return Admission(
            facts,
            decision,
            answer(decision, facts, surface, snapshot.places),
            selected.route,
            found,
            introduction,
            self._set_cookie(snapshot, facts, found),
        )

    def _set_cookie(self, snapshot: Snapshot, facts: Facts, found: Found | None) -> str | None:
        if found is None or found.cookie is None or facts.passive:
            return None
        return snapshot.cookie.line(found.cookie, facts.host, self._sessions.max_age(snapshot, found.session))
