"""Many jobs as a table: on a terminal as wide as it is, in a pipe whole."""

from __future__ import annotations

from collections.abc import Sequence

from gemtune.cli.output import STATE_STYLES, Output, ago, clean, one_line, shorten, took
from gemtune.cli.words import base_model, failure
from gemtune.states import state_name
from gemtune_pb.v1 import TuningJob

__all__ = ["print_jobs"]


def print_jobs(output: Output, jobs: Sequence[TuningJob]) -> None:
    """Writes a line a job to stdout."""
    if output.human:
        _list_for_person(output, jobs)
        return
    output.table(
        ["ID", "STATE", "MODEL", "CREATED", "ENDED", "NAME", "ERROR"],
        [
            [
                job.name.rpartition("/")[2],
                state_name(job),
                base_model(job),
                job.create_time.ToJsonString() if job.HasField("create_time") else "-",
                job.end_time.ToJsonString() if job.HasField("end_time") else "-",
                one_line(job.tuned_model_display_name) or "-",
                failure(job),
            ]
            for job in jobs
        ],
    )


def _list_for_person(output: Output, jobs: Sequence[TuningJob]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = output.console()
    rows = [_row(job) for job in jobs]
    header = ["ID", "STATE", "MODEL", "NAME", "AGE", "TOOK", ""]
    widths = _fitted([header, *rows], console.width)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for title, width in zip(header, widths, strict=True):
        if width:
            table.add_column(title, width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        styles = ["", STATE_STYLES.get(row[1], ""), "", "", "", "", "dim"]
        cells = zip(row, widths, styles, strict=True)
        *named, error = [(cell, width, style) for cell, width, style in cells if width]
        table.add_row(*(Text(shorten(c, w), style=s) for c, w, s in named), Text(error[0], style=error[2]))
    console.print(table)


def _row(job: TuningJob) -> list[str]:
    start = job.start_time if job.HasField("start_time") else job.create_time
    return [
        clean(job.name.rpartition("/")[2]),
        state_name(job),
        clean(base_model(job)),
        one_line(job.tuned_model_display_name),
        ago(job.create_time) if job.HasField("create_time") else "",
        took(start, job.end_time) if job.HasField("end_time") else "",
        failure(job),
    ]


def _fitted(lines: list[list[str]], room: int) -> list[int]:
    """The width of each column, 0 for one that is left out: id, state and times whole; model, name and error share."""
    from rich.cells import cell_len

    wanted = [max(cell_len(line[i]) for line in lines) for i in range(7)]
    model, name, error = 2, 3, 6
    left = room - sum(wanted[i] + 2 for i in (0, 1, 4, 5)) - 4
    share = max(left * 2 // 5 if wanted[error] else left // 2, 8)  # what each of them has for certain
    widths = wanted.copy()
    widths[model] = min(wanted[model], max(share, left - min(wanted[name], share)))
    widths[name] = min(wanted[name], share if wanted[error] else max(share, left - widths[model]))
    spare = left - widths[model] - widths[name] - 2
    widths[error] = min(wanted[error], spare) if spare >= 12 else 0
    if not widths[error]:
        widths[name] = min(wanted[name], max(left - widths[model], 8))
    if left < 20:  # too narrow for all: rather a column less than an id cut
        widths[model], widths[name] = 0, min(wanted[name], left + 2) if left > 6 else 0
    return widths
