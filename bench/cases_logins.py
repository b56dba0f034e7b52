"""Logins: a form that is posted, a password that is hashed, a session that is made. Argon2id is meant to cost, so it is measured alone beside it."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlencode

from bench import load, meter
from bench.contest import interleave
from bench.cores import on
from bench.results import Result, Sample
from bench.stage import Stage
from gateway.core.password import Argon2Cost
from gateway.crypto.passwords import Hasher
from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway

_EMAIL = "bench@example.com"
#: Logins at a time; more only wait for the hash.
_AT_A_TIME = 4
#: The least that a run takes: there are ten in a second, not thousands.
_SECONDS = 4.0
ALONE, LOGINS = "Argon2id alone", "auth-gateway"


def login(stage: Stage) -> Result:
    """One account that logs in again and again, with the throttle out of the way."""
    with stage.gateway({"login": {"throttle": {"per_ip": "1000000/1m"}}}) as gateway:
        gateway.add_user(_EMAIL)
        cookie, body = asyncio.run(_form(gateway))
        hasher = Hasher(Argon2Cost())
        stored = hasher.hash(PASSWORD)
        rows = interleave(stage, [(LOGINS, lambda: _logins(stage, gateway, cookie, body)), (ALONE, lambda: _alone(stage, hasher, stored))])
    note = "oauth2-proxy has no logins of its own: it sends people to a provider."
    return Result("login", "Logins with Argon2id (64 MiB, 3 passes, 4 lanes)", rows, ALONE, note)


async def _form(gateway: Gateway) -> tuple[str, str]:
    """The Cookie header and the body that log in; both are good for hours, and for as many logins as one likes."""
    async with Browser(gateway.url) as browser:
        page = await browser.get("/_auth/login")
        token = page.form.fields["csrf_token"]
        return browser.cookies.header(browser.url) or "", urlencode({"email": _EMAIL, "password": PASSWORD, "csrf_token": token})


def _logins(stage: Stage, gateway: Gateway, cookie: str, body: str) -> Sample:
    seconds = max(stage.settings.seconds, _SECONDS)
    cpu = meter.cpu_seconds([gateway.pid])
    run = load.run(
        f"http://127.0.0.1:{gateway.port}/_auth/login",
        [f"Host: localhost:{gateway.port}", f"Cookie: {cookie}"],
        seconds=seconds,
        connections=_AT_A_TIME,
        cores=stage.cores.others,
        script=("post.lua", body),
    )
    spent = meter.cpu_seconds([gateway.pid]) - cpu
    return {"rate": run.rate, "cpu": spent / run.requests * 1e6, "p50": run.p50, "p99": run.p99, "rss": meter.rss([gateway.pid])}


def _alone(stage: Stage, hasher: Hasher, stored: str) -> Sample:
    count, cpu, start = 0, time.process_time(), time.perf_counter()
    with on(stage.cores.measured):
        while time.perf_counter() < start + stage.settings.seconds / 2:
            hasher.verify(stored, PASSWORD)
            count += 1
    return {"rate": count / (time.perf_counter() - start), "cpu": (time.process_time() - cpu) / count * 1e6}
