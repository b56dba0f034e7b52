"""Times and numbers that have to fit each other, and the operator's accent colour."""

from __future__ import annotations

from gateway.config.model import Settings
from gateway.config.quantities import format_duration, format_size
from gateway.config.report import Report

_MOST_DAYS = 400 * 86400.0
_LEAST_RETENTION = 3600.0
#: WCAG 2.2, 1.4.3: text of ordinary size.
_CONTRAST = 4.5


def check_times(settings: Settings, report: Report) -> None:
    """Sessions, throttle, audit trail, password lengths, hashing, accent."""
    session = settings.session
    if session.idle > session.absolute:
        report.warn(("session", "idle"), "is longer than session.absolute, so it would never count", f"at most {format_duration(session.absolute)}")
    if session.touch_every > session.idle / 2:
        report.warn(
            ("session", "touch_every"),
            "is more than half of session.idle: a quarter of that is used, so that no session in use ends",
            f"at most {format_duration(session.idle / 4)}",
        )
    for name in ("absolute", "remember"):
        if getattr(session, name) > _MOST_DAYS:
            report.error(("session", name), "is longer than 400 days, which browsers cut off", "at most 400d")
    throttle = settings.login.throttle
    if throttle.per_account_stop_after <= throttle.per_account_delay_after:
        report.warn(("login", "throttle", "per_account_stop_after"), "is not more than per_account_delay_after, so there is never a delay")
    if settings.audit.retention < _LEAST_RETENTION:
        report.error(("audit", "retention"), "is too short to be looked into", f"at least {format_duration(_LEAST_RETENTION)}")
    argon2 = settings.users.password.argon2
    least = 8 * 1024 * argon2.parallelism  # RFC 9106 section 3.1
    if not least <= argon2.memory <= 4 << 30:
        report.error(("users", "password", "argon2", "memory"), f"must be from {format_size(least)} to 4GiB", "64MiB is a good choice")
    elif argon2.memory * argon2.time < 19 << 20:
        report.warn(("users", "password", "argon2", "memory"), "is too little for so few passes: hashes could be guessed fast", "64MiB and time: 3")
    _check_accent(settings, report)


def _check_accent(settings: Settings, report: Report) -> None:
    accent = settings.pages.accent
    if accent is not None and (contrast := contrast_to_white(accent)) < _CONTRAST:
        report.error(
            ("pages", "accent"), f"is too light for white text: contrast {contrast:.1f}, at least {_CONTRAST} is needed", f'write "{_darker(accent)}"'
        )


def contrast_to_white(colour: str) -> float:
    """WCAG's contrast ratio of `#rrggbb` and white."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def _darker(colour: str) -> str:
    """The same hue, as dark as white text needs."""
    parts = [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
    while contrast_to_white("#" + "".join(f"{part:02x}" for part in parts)) < _CONTRAST:
        parts = [part * 95 // 100 for part in parts]
    return "#" + "".join(f"{part:02x}" for part in parts)
