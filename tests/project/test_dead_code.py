"""No dead code: whatever nobody calls goes. What a framework calls by name is listed here with its reason."""

from __future__ import annotations

import re
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

ROOT = Path(__file__).resolve().parents[2]

#: Called by name from outside gateway/: name → by whom.
USED_BY_OTHERS = {
    "model_config": "pydantic",
    "connection_made": "asyncio",
    "connection_lost": "asyncio",
    "data_received": "asyncio",
    "eof_received": "asyncio",
    "pause_writing": "asyncio",
    "resume_writing": "asyncio",
    "on_message_begin": "httptools",
    "on_status": "httptools",
    "on_header": "httptools",
    "on_headers_complete": "httptools",
    "on_body": "httptools",
    "on_message_complete": "httptools",
    "on_chunk_header": "httptools",
    "on_chunk_complete": "httptools",
    "revision": "alembic",
    "down_revision": "alembic",
    "branch_labels": "alembic",
    "depends_on": "alembic",
    "upgrade": "alembic",
    "downgrade": "alembic",
    "list_commands": "click",
    "get_command": "click",
    "format_commands": "click",
    "resolve_command": "click",
    "format": "logging",
    "collect": "prometheus_client",
    "isolation_level": "sqlite3",
    "daemon": "threading",
    "__class__": "Python",
    "handle_error": "aiohttp.web",
    "log_exception": "aiohttp.web",
    "_make_request": "aiohttp.web",
    "_make_error_handler": "aiohttp.web",
    "_force_close": "aiohttp.web",
    "_request_in_progress": "aiohttp.web",
    "_current_request": "aiohttp.web",
    "_eof_sent": "aiohttp.web",
}
#: Nobody uses these yet, and they stay: file and name → why.
KEPT = {
    "gateway/crypto/sealing.py MOST_COOKIE": "the promised size of a cookie, which tests/property holds it to",
    "gateway/server/protocol.py peername": "aiohttp's BaseRequest.remote asks its protocol for it",
    "gateway/crypto/passwords.py CHEAPEST": "the named profile for tests; the package ships what tests use",
}
#: A key of the configuration exists from the start; while its feature is not built, any value but the neutral one is refused.
_KEYS = re.compile(r"gateway/config/model(?:_\w+)?\.py variable")
DECORATORS = ["@*.command*", "@*.group*", "@*validator*", "@*serializer*", "@*computed_field*", "@event.listens_for*", "@*.listens_for*", "@click.*"]


def test_no_dead_code():
    finder = Vulture(ignore_names=list(USED_BY_OTHERS), ignore_decorators=DECORATORS)
    finder.scavenge([str(ROOT / "gateway")])
    unused = finder.get_unused_code(min_confidence=60)
    found = {f"{Path(item.filename).relative_to(ROOT)} {item.name}": item for item in unused}
    dead = [f"{item.typ} {where}:{item.first_lineno}" for where, item in found.items() if where not in KEPT and not _is_key(item)]
    assert dead == []
    assert sorted(set(KEPT) - set(found)) == [], "these are used now"


def _is_key(item: Item) -> bool:
    return item.typ == "variable" and bool(_KEYS.fullmatch(f"{Path(item.filename).relative_to(ROOT)} {item.typ}"))
