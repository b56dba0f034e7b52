"""A path between two programs that a test can lead elsewhere, and let die in silence: bytes are held back and nobody is told."""

from __future__ import annotations

import asyncio

from tests.upstreams import Upstream

_PIECE = 65536


class Forwarder(Upstream):
    """Hands every connection on to a port of this machine. `held` counts bytes that were held back."""

    def __init__(self, target: int) -> None:
        super().__init__(self._carry)
        self.target = target
        """Where new connections lead."""
        self._silenced: bytes | None = None
        self.held = 0

    def silence(self, word: bytes) -> None:
        """From now on nothing passes, in either direction, on connections whose first message holds these bytes. They stay open."""
        self._silenced = word

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(_PIECE)
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        back.write(first)
        ways = [asyncio.ensure_future(self._pass(*way, first)) for way in ((reader, back), (there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            back.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        try:
            while piece := await reader.read(_PIECE):
                while self._silenced is not None and self._silenced in first:
                    self.held += len(piece)
                    piece = await reader.read(_PIECE)
                    if not piece:
                        return
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            return
