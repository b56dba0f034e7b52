"""From a configuration that was loaded to all that a process which serves needs of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from gateway.config.load import Loaded, load
from gateway.config.model import Settings
from gateway.config.snapshot import make_snapshot
from gateway.core.password import Argon2Cost
from gateway.snapshot import Fixed, Fresh


def read_fresh(path: Path, environ: Mapping[str, str]) -> Fresh:
    """The configuration in a file or folder, for serving. Raises ConfigErrors."""
    return fresh_of(load(path, environ))


def fresh_of(loaded: Loaded) -> Fresh:
    """What was loaded for serving."""
    return Fresh(make_snapshot(loaded), fixed_of(loaded.settings), tuple(loaded.files), [str(warning) for warning in loaded.warnings])


def fixed_of(settings: Settings) -> Fixed:
    """What only a restart changes."""
    server, session, users = settings.server, settings.session, settings.users
    argon2 = users.password.argon2
    return Fixed(
        listen=tuple(server.listen),
        admin_listen=server.admin_listen,
        workers=None if server.workers == "auto" else server.workers,
        tls=None if server.tls is None else (Path(server.tls.certificate_file), Path(server.tls.key_file)),
        shutdown_delay=server.shutdown_delay,
        shutdown_grace=server.shutdown_grace,
        log_format=settings.log.format,
        log_level=settings.log.level,
        templates=None if settings.templates.folder is None else Path(settings.templates.folder),
        store=session.store,
        store_password=_secret(session.store_password),
        tracked=session.cache == "tracked",
        cache_lease=session.cache_lease,
        key_prefix=session.key_prefix,
        database=users.database,
        database_password=_secret(users.database_password),
        argon2=Argon2Cost(memory=argon2.memory // 1024, time=argon2.time, parallelism=argon2.parallelism),
        pool=users.password.pool,
    )


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
