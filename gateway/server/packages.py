"""Packages that are entered without running what they do first.

`import aiohttp.web` runs `aiohttp/__init__.py` before anything else, and that loads the whole client and builds two TLS contexts for it; the one of
redis loads its threaded client, its cluster and its sentinels. A gateway uses none of that, and would pay for it at every start with a tenth of a
second and in every process with five MiB. So a package may be entered: its modules can be imported, while its own code waits until somebody asks the
package for a name that is none of its modules. Then it runs, and the package is as if it had been imported in the usual way.

To be called before the package's first import, by the one command that serves.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class _Entered(ModuleType):
    """A package whose code has not run yet."""

    def __getattr__(self, name: str) -> Any:
        """What the package's code defines. Modules are not: raising for them lets Python import them."""
        if name == "__version__":
            return version(self.__name__)
        if (name.startswith("__") and name.endswith("__")) or find_spec(f"{self.__name__}.{name}") is not None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # from here on it is a package like any other
        assert self.__spec__ is not None
        assert self.__spec__.loader is not None
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def enter(name: str) -> None:
    """Make the package importable without running its code. Does nothing where it was imported already. Raises ModuleNotFoundError."""
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    package = module_from_spec(spec)
    package.__class__ = _Entered
    sys.modules[name] = package
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, package)
