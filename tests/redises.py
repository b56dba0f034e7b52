"""Several Redis servers that belong together, on free loopback ports: a cluster, and a master with a replica behind sentinels."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

from tests.servers import Process, Redis, free_port, listens, require, wait_until

_SLOTS = 16384


def say(port: int, *words: str | int) -> Any:
    """One command to the server at `port`, in its oldest protocol; errors are raised as RuntimeError."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, connection.makefile("rb") as answers:
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(str(word).encode()), str(word).encode()) for word in words))
        return _read(answers)


def _read(answers: Any) -> Any:
    line = answers.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "-":
        raise RuntimeError(rest)
    if kind == "$":
        return None if rest == "-1" else answers.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == "*":
        return [_read(answers) for _ in range(int(rest))]
    return int(rest) if kind == ":" else rest


class Cluster:
    """Three primaries that share all slots, and a replica of the first where `replica` says so."""

    def __init__(self, *, replica: bool = False, options: Sequence[str] = ()) -> None:
        self._with_replica = replica
        self._options = options
        self._running = ExitStack()
        self._bus: dict[int, int] = {}
        self.primaries: list[Redis] = []
        self.replica: Redis | None = None

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.primaries = [starting.enter_context(self._server()) for _ in range(3)]
            for number, server in enumerate(self.primaries):
                say(server.port, "CLUSTER", "ADDSLOTSRANGE", number * _SLOTS // 3, (number + 1) * _SLOTS // 3 - 1)
                say(server.port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            everybody = list(self.primaries)
            if self._with_replica:
                self.replica = starting.enter_context(self._server())
                everybody.append(self.replica)
            for server in everybody[1:]:
                say(server.port, "CLUSTER", "MEET", "127.0.0.1", self.primaries[0].port, self._bus[self.primaries[0].port])
            wait_until(lambda: all("cluster_state:ok" in say(server.port, "CLUSTER", "INFO") for server in everybody), "a cluster")
            if self.replica is not None:
                replica, master = self.replica, say(self.primaries[0].port, "CLUSTER", "MYID")
                wait_until(lambda: master in say(replica.port, "CLUSTER", "NODES"), "the replica to know its master")
                say(replica.port, "CLUSTER", "REPLICATE", master)
                wait_until(lambda: "master_link_status:up" in say(replica.port, "INFO", "replication"), "a replica")
            wait_until(lambda: len({self._view(server) for server in everybody}) == 1, "one view of the cluster")
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{server.port}' for server in self.primaries)}"

    def fail_over(self) -> None:
        """The replica becomes a primary, and the first primary its replica."""
        assert self.replica is not None
        say(self.replica.port, "CLUSTER", "FAILOVER", "TAKEOVER")

    def _server(self) -> Redis:
        bus = free_port()
        server = Redis(options=["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000", *self._options])
        self._bus[server.port] = bus
        return server

    @staticmethod
    def _view(server: Redis) -> str:
        return repr(sorted((first, last, node[1]) for first, last, node, *_ in say(server.port, "CLUSTER", "SLOTS")))


class Sentinel(Process):
    """One sentinel that watches `master` as `main`."""

    name = "sentinel"

    def __init__(self, master: Redis, quorum: int) -> None:
        super().__init__()
        self._program = require("redis-server")
        self.port = free_port()
        self._file = self.folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nsentinel monitor main 127.0.0.1 {master.port} {quorum}\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )

    def argv(self) -> Sequence[str]:
        return [self._program, str(self._file), "--sentinel"]

    def ready(self) -> bool:
        return listens(self.port)


class Watched:
    """A master, a replica of it, and three sentinels."""

    def __init__(self) -> None:
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.master = starting.enter_context(Redis())
            self.replica = starting.enter_context(Redis(replica_of=self.master))
            wait_until(lambda: "master_link_status:up" in say(self.replica.port, "INFO", "replication"), "a replica")
            self.sentinels = [starting.enter_context(Sentinel(self.master, 2)) for _ in range(3)]
            wait_until(lambda: all(self._knows(sentinel) for sentinel in self.sentinels), "sentinels that know everybody")
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self.sentinels)}/main"

    def master_port(self) -> int:
        """Who is master, as the first sentinel says."""
        return int(say(self.sentinels[0].port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])

    @staticmethod
    def _knows(sentinel: Sentinel) -> bool:
        said = say(sentinel.port, "SENTINEL", "MASTER", "main")
        facts = dict(zip(said[::2], said[1::2], strict=True))
        return facts["num-slaves"] == "1" and facts["num-other-sentinels"] == "2" and facts["flags"] == "master"
