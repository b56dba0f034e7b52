"""The figures to reach, each with where it stands: what was aimed at, what was measured, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from bench.cases_http import GO_HANDLER, GO_PROXY, OAUTH2, OURS
from bench.results import Result

_MIB = "MiB"
#: Seconds of `session.touch_every`, and sessions in the case that counts store commands.
_TOUCH_EVERY, _SESSIONS = 30.0, 1000
#: Requests a second from which on the store commands of one request are judged.
_RATE = 10_000
#: What 1.4 and 2 times oauth2-proxy behind nginx are in bare Go reverse proxies, as both were measured beside each other once.
_NGINX_LEAST, _NGINX_STRETCH = 0.68, 0.98


class Verdict(StrEnum):
    """How a goal stands."""

    STRETCH = "reached, the stretch too"
    REACHED = "reached"
    MISSED = "**missed**"
    UNMEASURED = "not measured"


class Goal(NamedTuple):
    """A line of the table, as text."""

    what: str
    least: str
    stretch: str
    measured: str
    verdict: Verdict


def goals(results: Mapping[str, Result]) -> list[Goal]:
    """Every goal, by the results of this run."""
    found = [
        _ratio(results, "check", OURS, GO_HANDLER, "Check, of a Go handler that looks at nothing", 0.33, 0.5),
        _ratio(results, "check", OURS, OAUTH2, "Check, of oauth2-proxy with Redis", 1.7, 2.6),
        _through_nginx(results),
        _ratio(results, "proxied-100b", OURS, GO_PROXY, "Proxied 100 B, of the bare Go ReverseProxy", 0.9, 1.2),
        _ratio(results, "proxied-10k", OURS, GO_PROXY, "Proxied 10 KiB, of the bare Go ReverseProxy", 0.9, 1.2),
        _ratio(results, "proxied-1m", OURS, GO_PROXY, "Proxied 1 MiB, of the bare Go ReverseProxy", 0.9, 1.1),
        _below(_middle(results, "proxied-1m", OURS, "growth"), "Peak memory growth while proxying 1 MiB", 32, None, _MIB),
    ]
    found += [
        _p99(results, case, name, go, what)
        for case, name, go, what in (
            ("check", OURS, GO_HANDLER, "check"),
            ("check-by-nginx", f"nginx + {OURS}", _beside_nginx(results), "check by nginx"),
            ("proxied-100b", OURS, GO_PROXY, "proxied 100 B"),
            ("proxied-10k", OURS, GO_PROXY, "proxied 10 KiB"),
            ("proxied-1m", OURS, GO_PROXY, "proxied 1 MiB"),
        )
    ]
    sessions = results.get("sessions")
    many = next((row.contestant for row in reversed(sessions.rows) if row.contestant.startswith(OURS)), "") if sessions else ""
    growth = [_middle(results, "huge", f"{OURS}, {way}", "growth") for way in ("down", "up")]
    found += [
        _store(results),
        _below(max((value for value in growth if value is not None), default=None), "Peak memory growth for 2 GiB down, and up", 32, None, _MIB),
        _below(_middle(results, "websocket-idle", OURS, "open_rss"), "Memory with 1 000 idle WebSockets", 100, 60, _MIB),
        _ratio(results, "sessions", many, GO_HANDLER, "Check, 100 000 sessions in turn, of the Go handler", 0.19, 0.25),
        _workers(results),
        _below(_middle(results, "start", OURS, "seconds"), "Start to first answer", 0.7, 0.3, "s"),
        _below(_middle(results, "start", OURS, "rss"), "Memory of one idle process", 70, 45, _MIB),
    ]
    return found


def _middle(results: Mapping[str, Result], case: str, contestant: str, key: str) -> float | None:
    row = results[case].row(contestant) if case in results else None
    return None if row is None else row.middle(key)


def _ratio(results: Mapping[str, Result], case: str, one: str, other: str, what: str, least: float, stretch: float) -> Goal:
    measured = results[case].ratio("rate", one, other) if case in results else None
    return Goal(what, f"{least:g} ×", f"{stretch:g} ×", "" if measured is None else f"{measured:.2f} ×", _verdict(measured, least, stretch))


def _beside_nginx(results: Mapping[str, Result]) -> str:
    """Whom a check by nginx is held against: oauth2-proxy there where it takes part, otherwise the bare Go proxy, which runs in the same case."""
    result = results.get("check-by-nginx")
    return GO_PROXY if result is not None and result.row(f"nginx + {OAUTH2}") is None else f"nginx + {OAUTH2}"


def _through_nginx(results: Mapping[str, Result]) -> Goal:
    if _beside_nginx(results) == GO_PROXY:
        what = "100 B through nginx with auth_request, of the bare Go ReverseProxy (oauth2-proxy is not installed)"
        return _ratio(results, "check-by-nginx", f"nginx + {OURS}", GO_PROXY, what, _NGINX_LEAST, _NGINX_STRETCH)
    what = "100 B through nginx with auth_request, of oauth2-proxy there"
    return _ratio(results, "check-by-nginx", f"nginx + {OURS}", f"nginx + {OAUTH2}", what, 1.4, 2)


def _p99(results: Mapping[str, Result], case: str, one: str, other: str, what: str) -> Goal:
    ours, theirs = _middle(results, case, one, "p99"), _middle(results, case, other, "p99")
    text = f"p99, {what}, below that of {other.removeprefix('nginx + ')}"
    if ours is None or theirs is None:
        return Goal(text, "", "", "", Verdict.UNMEASURED)
    return Goal(text, f"{theirs:.2f} ms", "", f"{ours:.2f} ms", Verdict.REACHED if ours < theirs else Verdict.MISSED)


def _store(results: Mapping[str, Result]) -> Goal:
    commands, rate = (_middle(results, "store-commands", OURS, key) for key in ("commands", "rate"))
    stretch = 1.1 * 2 * _SESSIONS / _TOUCH_EVERY / rate if rate else None
    goal = _below(commands, "Store commands a request, 1 000 sessions in use, at 10 000 requests/s or more", 0.01, stretch, "", digits=4)
    if rate and rate < _RATE:  # writes come by the clock, so at fewer requests each has more of them
        return goal._replace(measured=f"{goal.measured} at {rate:.0f}/s", verdict=Verdict.UNMEASURED)
    return goal


def _workers(results: Mapping[str, Result]) -> Goal:
    result = results.get("workers")
    measured = result.ratio("cpu", result.rows[1].contestant) if result else None
    verdict = Verdict.UNMEASURED if measured is None else Verdict.REACHED if measured <= 1.05 else Verdict.MISSED
    return Goal("CPU time a request with two workers, of one", "1.05 ×", "", "" if measured is None else f"{measured:.2f} ×", verdict)


def _below(measured: float | None, what: str, least: float, stretch: float | None, unit: str, *, digits: int = 2) -> Goal:
    texts = ["" if value is None else f"{value:.{digits}f} {unit}".strip() for value in (stretch, measured)]
    verdict = _verdict(None if measured is None else -measured, -least, None if stretch is None else -stretch)
    return Goal(what, f"{least:g} {unit}".strip(), texts[0], texts[1], verdict)


def _verdict(measured: float | None, least: float, stretch: float | None) -> Verdict:
    if measured is None:
        return Verdict.UNMEASURED
    if measured < least:
        return Verdict.MISSED
    return Verdict.STRETCH if stretch is not None and measured >= stretch else Verdict.REACHED
