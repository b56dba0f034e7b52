"""Own assets: style sheet, script, icon, and the operator's logo and accent.

All of them lie in memory under a name that holds a hash of their content, so they may be cached for ever, and no request's path ever meets a file
system (CVE-2024-23334 and its kin cannot occur).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from gateway.crypto.tokens import sha256
from gateway.snapshot import Mark
from gateway.web.pages.colours import accent_sheet

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "png": "image/png"}
_MARK_ENDINGS: Final = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
#: Marks that are remembered: the present one, and those that pages from before a reload still ask for.
_MOST_MARKS: Final = 8


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    name: str
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkAssets:
    """What an operator's mark adds; None where the mark says nothing."""

    logo: Asset | None
    accent: Asset | None


class Assets:
    """Read once at construction."""

    def __init__(self) -> None:
        folder = files("gateway.web") / "static"
        own = [_asset(entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.name.rpartition(".")[2] in _TYPES]
        self._by_plain_name = dict(own)
        self._by_name = {asset.name: asset for _, asset in own}
        self._marks: dict[Mark, MarkAssets] = {}

    def own(self, name: str) -> Asset:
        """The asset of that file name (`style.css`). Raises KeyError."""
        return self._by_plain_name[name]

    def of_mark(self, mark: Mark) -> MarkAssets:
        """The assets of the operator's mark; from then on `find` knows them."""
        known = self._marks.get(mark)
        if known is None:
            if len(self._marks) >= _MOST_MARKS:
                del self._marks[next(iter(self._marks))]
            known = self._marks[mark] = _mark_assets(mark)
        return known

    def find(self, name: str) -> Asset | None:
        """The asset of exactly that name, hash included."""
        if name in self._by_name:
            return self._by_name[name]
        of_marks = (asset for mark in self._marks.values() for asset in (mark.logo, mark.accent))
        return next((asset for asset in of_marks if asset is not None and asset.name == name), None)


def _mark_assets(mark: Mark) -> MarkAssets:
    logo = accent = None
    if mark.logo is not None:
        _, named = _asset(f"logo.{_MARK_ENDINGS.get(mark.logo_type, 'bin')}", mark.logo)
        logo = Asset(named.name, mark.logo_type, mark.logo)
    if mark.accent is not None:
        _, accent = _asset("accent.css", accent_sheet(mark.accent).encode("ascii"))
    return MarkAssets(logo, accent)


def _asset(plain: str, body: bytes) -> tuple[str, Asset]:
    stem, _, ending = plain.rpartition(".")
    return plain, Asset(f"{stem}.{sha256(body).hex()[:16]}.{ending}", _TYPES.get(ending, "application/octet-stream"), body)
