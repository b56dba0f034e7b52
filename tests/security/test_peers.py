"""Who a peer is: nobody becomes somebody else by how a connection is ended, bound or numbered."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import chdir

import pytest

from tests.gateways import Gateway
from tests.upstreams import EchoUpstream

#: Closing sends RST instead of FIN.
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: EchoUpstream) -> Iterator[Gateway]:
    """Peers on unix sockets are believed, and only clients of 10.0.0.0/8 may pass."""
    running = Gateway()
    running.configure(
        {
            "server": {"listen": [f"127.0.0.1:{running.port}", f"unix:{running.folder}/gateway.sock"], "trusted_proxies": ["unix:"]},
            "routes": [
                {"name": "inside", "host": "*", "path": "/", "upstream": upstream.url, "access": [{"allow": "public", "networks": ["10.0.0.0/8"]}]},
                {"name": "open", "host": "*", "path": "/open", "upstream": upstream.url, "access": "public"},
                {"name": "public", "host": "public.test", "upstream": upstream.url, "access": "public"},
                {"name": "private", "host": "private.test", "upstream": upstream.url, "access": "deny"},
            ],
        }
    )
    with running:
        yield running


def ask(connection: socket.socket, path: str, *lines: str, host: str = "localhost") -> bytes:
    more = "".join(f"{line}\r\n" for line in lines)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n{more}\r\n".encode())
    said = b""
    while data := connection.recv(65536):
        said += data
    return said


def test_a_client_that_resets_its_connection_is_no_unix_peer(gateway: Gateway, upstream: EchoUpstream):
    """A connection that was reset has no address any more; it must not be taken for one that never has."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        assert ask(connection, "/open").startswith(b"HTTP/1.1 200")  # from here on a connection to the upstream rests, and asking takes no time
    for _ in range(30):
        connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(b"GET /reset HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
        connection.close()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        assert ask(connection, "/open").startswith(b"HTTP/1.1 200")
    assert "/reset" not in {head.target for head in upstream.heads}


def test_a_unix_peer_is_believed_and_its_own_name_is_no_address(gateway: Gateway):
    """A client's end of a unix socket may be bound to any name, an address among them."""
    with chdir(gateway.folder), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.bind("192.0.2.1")
        connection.connect("gateway.sock")
        assert ask(connection, "/secret").startswith(b"HTTP/1.1 200")


def test_a_tcp_peer_is_not_believed(gateway: Gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        assert ask(connection, "/secret").startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    ("sent", "judged", "forwarded"),
    [
        ("private.test", "public.test", "public.test"),
        ("private.test:8443", "public.test:8443", "public.test:8443"),
        ("public.test.private.test", "public.test", "public.test"),
        ("Public.Test.", "public.test", "Public.Test."),
        ("public.test:80", "public.test", "public.test:80"),
    ],
)
def test_the_host_that_was_judged_is_the_host_that_is_asked(gateway: Gateway, upstream: EchoUpstream, sent: str, judged: str, forwarded: str):
    """A proxy that passes a client's X-Forwarded-Host on lets it choose the rules, but never the rules of one host and the pages of another."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(gateway.folder / "gateway.sock"))
        assert ask(connection, "/page", f"X-Forwarded-Host: {judged}", host=sent).startswith(b"HTTP/1.1 200")
    head = upstream.heads[-1]
    assert (head.get("Host"), head.get("X-Forwarded-Host")) == (forwarded, judged)
