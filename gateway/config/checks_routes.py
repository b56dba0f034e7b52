"""Routes among each other: names and places that stand twice, routes that nothing reaches, files and upstreams that cannot be right."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.config.addresses import parse_public_url, parse_upstream
from gateway.config.certificates import flaws_of_authorities
from gateway.config.errors import Loc
from gateway.config.model import Settings
from gateway.config.model_routes import RouteSection, RouteTls
from gateway.config.report import Report


def check_routes(settings: Settings, report: Report) -> None:
    """Every route by itself and against the others."""
    names: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    for index, route in enumerate(settings.routes):
        loc: Loc = ("routes", index)
        if route.name in names:
            report.error(
                (*loc, "name"),
                f"`{route.name}` stands twice, first in {report.place('routes', names[route.name], 'name')}",
                "every route has a name of its own",
            )
        names.setdefault(route.name, index)
        for host in route.host:
            place = (host, route.path.rstrip("/"))
            if place in places and places[place] == index:
                report.error((*loc, "host"), f"{host} stands twice", "remove one of them")
            elif place in places:
                first = places[place]
                report.error(
                    (*loc, "path") if report.given(*loc, "path") else (*loc, "host"),
                    f"ties with the route {settings.routes[first].name} ({report.place('routes', first)}): both are {host}{route.path}",
                    "give one of them another path, or make one route of them",
                )
            places.setdefault(place, index)
        _check_own_paths(settings, route, loc, report)
        _check_upstream(route, loc, report)
    _check_shadows(settings, report)
    _check_public_host(settings, report)


def _check_own_paths(settings: Settings, route: RouteSection, loc: Loc, report: Report) -> None:
    prefix = settings.server.prefix
    if route.path.rstrip("/") == prefix or route.path.startswith(prefix + "/"):
        report.error((*loc, "path"), f"is never reached: the gateway's own pages are at {prefix}", "choose another path, or change server.prefix")


def _check_upstream(route: RouteSection, loc: Loc, report: Report) -> None:
    if route.upstream is None:
        for name in ("strip_prefix", "add_prefix", "set_headers", "remove_headers", "tls", "max_body", "timeouts", "preserve_host"):
            if report.given(*loc, name):
                report.warn((*loc, name), "does nothing: the route has no upstream")
        return
    upstream = parse_upstream(route.upstream[0])
    if upstream.scheme != "https" and route.tls != RouteTls():
        report.error((*loc, "tls"), "the upstream is not https, so nothing would be verified", f"write https://{upstream.host}…")
    if route.tls.ca_file is not None:
        if not route.tls.verify:
            report.error((*loc, "tls", "ca_file"), "is not used with verify: false", "remove verify: false")
        else:
            for flaw in flaws_of_authorities(route.tls.ca_file, datetime.now(UTC)):
                (report.error if flaw.fatal else report.warn)((*loc, "tls", "ca_file"), flaw.problem)
    if upstream.scheme == "https" and not route.tls.verify:
        report.warn((*loc, "tls", "verify"), "anybody between the gateway and the upstream can be the upstream", "name the certificate in ca_file")
    if route.strip_prefix and route.path == "/":
        report.warn((*loc, "strip_prefix"), "does nothing: the route's path is /")


def _check_shadows(settings: Settings, report: Report) -> None:
    """An exact host with gaps does not fall back to a wildcard's routes."""
    whole = {host for route in settings.routes if route.path == "/" for host in route.host}
    exact = {host: index for index, route in reversed(list(enumerate(settings.routes))) for host in route.host if "*" not in host}
    for host, index in exact.items():
        if host in whole:
            continue
        wider = next((route for route in settings.routes for other in route.host if _matches(other, host)), None)
        if wider is not None:
            report.warn(
                ("routes", index, "host"),
                f"{host} has routes of its own, so those of {wider.name} do not apply to it, and it has none for /",
                f"add a route for {host} with path / if that is not meant",
            )


def _matches(pattern: str, host: str) -> bool:
    return pattern == "*" or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _check_public_host(settings: Settings, report: Report) -> None:
    if settings.server.public_url is None:
        return
    public = parse_public_url(settings.server.public_url).host
    for index, route in enumerate(settings.routes):
        if route.upstream is not None and public in route.host:
            report.warn(
                ("routes", index, "host"),
                f"the application {route.name} shares public_url's host: its scripts can act on the gateway's pages as whoever is logged in",
                "give it a host of its own",
            )
