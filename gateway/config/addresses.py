"""Addresses as they are written: where to listen, upstreams, URLs, hosts, networks. Every function raises ValueError with a sentence for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

from gateway.core.places import AllowedHost
from gateway.core.routes import UpstreamAddress
from gateway.core.urls import DEFAULT_PORTS, Malformed, Origin, canonical_host, parse_authority

_PASSWORD: Final = re.compile(r"(?i)\b(password|passwd|passfile|sslpassword)=[^&]*")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_SQL: Final = ("sqlite", "postgresql")
_STORES: Final = ("memory", "redis", "rediss", "unix")
_SEVERAL_STORES: Final = ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


#: What stands in place of a password.
MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A host (an address, without brackets; a name such as localhost) and port, or the path of a unix socket."""

    host: str
    port: int
    unix: str | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.unix is not None or is_loopback(self.host)


def parse_listen(text: str) -> ListenAddress:
    """`host:port`, `[v6]:port` or `unix:/path`."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/") or len(path.encode()) > 100:
            raise ValueError("must be unix:/path, absolute and at most 100 bytes long")
        return ListenAddress("", 0, path)
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535:
        meant = f"127.0.0.1:{text}" if _PORT.fullmatch(text) else f"{text}:8080" if text and not colon and "/" not in text else None
        raise ValueError('must be host:port, "[v6]:port" or unix:/path' + (f": write {meant}" if meant else ""))
    if host.startswith("[") and host.endswith("]"):
        try:
            return ListenAddress(str(ip_address(host[1:-1])), int(port))
        except ValueError:
            raise ValueError("is not an IPv6 address in brackets") from None
    if ":" in host:
        raise ValueError(f'an IPv6 address stands in brackets: "[{host}]:{port}"')
    if host in ("", "*"):
        raise ValueError(f'names no address: write 0.0.0.0:{port} for every IPv4 address, "[::]:{port}" for every IPv6 one')
    try:
        canonical_host(host)
    except Malformed:
        raise ValueError("the host is not valid") from None
    return ListenAddress(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether a host (brackets or not) is this machine: `localhost`, `*.localhost` (RFC 6761) or a loopback address."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def parse_public_url(text: str) -> Origin:
    """An origin: `https://auth.example.com`, without path, query or userinfo."""
    scheme, host, port = _http_url(text)
    rest = text.partition("://")[2].partition("/")[2]
    if rest or "?" in text or "#" in text:
        raise ValueError(f"must have no path, query or fragment: write {Origin(scheme, host, port)}")
    return Origin(scheme, host, port)


def parse_origin(text: str) -> str:
    """An Origin header's value in its canonical form."""
    return str(parse_public_url(text))


def parse_upstream(text: str) -> UpstreamAddress:
    """`http://host:port`, `https://host:port` or `unix:/path`."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/") or len(path.encode()) > 100:
            raise ValueError("must be unix:/path, absolute and at most 100 bytes long")
        return UpstreamAddress("http", "localhost", 80, path)
    if "://" not in text:
        raise ValueError(f"needs a scheme: write http://{text}" if text else "must be http://host:port, https://host:port or unix:/path")
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in DEFAULT_PORTS:
        meant = {"ws": "http", "h2c": "http", "wss": "https"}.get(scheme.lower())
        raise ValueError("must begin with https://, http:// or unix:/" + (f": write {meant}://{rest}" if meant else ""))
    scheme, host, port = _http_url(text)
    if text.partition("://")[2].partition("/")[2] or "?" in text or "#" in text:
        raise ValueError("must have no path: use strip_prefix and add_prefix of the route")
    return UpstreamAddress("https" if scheme == "https" else "http", host, port)


def _http_url(text: str) -> tuple[str, str, int]:
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("must begin with https:// or http://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise ValueError("must hold no user name or password")
    try:
        host, port = parse_authority(to_ascii(authority))
    except Malformed as error:
        raise ValueError(str(error)) from None
    return scheme, host, port or DEFAULT_PORTS[scheme]


def to_ascii(host: str) -> str:
    """`host` with international labels in their ASCII form (IDNA 2008, UTS 46)."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError("the host is not valid") from None


