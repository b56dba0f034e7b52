"""The decision: what happens with a request, given its facts, its route and who asks. One pure function.

It runs in two steps, so that public routes read no store: `select` finds the rule that speaks, `Selected.needs_session` says whether anybody has to
be looked up, `decide` says what follows. Nothing unclear is ever allowed: different readings of one path that do not select the same rule are
malformed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.core.access import Effect, Rule, first_about
from gateway.core.facts import Facts
from gateway.core.identity import Identity, State
from gateway.core.places import Places
from gateway.core.routes import Route


class Reason(Enum):
    """Why a request is refused."""

    RULE = "a rule denies it"
    NO_MATCH = "no rule allows it"
    UNVERIFIED = "the account's address is not verified yet"
    EXPIRED = "the account has expired"
    DISABLED = "the account is disabled"
    ORIGIN = "the WebSocket comes from another site"
    NO_WEBSOCKET = "the route takes no WebSocket"


@dataclass(slots=True)  # never changed, like the others; not frozen, which costs as much again for what is made for every request
class Allow:
    """Let it pass as `identity`, or as nobody."""

    identity: Identity | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class AskLogin:
    """Nobody is logged in, and `rule` would let somebody pass."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not pass. `rule` is the one that denies, None when none matched."""

    reason: Reason
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """It cannot be understood in only one way. `detail` is for people and quotes nothing from the request."""

    detail: str


@dataclass(frozen=True, slots=True)
class UnknownHost:
    """No configuration names the host."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """The host has no route for the path, or none with an upstream when proxying."""


@dataclass(frozen=True, slots=True)
class StoreAway:
    """Who asks could not be looked up."""


Decision = Allow | AskLogin | Refuse | Malformed | UnknownHost | NoRoute | StoreAway


class Nobody(Enum):
    """What stands where an identity is missing."""

    ANONYMOUS = "nobody is logged in"
    UNKNOWN = "the session store is away"


@dataclass(slots=True)  # not frozen: made for every request
class Selected:
    """The route, and the first of its rules that is about the request, with the path that was judged."""

    route: Route
    rule: Rule | None
    index: int

    @property
    def needs_session(self) -> bool:
        """Whether the outcome depends on who asks."""
        return self.rule is not None and self.rule.effect is not Effect.PUBLIC and self.rule.effect is not Effect.DENY


def select(facts: Facts, places: Places) -> Selected | UnknownHost | NoRoute | Malformed:
    """The route and rule that speak for `facts`."""
    found = _find(facts, places, facts.path)
    if not isinstance(found, Selected):
        return found
    if facts.encoded and found.route.encoded_paths == "reject":
        return Malformed("the address is written in a way that applications read differently")
    for reading in facts.readings:
        other = _find(facts, places, reading)
        if not isinstance(other, Selected) or other.route is not found.route or other.rule is not found.rule:
            return Malformed(_TWO_READINGS)
    return found


_TWO_READINGS = "the address can be read in two ways that have different rules"


def decide(facts: Facts, selected: Selected, who: Identity | Nobody) -> Decision:
    """What happens with `facts`. `who` is not looked at unless `selected.needs_session`."""
    rule = selected.rule
    if rule is None:
        return Refuse(Reason.NO_MATCH)
    if facts.upgrade and (refusal := _refuse_upgrade(facts, selected.route, rule)) is not None:
        return refusal
    if rule.effect is Effect.PUBLIC:
        return Allow(None, rule)
    if rule.effect is Effect.DENY:
        return Refuse(Reason.RULE, rule)
    if who is Nobody.UNKNOWN:
        return StoreAway()
    if who is Nobody.ANONYMOUS:
        return Allow(None, rule) if rule.effect is Effect.OPTIONAL else AskLogin(rule)
    assert isinstance(who, Identity)
    return _decide_for(who, facts, selected)


def _decide_for(who: Identity, facts: Facts, selected: Selected) -> Decision:
    rules = selected.route.rules
    index: int | None = selected.index
    while index is not None:
        rule = rules[index]
        effect = rule.effect
        if effect is Effect.LOGIN or effect is Effect.MEMBERS:
            if effect is Effect.LOGIN or rule.admits(who):
                return Allow(who, rule) if who.state is State.VERIFIED else Refuse(_STATES[who.state], rule)
        elif effect is Effect.OPTIONAL:
            return Allow(who if who.state is State.VERIFIED else None, rule)
        else:
            return Allow(None, rule) if effect is Effect.PUBLIC else Refuse(Reason.RULE, rule)
        start, index = index + 1, first_about(rules, facts, facts.path, index + 1)
        if any(first_about(rules, facts, reading, start) != index for reading in facts.readings):
            return Malformed(_TWO_READINGS)
    return Refuse(Reason.NO_MATCH)


_STATES = {State.CREATED: Reason.UNVERIFIED, State.EXPIRED: Reason.EXPIRED, State.DISABLED: Reason.DISABLED}


def _refuse_upgrade(facts: Facts, route: Route, rule: Rule) -> Refuse | None:
    """Cross-site WebSocket hijacking: browsers send cookies with a handshake from any site, so its Origin must be ours or a named one (RFC 6455
    section 10.2). A handshake without Origin is no browser's."""
    if not route.websocket:
        return Refuse(Reason.NO_WEBSOCKET, rule)
    if facts.origin is None or facts.origin in route.origins or "*" in route.origins:
        return None
    default = 443 if facts.scheme == "https" else 80
    own = f"{facts.scheme}://{facts.host}" + ("" if facts.port == default else f":{facts.port}")
    return None if facts.origin.lower() == own else Refuse(Reason.ORIGIN, rule)


def _find(facts: Facts, places: Places, path: str) -> Selected | UnknownHost | NoRoute:
    route = places.routes.find(facts.host, path)
    if route is None:
        return NoRoute() if places.knows(facts.host) else UnknownHost()
    index = first_about(route.rules, facts, path)
    return Selected(route, None if index is None else route.rules[index], -1 if index is None else index)
