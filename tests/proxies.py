"""The proxies of deploy/, each run from its recipe as it stands there: only ports, addresses, folders and the certificate are exchanged.

    Proxy              a recipe that runs
    ├── NginxRecipe    both forms
    ├── TraefikRecipe
    ├── CaddyRecipe    both forms, the current Caddy and the distribution's
    ├── HaproxyRecipe  with the Lua script of the recipe
    └── EnvoyRecipe

nginx, HAProxy and an older Caddy come from the distribution; `make proxies` makes a current Caddy, Traefik and Envoy in a cache outside the checkout.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.certificates import Issued
from tests.servers import Process, free_port, give_up, listens, require

#: Certificates are not what is tested here, and Caddy signs its own.
ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_CERTIFICATE.check_hostname = False
ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE

_ROOT = Path(__file__).resolve().parent.parent
RECIPES = _ROOT / "deploy"
#: Where the recipes say that the gateway and the application listen.
_GATEWAY = "127.0.0.1:8080"
_APPLICATION = "127.0.0.1:3000"


def built(name: str, lock: str) -> str:
    """The program that `make proxies` put into the cache. Missing: `give_up()`."""
    key = hashlib.sha256((_ROOT / "scripts" / "proxies" / name / lock).read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # noqa: TID251 - as scripts/build-proxies does
    program = cache / "auth-gateway" / f"{name}-{key}" / name
    if not program.exists():
        give_up(f"{name} is not built: run `make proxies`")
    return str(program)


def exchanged(text: str, words: Mapping[str, str]) -> str:
    """`text` with each key replaced by its value. A key that the recipe does not have is an error: the test would run something else."""
    for old, new in words.items():
        assert old in text, f"the recipe does not say {old!r}"
        text = text.replace(old, new)
    return text


class Proxy(Process):
    """A recipe on a port of its own, before a gateway and an application. `certificate` names auth.example.com and app.example.com."""

    name = "proxy"

    def __init__(self, gateway: int, application: int, certificate: Issued) -> None:
        super().__init__()
        self.port = free_port()
        self.plain_port = free_port()
        self.gateway = f"127.0.0.1:{gateway}"
        self.application = f"127.0.0.1:{application}"
        self.certificate = certificate

    def ready(self) -> bool:
        return listens(self.port) and listens(self.plain_port) and all(self._shakes_hands(name) for name in ("auth.example.com", "app.example.com"))

    def _shakes_hands(self, host: str) -> bool:
        """Whether it has a certificate for `host`: Caddy listens before it has signed its own."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain, ANY_CERTIFICATE.wrap_socket(plain, server_hostname=host):
                return True
        except OSError:
            return False

    def recipe(self, path: str, **more: str) -> str:
        """The text of a file of deploy/, its addresses exchanged, and what `more` names besides."""
        addresses = {_GATEWAY: self.gateway, _APPLICATION: self.application}
        return exchanged((RECIPES / path).read_text(), {**addresses, **more})

    def write(self, name: str, text: str) -> Path:
        """A file in the proxy's folder."""
        path = self.folder / name
        path.write_text(text)
        return path


class NginxRecipe(Proxy):
    """nginx of the distribution; `form` is the recipe's file."""

    name = "nginx"

    def __init__(self, gateway: int, application: int, certificate: Issued, *, form: str = "nginx.conf") -> None:
        super().__init__(gateway, application, certificate)
        self._program = require("nginx")
        own = {
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "listen 80": f"listen 127.0.0.1:{self.plain_port}",
            "/etc/ssl/example.com/fullchain.pem": str(certificate.certificate),
            "/etc/ssl/example.com/privkey.pem": str(certificate.key),
            "/var/cache/nginx-application": f"{self.folder}/cache",
        }
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        self._file = self.write(
            "nginx.conf",
            f"{user}daemon off;\nworker_processes 1;\npid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{self.recipe(f'nginx/{form}', **own)}\n}}\n",
        )

    def argv(self) -> Sequence[str]:
        return [self._program, "-p", str(self.folder), "-e", "stderr", "-c", str(self._file)]


