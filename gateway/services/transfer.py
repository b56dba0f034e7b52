"""Accounts as text, to come from elsewhere and to go there: JSON lines (an object a line) or CSV (a first line of names).

What is unclear is refused, not repaired, and named with its line. A password comes as an argon2 or bcrypt hash or not at all. What `written` makes,
`read` reads: both know the same fields.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.core.identity import Identity, State
from gateway.core.profile import Profile
from gateway.crypto.passwords import scheme_of
from gateway.crypto.tokens import new_user_id
from gateway.services.addresses import NotValid, canonical_address, canonical_groups, canonical_name
from gateway.services.profiles import FIELDS as OF_PROFILE
from gateway.services.profiles import changed, full_name
from gateway.stores.accounts import Account

#: In this order in CSV; only `email` has to be there.
FIELDS: Final = ("id", "email", "name", *OF_PROFILE, "state", "groups", "password_hash", "created", "last_login")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_EARLIEST: Final = 1970
_BETWEEN: Final = re.compile(r"[\s,;]+")
#: 20260131 and 2026 are days of 1970 to whoever reads seconds, which nobody means.
_DAY: Final = re.compile(r"[0-9]{4}|[0-9]{6}|[0-9]{8}")
#: What people type about themselves, and what a spreadsheet would calculate (OWASP "CSV Injection"): in CSV it stands behind one apostrophe more.
_TYPED: Final = ("email", "name", "first_name", "last_name")
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with one line; the text is for people and quotes no value."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one account as they were written, and the line on which it begins."""

    line: int
    fields: Mapping[str, object]


def read(data: bytes) -> Iterator[Row | BadLine]:
    """Every account of a file, or what cannot be read. JSON lines where the first character is a brace, else CSV."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield BadLine(data.count(b"\n", 0, error.start) + 1, "is not UTF-8")
        return
    yield from _json_lines(text) if text.lstrip().startswith(("{", "[")) else _csv_rows(text)


def account_from(row: Row, now: float) -> Account | BadLine:
    """The account that `row` describes; `now` in seconds since 1970 is when it is made, unless the row knows."""
    try:
        return _account(row.fields, now)
    except NotValid as error:
        return BadLine(row.line, str(error))


def written(account: Account, *, hashes: bool) -> dict[str, Any]:
    """The fields of `account`, in the order of FIELDS; the password's hash only with `hashes`."""
    who, profile = account.identity, account.profile
    values: dict[str, Any] = {
        "id": who.user_id,
        "email": who.email,
        "name": who.name,
        **{name: getattr(profile, name) for name in OF_PROFILE},
        "state": who.state.value,
        "groups": list(who.groups),
        "password_hash": account.password_hash,
        "created": _moment(account.created),
        "last_login": _moment(account.last_login),
    }
    return {name: values[name] for name in FIELDS if hashes or name != "password_hash"}


def csv_cells(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What `written` made as cells of CSV, of which none is a formula."""
    cells = {**fields, "groups": ",".join(fields["groups"])}
    return cells | {name: f"'{cells[name]}" for name in _TYPED if _FORMULA.match(cells[name])}


def _unquoted(name: str, cell: str) -> str:
    return cell[1:] if name in _TYPED and cell.startswith("'") and _FORMULA.match(cell) else cell


def _json_lines(text: str) -> Iterator[Row | BadLine]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_once)
        except NotValid as error:
            yield BadLine(number, str(error))
        except ValueError:
            yield BadLine(number, "is not one JSON object on one line")
        except RecursionError:
            yield BadLine(number, "is nested too deeply")
        else:
            yield Row(number, value) if isinstance(value, dict) else BadLine(number, "is not a JSON object")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotValid("a field is given twice")
    return found


def _csv_rows(text: str) -> Iterator[Row | BadLine]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield BadLine(line, f"is not CSV: {error}")
            return
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = [cell.strip() for cell in cells]
            if problem := _wrong_names(names):
                yield BadLine(line, problem)
                return
        elif len(cells) != len(names):
            yield BadLine(line, f"has {len(cells)} fields and not {len(names)}")
        else:
            yield Row(line, {name: _unquoted(name, cell) for name, cell in zip(names, cells, strict=True)})


def _wrong_names(names: list[str]) -> str | None:
    if len(set(names)) < len(names):
        return "a column is there twice"
    return _unknown(names) or (None if "email" in names else "the first line names the columns, and there is none named email")


def _unknown(names: Iterable[str]) -> str | None:
    for name in names:
        if name == "password":
            return "a password is never imported in clear; give password_hash, an argon2 or bcrypt hash"
        if name not in FIELDS:
            return f"there is no such field: {name[:40]!r}; fields are {', '.join(FIELDS)}"
    return None


def _account(fields: Mapping[str, object], now: float) -> Account:
    if problem := _unknown(fields):
        raise NotValid(problem)
    created = _time(fields, "created")
    made = now if created is None else created
    profile = changed(Profile(), {name: _text(fields, name) for name in OF_PROFILE}, datetime.fromtimestamp(now, UTC).date())
    if not isinstance(profile, Profile):
        raise NotValid("; ".join(f"{name} cannot be used" for name in profile))
    identity = Identity(
        _user_id(fields, now),
        canonical_address(_text(fields, "email"), special_use=True),
        canonical_name(full_name(profile, _text(fields, "name"))),
        canonical_groups(_groups(fields)),
        _state(fields),
    )
    return Account(identity, _hash(fields), epoch=1, created=made, last_login=_time(fields, "last_login"), profile=profile)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NotValid(f"{name} is not a text")
    return value


def _user_id(fields: Mapping[str, object], now: float) -> str:
    given = _text(fields, "id")
    if given and not _ID.fullmatch(given):
        raise NotValid("id is not a UUID of version 7 in lower case; leave it out for a new one")
    return given or new_user_id(now)


def _state(fields: Mapping[str, object]) -> State:
    try:
        return State(_text(fields, "state") or State.VERIFIED)
    except ValueError:
        raise NotValid(f"state is none of {', '.join(State)}") from None


def _groups(fields: Mapping[str, object]) -> tuple[str, ...]:
    value = fields.get("groups")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return tuple(name for name in _BETWEEN.split(_text(fields, "groups")) if name)


def _hash(fields: Mapping[str, object]) -> str | None:
    stored = _text(fields, "password_hash").strip()
    if stored and scheme_of(stored) is None:
        raise NotValid("password_hash is neither an argon2 nor a bcrypt hash, or one that costs too much to check")
    return stored or None


def _time(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        seconds = float(value) if not isinstance(value, str) else _seconds(value.strip())
        if datetime.fromtimestamp(seconds, UTC).year < _EARLIEST:
            raise ValueError
    except (ValueError, OverflowError, OSError):
        raise NotValid(f"{name} is neither a time such as 2026-01-31T12:00:00Z nor seconds since 1970") from None
    return seconds


def _seconds(text: str) -> float:
    if _DAY.fullmatch(text):
        raise ValueError
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
