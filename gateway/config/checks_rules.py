"""Rules that can never match: behind one that has settled everything, outside their route's path, or inside another route's."""

from __future__ import annotations

from gateway.config.coverage import covers_criteria, covers_subjects, literal_start, may_match_below
from gateway.config.errors import Loc
from gateway.config.model import Settings
from gateway.config.model_routes import RouteSection
from gateway.config.report import Report


def check_rules(settings: Settings, report: Report) -> None:
    """Every rule of every route."""
    for index, route in enumerate(settings.routes):
        for position, rule in enumerate(route.access):
            loc: Loc = ("routes", index, "access", position)
            for glob_index, glob in enumerate(rule.paths or ()):
                _check_glob(settings, route, glob, (*loc, "paths", glob_index), report)
            before = next(
                (
                    earlier
                    for earlier in range(position)
                    if covers_criteria(route.access[earlier], rule) and covers_subjects(route.access[earlier], rule)
                ),
                None,
            )
            if before is not None:
                report.error(
                    loc,
                    f"can never match: the rule in {report.place(*loc[:-1], before)} has settled everything that it is about",
                    "move it up, or remove it",
                )


def _check_glob(settings: Settings, route: RouteSection, glob: str, loc: Loc, report: Report) -> None:
    if not may_match_below(glob, route.path):
        report.error(loc, f"can never match: `{glob}` lies outside the route's path {route.path}", f"begin with {route.path.rstrip('/')}/")
        return
    literal = literal_start(glob)
    for other in settings.routes:
        base = other.path.rstrip("/")
        inside = literal.startswith(base + "/") or glob == base
        if other is not route and len(base) > len(route.path.rstrip("/")) and inside and set(route.host) <= set(other.host):
            report.error(loc, f"can never match: `{glob}` belongs to the route {other.name}", f"put the rule into {other.name}")
            return
