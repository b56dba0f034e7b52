"""What the store says it was asked, from INFO commandstats.

Redis counts what a script does inside as commands too. A change of a session is one EVALSHA with a GET and a SET inside; only the EVALSHA is a
command that somebody sent. So for each script one GET and one SET are taken off, where there are any.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

from tests.servers import Redis

_CALLS = re.compile(r"^cmdstat_([^:]+):calls=(\d+)", re.MULTILINE)
_OURS = frozenset({"info"})


def calls(redis: Redis) -> dict[str, int]:
    """Command → how often it was carried out so far."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client:
        client.sendall(b"INFO commandstats\r\n")
        with client.makefile("rb") as answer:
            size = int(answer.readline()[1:])
            return {name: int(count) for name, count in _CALLS.findall(answer.read(size).decode())}


def sent(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[int, int]:
    """Commands that were sent in between, PINGs aside; and PINGs."""
    made = {name: count - before.get(name, 0) for name, count in after.items() if name not in _OURS}
    pings = made.pop("ping", 0)
    scripts = made.get("evalsha", 0) + made.get("eval", 0)
    inside = min(scripts, made.get("get", 0)) + min(scripts, made.get("set", 0))
    return sum(made.values()) - inside, pings
