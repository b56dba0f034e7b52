"""nginx as the benchmark uses it: the upstream of everybody, a proxy that looks at nothing, and the proxy that asks somebody first."""

from __future__ import annotations

from tests.servers import Nginx

#: What the upstream serves: path → bytes.
SIZES = {"/small": 100, "/medium": 10 << 10, "/large": 1 << 20}
#: A file without content of its own: as long as it has to be, and zeros.
HUGE = "/huge"
#: A thousand tunnels are two thousand connections.
EVENTS = "worker_connections 8192;"

_UPSTREAM = """
sendfile on; keepalive_requests 100000000; default_type application/octet-stream; large_client_header_buffers 8 32k;
server { listen 127.0.0.1:{port} backlog=1024; root {folder}; }
"""
_COMMON = """
keepalive_requests 100000000; large_client_header_buffers 8 32k;
map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
upstream files { server %(upstream)s; keepalive 256; keepalive_requests 100000000; }
"""
_PASSED = """
    proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_max_temp_file_size 0;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
"""
#: Without any check; `%(upstream)s` is where it hands on to.
PROXY = _COMMON + "server { listen 127.0.0.1:{port} backlog=1024; location / { " + _PASSED + " } }"
_ASKING = """
upstream checker { server %(checker)s; keepalive 256; keepalive_requests 100000000; }
server {
    listen 127.0.0.1:{port} backlog=1024;
    location / { auth_request /check; %(passed)s }
    location = /check {
        internal; proxy_pass http://checker%(path)s; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass_request_body off;
        proxy_set_header Host $http_host; proxy_set_header Content-Length ""; proxy_set_header X-Original-URL http://$http_host$request_uri;
        proxy_set_header X-Original-Method $request_method; proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Uri $request_uri;
    }
}
"""


def upstream(huge: int) -> Nginx:
    """Serves files of SIZES and one of `huge` bytes."""
    server = Nginx(_UPSTREAM, events=EVENTS)
    for path, size in SIZES.items():
        (server.folder / path[1:]).write_bytes(b"x" * size)
    with (server.folder / HUGE[1:]).open("wb") as sparse:
        sparse.truncate(huge)
    return server


def passing(port: int) -> Nginx:
    """Hands everything on to the upstream at `port` (WebSockets too)."""
    return Nginx(PROXY % {"upstream": f"127.0.0.1:{port}"}, events=EVENTS)


def asking(port: int, checker: int, path: str) -> Nginx:
    """Asks `path` of the checker for each request, then hands it on to the upstream at `port`."""
    return Nginx(
        (_COMMON + _ASKING) % {"upstream": f"127.0.0.1:{port}", "checker": f"127.0.0.1:{checker}", "path": path, "passed": _PASSED}, events=EVENTS
    )
