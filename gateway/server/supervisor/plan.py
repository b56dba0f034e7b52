"""What the supervisor is told when it is started: all that it knows of the configuration."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NoReturn

from gateway.server.interpreter import python
from gateway.server.sockets import Place


@dataclass(frozen=True, slots=True)
class Plan:
    """How many workers, on which places, and how they end (seconds). `log` is format and level; `command` starts a worker, or the next program."""

    workers: int
    public: Sequence[Place]
    admin: Sequence[Place]
    delay: float
    grace: float
    log: tuple[str, str]
    command: Sequence[str]

    def written(self) -> str:
        """For read_plan()."""
        return json.dumps(asdict(self))


def read_plan(text: str) -> Plan:
    """The plan that `written` wrote."""
    fields = json.loads(text)
    for name in ("public", "admin"):
        fields[name] = [Place(**place) for place in fields[name]]
    return Plan(**{**fields, "log": tuple(fields["log"])})


def become_supervisor(plan: Plan, environ: Mapping[str, str]) -> NoReturn:
    """Replace this program with the supervisor; process id, environment and inherited sockets stay. Raises OSError."""
    os.execve(sys.executable, [*python(), "-m", "gateway.server.supervisor", plan.written()], dict(environ))  # noqa: S606 - ourselves
