"""Keys: well-formed, strong, named once, and one of them seals."""

from __future__ import annotations

from gateway.config.keys import decode_key
from gateway.config.model import Settings
from gateway.config.report import Report


def check_keys(settings: Settings, report: Report) -> None:
    """Every key by itself, and all of them together."""
    ids: dict[str, int] = {}
    secrets: dict[str, int] = {}
    for index, key in enumerate(settings.keys):
        text = key.secret.get_secret_value()
        try:
            decode_key(text)
        except ValueError as error:
            report.error(("keys", index, "secret"), str(error), "make one with `gateway keys generate`")
        if key.id in ids:
            report.error(("keys", index, "id"), f"stands twice, first in {report.place('keys', ids[key.id], 'id')}", "every key has an id of its own")
        if text in secrets:
            report.error(("keys", index, "secret"), "is the secret of another key too", "make one with `gateway keys generate`")
        ids.setdefault(key.id, index)
        secrets.setdefault(text, index)
    if settings.keys and not any(key.seal for key in settings.keys):
        report.error(("keys",), "no key seals", "remove seal: false from the first one")
