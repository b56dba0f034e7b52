"""The stage of the forward-auth scenarios: the recipes by name, an application that tells what it was asked, a client that sends bytes as written.

Browsers reach every host on port 443; that port leads to the proxy, so that the gateway's configuration of deploy/ stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from tests.browser import Browser, Page
from tests.gateways import PASSWORD, Gateway
from tests.proxies import ANY_CERTIFICATE, RECIPES, CaddyRecipe, EnvoyRecipe, HaproxyRecipe, NginxRecipe, Proxy, TraefikRecipe
from tests.upstreams import Head, Upstream, answer, read_body

APP, AUTH = "app.example.com", "auth.example.com"
ANN, BOB = "ann@example.com", "bob@example.com"
#: What an application learns of a person, and the names that it may read them by.
IDENTITY = ("x-user-id", "x-user-email", "x-user-name", "x-user-groups", "x-gateway-jwt-assertion")
NAVIGATION = ("Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")

#: Every recipe with every program that can run it.
PROXIES: Mapping[str, Callable[..., Proxy]] = {
    "nginx": partial(NginxRecipe, form="nginx.conf"),
    "nginx-before-1.29.7": partial(NginxRecipe, form="nginx-before-1.29.7.conf"),
    "traefik": TraefikRecipe,
    "caddy": partial(CaddyRecipe, form="Caddyfile"),
    "caddy-expanded": partial(CaddyRecipe, form="Caddyfile.expanded"),
    "caddy-older-expanded": partial(CaddyRecipe, form="Caddyfile.expanded", current=False),
    "haproxy": HaproxyRecipe,
    "envoy": EnvoyRecipe,
}


class Application(Upstream):
    """Tells as JSON what it was asked. `/ws` is a WebSocket that says everything twice; `…/status-304` answers with that status; `…/cacheable` may be
    kept by any cache; `…/cookies` sets two cookies of its own."""

    async def converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        while head := await self.request(reader):
            body = await read_body(reader, head)
            if head.get("upgrade") == "websocket":
                await self._shake_hands(head, writer)
                while text := await reader.read(1024):
                    writer.write(text * 2)
                    await writer.drain()
                return
            writer.write(self._said(head, body))
            await writer.drain()

    async def _shake_hands(self, head: Head, writer: StreamWriter) -> None:
        key = (head.get("sec-websocket-key") or "").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()

    def _said(self, head: Head, body: bytes) -> bytes:
        path = head.target.partition("?")[0]
        if path.endswith("/status-304"):
            return answer("304 Not Modified", b"", ("ETag", '"1"'))
        seen = {"method": head.method, "target": head.target, "headers": head.headers, "body": body.decode("latin-1"), "answer": len(self.heads)}
        more = [("Content-Type", "application/json")]
        if path.endswith("/cacheable"):
            more += [("Cache-Control", "public, max-age=600"), ("CDN-Cache-Control", "max-age=600"), ("Surrogate-Control", "max-age=600")]
        if path.endswith("/cookies"):
            more += [("Set-Cookie", "theme=dark; Path=/"), ("Set-Cookie", "cart=7; Path=/")]
        return answer("200 OK", json.dumps(seen).encode(), *more)

    def saw(self, mark: str) -> list[Head]:
        """The requests that have `mark` anywhere in their target."""
        return [head for head in self.heads if mark in head.target]


class Reply:
    """An answer as it came."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of the only header of that name."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def renewed(self) -> list[str]:
        """The Set-Cookie lines of the gateway's session cookie."""
        return [line for line in self.all("set-cookie") if line.startswith(("__Secure-gw=", "__Host-gw="))]

    @property
    def told(self) -> dict[str, list[str]]:
        """What the application was told, by names as an application folds them: lower case, `_` and `.` read as `-`."""
        assert self.status == 200, f"{self.status}: {self.body[:300]!r}"
        found: dict[str, list[str]] = {}
        for name, value in json.loads(self.body)["headers"]:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), []).append(value)
        return found

    @property
    def identity(self) -> dict[str, str]:
        """The identity that the application was told, the assertion aside; what is empty counts as absent."""
        found: dict[str, str] = {}
        for name in IDENTITY[:-1]:
            values = [value for value in self.told.get(name, []) if value]
            assert len(values) < 2, f"{name} came {len(values)} times: {values}"
            if values:
                found[name] = values[0]
        return found


