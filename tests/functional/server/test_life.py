"""The life of the process as an operator lives it: start, signals, reload, listeners, admin endpoints, the end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.server.tls import BadCertificate, Certificate
from tests.certificates import Authority
from tests.gateways import Gateway
from tests.servers import Redis, free_port, listens, wait_until
from tests.upstreams import EchoUpstream, Upstream, answer, read_body

Start = Callable[..., Gateway]


def public(upstream: Upstream, **changes: Any) -> list[dict[str, Any]]:
    return [{"name": "app", "host": "*", "path": "/", "upstream": upstream.url, "access": "public", **changes}]


def ask(connection: socket.socket, path: str = "/", host: str = "localhost") -> bytes:
    """One request on an open connection; everything until the server closes."""
    connection.settimeout(10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    said = b""
    while data := connection.recv(65536):
        said += data
    return said


def status(gateway: Gateway, path: str = "/") -> int:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        said = ask(connection, path)
    return int(said.split(b" ", 2)[1]) if said else 0


class SlowUpstream(Upstream):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await self.request(reader):
            await read_body(reader, head)
            await self.go.wait()
            writer.write(answer(body=b"at last"))
            await writer.drain()

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self.go.set)


# ---------------------------------------------------------------- the end


def test_sigterm_finishes_what_has_begun(start_gateway: Start):
    with SlowUpstream() as upstream:
        gateway = start_gateway({"routes": public(upstream), "server": {"shutdown_delay": "300ms"}})
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: upstream.heads, "the request")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: gateway.admin("/readyz")[0] == 503, "not ready any more")
            assert json.loads(gateway.admin("/readyz")[1])["status"] == "draining"
            assert gateway.admin("/healthz")[0] == 200
            wait_until(lambda: not listens(gateway.port), "no more connections")
            upstream.release()
            connection.settimeout(10)
            said = b""
            while data := connection.recv(65536):
                said += data
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"at last")
        assert gateway.wait() == 0


def test_a_load_balancer_has_time_to_notice(start_gateway: Start, echo_upstream: EchoUpstream):
    gateway = start_gateway({"routes": public(echo_upstream), "server": {"shutdown_delay": "800ms"}})
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.admin("/readyz")[0] == 503, "not ready any more")
    assert status(gateway) == 200
    assert gateway.wait() == 0


def test_after_the_grace_it_ends_all_the_same(start_gateway: Start):
    with SlowUpstream() as upstream:
        gateway = start_gateway({"routes": public(upstream), "server": {"shutdown_grace": "300ms"}})
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: upstream.heads, "the request")
            gateway.signal(signal.SIGINT)
            assert gateway.wait(10) == 0


def test_a_second_signal_ends_it_at_once(start_gateway: Start):
    with SlowUpstream() as upstream:
        gateway = start_gateway({"routes": public(upstream), "server": {"shutdown_grace": "50s"}})
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: upstream.heads, "the request")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: not listens(gateway.port), "no more connections")
            gateway.signal(signal.SIGTERM)
            assert gateway.wait(10) == 0


# ---------------------------------------------------------------- reload


def test_a_reload_changes_routes_without_losing_a_request(start_gateway: Start, echo_upstream: EchoUpstream):
    with SlowUpstream() as slow:
        gateway = start_gateway({"routes": public(slow)})
        with socket.create_connection(("127.0.0.1", gateway.port)) as under_way:
            under_way.sendall(b"GET /old HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: slow.heads, "the request")
            gateway.configure({"routes": public(echo_upstream)})
            gateway.reload()
            wait_until(lambda: "the new configuration is in use" in gateway.log(), "the reload")
            assert status(gateway, "/new") == 200
            assert [head.target for head in echo_upstream.heads] == ["/new"]
            slow.release()
            under_way.settimeout(10)
            assert under_way.recv(65536).startswith(b"HTTP/1.1 200 ")
    wait_until(lambda: "config:reload" in gateway.log(), "the audit line")
    assert 'gateway_config_reloads_total{outcome="loaded"} 1.0' in gateway.admin("/metrics")[1]


class WithoutInput(Gateway):
    """Started with standard input closed, as some supervisors do."""

    def argv(self) -> Sequence[str]:
        return ["sh", "-c", 'exec "$@" <&-', "sh", *super().argv()]


def test_without_standard_input_it_reloads_and_ends_all_the_same(echo_upstream: EchoUpstream):
    gateway = WithoutInput({"routes": public(echo_upstream)})
    assert gateway.run("db", "upgrade").returncode == 0
    with gateway:
        gateway.configure({"pages": {"title": "Renamed"}})
        gateway.reload()
        wait_until(lambda: "the new configuration is in use" in gateway.log(), "the reload")
        assert gateway.stop() == 0


def test_a_wrong_configuration_changes_nothing(start_gateway: Start, echo_upstream: EchoUpstream):
    gateway = start_gateway({"routes": public(echo_upstream)})
    gateway.configure({"routes": [{"name": "app", "host": "*", "pth": "/", "upstream": "nonsense", "access": "public"}]})
    gateway.reload()
    wait_until(lambda: "the new configuration is refused" in gateway.log(), "the refusal")
    assert status(gateway) == 200
    wait_until(lambda: "config:refuse" in gateway.log(), "the audit line")
    assert "pth" in gateway.log(), "the log names the key"
    assert 'gateway_config_reloads_total{outcome="refused"} 1.0' in gateway.admin("/metrics")[1]


def test_a_change_of_the_file_is_noticed(start_gateway: Start, echo_upstream: EchoUpstream):
    gateway = start_gateway({"routes": public(echo_upstream, path="/a")})
    assert status(gateway, "/b") == 404
    gateway.configure({"routes": public(echo_upstream, path="/b")})
    wait_until(lambda: status(gateway, "/b") == 200, "the change")


def test_what_needs_a_restart_is_named(start_gateway: Start, echo_upstream: EchoUpstream):
    gateway = start_gateway({"routes": public(echo_upstream)})
    gateway.configure({"server": {"listen": f"127.0.0.1:{free_port()}"}, "session": {"key_prefix": "other:"}})
    gateway.reload()
    wait_until(lambda: "wait for a restart: server.listen, session.key_prefix" in gateway.log(), "the warning")
    assert status(gateway) == 200


# ---------------------------------------------------------------- listeners


def test_a_certificate_is_replaced_without_a_restart(start_gateway: Start, echo_upstream: EchoUpstream, authority: Authority, tmp_path: Path):
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def install() -> str:
        issued = authority.issue("localhost")
        key.write_bytes(issued.key.read_bytes())
        certificate.write_bytes(issued.certificate.read_bytes())
        return ssl.PEM_cert_to_DER_cert(certificate.read_text()).hex()

    def shown(gateway: Gateway) -> str:
        with (
            socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw,
            authority.context().wrap_socket(raw, server_hostname="localhost") as secured,
        ):
            found = secured.getpeercert(binary_form=True)
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
            assert ask(secured).startswith(b"HTTP/1.1 200 ")
            assert found is not None
            return found.hex()

    first = install()
    port = free_port()
    sections = {"listen": f"127.0.0.1:{port}", "public_url": f"https://localhost:{port}"}
    gateway = Gateway({"routes": public(echo_upstream), "server": {**sections, "tls": {"certificate_file": str(certificate), "key_file": str(key)}}})
    gateway.port = port
    with gateway:
        assert shown(gateway) == first
        second = install()
        gateway.reload()
        wait_until(lambda: shown(gateway) == second, "the new certificate")
        key.write_text("not a key")
        gateway.reload()
        wait_until(lambda: "the new configuration is refused" in gateway.log(), "the refusal")
        assert shown(gateway) == second


def test_old_tls_is_refused(authority: Authority):
    issued = authority.issue("localhost")
    context = Certificate(issued.certificate, issued.key).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION


def test_a_certificate_without_its_key_is_told_in_a_sentence(authority: Authority, tmp_path: Path):
    mine, theirs = authority.issue("localhost"), authority.issue("localhost")
    with pytest.raises(BadCertificate, match="not a certificate with its key"):
        Certificate(mine.certificate, theirs.key)
    with pytest.raises(BadCertificate, match="No such file"):
        Certificate(mine.certificate, tmp_path / "missing.key")


def test_a_unix_socket_is_for_its_owner_and_group(start_gateway: Start, echo_upstream: EchoUpstream, tmp_path: Path):
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))  # nobody listens on it any more
    gateway = start_gateway({"routes": public(echo_upstream), "server": {"listen": [f"unix:{path}", f"127.0.0.1:{free_port()}"]}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        assert ask(connection).startswith(b"HTTP/1.1 200 ")
    wait_until(lambda: any(line.get("kind") == "access" and line["client"] == "unix" for line in gateway.log_lines()), "the access line")
    second = Gateway({"server": {"listen": f"unix:{path}"}})
    with pytest.raises(RuntimeError, match="ended with 3"):
        second.start()
    assert "something else listens there" in second.log()
    second.close()
    gateway.stop()
    assert not path.exists()


def test_a_file_in_the_way_of_a_socket_is_not_removed(tmp_path: Path):
    path = tmp_path / "precious"
    path.write_text("mine")
    gateway = Gateway({"server": {"listen": f"unix:{path}"}})
    with pytest.raises(RuntimeError, match="ended with 3"):
        gateway.start()
    assert path.read_text() == "mine"
    gateway.close()


def test_ipv6_and_ipv4_side_by_side(start_gateway: Start, echo_upstream: EchoUpstream):
    port = free_port()
    start_gateway({"routes": public(echo_upstream), "server": {"listen": [f"127.0.0.1:{port}", f"[::1]:{port}"]}})
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), timeout=10) as connection:
            assert ask(connection).startswith(b"HTTP/1.1 200 ")
    assert {dict(head.headers)["X-Forwarded-For"] for head in echo_upstream.heads} == {"127.0.0.1", "::1"}


def test_a_port_that_is_taken_is_named(echo_upstream: EchoUpstream):
    gateway = Gateway({"server": {"listen": f"127.0.0.1:{echo_upstream.port}"}})
    with pytest.raises(RuntimeError, match="ended with 3"):
        gateway.start()
    assert f"127.0.0.1:{echo_upstream.port}: something else listens there" in gateway.log()
    gateway.close()


# ---------------------------------------------------------------- admin, stores


def test_the_admin_endpoints(start_gateway: Start, echo_upstream: EchoUpstream):
    gateway = start_gateway({"routes": public(echo_upstream)})
    assert gateway.admin("/healthz") == (200, '{"status": "alive"}')
    assert gateway.admin("/readyz?strict") == (200, '{"status": "ready", "store": "up", "database": "up"}')
    assert status(gateway) == 200
    assert 'gateway_requests_total{route="app",status="2xx"} 1.0' in gateway.admin("/metrics")[1]
    assert gateway.admin("/")[0] == 404
    assert status(gateway, "/metrics") == 200, "on the public listener this is the application's"
    assert echo_upstream.heads[-1].target == "/metrics"


def test_an_outage_is_no_reason_to_leave(start_gateway: Start, echo_upstream: EchoUpstream, own_redis: Redis):
    own_redis.stop()
    gateway = start_gateway({"routes": public(echo_upstream), "session": {"store": own_redis.url}})
    assert json.loads(gateway.admin("/readyz")[1])["store"] == "away"
    assert gateway.admin("/readyz")[0] == 200
    assert gateway.admin("/readyz?strict")[0] == 503
    assert status(gateway) == 200
    own_redis.start()
    wait_until(lambda: gateway.admin("/readyz?strict")[0] == 200, "Redis again")
    own_redis.pause()
    assert gateway.admin("/readyz?strict")[0] == 503
    own_redis.resume()
    found = [line for line in gateway.admin("/metrics")[1].splitlines() if line.startswith('gateway_store_errors_total{store="sessions"}')]
    assert float(found[0].split()[1]) > 0


def test_a_missing_file_is_made_and_an_old_database_is_not(start_gateway: Start, tmp_path: Path):
    gateway = start_gateway({})
    assert "holds no users" in gateway.log()
    gateway.stop()
    empty = tmp_path / "empty.db"
    empty.touch()
    other = Gateway({"users": {"database": f"sqlite:///{empty}"}})
    with pytest.raises(RuntimeError, match="ended with 3"):
        other.start()
    assert "gateway db upgrade" in other.log()
    other.close()


def test_an_unreachable_database_is_a_reason_not_to_start():
    gateway = Gateway({"users": {"database": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}})
    with pytest.raises(RuntimeError, match="ended with 3"):
        gateway.start()
    assert "database" in gateway.log()
    assert "Traceback" not in gateway.log()
    gateway.close()
