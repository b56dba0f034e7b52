"""Access rules: criteria, subjects, and which of them matched.

A rule says which requests it is about (`paths`, `methods`, `networks`, `query`; all given criteria must hold, values in a list are alternatives)
and what happens to them (its effect). Rules are tried in order; no match is deny. A match returns the rule itself, so that `gateway explain`
needs no second implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import unquote_plus

from gateway.core.facts import Facts
from gateway.core.globs import Glob
from gateway.core.identity import Identity


class Effect(Enum):
    """What a rule does with a request that it is about."""

    PUBLIC = "public"
    OPTIONAL = "optional"
    LOGIN = "login"
    MEMBERS = "members"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class QueryCriterion:
    """A query parameter and the globs that its value may match."""

    name: str
    values: tuple[Glob, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an access list. `source` is "file:line", for people; `users` are e-mail addresses in lower case."""

    effect: Effect
    source: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    paths: tuple[Glob, ...] = ()
    methods: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    query: tuple[QueryCriterion, ...] = ()

    def is_about(self, facts: Facts, path: str) -> bool:
        """Whether all criteria but the subject hold for `facts`, reading its path as `path`."""
        return (
            (not self.methods or facts.method in self.methods)
            and (not self.paths or any(glob.matches(path) for glob in self.paths))
            and (not self.networks or self._covers(facts.client))
            and (not self.query or self._asks(facts.query or ""))
        )

    def admits(self, identity: Identity) -> bool:
        """Whether `identity` is one of the rule's subjects; its account's state is judged elsewhere."""
        if self.effect is Effect.MEMBERS:
            return identity.email.lower() in self.users or not self.groups.isdisjoint(identity.groups)
        return self.effect is not Effect.DENY

    def _covers(self, client: str) -> bool:
        try:
            address = ip_address(client)
        except ValueError:  # a unix peer has no address: no network covers it
            return False
        return any(address.version == network.version and address in network for network in self.networks)

    def _asks(self, query: str) -> bool:
        """An allowing rule needs every occurrence of a parameter to match, a denying one any: a doubled parameter cannot be read both ways."""
        pairs = [part.partition("=") for part in query.split("&")]
        decide = any if self.effect is Effect.DENY else all
        for criterion in self.query:
            found = [unquote_plus(value) for name, _, value in pairs if unquote_plus(name) == criterion.name]
            if not found or not decide(any(glob.matches(value) for glob in criterion.values) for value in found):
                return False
        return True


def first_about(rules: tuple[Rule, ...], facts: Facts, path: str, start: int = 0) -> int | None:
    """The index of the first rule from `start` on whose criteria hold, the subject aside; None when there is none."""
    for index in range(start, len(rules)):
        if rules[index].is_about(facts, path):
            return index
    return None
