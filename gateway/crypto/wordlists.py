"""The word lists that new passwords are compared with, from the data of the package zxcvbn (MIT licence): 30 000 passwords that leaked most often,
ordinary English words, names.

Only its file of words is run, since the rest of the package makes large tables that nobody here asks for. That takes 30 milliseconds, so it
happens once, when the first new password is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

from gateway.core.password import WordLists

_PACKAGE: Final = "zxcvbn"
_FILE: Final = "frequency_lists.py"
_LEAKED: Final = "passwords"


@cache
def word_lists() -> WordLists:
    """The lists; a broken installation raises ImportError."""
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise ImportError(f"{_PACKAGE} is not installed")
    spec = spec_from_file_location(f"{_PACKAGE}_words", Path(package.origin).with_name(_FILE))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, list[str]] = module.FREQUENCY_LISTS
    words = (word for name, listed in found.items() if name != _LEAKED for word in listed)
    return WordLists(leaked=_lines(found[_LEAKED]), words=_lines(words))


def _lines(words: Iterable[str]) -> str:
    return "\n".join(("", *(word.casefold() for word in words), ""))
