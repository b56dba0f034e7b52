"""From access lists to `core.access.Rule`."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.config.addresses import parse_network
from gateway.config.model_rules import RuleSection
from gateway.core.access import Effect, QueryCriterion, Rule
from gateway.core.globs import Glob

_EFFECTS = {"public": Effect.PUBLIC, "optional": Effect.OPTIONAL, "login": Effect.LOGIN}


def make_rules(access: Sequence[RuleSection], sources: Sequence[str]) -> tuple[Rule, ...]:
    """`sources` names each rule's place."""
    return tuple(_rule(rule, source) for rule, source in zip(access, sources, strict=True))


def _rule(rule: RuleSection, source: str) -> Rule:
    subjects = rule.allow or []
    effect = Effect.DENY if rule.deny else _EFFECTS.get(subjects[0], Effect.MEMBERS)
    members = subjects if effect is Effect.MEMBERS else []
    return Rule(
        effect,
        source,
        users=frozenset(one.removeprefix("user:").lower() for one in members if one.startswith("user:")),
        groups=frozenset(one.removeprefix("group:") for one in members if one.startswith("group:")),
        paths=tuple(Glob(path) for path in rule.paths or ()),
        methods=frozenset(rule.methods or ()),
        networks=tuple(parse_network(network) for network in rule.networks or ()),
        query=tuple(QueryCriterion(name, tuple(Glob(text) for text in globs)) for name, globs in (rule.query or {}).items()),
    )
