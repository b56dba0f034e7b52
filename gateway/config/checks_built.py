"""Keys of features that are not built yet: only the neutral default is accepted, so nobody relies on what does nothing."""

from __future__ import annotations

from gateway.config.errors import Loc
from gateway.config.model import Settings
from gateway.config.report import Report
from gateway.config.section import Section, is_built, section_of


def check_built(settings: Settings, report: Report) -> None:
    """Refuse every other value of such a key."""
    _section(settings, (), report)
    for index, route in enumerate(settings.routes):
        if route.upstream is not None and len(route.upstream) > 1:
            report.error(("routes", index, "upstream"), "balancing over several upstreams is not built yet", "name one")


def _section(section: Section, loc: Loc, report: Report) -> None:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        here = (*loc, field.alias or name)
        if not is_built(field):
            if value != field.get_default(call_default_factory=True):
                report.error(here, "is not built yet", "remove it")
        elif isinstance(value, Section):
            _section(value, here, report)
        elif isinstance(value, list) and section_of(field) is not None:
            for index, item in enumerate(value):
                _section(item, (*here, index), report)
