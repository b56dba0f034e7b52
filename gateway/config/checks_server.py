"""What only a server needs: an address for browsers, keys, readable files; and warnings about what is easily not meant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.config.addresses import parse_listen
from gateway.config.certificates import flaws_of_pair
from gateway.config.checks_templates import check_templates
from gateway.config.logo import read_logo
from gateway.config.model import Settings
from gateway.config.report import Report


def check_serving(settings: Settings, report: Report) -> None:
    """Asked for by `serve` and `check`."""
    server = settings.server
    if server.public_url is None:
        report.error(("server", "public_url"), "is missing: where do browsers reach the gateway?", "for example public_url: https://auth.example.com")
    if not settings.keys:
        report.error(("keys",), "is missing: nothing could be sealed", "make a secret with `gateway keys generate`")
    if server.tls is not None:
        for flaw in flaws_of_pair(server.tls.certificate_file, server.tls.key_file, datetime.now(UTC)):
            (report.error if flaw.fatal else report.warn)(("server", "tls", "key_file" if flaw.of_key else "certificate_file"), flaw.problem)
    if settings.pages.logo_file is not None:
        try:
            read_logo(settings.pages.logo_file)
        except ValueError as error:
            report.error(("pages", "logo_file"), str(error))
    if server.workers != 1 and settings.session.store == "memory://":
        report.error(("server", "workers"), "needs a session store that all workers reach: memory:// is in one process", "session.store: redis://…")
    check_templates(settings, report)
    _check_listeners(settings, report)
    _warn(settings, report)


def _check_listeners(settings: Settings, report: Report) -> None:
    server = settings.server
    seen: set[object] = set()
    for index, text in enumerate(server.listen):
        address = parse_listen(text)
        if address in seen and (address.port or address.unix):
            report.error(("server", "listen", index), f"{text} stands twice", "remove one of them")
        seen.add(address)
    if server.admin_listen is not None:
        admin = parse_listen(server.admin_listen)
        if admin in seen and (admin.port or admin.unix):
            report.error(
                ("server", "admin_listen"), "is a public listener too: metrics and health would be open to everybody", "give it a port of its own"
            )
        if not admin.loopback:
            report.warn(("server", "admin_listen"), "is not loopback: whoever reaches it reads metrics", "keep it behind a firewall")


def _warn(settings: Settings, report: Report) -> None:
    if settings.session.store == "memory://":
        report.warn(("session", "store"), "sessions are lost at a restart, and no other process sees them", "use redis:// in production")
    database = settings.users.database
    if database.startswith("sqlite:////"):
        file = Path(database.removeprefix("sqlite:///").partition("?")[0])
        if not file.exists():
            report.warn(("users", "database"), f"{file} does not exist yet, so there are no users", "gateway users add")
    if not settings.routes:
        report.warn(("routes",), "there are none, so nothing is protected and nothing is served but the gateway's own pages")
    for index, peer in enumerate(settings.server.trusted_proxies):
        if peer.endswith("/0"):
            report.warn(("server", "trusted_proxies", index), "trusts everybody to say where requests come from", "name your proxies")
