"""What can go wrong between a client and an upstream, and what the client is told.

    ProxyFault
    ├── UpstreamFault
    │   ├── Unreachable      502  refused, no such name, TLS not trusted: nothing was sent
    │   ├── ConnectTimeout   504
    │   ├── Broken           502  what it sent is no answer, or only a part of one
    │   │   └── Stale             a kept-alive connection that ended before anything of an answer came
    │   └── AnswerTimeout    504
    ├── BadBody              400  the client's body is malformed
    ├── BodyTimeout          408
    ├── BodyTooLarge         413
    └── ClientGone                nobody is left to be told

The text of a fault is for the log. The public answer names no address and quotes nothing (proxying.md C5, C6).
"""

from __future__ import annotations

from typing import ClassVar

from gateway.core.answer import Fail, Problem


class ProxyFault(Exception):
    """`fail` is what the client is told where its answer has not begun."""

    fail: ClassVar[Fail] = Fail(502, Problem.BAD_GATEWAY)


class UpstreamFault(ProxyFault):
    """The upstream's fault."""


class Unreachable(UpstreamFault):
    """No connection could be made."""


class ConnectTimeout(UpstreamFault):
    """No connection within `timeouts.connect`."""

    fail = Fail(504, Problem.UPSTREAM_TIMEOUT)


class Broken(UpstreamFault):
    """The answer is malformed, or ended too early."""


class Stale(Broken):
    """A connection that was used before ended before a byte of the answer had come."""


class AnswerTimeout(UpstreamFault):
    """No head within `timeouts.response`, or no piece of a body within `timeouts.idle`."""

    fail = Fail(504, Problem.UPSTREAM_TIMEOUT)


class BadBody(ProxyFault):
    """The framing of the client's body is wrong."""

    fail = Fail(400, Problem.MALFORMED, "the body is not valid")


class BodyTimeout(ProxyFault):
    """Nothing of the client's body came for `limits.body_idle`."""

    fail = Fail(408, Problem.TIMED_OUT)


class BodyTooLarge(ProxyFault):
    """More than the route's `max_body`."""

    fail = Fail(413, Problem.TOO_LARGE)


class ClientGone(ProxyFault):
    """The client's connection has ended."""
