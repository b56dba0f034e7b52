"""Connections to one upstream, kept alive.

The connection that rested least is used first, so that the others reach their limit and close. No connection is shared between upstreams: a pool
belongs to one address and one way of verifying it. Names are resolved at each connect and never kept here (proxying.md C12). What a connection may
not carry on to another user (Negotiate, NTLM) is not given back (C15, CVE-2026-88007): that is the handler's to know.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from gateway.core.routes import UpstreamAddress, UpstreamTls
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import ConnectTimeout, Unreachable
from gateway.web.proxy.tls import upstream_context

#: Kept-alive connections of one upstream, and how long one may rest (seconds).
MOST_IDLE: Final = 256
IDLE_LIMIT: Final = 60.0


class Pool:
    """`take` or `connect`, then `give_back` or close. `opened` counts connections made."""

    def __init__(self, address: UpstreamAddress, tls: UpstreamTls, *, idle_limit: float = IDLE_LIMIT) -> None:
        self._address = address
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle_limit = idle_limit
        self._idle: list[Connection] = []
        self._closed = False
        self.opened = 0

    def take(self) -> Connection | None:
        """A connection that rests, None when there is none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def connect(self, timeout: float) -> Connection:
        """A new connection, within `timeout` seconds. Raises Unreachable or ConnectTimeout."""
        loop = asyncio.get_running_loop()
        connection = Connection(loop, self._lost)
        address = self._address
        try:
            context = self._tls_context()
            name = (self._tls.server_name or address.host) if context is not None else None
            async with asyncio.timeout(timeout):
                if address.unix_path is not None:
                    await loop.create_unix_connection(lambda: connection, address.unix_path)
                else:
                    await loop.create_connection(lambda: connection, address.host.strip("[]"), address.port, ssl=context, server_hostname=name)
        except TimeoutError:
            raise ConnectTimeout(f"no connection within {timeout:g} s") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that IDNA cannot encode
            raise Unreachable(f"no connection: {error}") from error
        self.opened += 1
        return connection

    def give_back(self, connection: Connection) -> None:
        """Its answer was taken whole: keep it for the next request, or close it."""
        if not connection.usable or not connection.reader.reusable or self._closed or len(self._idle) >= MOST_IDLE:
            connection.transport.close()
            return
        connection.rest(self._idle_limit)
        self._idle.append(connection)

    def close(self) -> None:
        """Close what rests, and keep nothing from now on."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.transport.close()

    def _lost(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._address.scheme == "https" and self._context is None:
            self._context = upstream_context(self._tls)
        return self._context


class Upstreams:
    """A pool for each upstream that a route names."""

    def __init__(self, *, idle_limit: float = IDLE_LIMIT) -> None:
        self._idle_limit = idle_limit
        self._pools: dict[tuple[UpstreamAddress, UpstreamTls], Pool] = {}

    def pool(self, address: UpstreamAddress, tls: UpstreamTls) -> Pool:
        """The pool of that upstream, made at its first use."""
        key = (address, tls)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(address, tls, idle_limit=self._idle_limit)
        return pool

    def keep_only(self, pools: set[Pool]) -> None:
        """Close the pools that no route uses any more; requests under way end as they would."""
        for key, pool in list(self._pools.items()):
            if pool not in pools:
                del self._pools[key]
                pool.close()

    def close(self) -> None:
        """Close every connection that rests."""
        for pool in self._pools.values():
            pool.close()
