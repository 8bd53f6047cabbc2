"""The check of a dataset: files to ranges, ranges to segments (here or in other processes), segments to a report."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from gemtune.dataset.facts import SizeOf
from gemtune.dataset.limits import Limits
from gemtune.dataset.partial import Partial, Segment
from gemtune.dataset.report import finish
from gemtune.dataset.scan import scan
from gemtune.dataset.sources import BLOCK, Source, sources
from gemtune.errors import ConfigurationError, DatasetError
from gemtune_pb.v1 import DatasetReport

__all__ = ["check", "check_range", "check_rows", "finish_report"]

ROLES = ("training", "validation")
WORTH = 64 << 20
"""Bytes from which on another process is worth its start."""

PathLike = str | os.PathLike[str]


def check(
    data: PathLike | Iterable[PathLike],
    *,
    base_model: str,
    role: str = "training",
    job: str = "sft",
    validation: PathLike | Iterable[PathLike] | None = None,
    workers: int | None = None,
    credentials: Any = None,
    size_of: SizeOf | None = None,
    on_start: Callable[[int | None], object] | None = None,
    on_progress: Callable[[int], object] | None = None,
    on_interrupt: Callable[[DatasetReport], object] | None = None,
) -> DatasetReport:
    """Checks a dataset for tuning, without a service.

    Args:
        data: Paths, folders, patterns, `gs://` URIs, or `-` for standard input.
        base_model: The model that is to be tuned, such as `gemini-3.5-flash`: its limits are in the catalogue.
        role: What the files are for: `training` or `validation`.
        job: The kind of tuning: `sft`, `preference` or `reinforcement`.
        validation: Files for validation, checked together with those for training.
        workers: How many processes share the work; None: as many as are worth it. The report is the same.
        credentials: For `gs://` (a google-auth credentials object); None: Application Default Credentials.
        size_of: The size in bytes of a file that a row names, None where it cannot be seen: for the limits of media.
        on_start: Is told how many bytes all files have; None where that is not known before.
        on_progress: Is told, again and again, how many bytes were read since it was told last.
        on_interrupt: Gets the report of what was read when a KeyboardInterrupt ends the check.

    Returns:
        The report. `error_count` is 0 where nothing speaks against the files.

    Raises:
        DatasetError: A file is not there, or cannot be read.
        ConfigurationError: There is no such role or kind of tuning, or an extra is missing.
        TransportError, ApiError: Cloud Storage did not answer, or refused.
    """
    if role not in ROLES:
        raise ConfigurationError(f"{role!r} is no role of a file; choose training or validation")
    limits = Limits.of(base_model, job)
    files = [(source, role) for source in sources(_names(data), credentials=credentials)]
    if validation is not None:
        if role == "validation":
            raise ConfigurationError("files for validation were given twice: with role and with validation; give one")
        files += [(source, "validation") for source in sources(_names(validation), credentials=credentials)]
    if on_start is not None:
        sizes = [source.size for source, _ in files]
        on_start(None if None in sizes else sum(size or 0 for size in sizes))
    checker = _Check(files, limits, size_of, on_progress)
    try:
        checker.run(workers)
    except KeyboardInterrupt:
        if on_interrupt is not None:
            on_interrupt(checker.report("the check was interrupted"))
        raise
    return checker.report()


def check_range(
    path: PathLike, start: int = 0, end: int | None = None, *, base_model: str, role: str = "training", job: str = "sft"
) -> Partial:
    """Checks the lines of a file that begin in a range of its bytes.

    Ranges that lie side by side cover each line once, wherever they are cut. Their parts are merged, in any order, and
    `finish_report` makes the report.

    Args:
        path: A local file, or a `gs://` URI.
        start: The range's first byte.
        end: One past its last byte; None: to the end of the file.
        base_model: As of `check`.
        role: As of `check`.
        job: As of `check`.

    Raises:
        DatasetError: The file is not there, or cannot be read, or not in parts.
    """
    (source,) = sources([os.fspath(path)])
    if (start or end is not None) and not source.splittable:
        raise DatasetError(f"{source.name} cannot be read from its middle, since it is compressed; check it as a whole")
    return Partial([_scan_range(source, role, start, end, Limits.of(base_model, job))])


def check_rows(
    lines: Iterable[bytes], *, base_model: str, role: str = "training", job: str = "sft", name: str = "<rows>"
) -> Partial:
    """Checks lines that are at hand, such as a shard that an engine hands over: one part, of a file of its own name."""
    limits = Limits.of(base_model, job)
    blocks = (line if line.endswith(b"\n") else line + b"\n" for line in lines)
    return Partial([scan(_gathered(blocks), Segment(name, role), limits)])


def finish_report(partial: Partial, *, base_model: str, job: str = "sft") -> DatasetReport:
    """The report of merged parts: files in the order of their names, lines numbered from each file's first."""
    return finish(partial, Limits.of(base_model, job))


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    kept: list[bytes] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size >= BLOCK:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)


