"""The directory that stands for Cloud Storage: opens the file of a `gs://` URI, and nothing outside of it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from gemtune.errors import ConfigurationError

__all__ = ["GcsRoot"]

_BY_STEPS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
# A pipe is not waited for (it is refused when it is open), and no other program gets the descriptor.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class GcsRoot:
    """`gs://bucket/object` is the file `bucket/object` below it. Links below it are not followed."""

    def __init__(self, directory: str | Path) -> None:
        """Opens nothing yet.

        Args:
            directory: Its path, which may lead through links.

        Raises:
            ConfigurationError: It is not a directory.
        """
        if not Path(directory).is_dir():
            raise ConfigurationError(f"{directory} is not a directory, so it cannot stand for Cloud Storage")
        self._directory = Path(directory).resolve()

    def open(self, uri: str) -> BinaryIO | None:
        """The file that a URI stands for, open for reading; None where there is none that may be read."""
        if not uri.startswith("gs://"):
            return None
        parts = [part for part in uri.removeprefix("gs://").split("/") if part]
        if not parts or not {".", ".."}.isdisjoint(parts):
            return None
        try:
            opened = self._descend(parts) if _BY_STEPS else self._at_once(parts)
        except (OSError, ValueError):  # not there, not to be read, a link, a NUL in the name
            return None
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            return None
        return os.fdopen(opened, "rb")

    def lacks(self, uri: str) -> bool:
        """Whether the bucket of a URI is there and its object is not. Of what lies behind a link, nothing is told."""
        parts = [part for part in uri.removeprefix("gs://").split("/") if part]
        if not uri.startswith("gs://") or not {".", ".."}.isdisjoint(parts):
            return False
        here = self._directory
        for i, part in enumerate(parts):
            here /= part
            try:
                found = here.lstat()
            except FileNotFoundError:
                return i > 0
            except (OSError, ValueError):  # a name that no file can have
                return False
            if not stat.S_ISDIR(found.st_mode):  # a link leads nowhere from here on
                return False
        return False

    def _descend(self, parts: list[str]) -> int:
        """Step by step from one open directory to the next: what is renamed meanwhile leads nowhere else."""
        here = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            return os.open(parts[-1], _READ | os.O_NOFOLLOW, dir_fd=here)
        finally:
            os.close(here)

    def _at_once(self, parts: list[str]) -> int:
        """Where a platform cannot open below an open directory."""
        path = self._directory.joinpath(*parts)
        with contextlib.suppress(RuntimeError):  # a loop of links
            if path.resolve() == path:
                return os.open(path, _READ)
        raise FileNotFoundError(path)
