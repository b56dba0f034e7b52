"""From a template and values to an answer. The only place that makes HTML.

Autoescape is always on, an undefined name is an error, templates come from the package only and are compiled once, each when it is first asked for
(CVE-2026-33525, 95db563, Jinja2's advisories). What is typed or sent never becomes part of a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway.snapshot import Snapshot
from gateway.web.pages.assets import Assets
from gateway.web.pages.policy import page_headers

if TYPE_CHECKING:
    from jinja2 import Environment

_HTML: Final = "text/html"


class Renderer:
    """Constructed once, together with its assets."""

    def __init__(self) -> None:
        self.assets = Assets()
        self._environment: Environment | None = None

    def page(
        self,
        template: str,
        snapshot: Snapshot,
        request_id: str,
        *,
        status: int = 200,
        form_scheme: str | None = None,
        **values: object,
    ) -> web.Response:
        """The page `template` (a file's name) as an answer with every header it needs."""
        mark, prefix = snapshot.mark, snapshot.places.prefix
        marks = self.assets.of_mark(mark)
        text = (
            self._templates()
            .get_template(template)
            .render(
                prefix=prefix,
                site=mark.title or snapshot.places.public.host,
                links=mark.links,
                logo=None if marks.logo is None else f"{prefix}/static/{marks.logo.name}",
                style=self._url(prefix, "style.css"),
                accent=None if marks.accent is None else f"{prefix}/static/{marks.accent.name}",
                script=self._url(prefix, "reveal.js"),
                icon=self._url(prefix, "icon.svg"),
                request_id=request_id,
                **values,
            )
        )
        return web.Response(status=status, text=text, content_type=_HTML, charset="utf-8", headers=page_headers(request_id, form_scheme))

    def _templates(self) -> Environment:
        if self._environment is None:
            # Loaded with the first page: a process that only checks and forwards shows none, and none starts sooner for it (50 ms, 3 MiB).
            from jinja2 import Environment, PackageLoader, StrictUndefined

            self._environment = Environment(
                loader=PackageLoader("gateway.web", "templates"),
                autoescape=True,
                undefined=StrictUndefined,
                auto_reload=False,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            self._environment.globals["_"] = _as_written
        return self._environment

    def _url(self, prefix: str, name: str) -> str:
        return f"{prefix}/static/{self.assets.own(name).name}"


def _as_written(message: str, **variables: object) -> str:
    """What a template says, in the language that it is written in. Escaped where it is put, variables included."""
    return message % variables if variables else message
