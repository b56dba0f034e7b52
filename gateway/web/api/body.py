"""What clients send to the API: one JSON object of known keys (RFC 8259), read within bounds. What cannot be read in only one way is refused.

The error says what is wrong and where: at which character, or which key. It quotes nothing but a key, since values may be passwords.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.core.api import MOST_BYTES
from gateway.core.session_data import is_no_text
from gateway.web.bodies import read_body

#: The longest text in a field (characters): longer than any address, name or password that could be right.
MOST_TEXT: Final = 4096
#: A key is quoted this far (characters).
_MOST_KEY: Final = 64
_JSON: Final = "application/json"
_SPACE: Final = " \t\r\n"


class Kind(Enum):
    """What a key may hold."""

    TEXT = "a string"
    CLEARABLE = "a string or null"
    FLAG = "true or false"


#: Keys and what they may hold.
Fields = Mapping[str, Kind]
#: Texts and flags by key; a key that was not sent is not there.
Values = dict[str, str | bool | None]


class BadBody(Exception):
    """`status` is what to answer, the text a sentence for people."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class BadFields(Exception):
    """`faults` says of each key what is wrong with it."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


async def read_values(request: web.BaseRequest, fields: Fields, seconds: float) -> Values:
    """What was sent for `fields`. Raises BadBody, BadFields, and ConnectionError when the client leaves."""
    _check_media(request, (_JSON,))
    body = await _read(request, MOST_BYTES, seconds)
    if body is None:
        raise BadBody(_too_large(MOST_BYTES))
    return parse_values(body, fields)


async def read_object(request: web.BaseRequest, most: int, seconds: float, *media: str) -> dict[str, object]:
    """An object of any keys in `most` bytes; `media` are types that it may have besides JSON's. Raises BadBody (413 where it is too large), and
    ConnectionError when the client leaves."""
    _check_media(request, (_JSON, *media))
    body = await _read(request, most, seconds)
    if body is None:
        raise BadBody(_too_large(most), 413)
    return _parse_object(body)


async def _read(request: web.BaseRequest, most: int, seconds: float) -> bytes | None:
    try:
        return await read_body(request, most, seconds)
    except TimeoutError:
        raise BadBody("the body did not come in time") from None
    except (HttpProcessingError, web.RequestPayloadError):
        raise BadBody("the body is not complete or not well-formed") from None


def _too_large(most: int) -> str:
    return f"the body is larger than {most} bytes"


def parse_values(body: bytes, fields: Fields) -> Values:
    """The same of a body that was read. Raises BadBody and BadFields."""
    values: Values = {}
    for key, value in _parse_object(body).items():
        kind = fields.get(key)
        if kind is None:
            raise BadBody(f'the key "{quoted(key)}" is not known here')
        values[key] = _value(key, kind, value)
    faults = {key: "is missing" for key, kind in fields.items() if kind is Kind.TEXT and values.get(key) is None}
    faults |= {key: "is too long" for key, value in values.items() if isinstance(value, str) and len(value) > MOST_TEXT}
    if faults:
        raise BadFields(faults)
    return values


def _value(key: str, kind: Kind, value: object) -> str | bool | None:
    if value is None:
        return None
    if kind is Kind.FLAG:
        if isinstance(value, bool):
            return value
    elif isinstance(value, str):
        if is_no_text(value):
            raise BadBody(f'the key "{key}" has a character that no text may have')
        return value
    raise BadBody(f'the key "{key}" must be {kind.value}')


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadBody(f"the body is not UTF-8 at byte {error.start + 1}") from None
    start = len(text) - len(text.lstrip(_SPACE))
    if start == len(text):
        raise BadBody("the body is empty, a JSON object is needed")
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise BadBody(f"the body is not JSON at character {error.pos + 1}") from None
    except RecursionError:
        raise BadBody("the body is nested too deeply") from None
    except ValueError:
        raise BadBody("the body has a number with too many digits") from None
    rest = text[end:].lstrip(_SPACE)
    if rest:
        raise BadBody(f"the body has more than one JSON value, the second at character {len(text) - len(rest) + 1}")
    if not isinstance(value, dict):
        raise BadBody("the body must be a JSON object")
    return value


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Objects with a key twice are read differently by different programs (RFC 8259 section 4)."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadBody(f'the key "{quoted(key)}" stands twice')
        found[key] = value
    return found


def quoted(key: str) -> str:
    """As much of a key as an error may say."""
    return key[:_MOST_KEY].encode("utf-8", "replace").decode("utf-8")


def _refuse_constant(name: str) -> object:
    raise BadBody(f"the body is not JSON: {name} is no number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_each_once, parse_constant=_refuse_constant)


def _check_media(request: web.BaseRequest, known: tuple[str, ...]) -> None:
    media, _, parameters = request.headers.get("Content-Type", "").partition(";")
    if media.strip().lower() not in known:
        raise BadBody(f"the Content-Type must be {' or '.join(known)}", 415)
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise BadBody("the Content-Type's charset must be utf-8", 415)
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise BadBody("the body must not be compressed", 415)
