"""Short texts of the model and what may stand in them. They stay text; what they mean is made of them where it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from gateway.config.addresses import (
    parse_allowed_host,
    parse_database,
    parse_host_pattern,
    parse_listen,
    parse_network,
    parse_origin,
    parse_public_url,
    parse_store,
    parse_upstream,
    to_ascii,
)
from gateway.config.mail import parse_mail_url, parse_sender
from gateway.core.headers import is_token
from gateway.core.identity import GROUP_NAME
from gateway.core.languages import TAG
from gateway.core.urls import Malformed, canonical_host, parse_authority

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62})")
_PATH: Final = re.compile(r"/[^\s?#%\\\x00-\x1f\x7f]*")
_METHOD: Final = re.compile(r"[A-Z][A-Z0-9_-]{0,31}")
_MAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_KEY_ID: Final = re.compile(r"[a-z0-9-]{1,16}")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_COOKIE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _read(parse: Callable[[str], object]) -> AfterValidator:
    """Checked by `parse`, kept as written."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _fits(pattern: re.Pattern[str], message: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(message)
        return text

    return AfterValidator(check)


def one_or_more(value: object) -> object:
    """A single word is a list of one."""
    return [value] if isinstance(value, str) else value


def _group(text: str) -> str:
    if not GROUP_NAME.fullmatch(text):
        raise ValueError("must be a group's name: 1–64 of A-Z a-z 0-9 . _ : @ / -, beginning with a letter or digit")
    return text


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        upper = text.upper()
        raise ValueError(f"must be an upper-case method: write {upper}" if _METHOD.fullmatch(upper) else "must be an upper-case method such as GET")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"must begin with a slash: write /{text}" if text and "://" not in text else "must be a path, beginning with a slash")
    if not _PATH.fullmatch(text) or "//" in text or {".", ".."} & set(text.split("/")):
        raise ValueError("must be a plain path: no spaces, `?`, `#`, `%`, `\\`, `//` or dot segments (write characters, not their escapes)")
    return text


def _glob(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"must be absolute: write /{text}" if text else "must be an absolute path, `*` is anything but a slash, `**` anything")
    if re.search(r"[\s#%\\\x00-\x1f\x7f]", text) or "//" in text or {".", ".."} & set(text.split("/")):
        raise ValueError("must be a plain path with `*`, `**` and `?`: no spaces, `#`, `%`, `\\`, `//` or dot segments")
    return text


def _header(text: str) -> str:
    if not text.isascii() or not is_token(text):
        raise ValueError("must be a header's name: letters, digits and -")
    return text


def _header_value(text: str) -> str:
    if any((ord(character) < 0x20 and character != "\t") or ord(character) > 0x7E for character in text) or text != text.strip():
        raise ValueError("must be printable ASCII without space at its ends")
    return text


def read_subject(text: str) -> str:
    """`group:NAME` or `user:ADDRESS`."""
    kind, colon, name = text.partition(":")
    if colon and kind == "group":
        _group(name)
        return text
    if colon and kind == "user":
        if not _MAIL.fullmatch(name):
            raise ValueError("must be user: and an e-mail address")
        return text
    if "@" in text:
        raise ValueError(f"must be user:address or group:name: write user:{text}")
    if text == "deny":
        raise ValueError("allows nobody: write deny: true in place of allow")
    raise ValueError(
        f"must be user:address or group:name: write group:{text}" if GROUP_NAME.fullmatch(text) else "must be user:address or group:name"
    )


def _cookie_domain(text: str) -> str:
    if text.startswith("."):
        raise ValueError(f"has no dot in front: write {text.lstrip('.')}")
    try:
        host = canonical_host(to_ascii(text))
    except Malformed:
        raise ValueError("must be a domain such as example.com") from None
    if "." not in host:
        raise ValueError("must not be a top-level domain: browsers refuse a cookie for it")
    if re.fullmatch(r"[0-9.]+", host) or host.startswith("["):
        raise ValueError("must be a domain: an address has no subdomains")
    return host


def _mail_domain(text: str) -> str:
    if "@" in text:
        raise ValueError(f"is the part behind the @: write {text.rpartition('@')[2]}")
    try:
        return canonical_host(to_ascii(text))
    except Malformed:
        raise ValueError("must be a domain such as example.com") from None


def read_host(text: str) -> str:
    """A fixed host, with its port where it has one."""
    parse_authority(to_ascii(text))
    return text


def _key_id(text: str) -> str:
    if not _KEY_ID.fullmatch(text):
        near = re.sub(r"[^a-z0-9-]+", "-", text.lower())[:16].strip("-")
        raise ValueError("must be 1–16 of a-z 0-9 -" + (f": write {near}" if near else ""))
    return text


def _cookie_name(text: str) -> str:
    if not _COOKIE_NAME.fullmatch(text):
        raise ValueError("must be 1–40 of A-Z a-z 0-9 _ -")
    return text


def _link(text: str) -> str:
    if not re.fullmatch(r"(?:https?://[^\s\"'<>\\]+|mailto:[^\s\"'<>\\]+|/(?![/\\])[^\s\"'<>\\]*)", text):
        raise ValueError("must be an http, https or mailto address, or a path")
    return text


def _trusted(text: str) -> str:
    if text not in ("unix:", "unix"):
        parse_network(text)
    return text.removesuffix(":") + ":" if text.startswith("unix") else text


Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Listen = Annotated[str, _read(parse_listen)]
PublicUrl = Annotated[str, _read(parse_public_url)]
OriginText = Annotated[str, AfterValidator(parse_origin)]
UpstreamText = Annotated[str, _read(parse_upstream)]
HostValue = Annotated[str, AfterValidator(read_host)]
HostPattern = Annotated[str, AfterValidator(parse_host_pattern)]
AllowedHostText = Annotated[str, _read(parse_allowed_host)]
Network = Annotated[str, _read(parse_network)]
TrustedPeer = Annotated[str, AfterValidator(_trusted)]
StoreUrl = Annotated[str, _read(parse_store)]
MailUrl = Annotated[str, _read(parse_mail_url)]
Sender = Annotated[str, _read(parse_sender)]
DatabaseUrl = Annotated[str, _read(parse_database)]
GroupName = Annotated[str, AfterValidator(_group)]
Method = Annotated[str, AfterValidator(_method)]
RoutePath = Annotated[str, AfterValidator(_path)]
PathGlob = Annotated[str, AfterValidator(_glob)]
HeaderName = Annotated[str, AfterValidator(_header)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
CookieDomain = Annotated[str, AfterValidator(_cookie_domain)]
MailDomain = Annotated[str, AfterValidator(_mail_domain)]
CookieName = Annotated[str, AfterValidator(_cookie_name)]
Link = Annotated[str, AfterValidator(_link)]
Prefix = Annotated[str, _fits(_PREFIX, "must begin with a slash and end without one, such as /_auth")]
KeyId = Annotated[str, AfterValidator(_key_id)]
Language = Annotated[str, _fits(TAG, "must be a language in lower case, such as de or pt-br")]
Colour = Annotated[str, _fits(_COLOUR, 'must be a colour such as "#0969da"')]
RouteName = Annotated[str, _fits(_LABEL, "must be 1–63 of a-z 0-9 . _ -, beginning with a letter or digit")]


def list_of(item: dict[str, Any]) -> WithJsonSchema:
    """The JSON schema of one word or a list of them."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


OneOrMore = BeforeValidator(one_or_more)
WORD_OR_WORDS: Final = list_of({"type": "string"})
