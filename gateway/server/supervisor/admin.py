"""The admin listener of several workers: asks all of them and answers for all. A worker that hangs is not waited for longer than `PROBE`.

    /healthz   200 while any worker answers, or none has come to serve yet
    /readyz    200 once every seat has been served, and while any worker is ready; `?strict`: all are, and reach their stores
    /metrics   one page (sums.py); workers that did not answer are in it with what they counted until they last did

HTTP as far as a probe needs it: GET and HEAD, one request a connection.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from gateway.server.supervisor.crew import Crew
from gateway.server.supervisor.loop import Loop
from gateway.server.supervisor.member import Member, Standing
from gateway.server.supervisor.sums import Sums

#: How long workers may take to answer (seconds).
PROBE: Final = 1.0
#: How long a client may take to ask and to read, in all (seconds); how large a question may be (bytes); how many may be open.
_PATIENCE: Final = 10.0
_MOST_HEAD: Final = 16 << 10
_MOST_OPEN: Final = 100
_PIECE: Final = 1 << 16
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_OWN: Final = """\
# HELP gateway_workers_missing Workers that should serve and do not answer.
# TYPE gateway_workers_missing gauge
gateway_workers_missing {missing}
# HELP gateway_workers_died_total Workers that ended and should not have.
# TYPE gateway_workers_died_total counter
gateway_workers_died_total {died}
"""

#: Takes status, body, content type.
_Answer = Callable[[int, bytes, str], None]


class Admin:
    """Answers on sockets that listen. `wanted` is how many workers there should be."""

    def __init__(self, loop: Loop, crew: Crew, wanted: int) -> None:
        self._loop = loop
        self._crew = crew
        self._wanted = wanted
        self._open = 0
        self._listening: list[socket.socket] = []

    def listen(self, sock: socket.socket) -> None:
        """Accept here."""
        sock.setblocking(False)
        self._listening.append(sock)
        self._loop.watch(sock, lambda: self._accept(sock))

    def close(self) -> None:
        """Accept no more; the sockets stay open."""
        for sock in self._listening:
            self._loop.release(sock)
        self._listening.clear()

    def _accept(self, sock: socket.socket) -> None:
        try:
            client, _ = sock.accept()
        except OSError:
            return
        if self._open >= _MOST_OPEN:
            client.close()
            return
        self._open += 1
        _Conversation(self._loop, client, self._asked, self._left)

    def _left(self) -> None:
        self._open -= 1

    def _asked(self, method: str, target: str, answer: _Answer) -> None:
        path, _, query = target.partition("?")
        if method not in ("GET", "HEAD"):
            _say(answer, 405, {"error": "method"})
        elif path == "/healthz":
            self._ask_all("alive", lambda said: self._health(said, answer))
        elif path == "/readyz":
            strict = any(part.partition("=")[0] == "strict" for part in query.split("&"))
            self._ask_all("ready", lambda said: self._readiness(said, answer, strict=strict))
        elif path == "/metrics":
            self._ask_all("metrics", lambda said: self._metrics(said, answer))
        else:
            _say(answer, 404, {"error": "not_found"})

    def _ask_all(self, what: str, done: Callable[[Mapping[Member, dict[str, Any]]], None]) -> None:
        """Ask every worker that has come to serve; `done` gets what was answered in time."""
        asked = {member for member in self._crew.members if member.standing is not Standing.STARTING}
        said: dict[Member, dict[str, Any]] = {}
        numbers: dict[Member, int] = {}

        def finish() -> None:
            timer.cancel()
            for member, number in numbers.items():
                member.forget(number)
            done(said)

        def hear(member: Member, words: dict[str, Any]) -> None:
            said[member] = words
            if len(said) == len(asked):
                finish()

        timer = self._loop.later(PROBE if asked else 0.0, finish)
        for member in asked:
            numbers[member] = member.ask(what, partial(hear, member))

    def _health(self, said: Mapping[Member, dict[str, Any]], answer: _Answer) -> None:
        alive = bool(said) or not self._crew.ready
        _say(answer, 200 if alive else 503, {"status": "alive" if alive else "silent"})

    def _readiness(self, said: Mapping[Member, dict[str, Any]], answer: _Answer, *, strict: bool) -> None:
        reports = [words["ready"] for member, words in said.items() if member.standing is Standing.READY]
        if self._crew.ending:
            status = "draining"
        elif not self._crew.complete:
            status = "starting"
        else:
            status = "ready" if reports else "silent"
        fields = {"status": status}
        for kept in ("store", "database"):
            fields[kept] = "up" if reports and all(report[kept] == "up" for report in reports) else "away"
        fields["workers"] = f"{len(reports)}/{self._wanted}"
        whole = len(reports) == self._wanted and fields["store"] == fields["database"] == "up"
        _say(answer, 200 if status == "ready" and (whole or not strict) else 503, fields)

    def _metrics(self, said: Mapping[Member, dict[str, Any]], answer: _Answer) -> None:
        sums = Sums()
        for member in sorted(self._crew.members, key=lambda member: (member.number, member.pid)):
            if member in said:
                sums.add(member.counted, worker=str(member.number))
            else:
                sums.add(member.counted, gauges=False)
        sums.merge(self._crew.past)
        sums.add(_OWN.format(missing=max(0, self._wanted - len(said)), died=self._crew.died))
        answer(200, sums.text().encode(), _TEXT)


def _say(answer: _Answer, status: int, fields: Mapping[str, str]) -> None:
    answer(status, json.dumps(fields).encode("ascii"), _JSON)


class _Conversation:
    """One client: reads a request, and writes its answer."""

    def __init__(self, loop: Loop, client: socket.socket, asked: Callable[[str, str, _Answer], None], left: Callable[[], None]) -> None:
        self._loop = loop
        self._client = client
        self._asked = asked
        self._left = left
        self._head = b""
        self._rest = b""
        self._method = ""
        self._closed = False
        self._late = loop.later(_PATIENCE, self._close)
        client.setblocking(False)
        loop.watch(client, self._read)

    def _read(self) -> None:
        try:
            data = self._client.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        if self._method:
            return  # one question a connection
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) <= _MOST_HEAD:
            return
        words = self._head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or len(self._head) > _MOST_HEAD:
            self._method = "GET"
            _say(self._answer, 400, {"error": "malformed"})
            return
        self._method = words[0]
        self._asked(words[0], words[1], self._answer)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        if self._closed:
            return
        head = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(["Allow: GET, HEAD"] if status == 405 else []),
        ]
        self._rest = "\r\n".join([*head, "", ""]).encode("ascii") + (b"" if self._method == "HEAD" else body)
        self._write()

    def _write(self) -> None:
        try:
            self._rest = self._rest[self._client.send(self._rest) :]
        except BlockingIOError:
            pass  # its turn comes when there is room
        except OSError:
            self._close()
            return
        if self._rest:
            self._loop.watch(self._client, self._read, self._write)
        else:
            self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._late.cancel()
            self._loop.forget(self._client)
            self._left()