def _names(data: PathLike | Iterable[PathLike]) -> list[str]:
    names = [data] if isinstance(data, str | os.PathLike) else list(data)
    if not names:
        raise ConfigurationError("no file was given; name one, or - for standard input")
    return [os.fspath(name) for name in names]


class _Check:
    """The files of one check."""

    def __init__(
        self,
        files: Sequence[tuple[Source, str]],
        limits: Limits,
        size_of: SizeOf | None,
        on_progress: Callable[[int], object] | None,
    ) -> None:
        self._files, self._limits, self._size_of, self._on_progress = files, limits, size_of, on_progress
        self._done: list[Segment] = []

    def run(self, workers: int | None) -> None:
        """Checks every file."""
        ranges = list(self._ranges(workers))
        if len(ranges) > len(self._files) and self._size_of is None:
            self._together(ranges, workers)
            return
        for source, role in self._files:
            segment = Segment(source.name, role, generation=source.generation)
            self._done.append(segment)
            scan(source.blocks(), segment, self._limits, size_of=self._size_of, progress=self._on_progress)
            segment.generation = source.generation

    def _ranges(self, workers: int | None) -> Iterator[tuple[Source, str, int, int | None]]:
        for source, role in self._files:
            pieces = 1
            if source.splittable and source.size:
                wanted = workers or min(os.cpu_count() or 1, source.size // WORTH)
                pieces = max(1, min(wanted * 4 if wanted > 1 else 1, source.size))
            size = source.size or 0
            for i in range(pieces):
                yield source, role, size * i // pieces, size * (i + 1) // pieces if i + 1 < pieces else None

    def _together(self, ranges: list[tuple[Source, str, int, int | None]], workers: int | None) -> None:
        count = workers or min(os.cpu_count() or 1, len(ranges))
        context = multiprocessing.get_context(_start_method())
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_leave_interrupts)
        try:
            waiting = {
                pool.submit(_scan_range, source, role, start, end, self._limits): (end or source.size or start) - start
                for source, role, start, end in ranges
            }
            for done in as_completed(waiting):
                self._done.append(done.result())
                if self._on_progress is not None:
                    self._on_progress(waiting[done])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def report(self, incomplete: str = "") -> DatasetReport:
        """The report of what was read."""
        if incomplete and self._done:
            self._done[-1].incomplete = incomplete
        notes = {source.name: source.notes for source, _ in self._files}
        order = [(source.name, role) for source, role in self._files]
        return finish(Partial(self._done), self._limits, notes=notes, files=order)


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the first one ends the check, and says so once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start_method() -> str:
    """How processes begin: as copies of this one, which takes no time, where it has no other thread, else anew.

    A copy of a process with threads may hang on a lock that one of them held.
    """
    try:
        threads = sum(1 for _ in Path("/proc/self/task").iterdir())  # native ones too
    except OSError:  # not Linux
        threads = 2
    return "fork" if threads == 1 else "spawn"


def _scan_range(source: Source, role: str, start: int, end: int | None, limits: Limits) -> Segment:
    """The lines that begin in a range."""
    segment = Segment(source.name, role, start, generation=source.generation)
    blocks = _lines_between(source, start, end)
    begin = next(blocks)
    segment.start = len(begin) + start if start else 0
    scan(blocks, segment, limits)
    return segment


def _lines_between(source: Source, start: int, end: int | None) -> Iterator[bytes]:
    """First the bytes to be passed over, up to a line's beginning; then the lines that begin before `end`."""
    blocks = source.blocks(max(start - 1, 0))
    skipped = b""
    rest = b""
    at = max(start - 1, 0)
    if start:
        for block in blocks:
            cut = block.find(b"\n")
            if cut >= 0:
                skipped += block[: cut + 1]
                rest = block[cut + 1 :]
                break
            skipped += block
        at += len(skipped)
        yield skipped[1:]
    else:
        yield b""
    if end is not None and at >= end:
        return
    for block in _chained(rest, blocks):
        if end is not None and at + len(block) >= end:
            cut = block.find(b"\n", max(end - at - 1, 0))
            if cut >= 0:
                yield block[: cut + 1]
                return
        at += len(block)
        yield block


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