def parse_host_pattern(text: str) -> str:
    """A host as routes match it: exact, `*.example.com` or `*`; lower case."""
    if text == "*":
        return text
    wildcard, rest = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if "*" in rest:
        raise ValueError('must be an exact host, "*.example.com" or "*"')
    if "/" in rest:
        raise ValueError("must be a host without scheme and path")
    try:
        host, port = parse_authority(to_ascii(rest))
    except Malformed as error:
        raise ValueError(str(error)) from None
    if port is not None:
        raise ValueError(f"must be a host without port: write {wildcard}{host}")
    return wildcard + host


def parse_allowed_host(text: str) -> AllowedHost:
    """`host` or `host:port`, exact."""
    if "*" in text:
        raise ValueError("must be an exact host: a wildcard would let next lead anywhere")
    if "/" in text:
        raise ValueError("must be a host, or host:port, without scheme and path")
    try:
        host, port = parse_authority(to_ascii(text))
    except Malformed as error:
        raise ValueError(str(error)) from None
    return AllowedHost(host, port)


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """A CIDR, or one address."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        fitting = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8 or an address") from None
    raise ValueError(f"has bits set behind its length: write {fitting}")


def parse_store(text: str) -> SplitResult:
    """The session store's URL; its password, where there is one, is nobody's to see."""
    if text.partition("://")[0] in _SEVERAL_STORES:
        return _parse_several(text)
    url = _split(text)
    if url.scheme not in _STORES or "://" not in text:
        raise ValueError("must be memory://, redis://host:port/number, rediss://…, unix:///path, redis+sentinel://… or redis+cluster://…")
    if url.scheme == "memory" and text != "memory://":
        raise ValueError("must be memory:// and nothing behind it")
    if url.scheme in ("redis", "rediss"):
        if not url.hostname:
            raise ValueError("names no host")
        if url.path not in ("", "/") and not re.fullmatch(r"/[0-9]{1,4}", url.path):
            raise ValueError("must end with the number of a database, as in redis://127.0.0.1:6379/0")
    if url.scheme == "unix" and not url.path.startswith("/"):
        raise ValueError("must be unix:///path of the socket")
    return url


def _parse_several(text: str) -> SplitResult:
    """Redis behind sentinels, or a cluster: several servers, separated by commas."""
    _no_spaces(text)
    # By hand: newer releases of urlsplit refuse what is written like two hosts with one in brackets.
    scheme, _, rest = text.partition("://")
    rest, _, query = rest.partition("?")
    servers, slash, path = rest.partition("/")
    url = SplitResult(scheme, servers, slash + path, query, "")
    for server in url.netloc.rpartition("@")[2].split(","):
        try:
            parse_authority(server)
        except Malformed:
            raise ValueError(f"must name servers as host:port, separated by commas: {url.scheme}://host:port,host:port") from None
    if "db=" in url.query:
        raise ValueError("names a database among the options")
    if url.scheme.endswith("cluster"):
        if url.path not in ("", "/"):
            raise ValueError("must end with the servers: a cluster has no numbered databases")
    elif not re.fullmatch(r"/[A-Za-z0-9._-]+(?:/[0-9]{1,4})?", url.path):
        raise ValueError("must name the master as the sentinels do, as in redis+sentinel://host:26379/mymaster")
    return url


def parse_database(text: str) -> SplitResult:
    """The accounts' database."""
    url = _split(text)
    if url.scheme not in _SQL:
        near = {"postgres": "postgresql", "sqlite3": "sqlite"}.get(url.scheme.partition("+")[0])
        raise ValueError(f"must begin with {near}://" if near else "must be sqlite:///path or postgresql://user@host/name")
    if url.scheme == "sqlite" and (url.netloc or len(url.path) < 2 or ":memory:" in url.path):
        raise ValueError("must be sqlite:///path (relative to this file) or sqlite:////path (absolute)")
    if url.scheme == "postgresql" and len(url.path) < 2:
        raise ValueError("names no database: postgresql://user@host/name")
    return url


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port  # raises when it is no number
    except ValueError:
        raise ValueError("is not a URL") from None
    _no_spaces(text)
    return url


def _no_spaces(text: str) -> None:
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in text):
        raise ValueError("must hold no spaces and control characters")


def masked_url(text: str) -> str:
    """`text` without its password: that of the userinfo, and those that Redis and PostgreSQL read from the query."""
    scheme, separator, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, _ = authority.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    if at and colon:
        rest = f"{user}:{MASK}{rest[len(userinfo) :]}"
    return _PASSWORD.sub(rf"\1={MASK}", f"{scheme}{separator}{rest}")