class TraefikRecipe(Proxy):
    """Traefik, built from its module."""

    name = "traefik"

    def __init__(self, gateway: int, application: int, certificate: Issued) -> None:
        super().__init__(gateway, application, certificate)
        self._program = built("traefik", "go.sum")
        keys = {"/etc/ssl/example.com/fullchain.pem": str(certificate.certificate), "/etc/ssl/example.com/privkey.pem": str(certificate.key)}
        dynamic = self.write("dynamic.yml", self.recipe("traefik/dynamic.yml", **keys))
        own = {'":443"': f'"127.0.0.1:{self.port}"', '":80"': f'"127.0.0.1:{self.plain_port}"', "/etc/traefik/dynamic.yml": str(dynamic)}
        self._file = self.write("traefik.yml", exchanged((RECIPES / "traefik/traefik.yml").read_text(), own))

    def ready(self) -> bool:
        """It listens before it has read the routers, and says 404 until then."""
        if not super().ready():
            return False
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain, ANY_CERTIFICATE.wrap_socket(plain) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n")
            return b" 404 " not in connection.recv(64)

    def argv(self) -> Sequence[str]:
        return [self._program, f"--configfile={self._file}"]


class CaddyRecipe(Proxy):
    """Caddy; `form` is the recipe's file, `current` the one of `make proxies` instead of the distribution's. It signs its certificates itself."""

    name = "caddy"

    def __init__(self, gateway: int, application: int, certificate: Issued, *, form: str = "Caddyfile", current: bool = True) -> None:
        super().__init__(gateway, application, certificate)
        self._program = built("caddy", "go.sum") if current else require("caddy")
        ports = f"http_port {self.plain_port}\nhttps_port {self.port}\ndefault_bind 127.0.0.1"
        options = f"{{\nadmin off\nlocal_certs\nskip_install_trust\nstorage file_system {self.folder}/storage\n{ports}\n}}\n"
        self._file = self.write("Caddyfile", options + self.recipe(f"caddy/{form}"))

    def argv(self) -> Sequence[str]:
        return [self._program, "run", "--config", str(self._file), "--adapter", "caddyfile"]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}


class HaproxyRecipe(Proxy):
    """HAProxy of the distribution, with the recipe's Lua script as it stands; `spoiled` exchanges words in it, for a test of what then happens."""

    name = "haproxy"

    def __init__(self, gateway: int, application: int, certificate: Issued, *, spoiled: Mapping[str, str] | None = None) -> None:
        super().__init__(gateway, application, certificate)
        self._program = require("haproxy")
        pem = self.write("example.com.pem", certificate.certificate.read_text() + certificate.key.read_text())
        script = self.write("auth-gateway.lua", exchanged((RECIPES / "haproxy/auth-gateway.lua").read_text(), spoiled or {}))
        own = {
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "bind :80": f"bind 127.0.0.1:{self.plain_port}",
            "/etc/haproxy/example.com.pem": str(pem),
            "/etc/haproxy/auth-gateway.lua": str(script),
        }
        self._file = self.write("haproxy.cfg", self.recipe("haproxy/haproxy.cfg", **own))

    def argv(self) -> Sequence[str]:
        return [self._program, "-db", "-f", str(self._file)]


class EnvoyRecipe(Proxy):
    """Envoy, from the wheel of `make proxies`."""

    name = "envoy"

    def __init__(self, gateway: int, application: int, certificate: Issued) -> None:
        super().__init__(gateway, application, certificate)
        self._program = built("envoy", "requirements.txt")
        ports = {
            "port_value: 443}": f"port_value: {self.port}}}",
            "port_value: 80}": f"port_value: {self.plain_port}}}",
            "port_value: 8080}": f"port_value: {gateway}}}",
            "port_value: 3000}": f"port_value: {application}}}",
            "address: 0.0.0.0": "address: 127.0.0.1",
            "/etc/ssl/example.com/fullchain.pem": str(certificate.certificate),
            "/etc/ssl/example.com/privkey.pem": str(certificate.key),
        }
        self._file = self.write("envoy.yaml", exchanged((RECIPES / "envoy/envoy.yaml").read_text(), ports))

    def argv(self) -> Sequence[str]:
        return [self._program, "-c", str(self._file), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning", "--drain-time-s", "1"]
