"""The backend that echoes and drains, and the load on it, against each other over real sockets."""

from __future__ import annotations

import http.client

import pytest

from bench import websocket
from bench.backend import Backend
from bench.identity_provider import IdentityProvider


@pytest.fixture(scope="module")
def backend():
    with Backend() as running:
        yield running


def test_messages_come_back_in_one_run_after_another(backend):
    peers = [websocket.connect(backend.port, []) for _ in range(4)]
    runs = [websocket.round_trips(peers, 0.3) for _ in range(3)]
    websocket.close(peers)
    assert all(run.requests >= 100 and run.p50 <= run.p99 for run in runs)


def test_a_body_is_drained_and_answered_once_it_is_whole(backend):
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=10)
    for size in (1, 3 << 20):
        connection.request("POST", "/drain", body=bytes(size))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok")
    connection.close()


def test_an_answer_that_opens_no_websocket_is_an_error():
    with IdentityProvider() as provider, pytest.raises(ConnectionError, match="404"):
        websocket.connect(int(provider.issuer.rpartition(":")[2]), [])
