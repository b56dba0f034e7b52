"""The operator's accent colour, made readable on light and on dark pages.

Contrast as WCAG 2.2 defines it (relative luminance): at least 4.5 : 1 for text (section 1.4.3), 3 : 1 for the shape of a button (1.4.11). An accent
that is too pale for a light page is darkened, one too dark for a dark page is lightened, by as little as is needed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FOR_TEXT: Final = 4.5
FOR_SHAPES: Final = 3.0
_STEPS: Final = 40


class Colour(NamedTuple):
    """Red, green and blue, 0–255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


WHITE: Final = Colour(255, 255, 255)
BLACK: Final = Colour(0, 0, 0)
#: What links and buttons stand on: `--surface` and `--raised` of style.css, whichever is harder to read on.
LIGHT_PAGE: Final = Colour(0xF6, 0xF7, 0xF9)
DARK_PAGE: Final = Colour(0x1C, 0x21, 0x28)


def parse_colour(text: str) -> Colour:
    """`#rrggbb`. Raises ValueError."""
    if len(text) != 7 or text[0] != "#":
        raise ValueError("a colour is written #rrggbb")
    return Colour(int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def contrast(one: Colour, other: Colour) -> float:
    """1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def readable(colour: Colour, page: Colour, enough: float = FOR_TEXT) -> Colour:
    """`colour`, moved towards black or white until its contrast to `page` is `enough`."""
    pole = BLACK if _luminance(page) > 0.18 else WHITE
    for step in range(_STEPS + 1):
        mixed = _mix(colour, pole, step / _STEPS)
        if contrast(mixed, page) >= enough:
            return mixed
    return pole


def text_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on `colour`."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, colour))


def accent_sheet(accent: str) -> str:
    """A style sheet that gives pages this accent, `#rrggbb`, in light and dark. Raises ValueError."""
    colour = parse_colour(accent)
    return f":root{{{_tokens(colour, LIGHT_PAGE)}}}\n@media (prefers-color-scheme:dark){{:root{{{_tokens(colour, DARK_PAGE)}}}}}\n"


def _tokens(colour: Colour, page: Colour) -> str:
    button = readable(colour, page, FOR_SHAPES)
    return f"--accent:{button};--accent-text:{text_on(button)};--link:{readable(colour, page)}"


def _mix(colour: Colour, pole: Colour, share: float) -> Colour:
    return Colour(*(round(here + (there - here) * share) for here, there in zip(colour, pole, strict=True)))


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
