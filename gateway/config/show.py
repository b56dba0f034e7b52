"""The effective configuration as it would be written, secrets masked."""

from __future__ import annotations

from typing import Any

import yaml

from gateway.config.addresses import masked_url
from gateway.config.model import Settings
from gateway.config.section import Section, is_built

_URLS = (("session", "store"), ("users", "database"), ("mail", "url"))


def effective(settings: Settings) -> dict[str, Any]:
    """Every key with its value; keys of features that are not built yet are left out."""
    shown: dict[str, Any] = settings.model_dump(mode="json", by_alias=True, exclude_none=False)
    _leave_out(settings, shown)
    for route in shown["routes"]:
        # What a rule does not name must not be there: an empty criterion would be refused.
        route["access"] = [{key: value for key, value in rule.items() if value is not None} for rule in route["access"]]
    for section, key in _URLS:
        if shown[section][key] is not None:
            shown[section][key] = masked_url(shown[section][key])
    return shown


def as_yaml(shown: dict[str, Any]) -> str:
    """`shown` as YAML."""
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120)


def _leave_out(section: Section, shown: dict[str, Any]) -> None:
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        value = getattr(section, name)
        if not is_built(field):
            shown.pop(key, None)
        elif isinstance(value, Section):
            _leave_out(value, shown[key])
            if not shown[key]:
                del shown[key]
        elif isinstance(value, list):
            for one, item in zip(value, shown[key], strict=True):
                if isinstance(one, Section):
                    _leave_out(one, item)
