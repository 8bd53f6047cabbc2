"""Specs and the files they are kept in: YAML, JSON, textproto and protobuf's bytes."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, cast

from gemtune.errors import SpecFileError
from gemtune.specs.read.document import BINARY, FORMATS, SpecFile, parse
from gemtune.specs.read.tree import MAX_BYTES
from gemtune_pb.v1 import TuningJob

__all__ = ["ENDINGS", "dumps_spec", "load_spec", "load_specs", "loads_spec", "read_specs", "save_spec"]

PathOrFile = str | os.PathLike[str] | IO[str] | IO[bytes]

ENDINGS: dict[str, str] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".jsonc": "json",
    ".textproto": "textproto",
    ".txtpb": "textproto",
    ".textpb": "textproto",
    ".pbtxt": "textproto",
    ".binpb": "binpb",
    ".pb": "binpb",
}
"""A file's ending -> its format."""


def load_spec(path_or_file: PathOrFile, *, format: str | None = None) -> TuningJob:  # noqa: A002  the contract's name
    """The tuning job that a spec file describes.

    Args:
        path_or_file: A path, an open file, or "-" for standard input.
        format: `yaml`, `json`, `textproto` or `binpb`; None: by the file's ending; without one, or with `.txt`, JSON
            when it begins with a brace, else YAML.

    Raises:
        SpecFileError: The file cannot be read: it is not there, is not text of its format, or holds several specs
            (`load_specs` reads those).
        SpecFileInvalid: It is read, and some of it means nothing: unknown fields, wrong types, doubled names. It is
            both a SpecFileError with the place of the first and a SpecInvalid with all of them.
    """
    return _one(read_specs(path_or_file, format=format)).require()


def load_specs(path_or_file: PathOrFile, *, format: str | None = None) -> list[TuningJob]:  # noqa: A002
    """The tuning jobs of a file that may hold several: documents of YAML, with `---` between them.

    Raises what `load_spec` does, but for several.
    """
    return [spec.require() for spec in read_specs(path_or_file, format=format)]


def loads_spec(text: str | bytes, format: str) -> TuningJob:  # noqa: A002
    """The tuning job that a text describes; bytes for the format `binpb`. Raises what `load_spec` does."""
    return _one(parse(text, _known(format, "<text>"), file="<text>")).require()


def read_specs(path_or_file: PathOrFile, *, format: str | None = None) -> list[SpecFile]:  # noqa: A002
    """The specs of a file with all that is wrong with them, for showing it: `SpecFile.check` goes on from here.

    Raises:
        SpecFileError: The file cannot be read, or is not text of its format.
    """
    data, name = _read(path_or_file)
    return parse(data, _format(format, name, data), file=name)


def save_spec(job: TuningJob, path: str | os.PathLike[str], *, format: str | None = None) -> None:  # noqa: A002
    """Writes a job to a file, whole or not at all; `load_spec` reads it back as it was.

    Args:
        job: The job.
        path: Where; "-" is standard output.
        format: None: by the ending of the path; YAML for standard output.

    Raises:
        SpecFileError: The file cannot be written, its format is not known, or cannot hold the job.
    """
    name = os.fspath(path)
    form = _known(format, name) if format else "yaml" if name == "-" else _by_ending(name)
    made = dumps_spec(job, form)
    data = made if isinstance(made, bytes) else made.encode()
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(Path(name), data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecFileError(f"cannot be written: {reason}", file=name) from error


def dumps_spec(job: TuningJob, format: str) -> Any:  # noqa: A002
    """A job as a text: YAML and textproto with the .proto's names, JSON with lowerCamelCase ones.

    Args:
        job: The job.
        format: `yaml`, `json`, `textproto`; `binpb` gives bytes.

    Returns:
        A `str`, or `bytes` for `binpb`.

    Raises:
        SpecFileError: There is no such format, or it cannot hold the job.
    """
    from gemtune.specs.dump import dumps

    return dumps(job, _known(format, "<text>"))


def _one(specs: list[SpecFile]) -> SpecFile:
    if len(specs) > 1:
        place = specs[1].position("")
        raise SpecFileError(
            f"there are {len(specs)} specs in the file and one is wanted; give each a file of its own",
            file=specs[0].file,
            line=place.line if place else None,
            column=place.column if place else None,
        )
    return specs[0]


def _replace(path: Path, data: bytes) -> None:
    """Writes beside the file and then takes its place, so that a full disk or Ctrl-C leaves no half spec."""
    path = path.resolve()  # a link stays one
    handle, beside = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _as_before(path, Path(beside))
            os.fsync(handle)  # else a power cut could leave the new name with nothing in it
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise


def _as_before(path: Path, beside: Path) -> None:
    """Gives the new file the owner and the mode of the one that it replaces; a first one has those of any new file."""
    try:
        old = path.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)
        return
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(beside, old.st_uid, old.st_gid)
    beside.chmod(old.st_mode & 0o777)


def _read(path_or_file: PathOrFile) -> tuple[str | bytes, str]:
    """What is in a file, up to just over the limit, and the file's name."""
    name = "-"
    try:
        if isinstance(path_or_file, str) and path_or_file == "-":
            return _read_all(sys.stdin.buffer), name
        if isinstance(path_or_file, (str, os.PathLike)):
            name = os.fspath(path_or_file)
            with open(name, "rb") as file:  # noqa: PTH123  a Path costs more than the reading
                return _read_all(file), name
        given = getattr(path_or_file, "name", None)
        name = given if isinstance(given, str) else "<file>"
        return _read_all(cast("IO[Any]", path_or_file)), name
    except UnicodeDecodeError as error:  # a file that was opened as text
        raise SpecFileError("not UTF-8 text; save it as UTF-8", file=name) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecFileError(f"cannot be read: {reason}", file=name) from error


def _read_all(file: IO[Any]) -> Any:
    """What a file holds, up to just over the limit; in pieces, since a large `read` takes its memory beforehand."""
    pieces: list[Any] = []
    left = MAX_BYTES + 1
    while left > 0 and (piece := file.read(min(left, 1 << 16))):
        pieces.append(piece)
        left -= len(piece)
    if len(pieces) == 1:
        return pieces[0]
    return pieces[0][:0].join(pieces) if pieces else b""


def _known(form: str, name: str) -> str:
    if form not in FORMATS:
        raise SpecFileError(f"{form!r} is not a format of a spec; the formats are {', '.join(FORMATS)}", file=name)
    return form


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  a Path costs more than the rest of the reading


def _by_ending(name: str, *, reading: bool = False) -> str:
    ending = _ending(name)
    if ending not in ENDINGS:
        found = f"the ending {ending}" if ending else "a name without ending"
        if ending in _DATASETS:
            found += ", which is a dataset's"
        more = "; YAML and JSON are read without an ending too" if reading else ""
        raise SpecFileError(
            f"the format is not known from {found}; the endings are {', '.join(ENDINGS)}{more}", file=name
        )
    return ENDINGS[ending]


_DATASETS = frozenset({".csv", ".jsonl", ".tsv"})
_NO_ENDINGS = frozenset({"", ".txt"})
"""Endings that say nothing."""


def _format(given: str | None, name: str, data: str | bytes) -> str:
    if given is not None:
        return _known(given, name)
    if _ending(name) not in _NO_ENDINGS and not name.startswith("<"):
        return _by_ending(name, reading=True)
    if isinstance(data, bytes) and data[:1] in BINARY:
        return "binpb"
    return "json" if data[:200].lstrip()[:1] in ("{", b"{") else "yaml"
