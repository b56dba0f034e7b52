"""The JSON API among the routes: its exact paths win, so a route at or below one of them would never be reached there."""

from __future__ import annotations

from gateway.config.addresses import parse_public_url
from gateway.config.model import Settings
from gateway.config.quantities import format_size
from gateway.config.report import Report
from gateway.core.api import MOST_BYTES, host_matches, meets_folder, paths_of, taken_by


def check_api(settings: Settings, report: Report) -> None:
    """`api.path` against the prefix, every route against the API's paths on the hosts that serve it, and what `session.data` needs of it."""
    api, prefix, data = settings.api, settings.server.prefix, settings.session.data
    if data.enabled and not api.enabled:
        report.error(("session", "data", "enabled"), "needs the JSON API, which api.enabled switches off", "remove one of them")
    if data.max > MOST_BYTES:
        report.error(("session", "data", "max"), "is more than the largest body that the JSON API takes", f"at most {format_size(MOST_BYTES)}")
    if data.max < len("{}"):
        report.error(("session", "data", "max"), "has no room for {}", "at least 2B")
    if not api.enabled or api.path is None:
        return
    base, paths = api.path.rstrip("/"), paths_of(data.enabled)
    if base == prefix or base.startswith(prefix + "/"):
        report.error(("api", "path"), f"lies among the gateway's own pages at {prefix}", f"leave it out, and the API is at {prefix}/api")
        return
    if meets_folder(base, prefix, paths):
        report.error(("api", "path"), f"puts paths of the API among the gateway's own pages at {prefix}", "change api.path or server.prefix")
        return
    hosts = list(api.hosts)
    if not hosts and settings.server.public_url is not None:
        hosts = [parse_public_url(settings.server.public_url).host]
    for index, route in enumerate(settings.routes):
        taken = taken_by(route.path, base, paths)
        if taken is not None and any(_meet(one, other) for one in hosts for other in route.host):
            report.error(
                ("routes", index, "path"),
                f"lies at or below {taken}, which is the JSON API's",
                "choose another path, or change api.path or api.hosts",
            )


def _meet(one: str, other: str) -> bool:
    """Whether some host fits both patterns."""
    return host_matches(one, other) or host_matches(other, one)
