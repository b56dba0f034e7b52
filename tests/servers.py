"""Real servers for tests: started on free loopback ports in folders of their own, stopped by their process id, nothing left behind.

    Process           a program that was started here
    ├── Redis         start, stop, restart, pause and resume (hanging), password, ACL, TLS, unix socket, replica
    ├── Postgres      a cluster without fsync; `fresh()` makes a database
    ├── Nginx         from the text inside `http {}`
    └── Gateway       `python -m gateway serve` with a configuration (tests/gateways.py)

A program that is not installed skips the test by its name, and fails it under CI=true: `require()`.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import NoReturn, Self

import pytest

#: Program → the Debian package that has it, and where to look besides PATH.
_PROGRAMS = {
    "redis-server": ("redis-server", "/usr/bin/redis-server"),
    "initdb": ("postgresql", "/usr/lib/postgresql/*/bin/initdb"),
    "nginx": ("nginx", "/usr/sbin/nginx"),
    "chromium": ("chromium", "/usr/bin/chromium*"),
    "chromedriver": ("chromium-driver", "/usr/bin/chromedriver"),
    "wrk": ("wrk", "/usr/bin/wrk"),
    "caddy": ("caddy", "/usr/bin/caddy"),
    "haproxy": ("haproxy", "/usr/sbin/haproxy"),
    "systemd-analyze": ("systemd", "/usr/bin/systemd-analyze"),
}
_PORTS = itertools.count(20_000 + os.getpid() * 37 % 10_000)
_RUNNING: set[Process] = set()
_FOLDERS: set[Path] = set()


def require(program: str) -> str:
    """The path of `program`. Where it is missing: skip the test with its package's name, or fail it under CI=true."""
    package, pattern = _PROGRAMS[program]
    found = shutil.which(program) or next(iter(sorted(glob(pattern), reverse=True)), None)
    if found is None:
        give_up(f"{program} is not installed (package {package})")
    return found


