"""From a template and values to an answer. The only place that makes HTML.

Autoescape is always on, an undefined name is an error, templates come from the package and, file by file, from the operator's folder, and are
compiled once for each language, when they are first asked for (CVE-2026-33525, 95db563, Jinja2's advisories). What is typed or sent never becomes
part of a template.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from aiohttp import web

from gateway.core.languages import ENGLISH
from gateway.snapshot import Snapshot
from gateway.web.languages import Languages
from gateway.web.pages.assets import Assets
from gateway.web.pages.policy import page_headers

if TYPE_CHECKING:
    from jinja2 import Environment

_HTML: Final = "text/html"
#: The folder of an operator's templates that holds pages.
PAGES: Final = "pages"


class Reader(NamedTuple):
    """Who a page is for: the language, and the path on this host to come back to when another one is chosen ('' where there is none: it may hold
    secrets, or was not asked for with GET)."""

    language: str = ENGLISH
    here: str = ""


class Renderer:
    """Constructed once, together with its assets. `folder` is the operator's folder of templates."""

    def __init__(self, languages: Languages | None = None, folder: Path | None = None) -> None:
        self.assets = Assets()
        self._languages = languages or Languages(folder)
        self._folder = folder
        self._environments: dict[str, Environment] = {}

    def page(
        self,
        template: str,
        snapshot: Snapshot,
        request_id: str,
        reader: Reader,
        *,
        status: int = 200,
        form_scheme: str | None = None,
        **values: object,
    ) -> web.Response:
        """The page `template` (a file's name) as an answer with every header it needs."""
        mark, prefix = snapshot.mark, snapshot.places.prefix
        marks = self.assets.of_mark(mark)
        text = (
            self._templates(reader.language)
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
                language=reader.language,
                languages=self._names(snapshot),
                other_language=_other_language(prefix, reader.here),
                **values,
            )
        )
        headers = {**page_headers(request_id, form_scheme), "Content-Language": reader.language}
        return web.Response(status=status, text=text, content_type=_HTML, charset="utf-8", headers=headers)

    def _names(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """Languages and what their speakers call them."""
        return [(language, self._languages.name(language)) for language in snapshot.languages]

    def _templates(self, language: str) -> Environment:
        found = self._environments.get(language)
        if found is None:
            # Loaded with the first page: a process that only checks and forwards shows none, and none starts sooner for it (50 ms, 3 MiB).
            from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

            own = PackageLoader("gateway.web", "templates")
            found = self._environments[language] = Environment(
                loader=own if self._folder is None else ChoiceLoader([FileSystemLoader(self._folder / PAGES), own]),
                autoescape=True,
                undefined=StrictUndefined,
                auto_reload=False,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            found.globals["_"] = self._languages.translate(language)
        return found

    def _url(self, prefix: str, name: str) -> str:
        return f"{prefix}/static/{self.assets.own(name).name}"


def _other_language(prefix: str, here: str) -> str:
    return f"{prefix}/language" + (f"?next={quote(here, safe='/')}" if here else "")
