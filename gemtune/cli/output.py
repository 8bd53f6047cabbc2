"""Where output goes and in which form: data on stdout, notes on stderr, decoration only on a terminal.

A terminal gets human times, tables that fit and colour; a pipe gets whole values and RFC 3339. `-o json`, `yaml` and
`textproto` are the message exactly, on either.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gemtune.safe_text import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Output",
    "ago",
    "clean",
    "command_line",
    "duration_text",
    "one_line",
    "seconds_of",
    "shorten",
    "took",
    "wrapped",
]

STATE_STYLES: dict[str, str] = {
    "SUCCEEDED": "green",
    "PARTIALLY_SUCCEEDED": "yellow",
    "FAILED": "red",
    "EXPIRED": "red",
    "CANCELLED": "magenta",
    "CANCELLING": "magenta",
    "RUNNING": "cyan",
}
"""The colour of a state; those not named have none."""


class _Wanted(Protocol):
    output_format: str
    quiet: bool


class Output:
    """The two streams of one run, and what may be written to them."""

    def __init__(self, wanted: _Wanted, *, environ: Mapping[str, str] = os.environ) -> None:
        self._wanted = wanted
        self._environ = environ
        self._dumb = environ.get("TERM", "").lower() in ("dumb", "unknown")
        self.out: TextIO = sys.stdout
        self.err: TextIO = sys.stderr
        self._shown = False
        self.above: Callable[[str], object] | None = None  # writes above a line that is being redrawn

    # -- what is allowed ------------------------------------------------------------------------------------------

    @property
    def structured(self) -> bool:
        """Whether stdout gets messages: -o json, yaml or textproto."""
        return self._wanted.output_format != "table"

    @property
    def quiet(self) -> bool:
        """Whether only data and errors are wanted."""
        return self._wanted.quiet

    @property
    def interactive(self) -> bool:
        """Whether stdout is a terminal and gets tables and text, not messages."""
        return not self.structured and self.out.isatty()

    @property
    def redraws(self) -> bool:
        """Whether stderr is a terminal that can redraw a line."""
        return self.err.isatty() and not self._dumb and not self.quiet

    @property
    def color(self) -> bool:
        """Whether stderr gets colour."""
        return self.colors(self.err)

    def colors(self, stream: TextIO) -> bool:
        """Whether a stream gets colour."""
        return stream.isatty() and not self._dumb and not self._environ.get("NO_COLOR")

    def symbol(self, character: str, instead: str) -> str:
        """A symbol, or its replacement where stdout cannot show it."""
        return character if _unicode(self.out) and not self._dumb else instead

    def console(self, *, err: bool = False) -> Console:
        """A rich console on stdout or stderr; it minds NO_COLOR, TERM and the width."""
        from gemtune.cli.console import PlainConsole

        return PlainConsole(file=self.err if err else self.out, highlight=False, markup=False, emoji=False)

    # -- writing --------------------------------------------------------------------------------------------------

    def data(self, text: str) -> None:
        """Writes a line (or lines) of data, at once: a pipe's reader may be waiting for it.

        In a pipe it is exact. On a terminal what would steer that is replaced.
        """
        self.out.write(f"{printable(text) if self.out.isatty() else text}\n")
        self.out.flush()

    def note(self, text: str, *, dim: bool = False) -> None:
        """Writes a note to stderr, unless -q is given; `dim` is for notes that few readers need."""
        if self.quiet:
            return
        self.erase()
        if self.above is not None:
            self.above(text)
        else:
            text = printable(text)
            self.err.write(f"\x1b[2m{text}\x1b[0m\n" if dim and self.color else f"{text}\n")
            self.err.flush()

    def show(self, text: str) -> None:
        """Shows a line on a terminal's stderr that the next output replaces."""
        self._shown = True
        text = printable(text)
        self.err.write(f"\x1b[2m{text}\x1b[0m" if self.color else text)
        self.err.flush()

    def erase(self) -> None:
        """Erases the line that `show` wrote."""
        if self._shown:
            self._shown = False
            self.err.write("\x1b[2K\r")
            self.err.flush()

    def message(self, message: Message) -> None:
        """Writes a message in the machine format that is wanted."""
        text = self._exact(lambda unicode: _FORMS[self._wanted.output_format](message, unicode))
        if text:  # an empty message has no text form
            self.data(text)

    def tree(self, tree: dict[str, Any]) -> None:
        """Writes something that is not a message in the machine format that is wanted."""
        if self._wanted.output_format == "yaml":
            self.data(self._exact(lambda unicode: _yaml(tree, unicode)))
        else:
            self.data(self._exact(lambda unicode: json.dumps(tree, indent=2, ensure_ascii=not unicode)))

    def _exact(self, write: Callable[[bool], str]) -> str:
        """The text of a machine format. On a terminal, what would steer that is escaped: the text stays true."""
        text = write(_unicode(self.out)).rstrip("\n")
        return write(False).rstrip("\n") if self.out.isatty() and printable(text) != text else text

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Writes columns, whole: what does not fit a line is not cut. The last column may be ragged."""
        lines = [header, *([clean(cell) for cell in row] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        for line in lines:
            self.out.write(
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
            )
        self.out.flush()


def _unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")


# The forms of a message. All three have a way to write any character in ASCII, for a stream that knows no more.


def _json(message: Message, unicode: bool) -> str:
    from gemtune.rpc.unknown import json_tree

    return json.dumps(json_tree(message), indent=2, ensure_ascii=not unicode)


def _yaml(tree: dict[str, Any], unicode: bool) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(tree, Dumper=dumper, sort_keys=False, allow_unicode=unicode, width=1000)
    return text


def _textproto(message: Message, unicode: bool) -> str:
    from gemtune.rpc.unknown import jobs_in, kept
    from gemtune.specs.dump import textproto

    text = textproto(message, as_utf8=unicode)
    # A name that the schema does not have would make the text unreadable, so it is a comment.
    unknown = [
        f"# unknown to this version{f', in {job.name}' if job is not message else ''}: {found}\n"
        for job in jobs_in(message)
        for found in kept(job)
    ]
    return text + "".join(unknown if unicode else [ascii(line)[1:-3] + "\n" for line in unknown])


_FORMS: dict[str, Callable[[Message, bool], str]] = {
    "json": _json,
    "yaml": lambda message, unicode: _yaml(json.loads(_json(message, True)), unicode),
    "textproto": _textproto,
}


# -- text for people --------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Text of the service's or a user's on one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " if c in "\n\t\r" else "\ufffd" for c in text)


def one_line(text: str) -> str:
    """`clean` text with runs of blanks folded."""
    return " ".join(clean(text).split())


def shorten(text: str, width: int) -> str:
    """Text of at most `width` characters, cut in the middle: a name never loses the id at its end."""
    if len(text) <= width or width < 2:
        return text
    tail = min((width - 1) * 2 // 3, width - 1)
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def seconds_of(timestamp: Timestamp) -> float:
    """A Timestamp as seconds since 1970."""
    return timestamp.seconds + timestamp.nanos / 1e9


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as a line of a log has them: `2026-11-24T10:00:40Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_text(seconds: float) -> str:
    """A length of time as a person says it: `42 s`, `31 min`, `2 h 5 min`, `5 d`, `3 y`."""
    if seconds < 0.95:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 36 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    days = round(minutes / 60 / 24)
    return f"{days} d" if days < 2 * 365 else f"{days // 365} y"


def ago(timestamp: Timestamp, now: float | None = None) -> str:
    """How long ago something was, in one unit: `2 h`."""
    text = duration_text(max((time.time() if now is None else now) - seconds_of(timestamp), 0))
    return " ".join(text.split()[:2])


def wrapped(text: str, width: int, *, indent: int = 0) -> str:
    """Text in lines of at most `width` characters that begin with blanks; a word is never broken."""
    lines = wrap(text, max(width - indent, 1), break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join(f"{' ' * indent}{line}" for line in lines)


def command_line(words: str, command: str, width: int) -> str:
    """Words and a command on one line; if that is wider than `width`, the command below them, whole."""
    line = f"{words} {command}"
    blanks = " " * (len(words) - len(words.lstrip()) + 2)
    return line if len(line) < width else f"{words}\n{blanks}{command}"


def took(start: Timestamp, end: Timestamp) -> str:
    """How long something took."""
    return duration_text(seconds_of(end) - seconds_of(start))
