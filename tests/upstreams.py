"""Upstreams for tests, on a free loopback port, in a thread with an event loop of its own: they answer while the test itself blocks.

They read bytes and write bytes. No library stands between, so a test sees exactly what the gateway sent, and may answer what no library would.

    Upstream          one coroutine (reader, writer) per connection: the script
    └── EchoUpstream  answers every request with JSON that tells its head and body as they arrived
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Head:
    """The head of a request as it arrived; names and values are latin-1 text, `raw` the bytes with the empty line."""

    raw: bytes
    method: str
    target: str
    version: str
    headers: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The values of every header of that name, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of the only header of that name; None when there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next request's head; None when the connection ended instead."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise ValueError(f"half a request: {end.partial!r}") from end
        return None
    first, *lines = raw[:-4].decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
    return Head(raw, method, target, version, headers)


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    """The body that belongs to `head`, chunks put together."""
    if "chunked" in head.all("transfer-encoding"):
        body = b""
        while size := int((await reader.readline()).partition(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while (await reader.readline()).strip():
            pass
        return body
    return await reader.readexactly(int(head.get("content-length") or 0))


def answer(status: str = "200 OK", body: bytes = b"", *headers: tuple[str, str]) -> bytes:
    """A whole answer with Content-Length."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Upstream:
    """Runs `script` for every connection. `heads` are the requests that were read by request(), `connections` counts accepted ones."""

    def __init__(self, script: Script | None = None, *, unix_path: Path | None = None, ssl: Any = None) -> None:
        self._script = script or self.converse
        self._unix_path = unix_path
        self._ssl = ssl
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.heads: list[Head] = []
        self.failures: list[BaseException] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        if self._unix_path:
            return f"unix:{self._unix_path}"
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The script unless another is given: an empty 200 for every request."""
        while head := await self.request(reader):
            await read_body(reader, head)
            writer.write(answer())
            await writer.drain()

    async def request(self, reader: asyncio.StreamReader) -> Head | None:
        """The next head, kept in `heads`."""
        head = await read_head(reader)
        if head is not None:
            self.heads.append(head)
        return head

    def start(self) -> Self:
        """Listen, on the same port as before after a stop()."""
        if not self._thread.is_alive():
            self._thread.start()
        self._on_loop(self._listen())
        return self

    def stop(self) -> None:
        """Refuse connections and drop those that are open, as a server that died."""
        self._on_loop(self._end())

    def close(self) -> None:
        """stop(), and end the thread. An error in the script is raised here."""
        if not self._thread.is_alive():
            return
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if self.failures:
            raise self.failures[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_loop(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._unix_path:
            self._server = await asyncio.start_unix_server(self._serve, self._unix_path, ssl=self._ssl)
            return
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._ssl)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._script(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side left, or stop() was called
        except BaseException as error:
            self.failures.append(error)
        finally:
            self._open.discard(task)
            writer.close()


class EchoUpstream(Upstream):
    """Answers with JSON: method, target, version, headers (a list of pairs, as they arrived), body (latin-1) and the number of the connection."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        while head := await self.request(reader):
            if (head.get("expect") or "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await read_body(reader, head)
            seen = {"method": head.method, "target": head.target, "version": head.version, "headers": head.headers}
            text = json.dumps({**seen, "body": body.decode("latin-1"), "connection": number}).encode()
            whole = answer("200 OK", text, ("Content-Type", "application/json"))
            writer.write(whole[: -len(text)] if head.method == "HEAD" else whole)
            await writer.drain()
