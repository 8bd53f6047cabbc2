"""Tables of facts in YAML, each a message of the schema: base models, prices. A file of the user's extends each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from gemtune.errors import SpecFileError
from gemtune.specs.finding import Position, Severity
from gemtune.specs.read.build import build
from gemtune.specs.read.tree import Node, position_of

__all__ = ["mistake", "read_tables", "users_file"]

M = TypeVar("M", bound=Message)


def users_file(variable: str, name: str, environ: Mapping[str, str]) -> str | None:
    """The file that a variable names, else `gemtune/NAME` below XDG_CONFIG_HOME (`~/.config`), if it is there."""
    if given := environ.get(variable):
        return given
    config = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    path = Path(config, "gemtune", name)
    return str(path) if path.is_file() else None


def read_tables(name: str, kind: type[M], *, what: str, article: str) -> Iterator[tuple[M, Node]]:
    """The tables of a file, each with the tree that it was read from, for places.

    Args:
        name: The file.
        kind: The message.
        what: What the table is called in an error, such as `the prices`.
        article: The same as one of a kind, such as `a table of prices`.

    Raises:
        SpecFileError: The file cannot be read, or says something that means nothing.
    """
    from gemtune.specs.read import yaml_text

    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecFileError(f"{what} cannot be read: {reason}", file=name) from error
    for root in yaml_text.parse(text, file=name):
        given = kind()
        found = build(root, given, plain_strings=True, what=article)
        wrong = next((each for each in found if each.severity is Severity.ERROR), None)
        if wrong is not None:
            sentence = f"{wrong.field}: {wrong.sentence}".lstrip(": ")
            raise mistake(what, sentence, name, wrong.position or position_of(root))
        yield given, root


def mistake(what: str, sentence: str, file: str, place: Position) -> SpecFileError:
    """The error for a mistake in a table, with its place."""
    return SpecFileError(f"in {what}, {sentence}", file=file, line=place.line, column=place.column)
