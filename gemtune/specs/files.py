"""Specs and the files they are kept in."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath
from typing import IO, Any, Literal, cast

from gemtune_pb.v1 import TuningJob

from gemtune.errors import SpecFileError
from gemtune.specs.build import build
from gemtune.specs.finding import SpecFileInvalid
from gemtune.specs.tree import MAX_BYTES, Node

__all__ = ["FORMATS", "Format", "load_spec", "loads_spec"]

Format = Literal["json", "yaml"]
PathOrFile = str | os.PathLike[str] | IO[str] | IO[bytes]

FORMATS: dict[str, tuple[str, ...]] = {
    "json": (".json", ".jsonc", ".json5"),
    "yaml": (".yaml", ".yml"),
}
"""Format -> the endings of its files."""

_BY_ENDING = {ending: name for name, endings in FORMATS.items() for ending in endings}


def load_spec(path_or_file: PathOrFile, *, format: Format | None = None) -> TuningJob:  # noqa: A002  the contract's name
    """The tuning job that a spec file describes.

    Args:
        path_or_file: A path, an open file, or "-" for standard input.
        format: None: by the file's ending; without one, JSON when it begins with a brace, else YAML.

    Raises:
        SpecFileError: The file cannot be read: it is not there, or is no text of its format.
        SpecFileInvalid: It is read, and some of it means nothing: unknown fields, wrong types, doubled names. It is
            both a SpecFileError with the place of the first and a SpecInvalid with all of them.
    """
    data, name = _read(path_or_file)
    return _load(data, _format(format, name, data), name)


def loads_spec(text: str | bytes, format: Format) -> TuningJob:  # noqa: A002  the contract's name
    """The tuning job that a text describes. Raises what `load_spec` does."""
    return _load(text, _format(format, "", text), "<text>")


def _load(data: str | bytes, format: str, name: str) -> TuningJob:  # noqa: A002
    text = _text(data, name)
    nodes = _parse(text, format, name)
    if not nodes:
        raise SpecFileError("the file is empty; a spec has at least a base_model and a tuning spec", file=name)
    if len(nodes) > 1:
        raise SpecFileError(
            f"there are {len(nodes)} specs in the file and one is wanted",
            file=name,
            line=nodes[1].start_mark.line + 1,
            column=nodes[1].start_mark.column + 1,
        )
    job = TuningJob()
    findings = build(nodes[0], job, plain_strings=format == "yaml")
    if findings:
        raise SpecFileInvalid(findings, file=name, text=text)
    return job


def _parse(text: str, format: str, name: str) -> list[Node]:  # noqa: A002
    if format == "yaml":
        from gemtune.specs import yaml_text

        return yaml_text.parse(text, file=name)
    from gemtune.specs import json_text

    return [json_text.parse(text, file=name)] if text.strip() else []


def _read(path_or_file: PathOrFile) -> tuple[str | bytes, str]:
    """What is in a file, up to just over the limit, and the file's name."""
    if isinstance(path_or_file, str) and path_or_file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1), "-"
    if isinstance(path_or_file, (str, os.PathLike)):
        name = os.fspath(path_or_file)
        try:
            with Path(name).open("rb") as file:
                return file.read(MAX_BYTES + 1), name
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SpecFileError(f"cannot be read: {reason}", file=name) from error
    file_name = getattr(path_or_file, "name", None)
    return cast("Any", path_or_file).read(MAX_BYTES + 1), file_name if isinstance(file_name, str) else "<file>"


def _text(data: str | bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise SpecFileError(f"larger than {MAX_BYTES // 2**20} MiB, which no spec is; is it a dataset?", file=name)
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecFileError("not UTF-8 text; save it as UTF-8", file=name, line=line) from error


def _format(given: str | None, name: str, data: str | bytes) -> str:
    if given is not None:
        if given not in FORMATS:
            raise SpecFileError(
                f"{given!r} is no format of a spec; the formats are {', '.join(FORMATS)}", file=name or "<text>"
            )
        return given
    ending = PurePath(name).suffix.lower()
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    if ending and name != "-" and not name.startswith("<"):
        endings = ", ".join(_BY_ENDING)
        raise SpecFileError(f"the format is not known from {ending!r}; use one of {endings}, or say format=", file=name)
    start = data[:200].lstrip()
    return "json" if start[:1] in ("{", b"{") else "yaml"
