"""Headers that every own answer carries: no caching, no framing, no foreign content, no inline script or style.

`default-src 'none'` and then only what our pages need (CSP level 3). `form-action` binds every redirect that follows a form, so the login page, after
which a person goes back to an application on another host, also allows public_url's scheme; `'self'` alone would strand them in Chromium.
"""

from __future__ import annotations

from typing import Final

_CONTENT: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

#: For what may live in every cache for ever: its name changes with its content.
IMMUTABLE: Final = "public, max-age=31536000, immutable"


def page_headers(request_id: str, form_scheme: str | None = None) -> dict[str, str]:
    """Headers of a page or of its JSON counterpart. `form_scheme`: where its form may lead beyond our own origin."""
    return {
        "Cache-Control": "no-store",
        "Vary": "Cookie",
        "Content-Security-Policy": _CONTENT if form_scheme is None else f"{_CONTENT} {form_scheme}:",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "X-Request-Id": request_id,
    }


def asset_headers() -> dict[str, str]:
    """Headers of an asset. The sandbox is for an operator's SVG that somebody opens on its own."""
    return {
        "Cache-Control": IMMUTABLE,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
