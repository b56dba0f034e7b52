"""What people may tell of themselves. Nothing of it decides anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Texts as they are shown. Names are '' where not given, the rest None; `birth_date` is YYYY-MM-DD, `link` an https URL, `phone` + and digits."""

    first_name: str = ""
    last_name: str = ""
    phone: str | None = None
    birth_date: str | None = None
    link: str | None = None
