"""Which files have changed, by asking for their times: that works on every file system, with the mounts and symbolic links of containers too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

#: What tells one state of a file from another; None when it cannot be looked at.
_State = tuple[int, int, int] | None


class Watched:
    """The state of a configuration: a file or a folder of `*.yml`, and further files such as secrets and certificates."""

    def __init__(self, configuration: Path, further: Iterable[Path]) -> None:
        self._configuration = configuration
        self._further = tuple(further)
        self._seen = self._look()

    def extend(self, further: Iterable[Path]) -> None:
        """From now on these too."""
        new = [path for path in further if path not in self._seen]
        self._further += tuple(new)
        self._seen.update((path, _state(path)) for path in new)

    def changed(self) -> bool:
        """Whether anything is different from the last time this was asked."""
        now = self._look()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def _look(self) -> dict[Path, _State]:
        folder = self._configuration.is_dir()
        files = sorted(self._configuration.glob("*.yml")) if folder else [self._configuration]
        return {path: _state(path) for path in (*files, *self._further)}


def fingerprint(files: Iterable[Path]) -> str:
    """The same in two processes that find these files in the same state."""
    return hashlib.sha256(repr(sorted((str(path), _state(path)) for path in files)).encode()).hexdigest()


def _state(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
