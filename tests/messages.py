"""Everything that a person reads, found where it is written, and the catalogues that are to say it in other languages.

    python -m tests.messages        brings every catalogue up to date: new messages are added empty, those that nobody says any more are removed

In templates a message stands in `_("…")`. In Python it is any literal that reads like a sentence in the rooms that talk to people, or that holds
`%(name)s`; a part of a sentence is marked with `part("…")`. Docstrings, log lines and errors are not read by people who use pages.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.nodes import Call, Const, Name

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "gateway/web/locales"
TEMPLATES = sorted([*(ROOT / "gateway/web/templates").rglob("*.html"), *(ROOT / "gateway/mail/letters").iterdir()])
MODULES = sorted([*(ROOT / "gateway/web/pages").rglob("*.py"), ROOT / "gateway/mail/letters.py"])
_SENTENCE = re.compile(r"[A-Z][a-z'’]*,? [^\n]*[a-z]|[A-Z][^\n]* [^\n]*[.?]")
_VALUE = re.compile(r"%\((\w+)\)[sd]")
#: Attributes whose text people read or hear.
_READ_ATTRIBUTES = ("alt", "title", "placeholder", "aria-label", "data-label")
#: What stands in an attribute or between tags and is not to be translated.
_NO_WORDS = re.compile(r"[\W\d_]*")


class Said(NamedTuple):
    """A message, and where it is written."""

    message: str
    place: str
    line: int


def messages() -> list[Said]:
    """Every message."""
    found = [one for file in TEMPLATES for one in of_template(file.read_text(), _name(file))]
    return [*found, *(one for file in MODULES for one in of_module(file.read_text(), _name(file)))]


def of_template(text: str, place: str = "template") -> Iterator[Said]:
    """What a template marks."""
    for call in Environment(autoescape=True).parse(text).find_all(Call):
        if isinstance(call.node, Name) and call.node.name == "_" and call.args and isinstance(call.args[0], Const):
            yield Said(call.args[0].value, place, call.lineno)


def of_module(text: str, place: str = "module") -> Iterator[Said]:
    """What a module says to people."""
    tree = ast.parse(text)
    skipped = {id(inner) for node in ast.walk(tree) if _is_unread(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (_SENTENCE.fullmatch(node.value) or _VALUE.search(node.value)):
            yield Said(node.value, place, node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "part" and isinstance(node.args[0], ast.Constant):
            yield Said(str(node.args[0].value), place, node.lineno)


def unmarked(text: str, place: str = "template") -> Iterator[str]:
    """Words of a template that nobody can translate: outside of `_()`, between tags or in an attribute that is read."""
    text = re.sub(r"{% block shape %}[a-z ]*{% endblock %}", "", text)  # a class of the style sheet
    plain = re.sub(r"{#.*?#}|{%.*?%}", "", re.sub(r"{{.*?}}", "", text, flags=re.DOTALL), flags=re.DOTALL)
    reader = _Reader()
    reader.feed(plain)
    yield from (f"{place}: {words}" for words in reader.words)
    for call in Environment(autoescape=True).parse(text).find_all(Call):
        if isinstance(call.node, Name) and call.node.name == "_" and call.args and not isinstance(call.args[0], Const | Name):
            inner = [one.value for one in call.args[0].find_all(Const) if isinstance(one.value, str) and " " in one.value]
            yield from (f"{place}:{call.lineno}: {words}" for words in inner)


def glued(text: str, place: str = "module") -> Iterator[str]:
    """Sentences of a module with something put in before they are translated."""
    tree = ast.parse(text)
    skipped = {id(inner) for node in ast.walk(tree) if _is_unread(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in skipped:
            words = "".join(part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "x" for part in node.values)
            if _SENTENCE.fullmatch(words):
                yield f"{place}:{node.lineno}: {words}"


def catalogue(language: str) -> Catalog:
    """The catalogue of a language."""
    with (LOCALES / f"{language}.po").open("rb") as stream:
        return read_po(stream, locale=language, abort_invalid=True)


def catalogues() -> list[str]:
    """Languages that have one."""
    return sorted(file.stem for file in LOCALES.glob("*.po"))


def values_of(message: str) -> set[str]:
    """The names that are filled in."""
    return set(_VALUE.findall(message))


def update(language: str) -> int:
    """Write the catalogue anew, with every message and no other; how many are not translated."""
    known = {message.id: message.string for message in catalogue(language)} if (LOCALES / f"{language}.po").exists() else {}
    moment = datetime(2026, 1, 1, tzinfo=UTC)  # the file changes with what it says only
    written = Catalog(
        locale=language,
        header_comment=_HEADER,
        project="auth-gateway",
        version="1",
        msgid_bugs_address="-",
        creation_date=moment,
        revision_date=moment,
        last_translator="auth-gateway",
        language_team="auth-gateway",
        fuzzy=False,
    )
    for said in messages():
        string = known.get(said.message, "")
        written.add(
            said.message,
            string if isinstance(string, str) else "",
            locations=[(said.place, 0)],
            flags=["python-format"] if values_of(said.message) else [],
        )
    with (LOCALES / f"{language}.po").open("wb") as stream:
        write_po(stream, written, width=0, include_lineno=False, sort_output=True)
    return sum(1 for message in written if message.id and not message.string)


_HEADER = "# What pages and letters say. `python -m tests.messages` adds messages that are new and removes those that nobody says any more."


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _is_unread(node: ast.AST) -> bool:
    """Docstrings, errors, log lines, annotations."""
    if isinstance(node, ast.Raise | ast.Assert):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or (isinstance(node.value, ast.Call) and ast.unparse(node.value.func).startswith("log."))
    return False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in _READ_ATTRIBUTES:
                self.handle_data(value or "")

    def handle_data(self, data: str) -> None:
        if not _NO_WORDS.fullmatch(data):
            self.words.append(" ".join(data.split()))


if __name__ == "__main__":
    for name in catalogues():
        missing = update(name)
        sys.stdout.write(f"{name}: {missing} messages are not translated\n")
