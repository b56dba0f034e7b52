"""What letters say: pairs of templates, `NAME.txt` and `NAME.html`, in the folder letters/.

The first line of the text is `Subject: …`; it reads well alone. The HTML has one column, inline styles, one button and the bare link beside it. An
operator's folder replaces them file by file. HTML is escaped always; text never is, and is never taken for HTML. An undefined name is an error.

What somebody else typed does not stand in a letter, names above all: whoever signs up with a stranger's address could otherwise have us send the
stranger whatever they like. `WORDS` says which values each letter takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.core.browser import describe_browser
from gateway.mail.message import LOGO_ID, SHOWN, Composed
from gateway.snapshot import Mark, Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment

#: Letter → the values that it takes. `link` is an absolute address, `lasts` how long that works (seconds), `code` six digits (may be empty), `user`
#: the account's id, for templates that lead to a front end of the JSON API.
WORDS: Final[Mapping[str, frozenset[str]]] = {
    "verify": frozenset({"link", "code", "lasts", "user"}),
    "already_verified": frozenset({"link"}),
    "notice_signup": frozenset({"link", "forgot"}),
    "reset": frozenset({"link", "code", "lasts", "user"}),
    "notice_unknown": frozenset(),
    "password_changed": frozenset({"forgot"}),
    "email_confirm": frozenset({"link", "lasts"}),
    "email_notice": frozenset({"link", "email"}),
    "email_taken": frozenset(),
}
#: The button where the operator names no colour: `--accent` of the pages.
_ACCENT: Final = "#2557d6"
_SUBJECT: Final = "Subject:"


class NotALetter(Exception):
    """A template has no subject."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who made us write: an address, the browser's name for itself, and when (seconds since 1970). Empty where nobody is to be named."""

    address: str
    user_agent: str
    time: float


class Letters:
    """Templates, read when they are first needed. `words` gives the translation for a language; `folder` holds the operator's own templates."""

    def __init__(self, words: Callable[[str], Callable[[str], str]], folder: Path | None = None) -> None:
        self._words = words
        self._folder = folder
        self._environments: dict[bool, Environment] = {}

    def compose(self, snapshot: Snapshot, letter: str, language: str, asked: Asked, values: Mapping[str, str | int]) -> Composed:
        """The letter in that language. Raises NotALetter, KeyError for a name that is not in WORDS, and what Jinja2 raises for a broken template."""
        if missing := WORDS[letter] - set(values):
            raise KeyError(f"{letter} lacks {', '.join(sorted(missing))}")
        mark = snapshot.mark
        given: dict[str, object] = {
            **values,
            "site": mark.title or snapshot.places.public.host,
            "home": str(snapshot.places.public),
            "links": mark.links,
            "accent": mark.accent or _ACCENT,
            "logo": None if not shows_logo(mark) else f"cid:{LOGO_ID}",
            "language": language,
            "asked_address": asked.address,
            "asked_browser": describe_browser(asked.user_agent),
            "asked_time": datetime.fromtimestamp(int(asked.time), UTC).strftime("%Y-%m-%d %H:%M UTC"),
        }
        text = self._render(f"{letter}.txt", language, given, html=False)
        first, _, rest = text.lstrip().partition("\n")
        if not first.startswith(_SUBJECT):
            raise NotALetter(f"{letter}.txt does not begin with `{_SUBJECT}`")
        subject = " ".join(first.removeprefix(_SUBJECT).split())
        html = self._render(f"{letter}.html", language, {**given, "subject": subject}, html=True)
        return Composed(subject, rest.strip() + "\n", html)

    def _render(self, name: str, language: str, given: Mapping[str, object], *, html: bool) -> str:
        gettext = self._gettext(language, html=html)
        lasts = given.get("lasts")
        lasting = "" if lasts is None else _lasting(int(str(lasts)), gettext)
        return self._environment(html=html).get_template(name).render(given, _=gettext, lasting=lasting)

    def _gettext(self, language: str, *, html: bool) -> Callable[..., str]:
        translate = self._words(language)
        if not html:
            return lambda message, **variables: translate(message) % variables if variables else translate(message)
        from markupsafe import Markup

        return lambda message, **variables: Markup(translate(message)) % variables if variables else Markup(translate(message))  # noqa: S704 - the catalogues are ours, and `%` escapes

    def _environment(self, *, html: bool) -> Environment:
        found = self._environments.get(html)
        if found is None:
            # Loaded with the first letter: no start is slower for it.
            from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

            own = PackageLoader("gateway.mail", "letters")
            found = self._environments[html] = Environment(
                loader=own if self._folder is None else ChoiceLoader([FileSystemLoader(self._folder), own]),
                autoescape=html,  # noqa: S701 - the other kind is plain text
                undefined=StrictUndefined,
                auto_reload=False,
                trim_blocks=True,
                lstrip_blocks=True,
            )
        return found


def shows_logo(mark: Mark) -> bool:
    """Whether mail programs can show the operator's logo."""
    return mark.logo is not None and mark.logo_type in SHOWN


def _lasting(seconds: int, _: Callable[..., str]) -> str:
    """A duration in words."""
    if seconds < 7200:
        return _("%(count)s minutes", count=max(seconds // 60, 1))
    return _("%(count)s hours", count=seconds // 3600)
