"""Reading YAML: a file, or a folder of `*.yml` merged in name order, as one tree of nodes.

The subset is YAML 1.2's core without its surprises: only `true` and `false` are booleans (`off`, `on`, `yes` and `no` are words), numbers are
decimal, there are no dates, tags, merge keys or further documents. It is built from parser events, not by PyYAML's constructor, so nothing can
be executed (CVE-2020-14343), depth and size are bounded (alias bombs), and every value keeps its line. In a folder maps merge, `routes` and
`keys` are appended, and any other key that stands twice is a mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from gateway.config.errors import Mark, Problem, dotted
from gateway.config.hints import hint_for
from gateway.config.tree import Node, Scalar

_MOST_BYTES: Final = 4 << 20
_MOST_NODES: Final = 200_000
_MOST_DEPTH: Final = 32
#: Lists that the files of a folder add to.
_APPENDED: Final = frozenset({"routes", "keys"})

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Unreadable(Exception):
    """What cannot be made a tree of; carries its problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file or folder holds, and what is wrong with it. `whole`: every file could be read to its end, so what is missing is missing."""

    tree: Node
    problems: list[Problem]
    files: list[Path]
    whole: bool


def read(path: Path) -> Reading:
    """Never raises for bad content."""
    root = Node({}, Mark(str(path), 0))
    problems: list[Problem] = []
    whole = True
    try:
        files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    except OSError as error:
        return Reading(root, [Problem(Mark(str(path), 0), "", f"cannot be read: {error.strerror}")], [], whole=False)
    if not files:
        problems.append(Problem(Mark(str(path), 0), "", "the folder has no *.yml file"))
    for file in files:
        try:
            tree = parse(_text(file), str(file), problems)
        except Unreadable as unreadable:
            problems.append(unreadable.problem)
            whole = False
            continue
        if tree.value is None:
            continue
        if not isinstance(tree.value, dict):
            problems.append(Problem(tree.mark, "", "a configuration is a map of sections", "begin with `server:`"))
            continue
        _merge(root, tree, (), problems)
    return Reading(root, problems, files, whole and bool(files))


def parse(text: str, name: str, problems: list[Problem]) -> Node:
    """The tree of one YAML document. Appends what can be passed over to `problems`; raises Unreadable for the rest."""
    return _Builder(text, name, problems).build()


def resolve(text: str) -> Scalar:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _text(file: Path) -> str:
    mark = Mark(str(file), 0)
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(Problem(mark, "", f"cannot be read: {error.strerror}", "name it with --config or GATEWAY_CONFIG")) from None
    if len(data) > _MOST_BYTES:
        raise Unreadable(Problem(mark, "", "is larger than 4 MiB"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(Mark(str(file), line), "", "is not UTF-8")) from None


class _Builder:
    """One document's events, put together."""

    def __init__(self, text: str, name: str, problems: list[Problem]) -> None:
        self._lines = text.splitlines()
        self._text = text
        self._name = name
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[int, int] = {}
        self._nodes = 0
        self._event: yaml.Event

    def build(self) -> Node:
        try:
            self._events = iter(yaml.parse(self._text, Loader=yaml.SafeLoader))
            self._next()  # the stream's start
            self._next()
            if isinstance(self._event, yaml.StreamEndEvent):
                return Node(None, Mark(self._name, 1))
            self._next()
            root = self._node((), 0)
            self._next()  # the document's end
            self._next()
            if not isinstance(self._event, yaml.StreamEndEvent):
                raise self._wrong(_start(self._event).line, "a file holds one YAML document", "remove the `---`")
            return root
        except yaml.YAMLError as error:
            raise self._unparseable(error) from None

    def _next(self) -> None:
        self._event = next(self._events)

    def _mark(self, event: yaml.Event) -> Mark:
        return Mark(self._name, _start(event).line + 1, _start(event).column + 1)

    def _wrong(self, line: int, message: str, suggestion: str | None = None, key: str = "") -> Unreadable:
        return Unreadable(Problem(Mark(self._name, line + 1), key, message, suggestion))

    def _node(self, loc: tuple[str | int, ...], depth: int) -> Node:
        """The node that begins with the present event; afterwards the present event is its last one."""
        event = self._event
        line = _start(event).line
        self._grow(1, line)
        if depth > _MOST_DEPTH:
            raise self._wrong(line, f"is nested deeper than {_MOST_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, loc)
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._wrong(line, "tags (`!…`) are not supported", "quote the value if it begins with `!`", dotted(loc))
        before = self._nodes
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, loc, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, loc, depth)
        else:
            assert isinstance(event, yaml.ScalarEvent)
            node = self._scalar(event, loc)
        if (anchor := getattr(event, "anchor", None)) is not None:
            self._anchors[anchor] = node
            self._sizes[id(node)] = self._nodes - before + 1
        return node

    def _scalar(self, event: yaml.ScalarEvent, loc: tuple[str | int, ...]) -> Node:
        plain = event.style is None
        value = resolve(event.value) if plain else event.value
        if plain and not event.value:
            line = self._lines[_start(event).line] if _start(event).line < len(self._lines) else ""
            rest = line[_start(event).column :]
            if re.match(r"\s*#[0-9A-Fa-f]{3,8}\s*$", rest):
                self._problems.append(
                    Problem(self._mark(event), dotted(loc), "is empty: unquoted, `#` begins a comment", f'quote it: "{rest.strip()}"')
                )
        return Node(value, self._mark(event), plain and (value is not None or not event.value))

    def _sequence(self, event: yaml.Event, loc: tuple[str | int, ...], depth: int) -> Node:
        items: list[Node] = []
        self._next()
        while not isinstance(self._event, yaml.SequenceEndEvent):
            items.append(self._node((*loc, len(items)), depth + 1))
            self._next()
        return Node(items, self._mark(event))

    def _mapping(self, event: yaml.Event, loc: tuple[str | int, ...], depth: int) -> Node:
        items: dict[str, Node] = {}
        self._next()
        while not isinstance(self._event, yaml.MappingEndEvent):
            key_event = self._event
            mark = self._mark(key_event)
            if not isinstance(key_event, yaml.ScalarEvent) or key_event.value == "" or key_event.tag not in (None, "!"):
                raise self._wrong(_start(key_event).line, "a key must be a word", self._hint(_start(key_event).line), dotted(loc))
            key = key_event.value
            self._next()
            node = self._node((*loc, key), depth + 1)
            self._next()
            if key in items:
                first = items[key].key_mark or items[key].mark
                self._problems.append(Problem(mark, dotted((*loc, key)), f"stands twice, first in line {first.line}", "remove one of them"))
            elif key == "<<":
                self._problems.append(Problem(mark, dotted(loc), "merge keys (`<<`) are not supported", "write the keys out"))
            else:
                items[key] = Node(node.value, node.mark, node.plain, node.foreign, mark)
        return Node(items, self._mark(event))

    def _alias(self, event: yaml.AliasEvent, loc: tuple[str | int, ...]) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._wrong(
                _start(event).line, f"`*{event.anchor}` refers to nothing", f'if it is a value, quote it: "*{event.anchor}"', dotted(loc)
            )
        size = self._sizes[id(node)]
        self._grow(size, _start(event).line)
        return node.copy()

    def _grow(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise self._wrong(line, f"holds more than {_MOST_NODES} values, aliases counted as often as they are used")

    def _unparseable(self, error: yaml.YAMLError) -> Unreadable:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is None:  # a character that YAML forbids: only its position is known
            position = getattr(error, "position", 0)
            return self._wrong(self._text.count("\n", 0, position), "holds a character that YAML forbids")
        line = mark.line
        context = getattr(error, "context_mark", None)
        suggestion = self._hint(line) or (self._hint(context.line) if context is not None else None)
        problem = getattr(error, "problem", None) or "cannot be read"
        if suggestion is not None and context is not None and self._hint(line) is None:
            line = context.line
        return self._wrong(line, f"is not YAML: {problem}", suggestion)

    def _hint(self, line: int) -> str | None:
        for candidate in (line, line - 1):
            if 0 <= candidate < len(self._lines) and (hint := hint_for(self._lines[candidate])) is not None:
                return hint
        return None


def _start(event: yaml.Event) -> yaml.Mark:
    mark = event.start_mark
    assert isinstance(mark, yaml.Mark), "the pure Python parser marks every event"
    return mark


def _merge(into: Node, tree: Node, loc: tuple[str | int, ...], problems: list[Problem]) -> None:
    assert isinstance(into.value, dict)
    assert isinstance(tree.value, dict)
    for key, node in tree.value.items():
        present = into.value.get(key)
        if present is None:
            into.value[key] = node
        elif isinstance(present.value, dict) and isinstance(node.value, dict):
            _merge(present, node, (*loc, key), problems)
        elif not loc and key in _APPENDED and isinstance(present.value, list) and isinstance(node.value, list):
            into.value[key] = Node([*present.value, *node.value], present.mark, key_mark=present.key_mark)
        else:
            first = present.key_mark or present.mark
            problems.append(Problem(node.key_mark or node.mark, dotted((*loc, key)), f"stands also in {first}", "keep it in one file"))
