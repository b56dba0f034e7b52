"""The demo's configuration: an ordinary file in `var/`, made once, so that every other command works with it and people can play with it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

#: The administrator. `.localhost` belongs to nobody (RFC 6761).
ADMINISTRATOR: Final = "admin@demo.localhost"
#: A socket's path may have so many bytes.
_MOST_SOCKET_PATH: Final = 90
UPSTREAM_SOCKET: Final = "application.sock"
ADMIN_SOCKET: Final = "admin.sock"

_TEXT: Final = """\
# Made by `gateway demo` for itself; change what you like. docs/configuration.md explains every key.
server:
  listen: {listen}
  admin_listen: unix:{sockets}/{admin}
  public_url: {public_url}
  shutdown_grace: 1s
log:
  level: warning                # access lines come anyway
keys:
  - {{id: demo, secret: {secret}}}
session:
  store: memory://              # a restart logs everybody out
users:
  database: sqlite:///users.db
pages:
  title: Demo
routes:
  - name: demo
    host: [localhost, 127.0.0.1]
    path: /
    upstream: unix:{sockets}/{upstream}
    access: login
  - name: demo-public
    host: [localhost, 127.0.0.1]
    path: /public
    upstream: unix:{sockets}/{upstream}
    access: public
  - name: demo-assets
    host: [localhost, 127.0.0.1]
    path: /assets
    upstream: unix:{sockets}/{upstream}
    access: public
  - name: demo-admin
    host: [localhost, 127.0.0.1]
    path: /admin
    upstream: unix:{sockets}/{upstream}
    access:
      - allow: [group:admins]
      - deny
"""


def write_configuration(folder: Path, listen: str, public_url: str, secret: str) -> Path:
    """The file's path; it is made, for its owner's eyes only, where it is missing. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "gateway.yml"
    if not file.exists():
        text = _TEXT.format(
            listen=listen, public_url=public_url, secret=secret, sockets=socket_folder(folder), admin=ADMIN_SOCKET, upstream=UPSTREAM_SOCKET
        )
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
    return file


def socket_folder(folder: Path) -> Path:
    """Where the demo's sockets are: its own folder, or one with a short path where that is too long for a socket or hard to write in YAML."""
    own = folder.resolve()
    plain = all(character.isalnum() or character in "/._-+" for character in str(own))
    if plain and len(os.fsencode(own / UPSTREAM_SOCKET)) <= _MOST_SOCKET_PATH:
        return own
    name = hashlib.sha256(os.fsencode(own)).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"gateway-demo-{os.getuid()}-{name}"
