"""An admission in words: the route, each rule that was tried, the decision, what the client and the upstream would see."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import assert_never

from gateway.core.access import Effect, Rule
from gateway.core.answer import Answer, Fail, Pass, Redirect
from gateway.core.decide import Allow, AskLogin, Decision, Malformed, NoRoute, Refuse, Selected, StoreAway, UnknownHost
from gateway.core.facts import Facts
from gateway.core.routes import Route
from gateway.services.gatekeeper import Admission
from gateway.snapshot import Snapshot
from gateway.stores.accounts import Account

_CRITERIA = ("methods", "paths", "networks", "query")
_TOKEN_SHOWN = "<signed token>"  # noqa: S105 - what stands in place of one


@dataclass(frozen=True, slots=True)
class Step:
    """A rule and what it said. `place` is "file:line"."""

    place: str
    rule: str
    outcome: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything, as texts."""

    request: str
    path: str
    client: str
    who: str
    route: str | None
    place: str | None
    upstream: str | None
    rules: tuple[Step, ...]
    decision: str
    why: str
    answer: str
    headers: tuple[tuple[str, str], ...]

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    def as_text(self) -> str:
        """For people."""
        lines = [f"request   {self.request}", f"from      {self.client}", f"user      {self.who}"]
        if not self.request.partition("?")[0].endswith(self.path):
            lines.insert(1, f"read as   {self.path}")
        if self.route is not None:
            lines.append(f"route     {self.route}  ({self.place})" + (f" → {self.upstream}" if self.upstream else ", for forward-auth only"))
        lines += [f"  {'→' if step.decides else ' '} {step.place}  {step.rule}: {step.outcome}" for step in self.rules]
        lines += [f"decision  {self.decision}: {self.why}", f"answer    {self.answer}"]
        if self.headers:
            lines.append("headers that say who it is")
            lines += [f"    {name}: {value}" for name, value in self.headers]
        return "\n".join(lines)


def explained(
    snapshot: Snapshot, facts: Facts, selected: Selected | Decision, admission: Admission, account: Account | None, note: str | None
) -> Explanation:
    """The words for one admission."""
    api = snapshot.api is not None and snapshot.api.find(facts.host, facts.path) is not None
    own = "/api" if api else snapshot.places.own(facts.path)
    route = selected.route if isinstance(selected, Selected) and own is None else None
    decision, why = _decision(admission.decision)
    if api:
        decision, why, answer = "JSON API", "the API's paths win over routes", "the JSON API's own answer"
    elif own is not None:
        decision, why, answer = "own page", f"paths below {snapshot.places.prefix} are the gateway's, whatever routes say", "the gateway's own page"
    else:
        answer = _answer(admission.answer)
    assertion = route.identity.assertion if route is not None else None
    return Explanation(
        request=f"{facts.method} {facts.scheme}://{facts.host}{'' if facts.port in (80, 443) else f':{facts.port}'}{facts.target}",
        path=facts.path,
        client=facts.client,
        who=_who(account, note),
        route=route.name if route is not None else None,
        place=route.source if route is not None else None,
        upstream=_upstream(route),
        rules=_steps(route, facts, admission) if route is not None else (),
        decision=decision,
        why=why,
        answer=answer,
        headers=()
        if own is not None
        else tuple(
            (name.decode("ascii"), _TOKEN_SHOWN if value and name.decode("ascii") == assertion else value.decode("ascii"))
            for name, value in admission.introduction.headers
        ),
    )


def _who(account: Account | None, note: str | None) -> str:
    if account is None:
        return "nobody is logged in"
    identity = account.identity
    groups = ", ".join(identity.groups) or "no group"
    return f"{identity.email} ({identity.state}; {groups})" + (f" – {note}" if note else "")


def _upstream(route: Route | None) -> str | None:
    if route is None or route.upstream is None:
        return None
    return f"unix:{route.upstream.unix_path}" if route.upstream.unix_path else f"{route.upstream.scheme}://{route.upstream.authority}"


def _steps(route: Route, facts: Facts, admission: Admission) -> tuple[Step, ...]:
    """Every rule up to the one that decides, and why each of the others did not."""
    deciding = getattr(admission.decision, "rule", None)
    steps: list[Step] = []
    for rule in route.rules:
        unmet = [name for name in _CRITERIA if getattr(rule, name) and not _only(rule, name).is_about(facts, facts.path)]
        decides = rule is deciding
        if unmet:
            outcome = f"is about other {' and '.join(unmet)}"
        elif decides:
            outcome = "decides"
        else:
            outcome = "names other people"
        steps.append(Step(rule.source, describe(rule), outcome, decides))
        if decides:
            break
    return tuple(steps)


def _only(rule: Rule, criterion: str) -> Rule:
    """`rule` with one of its criteria, so that the rule itself says whether that one holds."""
    return Rule(
        rule.effect,
        rule.source,
        paths=rule.paths if criterion == "paths" else (),
        methods=rule.methods if criterion == "methods" else frozenset(),
        networks=rule.networks if criterion == "networks" else (),
        query=rule.query if criterion == "query" else (),
    )


def describe(rule: Rule) -> str:
    """A rule in one line, much as it was written."""
    if rule.effect is Effect.MEMBERS:
        members = [*(f"group:{group}" for group in sorted(rule.groups)), *(f"user:{user}" for user in sorted(rule.users))]
        parts = [f"allow [{', '.join(members)}]"]
    else:
        parts = [rule.effect.value]
    if rule.methods:
        parts.append(f"methods {', '.join(sorted(rule.methods))}")
    if rule.paths:
        parts.append(f"paths {', '.join(glob.text for glob in rule.paths)}")
    if rule.networks:
        parts.append(f"networks {', '.join(str(network) for network in rule.networks)}")
    for criterion in rule.query:
        parts.append(f"query {criterion.name}={'|'.join(glob.text for glob in criterion.values)}")
    return ", ".join(parts)


def _decision(decision: Decision) -> tuple[str, str]:
    match decision:
        case Allow(identity=identity):
            return "allow", "as nobody" if identity is None else f"as {identity.email}"
        case AskLogin():
            return "ask for login", "nobody is logged in, and the rule may let somebody pass"
        case Refuse(reason=reason):
            return "refuse", reason.value
        case Malformed(detail=detail):
            return "malformed", detail
        case UnknownHost():
            return "unknown host", "no route names the host"
        case NoRoute():
            return "no route", "the host has no route for the path"
        case StoreAway():
            return "store away", "who asks could not be looked up"
        case _:
            assert_never(decision)


def _answer(answer: Answer) -> str:
    match answer:
        case Pass():
            return "it is forwarded"
        case Redirect(location=location):
            return f"303 to {location}"
        case Fail(status=status):
            return f"{status} {HTTPStatus(status).phrase}"
        case _:
            assert_never(answer)
