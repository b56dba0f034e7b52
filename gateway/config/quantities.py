"""Durations, sizes and rates:

`30s 15m 12h 30d 500ms`, `64KiB 10MiB`, `20/1m`. In the model they are seconds and bytes; written back, they look as before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_AMOUNT: Final = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(?P<unit>[A-Za-z]*)")
_LONGEST: Final = 3660 * 86400.0
_DECIMAL: Final = {"k": "KiB", "kb": "KiB", "kib": "KiB", "m": "MiB", "mb": "MiB", "mib": "MiB", "g": "GiB", "gb": "GiB", "gib": "GiB", "b": "B"}
_LONG_UNITS: Final = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "hr": "h", "day": "d", "msec": "ms", "millisecond": "ms"}


def parse_duration(value: object) -> float:
    """Seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"needs a unit: {value}s, {value}m, {value}h or {value}d")
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a duration such as 30s, 15m, 12h or 30d")
    number, unit = found["number"], found["unit"]
    if unit not in _SECONDS:
        near = _LONG_UNITS.get(unit.lower().removesuffix("s"), unit.lower() if unit.lower() in _SECONDS else "s")
        raise ValueError(f"must be a duration such as 30s, 15m, 12h or 30d: write {number}{near}")
    seconds = float(number) * _SECONDS[unit]
    if seconds > _LONGEST:
        raise ValueError("is longer than ten years")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest way to write `seconds`."""
    for unit in ("d", "h", "m", "s"):
        amount = seconds / _SECONDS[unit]
        if seconds and amount == int(amount) and (unit == "s" or amount >= 1):
            return f"{int(amount)}{unit}"
    return f"{round(seconds * 1000)}ms" if seconds else "0s"


def parse_size(value: object) -> int:
    """Bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"needs a unit: {value}B, {value}KiB or {value}MiB")
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a size such as 64KiB or 10MiB")
    number, unit = found["number"], found["unit"]
    if unit not in _BYTES:
        raise ValueError(f"must be a size such as 64KiB or 10MiB: write {number}{_DECIMAL.get(unit.lower(), 'KiB')}")
    return int(float(number) * _BYTES[unit])


def format_size(size: int) -> str:
    """The shortest way to write `size` bytes."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size >= _BYTES[unit] and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


@dataclass(frozen=True, slots=True)
class RateValue:
    """`count` in `window` seconds."""

    count: int
    window: float


def parse_rate(value: object) -> RateValue:
    """Raises ValueError."""
    if isinstance(value, RateValue):
        return value
    count, slash, window = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash or not count.strip().isascii() or not count.strip().isdigit() or not 0 < int(count) < 10**9:
        raise ValueError("must be a rate such as 20/1m" + (f": write {value}/1m" if re.fullmatch(r"[1-9][0-9]{0,8}", str(value)) else ""))
    window = window.strip()
    seconds = parse_duration(window if window[:1].isdigit() else f"1{window}")
    if not seconds:
        raise ValueError("must be a rate such as 20/1m")
    return RateValue(int(count), seconds)


def format_rate(rate: RateValue) -> str:
    """`20/1m`."""
    return f"{rate.count}/{format_duration(rate.window)}"


def _positive(value: Any) -> Any:
    if value <= 0:
        raise ValueError("must be more than zero")
    return value


_DURATION_SCHEMA: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"}
_SIZE_SCHEMA: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB|TiB)$"}

Pause = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""Seconds; zero is meant."""
Duration = Annotated[
    float, BeforeValidator(lambda value: _positive(parse_duration(value))), PlainSerializer(format_duration), WithJsonSchema(_DURATION_SCHEMA)
]
"""Seconds, more than zero."""
Size = Annotated[int, BeforeValidator(lambda value: _positive(parse_size(value))), PlainSerializer(format_size), WithJsonSchema(_SIZE_SCHEMA)]
"""Bytes, more than zero."""
Rate = Annotated[
    RateValue,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+/[0-9]*(ms|s|m|h|d)$"}),
]