def connect(proxy: Proxy, host: str = APP) -> ssl.SSLSocket:
    """A TLS connection to the proxy, asking for that host's certificate; every other name asks for the application's."""
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
    return ANY_CERTIFICATE.wrap_socket(plain, server_hostname=host if host in (APP, AUTH) else APP)


def ask(proxy: Proxy, target: str, *lines: str, method: str = "GET", host: str = APP, cookie: str | None = None, body: bytes = b"") -> Reply:
    """One request on a connection of its own; `target` and `lines` are sent as they are written."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
    if not any(line.lower().startswith("connection:") for line in lines):
        head.append("Connection: close")
    if cookie is not None:
        head.append(f"Cookie: {cookie}")
    if body:
        head.append(f"Content-Length: {len(body)}")
    with connect(proxy, host) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        return read_reply(connection, method)


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """The next answer on a connection."""
    reply = http.client.HTTPResponse(connection, method=method)
    reply.begin()
    return Reply(reply.status, reply.getheaders(), reply.read())


def upgrade(proxy: Proxy, target: str, *lines: str) -> tuple[ssl.SSLSocket, bytes]:
    """Ask for a WebSocket; the connection, and the head of the answer."""
    connection = connect(proxy)
    ours = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    connection.sendall("\r\n".join([f"GET {target} HTTP/1.1", f"Host: {APP}", *ours, *lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
        head += more
    return connection, head


def upgrade_over_http2(proxy: Proxy, target: str, fields: Mapping[str, str]) -> bytes:
    """Ask for a WebSocket over HTTP/2 (RFC 8441): the frames of the answer, until the proxy says nothing more for a second. Empty when it speaks
    HTTP/1.1 only."""
    head = {":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": target, ":authority": APP, "sec-websocket-version": "13"}
    block = b"".join(b"\0" + _string(name) + _string(value) for name, value in (head | dict(fields)).items())
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), timeout=20), server_hostname=APP) as connection:
        if connection.selected_alpn_protocol() != "h2":
            return b""
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 4, 1, block))
        connection.settimeout(1)
        said = b""
        try:
            while more := connection.recv(65536):
                said += more
        except TimeoutError:
            pass
        return said


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113 section 4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _string(text: str) -> bytes:
    """A string literal of HPACK without Huffman coding (RFC 7541 sections 5.1 and 5.2)."""
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    assert len(data) < 127 + 128 * 128
    rest = len(data) - 127
    return bytes([127, rest]) + data if rest < 128 else bytes([127, rest % 128 + 128, rest // 128]) + data


def gateway_of_recipes(redis: str, *, domain: str | None = "example.com", **session: Any) -> Gateway:
    """The gateway of deploy/forward-auth/gateway.yml, with a place of its own to listen and to keep things, and one route more."""
    recipe = yaml.safe_load((RECIPES / "forward-auth" / "gateway.yml").read_text())
    inside = {"name": "inside", "host": APP, "path": "/inside", "access": [{"allow": "public", "networks": ["10.0.0.0/8"]}, "deny"]}
    del recipe["server"]["listen"], recipe["keys"]
    recipe["session"] |= {"store": redis, "cookie": {"domain": domain}, **session}
    recipe["users"] = {"database": "sqlite:///users.db", "password": {"argon2": {"memory": "8MiB", "time": 3}}}
    recipe["login"] = {"throttle": {"per_ip": "10000/1m"}}
    recipe["routes"] = [*recipe["routes"], inside]
    return Gateway(recipe)


def visitor(proxy: Proxy) -> Browser:
    """A browser whose hosts all lead to the proxy."""
    return Browser(f"https://{APP}", ports={443: proxy.port}, trust=ANY_CERTIFICATE)


async def log_in(proxy: Proxy, email: str = ANN) -> str:
    """A session's Cookie header, got through the proxy as a person gets it."""
    async with visitor(proxy) as browser:
        page = await log_in_with(browser, email)
        assert page.status == 200, page.text
        (cookie,) = [cookie for cookie in browser.cookies if cookie.name in ("__Secure-gw", "__Host-gw")]
        return f"{cookie.name}={cookie.value}"


async def log_in_with(browser: Browser, email: str = ANN, page: str = f"https://{APP}/") -> Page:
    """Open `page`, log in where that leads, come back."""
    asked = await browser.get(page, follow=True)
    assert asked.status == 200, f"{asked.status} {asked.url}: {asked.text[:500]}"
    return await browser.submit(asked.form, email=email, password=PASSWORD, follow=True)
