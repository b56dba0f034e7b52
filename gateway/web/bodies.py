"""Reading small bodies whole: of forms and of the JSON API. What an upstream gets is never read whole."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


async def read_body(request: web.BaseRequest, most: int, seconds: float) -> bytes | None:
    """The body, None when it has more than `most` bytes. All of it must come within `seconds`: so little takes no honest client longer.

    Raises TimeoutError, ConnectionError when the client leaves, and what aiohttp raises for a body that is not well-formed.
    """
    if request.content_length is not None and request.content_length > most:
        return None
    pieces = bytearray()
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11 and request.transport is not None:
        request.transport.write(_CONTINUE)  # RFC 9110 section 10.1.1; only now, so that what is refused unread is never sent
    async with asyncio.timeout(seconds):
        while piece := await request.content.readany():
            pieces += piece
            if len(pieces) > most:
                return None
    return bytes(pieces)
