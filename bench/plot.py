"""The picture: for each case a bar for each contestant, requests a second as multiples of the bare Go program's. SVG by hand, no script.

Text and bars take their colours from the reader's scheme, so it can be read in light and dark. A thin line on a bar goes from the least to the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.results import Result, Row

#: Cases in the picture, and what they are called there.
SHOWN = {
    "check": "Check",
    "check-by-nginx": "Check by nginx, 100 B",
    "proxied-100b": "Proxied 100 B",
    "proxied-10k": "Proxied 10 KiB",
    "proxied-1m": "Proxied 1 MiB",
    "proxied-headers": "Proxied, 50 headers",
}
#: Multiples that fit; a bar that is longer is cut, and says so.
_MOST = 2.0
_LEFT, _SCALE, _BAR, _GAP, _HEAD = 170.0, 205.0, 15.0, 12.0, 26.0
_WIDTH = 760

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2430; }
.title { font-weight: 600; }
.number { font-size: 11px; fill: #4b5261; }
.other { fill: #9aa5b8; }
.ours { fill: #2563c9; }
.range { stroke: #1f2430; stroke-width: 1.2; }
.axis { stroke: #6b7383; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e7eaf1; }
  .number { fill: #b3bbca; }
  .other { fill: #5d687d; }
  .ours { fill: #6ea8ff; }
  .range { stroke: #e7eaf1; }
  .axis { stroke: #8a93a5; }
}
"""


def svg(results: Sequence[Result]) -> str:
    """The picture of those results that it shows; one that says nothing where there are none."""
    parts: list[str] = []
    y = 20.0
    for result in results:
        go = result.row(result.yardstick)
        if result.case not in SHOWN or go is None or not go.middle("rate"):
            continue
        parts.append(f'<text class="title" x="8" y="{y:.0f}">{escape(SHOWN[result.case])}</text>')
        top = y + 6
        y = top
        for row in result.rows:
            parts += _bar(result, row, y)
            y += _BAR + 3
        x = _LEFT + _SCALE
        parts.append(f'<line class="axis" x1="{x:.0f}" y1="{top:.0f}" x2="{x:.0f}" y2="{y - 2:.0f}"/>')
        y += _GAP + _HEAD - 12
    height = y + 4
    parts.append(f'<text class="number" x="8" y="{y - 6:.0f}">Dashed: the bare Go program. On the right: requests a second.</text>')
    label = "Requests a second of each contestant, as multiples of the bare Go program's"
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(label)}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _bar(result: Result, row: Row, y: float) -> list[str]:
    ratio, spread = result.ratio("rate", row.contestant), row.spread("rate")
    if ratio is None or spread is None or not spread.middle:
        return []
    kind = "ours" if "auth-gateway" in row.contestant else "other"
    width, middle = min(ratio, _MOST) * _SCALE, y + _BAR / 2
    low, high = (min(ratio * value / spread.middle, _MOST) * _SCALE + _LEFT for value in (spread.low, spread.high))
    cut = " (cut)" if ratio > _MOST else ""
    rate = f"{spread.middle:,.0f}".replace(",", "\u202f")
    return [
        f'<text x="{_LEFT - 8:.0f}" y="{y + 12:.0f}" text-anchor="end">{escape(row.contestant)}</text>',
        f'<rect class="{kind}" x="{_LEFT:.0f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR:.0f}" rx="2"/>',
        f'<line class="range" x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}"/>',
        f'<text class="number" x="{max(_LEFT + width, high) + 6:.1f}" y="{y + 12:.0f}">{ratio:.2f} × · {rate}{cut}</text>',
    ]