def give_up(reason: str) -> NoReturn:
    """Skip the test on a laptop, fail it under CI=true."""
    if os.environ.get("CI") == "true":  # noqa: TID251 - only the environment says where tests run
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback port on which nobody listens, below the range from which outgoing connections take theirs."""
    while True:
        port = 20_000 + next(_PORTS) % 12_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Return once `condition()` is true. Raises TimeoutError, which names `what`, after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)  # noqa: TID251 - another process's state can only be polled


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


class Process:
    """A program that a test started; its output goes to `folder`/<name>.log. As a context manager it is started and stopped."""

    name = "process"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix=f"gateway-test-{self.name}-"))
            _FOLDERS.add(folder)
        self.folder = folder
        self.log_file = self.folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.cores: frozenset[int] = frozenset()
        """The processor cores it may use, set before start(); empty: all."""

    def argv(self) -> Sequence[str]:
        """The command line."""
        raise AssertionError("each kind of process has its own command line")

    def environ(self) -> Mapping[str, str]:
        """The whole environment of the process."""
        return {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def ready(self) -> bool:
        """Whether it serves."""
        return True

    def start(self) -> Self:
        """Start it and wait until it serves. Raises RuntimeError with its output when it ends instead."""
        assert self.process is None, f"{self.name} runs already"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*_dying_with_us(self.stop_signal), *_pinned(self.cores), *self.argv()],
                cwd=self.folder,
                env=dict(self.environ()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _RUNNING.add(self)
        try:
            wait_until(lambda: self._ended() or self.ready(), f"start of {self.name}")
        except BaseException:
            self.kill()
            raise
        if self._ended():
            code = self.wait()
            raise RuntimeError(f"{self.name} ended with {code} instead of serving:\n{self.log()[-4000:]}")
        return self

    def stop(self, seconds: float = 20.0) -> int | None:
        """Ask it to end and wait; its exit status, None when it did not run. After `seconds` it is killed and TimeoutError raised."""
        if self.process is None:
            return None
        self.signal(signal.SIGCONT)
        self.signal(self.stop_signal)
        return self.wait(seconds)

    def wait(self, seconds: float = 20.0) -> int:
        """Wait for its end; its exit status (negative: the signal that killed it)."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {seconds:g} s:\n{self.log()[-4000:]}") from None
        self.process = None
        _RUNNING.discard(self)
        return code

    def kill(self) -> None:
        """End it at once, with everything that it started in its process group."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended by itself
            self.process.wait()
            self.process = None
        _RUNNING.discard(self)

    def restart(self) -> Self:
        """Stop it and start it again at the same place."""
        self.stop()
        return self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def pause(self) -> None:
        """Stop it without ending it: it accepts connections and never answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo pause()."""
        self.signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    def log(self) -> str:
        """What it wrote so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def close(self) -> None:
        """Stop it and remove its folder."""
        try:
            self.stop()
        finally:
            self.kill()
            if self.folder in _FOLDERS:
                shutil.rmtree(self.folder, ignore_errors=True)
                _FOLDERS.discard(self.folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def close_all() -> None:
    """End whatever still runs and remove what it left: also of a server that did not start, or was made and never started."""
    for process in list(_RUNNING):
        process.kill()
    for folder in list(_FOLDERS):
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(close_all)


class Redis(Process):
    """A Redis that keeps nothing on disk and has 1024 numbered databases.

    `acl` are lines of Redis' ACL file (`user app on >secret ~gw:* +@all`); `certificate` is (certificate, key, CA) for TLS on a port of its own;
    `replica_of` makes it follow another one.
    """

    name = "redis"

    def __init__(
        self,
        *,
        password: str | None = None,
        acl: Sequence[str] = (),
        certificate: tuple[Path, Path, Path] | None = None,
        unix_socket: bool = False,
        replica_of: Redis | None = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._program = require("redis-server")
        self.port = free_port()
        self.tls_port = free_port() if certificate else None
        self.socket = self.folder / "redis.sock" if unix_socket else None
        self.password = password
        self._options = ["--port", str(self.port), "--bind", "127.0.0.1", "--databases", "1024", "--save", "", "--appendonly", "no", *options]
        self._options += ["--maxmemory-policy", "noeviction", "--dir", str(self.folder)]
        if password is not None:
            self._options += ["--requirepass", password]
        if acl:
            (self.folder / "users.acl").write_text("\n".join(["user default on nopass ~* &* +@all", *acl]) + "\n")
            self._options += ["--aclfile", str(self.folder / "users.acl")]
        if certificate:
            cert, key, authority = map(str, certificate)
            self._options += ["--tls-port", str(self.tls_port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority]
            self._options += ["--tls-auth-clients", "no"]
        if self.socket:
            self._options += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        if replica_of:
            self._options += ["--replicaof", "127.0.0.1", str(replica_of.port), "--repl-diskless-sync-delay", "0"]

    def argv(self) -> Sequence[str]:
        return [self._program, *self._options]

    def ready(self) -> bool:
        return listens(self.port) and (self.tls_port is None or listens(self.tls_port))

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """The URL of a numbered database, the password in it."""
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/{database}"


class Postgres(Process):
    """A PostgreSQL cluster that forgets on power loss. The server refuses to run as root, so it becomes the package's user there."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": it does not wait for clients to leave

    def __init__(self) -> None:
        super().__init__()
        self._bin = Path(require("initdb")).resolve().parent
        self.port = free_port()
        self._names = itertools.count(1)
        self._as: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "INT"]
        self._data = self.folder / "cluster"

    def argv(self) -> Sequence[str]:
        options = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "60", "shared_buffers": "16MB"}
        options |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "autovacuum": "off", "jit": "off"}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [*self._as, str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]

    def ready(self) -> bool:
        return self._run("pg_isready", check=False).returncode == 0

    def start(self) -> Self:
        if not self._data.exists():
            command = [
                *self._as,
                str(self._bin / "initdb"),
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ]
            done = subprocess.run(command, cwd=self.folder, env=dict(self.environ()), capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"initdb: {done.stderr}"
        return super().start()

    def pause(self) -> None:
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGSTOP)
        super().pause()

    def resume(self) -> None:
        super().resume()
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGCONT)

    def stop(self, seconds: float = 20.0) -> int | None:
        if self.process is not None and not self._ended():
            self.resume()
        return super().stop(seconds)

    @property
    def url(self) -> str:
        """The maintenance database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self._names)}"
        self._run("createdb", name)
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Remove a database of fresh(), whoever is still connected."""
        self._run("dropdb", "--force", url.rpartition("/")[2])

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        command = [str(self._bin / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", *arguments]
        return subprocess.run(command, env=dict(self.environ()), capture_output=True, check=check, timeout=20)


class Nginx(Process):
    """nginx with the given text inside `http {}`; `{port}` in it is this server's own port, and so is `{folder}`."""

    name = "nginx"
    stop_signal = signal.SIGTERM

    def __init__(self, http: str, *, workers: int = 1, events: str = "") -> None:
        super().__init__()
        self._program = require("nginx")
        self.port = free_port()
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        own = http.replace("{port}", str(self.port)).replace("{folder}", str(self.folder))
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"{user}daemon off;\nworker_processes {workers};\npid {self.folder}/nginx.pid;\nerror_log stderr;\n"
            f"events {{ {events} }}\nhttp {{\naccess_log off;\n{temporary}{own}\n}}\n"
        )

    def argv(self) -> Sequence[str]:
        return [self._program, "-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")]

    def ready(self) -> bool:
        return listens(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _pinned(cores: frozenset[int]) -> Sequence[str]:
    return ["taskset", "-c", ",".join(map(str, sorted(cores)))] if cores else []


def _dying_with_us(stop: signal.Signals) -> Iterator[str]:
    """Words that make the kernel end a program when the tests are killed without a chance to clean up (Linux)."""
    if shutil.which("setpriv"):
        yield from ("setpriv", "--pdeathsig", stop.name.removeprefix("SIG"))
