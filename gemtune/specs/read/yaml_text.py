"""YAML -> trees, one a document. Nothing of what YAML guesses about plain scalars happens here.

Types come from the schema: `no` in a string field is the text "no", and 1e-5 is a number in a number field, whatever
YAML 1.1 thinks of them. Tags mean nothing and are refused where they are met.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, cast

from gemtune.errors import SpecFileError
from gemtune.rpc.nesting import LEVELS
from gemtune.specs.read.tree import Node

__all__ = ["parse"]


def parse(text: str, *, file: str) -> list[Node]:
    """The documents of a YAML text; empty ones are left out.

    Raises:
        SpecFileError: The text is not YAML, or nested too deeply.
    """
    import yaml

    nodes: list[Node] = []
    try:
        _check_depth(text, file)
        loader: Any = _loader()(text)
        while loader.check_node():
            node = loader.get_node()
            if not (node.id == "scalar" and not node.style and node.value in ("", "~", "null")):
                nodes.append(cast("Node", node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise SpecFileError(f"not YAML: {problem}{_hint(text, line)}", file=file, line=line, column=column) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"the character U+{error.character:04X}" if isinstance(error.character, int) else "a character"
        raise SpecFileError(f"{found} is not allowed in YAML", file=file, line=line) from error
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        raise SpecFileError(f"not YAML: {error}", file=file) from error
    return nodes


_OPENERS = "[{-?:"
"""Without one of these no value holds another."""


def _check_depth(text: str, file: str) -> None:
    """Refuses what nests too deeply before it is composed.

    The composer calls itself for each level, in C and unbounded in most releases of PyYAML: it would end the process.
    The parser does not, so its events are counted, where there are enough openers to nest at all.
    """
    if sum(map(text.count, _OPENERS)) <= LEVELS:
        return
    depth = 0
    parser: Any = _loader()(text)
    while parser.check_event():
        event = parser.get_event()
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
            if depth > LEVELS:
                mark = event.start_mark
                problem = f"nested more than {LEVELS} levels deep; no spec is"
                raise SpecFileError(problem, file=file, line=mark.line + 1, column=mark.column + 1)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1


def _hint(text: str, line: int | None) -> str:
    lines = text.splitlines()
    if line is not None and line <= len(lines) and "\t" in lines[line - 1]:
        return " (there is a tab; YAML is indented with spaces)"
    return ""


@cache
def _loader() -> Any:
    """PyYAML's composer without its guesses, on libyaml where it is there."""
    import yaml

    class NoGuesses:
        def resolve(self, *_: object) -> str:
            return ""

        def descend_resolver(self, *_: object) -> None:
            return None

        def ascend_resolver(self) -> None:
            return None

    if yaml.__with_libyaml__:
        parser: Any = vars(importlib.import_module("yaml.cyaml"))["CParser"]  # Cython, unknown to type checkers

        class Fast(NoGuesses, parser):  # type: ignore[misc]
            pass

        return Fast

    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class Plain(NoGuesses, Reader, Scanner, Parser, Composer):
        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

    return Plain
