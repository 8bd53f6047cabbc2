"""Where the data are: local files, standard input, gzip, folders, patterns; Cloud Storage is in cloud.py."""

from __future__ import annotations

import glob
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gemtune.dataset.partial import Found
from gemtune.dataset.problem import WARNING
from gemtune.errors import DatasetError

__all__ = ["BLOCK", "LocalFile", "Source", "sources"]

BLOCK = 1 << 17
"""Bytes that are read at once."""


class Source(Protocol):
    """A file of a dataset.

    Attributes:
        name: What it is called in reports.
        size: Its bytes, as they are read; None: not known before.
        notes: What is wrong with its name and with how it is stored.
        splittable: Whether any range of it can be read by itself, by another process too.
        generation: The version of an object in Cloud Storage; 0 for none.
    """

    name: str
    size: int | None
    notes: list[Found]
    splittable: bool
    generation: int

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """Its bytes from `start` on, in blocks.

        Raises:
            DatasetError: It cannot be read, or not to its end.
        """
        ...


@dataclass
class LocalFile:
    """A file of this machine, or standard input."""

    name: str
    path: str
    size: int | None = None
    notes: list[Found] = field(default_factory=list)
    splittable: bool = False
    generation: int = 0

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """Its bytes from `start` on."""
        try:
            with closing(self._open()) as file:
                if start:
                    file.seek(start)
                while block := file.read(BLOCK):
                    yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DatasetError(f"{self.name} is not whole: {error}") from error
        except OSError as error:
            raise DatasetError(f"{self.name} cannot be read: {error.strerror or error}") from error

    def _open(self) -> Any:
        if self.path == "-":
            return _kept_open(sys.stdin)
        if _is_gzip(self.path):
            return gzip.open(self.path, "rb")
        return open(self.path, "rb", buffering=0)  # noqa: PTH123  closed by the caller


class _kept_open:  # noqa: N801
    """Standard input, which is not ours to close."""

    def __init__(self, stream: Any) -> None:
        self._stream = getattr(stream, "buffer", stream)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        return data.encode() if isinstance(data, str) else data

    def close(self) -> None:
        """Leaves it open."""


def _is_gzip(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(2) == b"\x1f\x8b"
    except OSError:
        return False


def sources(names: list[str], *, credentials: Any = None) -> list[Source]:
    """The files that some names mean.

    Args:
        names: Paths, folders, patterns such as `data/*.jsonl`, `gs://` URIs, `-` for standard input.
        credentials: For Cloud Storage; None: Application Default Credentials.

    Raises:
        DatasetError: One of them means no file.
    """
    found: dict[str, Source] = {}
    for name in names:
        for source in _of(name, credentials):
            found.setdefault(source.name, source)
    return list(found.values())


def _of(name: str, credentials: Any) -> list[Source]:
    if name.startswith("gs://"):
        from gemtune.dataset.cloud import objects

        return list(objects(name, credentials))
    if name == "-":
        return [LocalFile("<stdin>", "-")]
    path = Path(name)
    if path.is_dir():
        inside = sorted(str(p) for p in path.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz")) and p.is_file())
        if not inside:
            raise DatasetError(f"{name} is a folder without a .jsonl file")
        return [_local(each, f"{name} is a folder") for each in inside]
    if not path.exists():
        if not glob.has_magic(name):
            raise DatasetError(f"{name}: there is no such file")
        # An absolute pattern too, which Path.glob does not take.
        matches = sorted(each for each in glob.glob(name, recursive=True) if Path(each).is_file())  # noqa: PTH207
        if not matches:
            raise DatasetError(f"{name}: no file matches")
        return [_local(each, f"{name} is a pattern") for each in matches]
    return [_local(name, "")]


def _local(path: str, note: str) -> LocalFile:
    file = LocalFile(path, path)
    zipped = _is_gzip(path)
    try:
        file.splittable = not zipped and Path(path).is_file()
        file.size = Path(path).stat().st_size if file.splittable else None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    if zipped:
        note = note or f"{os.path.basename(path)} is compressed"  # noqa: PTH119
    elif not note and not path.endswith(".jsonl") and file.splittable:
        note = f"the name {os.path.basename(path)} does not end in .jsonl"  # noqa: PTH119
    if note:
        file.notes.append(Found(0, "GT107", WARNING, "", note))
    return file
