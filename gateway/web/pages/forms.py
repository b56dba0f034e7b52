"""Forms that come in: read within bounds, and believed only when they came from a page of ours in the same browser (DESIGN 1.5, "Forms").

Only `application/x-www-form-urlencoded` in UTF-8, at most 8 KiB, each field once; aiohttp's own `Request.post()` is never used (CVE-2024-30251 and
the multipart advisories after it), and a compressed body is refused before it is read (CVE-2025-69223). What cannot be read is not repaired.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError

from gateway.core.answer import Fail, Problem
from gateway.core.urls import Origin
from gateway.web.pages.visit import Visit

MOST_BYTES: Final = 8192
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Distrust(Enum):
    """Why a form is not believed."""

    CROSS_SITE = "it was sent from another site"
    NO_COOKIE = "the browser sends no cookie"
    STALE = "it was not made for this browser and session, or too long ago"


async def read_form(visit: Visit) -> dict[str, str] | Fail:
    """The fields that were posted, or what is wrong with them. Raises ConnectionError when the client leaves."""
    request = visit.request
    if (fault := _media_fault(request)) is not None:
        return fault
    if request.content_length is not None and request.content_length > MOST_BYTES:
        return Fail(413, Problem.TOO_LARGE)
    try:
        body = await _read_body(request, visit.snapshot.limits.body_idle)
    except TimeoutError:
        return Fail(408, Problem.TIMED_OUT)
    except (HttpProcessingError, web.RequestPayloadError):
        return Fail(400, Problem.MALFORMED, "what was sent is not complete or not well-formed")
    return Fail(413, Problem.TOO_LARGE) if body is None else parse_fields(body)


def parse_fields(body: bytes) -> dict[str, str] | Fail:
    """Fields of an urlencoded body; any field twice, a broken escape, NUL, or what is not UTF-8 is malformed."""
    if _BAD_ESCAPE.search(body):
        return Fail(400, Problem.MALFORMED, "the form has an incomplete percent-escape")
    fields: dict[str, str] = {}
    for pair in body.split(b"&"):
        if not pair:
            continue
        try:
            name, value = (unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8") for part in pair.partition(b"=")[::2])
        except UnicodeDecodeError:
            return Fail(400, Problem.MALFORMED, "the form is not written in UTF-8")
        if "\0" in name or "\0" in value:
            return Fail(400, Problem.MALFORMED, "the form has a character that no field may have")
        if name in fields:
            return Fail(400, Problem.MALFORMED, "the form has a field twice")
        fields[name] = value
    return fields


def distrust(visit: Visit, fields: dict[str, str], *, for_nobody: bool = False) -> Distrust | None:
    """Why the form is not believed, None when it is. `for_nobody`: a field made before anybody logged in will do."""
    if not _same_site(visit):
        return Distrust.CROSS_SITE
    if not visit.sends_form_cookie:
        return Distrust.NO_COOKIE
    return None if visit.made(fields.get("csrf_token", ""), for_nobody=for_nobody) else Distrust.STALE


def _same_site(visit: Visit) -> bool:
    """`Sec-Fetch-Site`, where sent, decides; otherwise `Origin`, where sent and not null; otherwise neither speaks against it."""
    sites = visit.request.headers.getall("Sec-Fetch-Site", [])
    if sites:
        return all(site.strip().lower() in ("same-origin", "none") for site in sites)
    origin = visit.facts.origin
    if origin is None or origin == "null":
        return True
    facts, public = visit.facts, visit.snapshot.places.public
    own = {str(Origin(facts.scheme, facts.host, facts.port))}
    if facts.host == public.host:
        own.add(str(public))  # behind a proxy that is not trusted, the request's own scheme and port are not the browser's
    return origin.lower() in own


def _media_fault(request: web.BaseRequest) -> Fail | None:
    media, _, parameters = request.headers.get("Content-Type", "").partition(";")
    if media.strip().lower() != _MEDIA_TYPE:
        return Fail(415, Problem.UNSUPPORTED_TYPE)
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return Fail(415, Problem.UNSUPPORTED_TYPE)
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return Fail(415, Problem.UNSUPPORTED_TYPE)
    return None


async def _read_body(request: web.BaseRequest, seconds: float) -> bytes | None:
    """The body, None when it is too large. All of it must come within `seconds`: so little takes no honest client longer."""
    pieces = bytearray()
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11 and request.transport is not None:
        request.transport.write(_CONTINUE)  # RFC 9110 section 10.1.1; only now, so that what is refused unread is never sent
    async with asyncio.timeout(seconds):
        while piece := await request.content.readany():
            pieces += piece
            if len(pieces) > MOST_BYTES:
                return None
    return bytes(pieces)
