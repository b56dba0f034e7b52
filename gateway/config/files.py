"""Values that name files: `<key>_file` is read where a secret may stand, every other file's name is made absolute.

Names count from the folder of the file that they are written in; those from the environment from the configuration's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from gateway.config.errors import Loc, Mark, Problem, dotted
from gateway.config.mail import SPOOL
from gateway.config.model_users import Mail, Users
from gateway.config.section import Section, fields_of, is_list, is_path, is_secret, section_of
from gateway.config.tree import BROKEN, Node

_MOST_SECRET: Final = 64 << 10
_SQLITE: Final = "sqlite:///"
_REMEDY: Final = "make one with `gateway keys generate > FILE`, readable by the gateway's user only"


def settle(tree: Node, model: type[Section], folder: Path, problems: list[Problem]) -> list[Path]:
    """Read secrets and make names absolute, in place. Returns the secret files that were read."""
    settler = _Settler(folder.absolute(), problems)
    _write_default_database(tree)
    settler.section(tree, model, ())
    return settler.read


def _write_default_database(tree: Node) -> None:
    """The default names a file too, which counts from the configuration's folder and not from where a command happens to be started."""
    if not isinstance(tree.value, dict):
        return
    mark = Mark(tree.mark.file, 0)
    users = tree.value.setdefault("users", Node({}, mark))
    if isinstance(users.value, dict):
        default = fields_of(Users)["database"].default
        users.value.setdefault("database", Node(default, mark, key_mark=mark))


def is_database(model: type[Section], name: str) -> bool:
    """`users.database` holds a file's name inside a URL."""
    return model is Users and name == "database"


class _Settler:
    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self._folder = folder
        self._problems = problems
        self.read: list[Path] = []

    def section(self, node: Node, model: type[Section], loc: Loc) -> None:
        if not isinstance(node.value, dict):
            return
        for name, field in fields_of(model).items():
            if is_secret(field):
                self._secret(node.value, name, (*loc, name))
            value = node.value.get(name)
            if value is not None:
                self._value(value, model, name, field, (*loc, name))

    def _value(self, node: Node, model: type[Section], name: str, field: FieldInfo, loc: Loc) -> None:
        inner = section_of(field)
        if inner is not None:
            if is_list(field) and isinstance(node.value, list):
                for index, item in enumerate(node.value):
                    self.section(item, inner, (*loc, index))
            else:
                self.section(node, inner, loc)
        elif isinstance(node.value, str) and node.value:
            if is_path(field):
                node.value = str(self._absolute(node, node.value))
            elif is_database(model, name) and node.value.startswith(_SQLITE) and not node.value.startswith(_SQLITE + "/"):
                file, mark, options = node.value.removeprefix(_SQLITE).partition("?")
                if file:
                    node.value = f"{_SQLITE}{self._absolute(node, file)}{mark}{options}"
            elif model is Mail and name == "url" and node.value.startswith(SPOOL) and node.value != SPOOL:
                node.value = f"{SPOOL}{self._absolute(node, node.value.removeprefix(SPOOL))}"

    def _secret(self, items: dict[str, Node], name: str, loc: Loc) -> None:
        node = items.pop(f"{name}_file", None)
        if node is None:
            return
        key = f"{dotted(loc)}_file"
        if name in items:
            self._problems.append(Problem(node.mark, key, f"stands beside {name}", "keep one of them"))
            return
        text, message = self._content(node)
        if message is not None:
            self._problems.append(Problem(node.mark, key, message, _REMEDY if loc[0] == "keys" else None))
        items[name] = Node(BROKEN if text is None else text, node.mark, foreign=True, key_mark=node.key_mark)

    def _content(self, node: Node) -> tuple[str | None, str | None]:
        if not isinstance(node.value, str) or not node.value:
            return None, None if node.value is BROKEN else "must be the name of a file"
        file = self._absolute(node, node.value)
        self.read.append(file)
        try:
            with file.open("rb") as stream:
                data = stream.read(_MOST_SECRET + 1)
        except (OSError, ValueError) as error:
            return None, f"{file} cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"
        try:
            text = data.decode("utf-8").strip("\r\n")
        except UnicodeDecodeError:
            return None, f"{file} is not text"
        if not text or len(data) > _MOST_SECRET:
            return None, f"{file} is empty" if not text else f"{file} is larger than 64 KiB"
        return text, None

    def _absolute(self, node: Node, name: str) -> Path:
        folder = Path(node.mark.file).absolute().parent if node.mark.line else self._folder
        return folder / name
