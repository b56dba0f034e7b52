"""No dead code: whatever nobody calls goes. What a framework calls by name is listed here with its reason."""

from __future__ import annotations

from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[2]

#: Called by name from outside gateway/.
USED_BY_OTHERS = {
    "model_config": "pydantic reads it",
    "data_received": "asyncio.Protocol",
    "eof_received": "asyncio.Protocol",
    "connection_made": "asyncio.Protocol",
    "connection_lost": "asyncio.Protocol",
    "pause_writing": "asyncio.Protocol",
    "resume_writing": "asyncio.Protocol",
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
    "record_factory": "logging",
    "formatTime": "logging",
    "process_bind_param": "SQLAlchemy",
    "process_result_value": "SQLAlchemy",
    "cache_ok": "SQLAlchemy",
}
DECORATORS = ["@*.command*", "@*.group*", "@*validator*", "@*serializer*", "@*computed_field*", "@event.listens_for*", "@*.listens_for*", "@click.*"]


def test_no_dead_code():
    finder = Vulture(ignore_names=list(USED_BY_OTHERS), ignore_decorators=DECORATORS)
    finder.scavenge([str(ROOT / "gateway")])
    unused = finder.get_unused_code(min_confidence=60)
    assert [f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}: {item.typ} {item.name}" for item in unused] == []
