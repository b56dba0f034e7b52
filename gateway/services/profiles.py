"""What people may say of themselves: names, a telephone number, a birth date, a link. Checked, never repaired beyond spaces.

A change names the fields it is about: one that is left out stays, an empty one is cleared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from gateway.core.profile import Profile
from gateway.services.addresses import MOST_NAME, NotValid, canonical_name

FIELDS: Final[tuple[str, ...]] = ("first_name", "last_name", "phone", "birth_date", "link")
_NAMES: Final = ("first_name", "last_name")
MOST_LINK: Final = 500
#: E.164 allows 15 digits; some networks use a few more.
_PHONE: Final = re.compile(r"\+[0-9]{8,18}")
_FILLING: Final = re.compile(r"[ \u00a0()./-]")
_LINK: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # ?-[ has the capitals; in lower case other letters would turn into these (U+212A)
_EARLIEST: Final = date(1900, 1, 1)


class Unfit(StrEnum):
    """Why a field cannot be used."""

    NAME = "name"
    PHONE = "phone"
    DATE = "date"
    FUTURE = "future"
    LINK = "link"


def changed(profile: Profile, changes: Mapping[str, str | None], today: date) -> Profile | dict[str, Unfit]:
    """`profile` with `changes` (names of FIELDS), or what is wrong with which. Raises KeyError for an unknown name."""
    wrong: dict[str, Unfit] = {}
    fit: dict[str, str | None] = {}
    for name, text in changes.items():
        value = _READ[name]((text or "").strip(), today)
        if isinstance(value, Unfit):
            wrong[name] = value
        else:
            fit[name] = value or ("" if name in _NAMES else None)
    new = replace(profile, **fit)  # type: ignore[arg-type]  # names are str, the rest str or None: the line above
    if len(full_name(new, "")) > MOST_NAME:
        wrong |= {name: Unfit.NAME for name in _NAMES if name in changes}
    return wrong or new


def full_name(profile: Profile, otherwise: str) -> str:
    """First and last name where either is given, else `otherwise`."""
    return f"{profile.first_name} {profile.last_name}".strip() or otherwise


def _read_name(text: str, _today: date) -> str | Unfit:
    try:
        return canonical_name(text)
    except NotValid:
        return Unfit.NAME


def _read_phone(text: str, _today: date) -> str | Unfit:
    number = _FILLING.sub("", text)
    return number if not number or _PHONE.fullmatch(number) else Unfit.PHONE


def _read_date(text: str, today: date) -> str | Unfit:
    if not text:
        return ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return Unfit.DATE
    if day.isoformat() != text or day < _EARLIEST:
        return Unfit.DATE
    return text if day <= today else Unfit.FUTURE


def _read_link(text: str, _today: date) -> str | Unfit:
    """A whole https address with a host, and nobody's name in front of it: it is shown to others as a link."""
    if not text:
        return ""
    if len(text) > MOST_LINK or not _LINK.fullmatch(text):
        return Unfit.LINK
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return Unfit.LINK
    return text if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc else Unfit.LINK


_READ: Final[Mapping[str, Callable[[str, date], str | Unfit]]] = {
    "first_name": _read_name,
    "last_name": _read_name,
    "phone": _read_phone,
    "birth_date": _read_date,
    "link": _read_link,
}
