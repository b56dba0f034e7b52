"""What a server must be and should be, looked at once at start: its version, and whether it keeps sessions when it is full or restarts."""

from __future__ import annotations

import re
from typing import Any

from gateway.stores import StoreAway
from gateway.stores.redis.connect import Client, Commands

#: The oldest version whose commands the scripts may use.
OLDEST = (6, 2)


class UnsupportedServer(Exception):
    """The server is too old. The text names its version and the oldest one that will do."""


async def check_servers(client: Commands) -> list[str]:
    """What `check_server` says of each server that holds keys, every sentence once."""
    said: dict[str, None] = {}
    for server in await client.holders():
        said.update(dict.fromkeys(await check_server(server)))
    return list(said)


async def check_server(client: Client) -> list[str]:
    """Warnings for the operator, one sentence each. Raises UnsupportedServer, or StoreAway when the server does not answer.

    An ACL user may be denied INFO, CONFIG and ROLE; what cannot be known is said in a warning, never taken for well.
    """
    await client.execute_command("PING")
    warnings: list[str] = []
    info = await _ask(client, "INFO", "server")
    if info is None:
        warnings.append("The version of Redis is unknown: the user may not ask INFO.")
    elif (version := _version(info))[1] < OLDEST:
        raise UnsupportedServer(f"Redis {version[0]} is too old: 6.2 or newer is needed.")
    policy = await _setting(client, "maxmemory-policy")
    append = await _setting(client, "appendonly")
    if policy is None or append is None:
        warnings.append("Whether Redis keeps sessions is unknown, CONFIG GET being denied (wanted: maxmemory-policy noeviction, appendonly yes).")
    if policy not in (None, "noeviction"):
        warnings.append(f"Redis drops sessions when it is full (maxmemory-policy {policy}); set it to noeviction.")
    if append not in (None, "yes"):
        warnings.append("Redis forgets sessions when it restarts (appendonly no); set it to yes.")
    role = await _ask(client, "ROLE")
    if role is not None and _text(role[0]) != "master":
        warnings.append("Redis is a replica: sessions cannot be written to it.")
    elif role is not None and role[2]:
        warnings.append(f"Redis has replicas ({len(role[2])}): a session that ended can come back in a fail-over, since nothing waits for them.")
    return warnings


async def _setting(client: Client, name: str) -> str | None:
    answer = await _ask(client, "CONFIG", "GET", name)
    return _text(answer[1]) if isinstance(answer, list) and len(answer) == 2 else None


async def _ask(client: Client, *command: str) -> Any:
    """The answer, None when the server answers that the user may not, or that there is no such command."""
    try:
        return await client.execute_command(*command)
    except StoreAway:
        await client.execute_command("PING")  # an outage is no answer
        return None


def _version(info: Any) -> tuple[str, tuple[int, ...]]:
    """What INFO says, as text and to compare; nothing is older than everything."""
    found = re.search(r"^redis_version:(\S+)", _text(info), re.MULTILINE)
    text = found[1] if found else "?"
    return text, tuple(int(number) for number in text.split(".")[:2] if number.isdecimal())


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
