"""The proxy as the front sees it: a request that may pass goes in, a response comes out, whatever the upstream does.

A fault of the upstream or of the request's body is told to the client in the words of `Problems`, as long as the client has heard nothing of an
answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from aiohttp import web

from gateway.core.answer import Fail, Problem
from gateway.core.urls import Malformed
from gateway.services.gatekeeper import Admission
from gateway.services.watch import Watch
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.pages.problems import Problems
from gateway.web.proxy.errand import Errand
from gateway.web.proxy.faults import BadBody, ClientGone, ProxyFault, UpstreamFault
from gateway.web.proxy.lane import Lanes
from gateway.web.proxy.pool import Upstreams
from gateway.web.proxy.tunnel import Tunnels

log = logging.getLogger("gateway.proxy")


class Proxy:
    """The reverse proxy; constructed once. `monotonic` is in seconds."""

    def __init__(self, upstreams: Upstreams, watch: Watch, problems: Problems, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lanes = Lanes(upstreams)
        self._tunnels = Tunnels(watch)
        self._problems = problems
        self._monotonic = monotonic

    @property
    def tunnels(self) -> int:
        """How many tunnels are open."""
        return len(self._tunnels)

    def close_tunnels(self) -> int:
        """End every tunnel, at shutdown; how many there were."""
        return self._tunnels.close()

    async def handle(self, request: web.BaseRequest, admission: Admission, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        """Forward a request that may pass, on a route that has an upstream. What comes back has been sent, unless it tells of a fault."""
        assert admission.route is not None
        errand = Errand(request, admission, self._lanes.of(admission.route, snapshot), snapshot, exchange, self._monotonic)
        try:
            if admission.facts.upgrade:
                return await errand.upgrade(self._tunnels)
            return await errand.forward()
        except ClientGone:
            return web.Response(status=499, reason="Client Left")  # for the access line; nobody is there to read it
        except ProxyFault as fault:
            if isinstance(fault, UpstreamFault):
                log.warning("request %s, route %s: %s", exchange.request_id, exchange.route, fault)
            # What is left of a body that nobody reads must not become the next request.
            close = isinstance(fault, BadBody) or not request.content.at_eof()
            return self._problems.answer(fault.fail, admission.facts, snapshot, exchange.request_id, close=close)
        except Malformed as error:
            fail = Fail(400, Problem.MALFORMED, str(error))
            return self._problems.answer(fail, admission.facts, snapshot, exchange.request_id, close=not request.content.at_eof())
