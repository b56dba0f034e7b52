"""Interleaved runs of the contestants of a case: each round runs all of them, so that what disturbs the machine for a while disturbs everybody."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench import commands, load, meter
from bench.results import Row, Sample
from bench.stage import Stage
from tests.servers import Process, Redis

_WARM = 1.0
#: Bodies of which memory is watched while they pass (bytes).
_LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something to ask: its address, the headers that every request brings, and the processes whose time and memory are its own.

    `status` and `size` (of the body, None: any) are what it must answer. `cookie` goes with every request, unless `cookies`, a file, has one each.
    `redis` where its store's commands are counted. `serving` is how many processes share its connections: each gets as many as a contestant has.
    """

    name: str
    url: str
    processes: tuple[Process, ...]
    headers: tuple[str, ...] = ()
    cookie: str = ""
    cookies: str = ""
    status: int = 200
    size: int | None = None
    redis: Redis | None = None
    serving: int = 1

    @property
    def pids(self) -> list[int]:
        """Process ids of what is measured."""
        return [process.pid for process in self.processes]


class WrongAnswer(Exception):
    """A contestant does not answer as it must: nothing that is measured of it would mean anything."""


def contest(stage: Stage, contestants: Sequence[Contestant]) -> list[Row]:
    """Prove that each answers right, warm it, and run all of them round by round. Raises WrongAnswer, load.Spoiled."""
    rows = [Row(contestant.name) for contestant in contestants]
    for contestant in contestants:
        prove(contestant)
        _run(stage, contestant, _WARM, 0)
    for turn, position in rounds(stage, len(contestants)):
        contestant = contestants[position]
        stage.progress(f"{contestant.name}, round {turn + 1} of {stage.settings.repeats}")
        rows[position].samples.append(sample(stage, contestant, turn + 1))
    return rows


def rounds(stage: Stage, count: int) -> Iterator[tuple[int, int]]:
    """(round, position): every round begins with another one, so that nobody always comes first."""
    for turn in range(stage.settings.repeats):
        for place in range(count):
            yield turn, (turn + place) % count


def sample(stage: Stage, contestant: Contestant, turn: int) -> Sample:
    """One run: what the load saw, and what it cost."""
    pids = contestant.pids
    large = (contestant.size or 0) >= _LARGE
    resident = meter.begin_peak(pids) if large else 0.0
    before = commands.calls(contestant.redis) if contestant.redis else {}
    cpu = meter.cpu_seconds(pids)
    run = _run(stage, contestant, stage.settings.seconds, turn)
    taken: Sample = {"rate": run.rate, "cpu": (meter.cpu_seconds(pids) - cpu) / run.requests * 1e6, "p50": run.p50, "p99": run.p99}
    if contestant.redis:
        sent, pings = commands.sent(before, commands.calls(contestant.redis))
        taken["commands"] = sent / run.requests
        taken["pings"] = pings * run.rate / run.requests
    taken["rss"] = meter.rss(pids)
    if large:
        taken["growth"] = max(meter.peak(pids) - resident, 0.0)
    return taken


def prove(contestant: Contestant) -> None:
    """Ask once; raise WrongAnswer unless the answer is what it must be."""
    parts = urlsplit(contestant.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    headers = dict(header.split(": ", 1) for header in _headers(contestant))
    if contestant.cookies:
        with open(contestant.cookies) as lines:
            headers["Cookie"] = lines.readline().strip()
    try:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        size = len(answer.read())
    finally:
        connection.close()
    if answer.status != contestant.status or contestant.size not in (None, size):
        raise WrongAnswer(
            f"{contestant.name} answers {contestant.url} with {answer.status} and {size} bytes\n{contestant.processes[0].log()[-2000:]}"
        )


def _headers(contestant: Contestant) -> tuple[str, ...]:
    return (*contestant.headers, f"Cookie: {contestant.cookie}") if contestant.cookie and not contestant.cookies else contestant.headers


def _run(stage: Stage, contestant: Contestant, seconds: float, turn: int) -> load.Run:
    script = ("cookies.lua", contestant.cookies, str(turn * 33_331)) if contestant.cookies else ()
    settings, refused = stage.settings, contestant.status >= 400
    return load.run(
        contestant.url,
        _headers(contestant),
        seconds=seconds,
        connections=settings.connections * contestant.serving,
        cores=stage.cores.others,
        script=script,
        refused=refused,
    )


Measure = Callable[[], Sample]


def interleave(stage: Stage, measures: Sequence[tuple[str, Measure]]) -> list[Row]:
    """The same for what is no run of wrk: each of `measures` is called once a round."""
    rows = [Row(name) for name, _ in measures]
    for turn, position in rounds(stage, len(measures)):
        name, measure = measures[position]
        stage.progress(f"{name}, round {turn + 1} of {stage.settings.repeats}")
        rows[position].samples.append(measure())
    return rows
