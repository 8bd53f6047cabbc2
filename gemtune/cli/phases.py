"""What a run is doing, said while it does it: nobody waits in silence, on a terminal or in front of a pipe.

A terminal gets one line that moves, at the bottom of stderr; everything else gets a line a phase. The log is written
through the same place, so that a line of it does not land inside the one that moves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from gemtune.cli.output import Output, one_line

__all__ = ["Patience", "listening", "working"]

_PATIENCE = 1.5
"""Seconds without an answer after which a run says what it waits for."""


@contextmanager
def working(output: Output, doing: str) -> Generator[Callable[[str], None]]:
    """Shows what is being done, until the block is left.

    Args:
        output: The streams.
        doing: The first phase.

    Yields:
        A function that takes the next phase.
    """
    if not output.redraws:
        output.note(doing)
        yield output.note
        return
    from rich.console import Group
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    console = output.console(err=True)
    spinner = Spinner(
        "dots" if output.symbol("⠹", "") else "line", Text(f" {doing}", no_wrap=True, overflow="ellipsis")
    )
    # The last line is where the terminal shows ^C.
    with Live(Group(spinner, Text()), console=console, transient=True, refresh_per_second=8):
        output.above = lambda text: console.print(Text(text, style="dim"), soft_wrap=True)
        try:
            yield lambda text: spinner.update(text=Text(f" {text}", no_wrap=True, overflow="ellipsis"))
        finally:
            output.above = None


class Patience:
    """Says what a run waits for, once it has waited for a while; each thing once."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said: set[str] = set()
        self._timer: threading.Timer | None = None

    def doing(self, what: str) -> None:
        """Something has begun that may take long."""
        self.done()
        if what in self._said or self._output.above is not None:  # a line that moves says enough
            return
        self._timer = threading.Timer(_PATIENCE, self._say, (what,))
        self._timer.daemon = True
        self._timer.start()

    def done(self) -> None:
        """It has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._output.erase()

    def _say(self, what: str) -> None:
        self._said.add(what)
        if self._output.redraws:
            self._output.show(f"{what} ...")
        else:
            self._output.note(f"{what} ...")


class _Lines(logging.Handler):
    """The log as lines on stderr: warnings, with -v every exchange; what is said of credentials is a phase."""

    def __init__(self, output: Output, patience: Patience, request: Callable[[], str | None]) -> None:
        super().__init__()
        self._output, self._patience, self._request = output, patience, request
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record, above the line that moves if there is one."""
        try:
            if record.name == "gemtune.credentials":
                self._patience.doing(record.getMessage())
            request = self._request()
            if request is not None:
                line, status = self.format(record), getattr(record, "status", None)
                if request and status is not None:
                    line = line.replace(f" {status} in", f" {request} {'200' if status == 'OK' else status} in", 1)
                self._output.note(one_line(line))
            elif record.levelno >= logging.WARNING:
                self._output.note(one_line(f"warning: {record.getMessage()}"))
        except Exception:  # as a logging handler does
            self.handleError(record)


@contextmanager
def listening(output: Output, patience: Patience, request: Callable[[], str | None]) -> Generator[None]:
    """Writes gemtune's own log to stderr while the block runs.

    Args:
        output: The streams.
        patience: Is told what the log says of credentials.
        request: Gives the HTTP request that is under way, "" for none; None: warnings alone are wanted.
    """
    logger = logging.getLogger("gemtune")
    handler, level, spreads = _Lines(output, patience, request), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        patience.done()
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = spreads
