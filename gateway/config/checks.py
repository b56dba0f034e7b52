"""What a type cannot say: all checks of a whole configuration, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.config.checks_api import check_api
from gateway.config.checks_built import check_built
from gateway.config.checks_cookie import check_cookie
from gateway.config.checks_identity import check_identity
from gateway.config.checks_keys import check_keys
from gateway.config.checks_mail import check_mail
from gateway.config.checks_routes import check_routes
from gateway.config.checks_rules import check_rules
from gateway.config.checks_server import check_serving
from gateway.config.checks_times import check_times
from gateway.config.errors import Problem
from gateway.config.marks import Marks
from gateway.config.model import Settings
from gateway.config.report import Check, Report

_ALWAYS: Final[tuple[Check, ...]] = (
    check_built,
    check_cookie,
    check_keys,
    check_times,
    check_mail,
    check_identity,
    check_routes,
    check_rules,
    check_api,
)


def check(settings: Settings, marks: Marks, *, serving: bool) -> Sequence[Problem]:
    """Every problem. `serving`: what only a server needs is asked for too."""
    report = Report(marks)
    for one in _ALWAYS:
        one(settings, report)
    if serving:
        check_serving(settings, report)
    return report.problems
