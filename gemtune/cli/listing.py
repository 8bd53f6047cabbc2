"""Many jobs as a table: on a terminal as wide as it is, in a pipe whole."""

from __future__ import annotations

from collections.abc import Sequence

from gemtune.cli.job_text import base_model, failure
from gemtune.cli.output import STATE_STYLES, Output, ago, clean, one_line, shorten, took
from gemtune.rpc.states import state_name
from gemtune_pb.v1 import TuningJob

__all__ = ["print_jobs"]

ID, STATE, MODEL, NAME, AGE, TOOK, ERROR = range(7)
GAP = "  "


def print_jobs(output: Output, jobs: Sequence[TuningJob]) -> None:
    """Writes a line a job to stdout."""
    if output.interactive:
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
    from rich.text import Text

    console = output.console()
    rows = [_row(job) for job in jobs]
    header = ["ID", "STATE", "MODEL", "NAME", "AGE", "TOOK", "ERROR" if any(row[ERROR] for row in rows) else ""]
    widths = _fitted([header, *rows], console.width)
    for row in [header, *rows]:
        styles = ["", STATE_STYLES.get(row[1], ""), "", "", "", "", "dim"] if row is not header else ["dim"] * 7
        line = Text()
        for cell, width, style in zip(row, widths, styles, strict=True):
            if width:
                line.append(f"{_cut(cell, width, end=cell is row[ERROR])}{GAP}", style)
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ellipsis")


def _row(job: TuningJob) -> list[str]:
    return [
        clean(job.name.rpartition("/")[2]),
        state_name(job),
        clean(base_model(job)),
        one_line(job.tuned_model_display_name),
        ago(job.create_time) if job.HasField("create_time") else "",
        took(job.create_time, job.end_time) if job.HasField("end_time") else "",
        failure(job),
    ]


def _fitted(lines: list[list[str]], room: int) -> list[int]:
    """The width of each column, 0 for one that is left out: id, state and times whole; model, name and error share."""
    from rich.cells import cell_len

    widths = [max(cell_len(line[i]) for line in lines) for i in range(7)]
    left = room - sum(widths[i] + len(GAP) for i in (ID, STATE, AGE)) - widths[TOOK]
    if left < 20:  # too narrow for all: rather a column less than an id cut
        named = min(widths[NAME], left - len(GAP))
        widths[MODEL], widths[NAME], widths[ERROR] = 0, named if named > 3 else 0, 0
        return widths
    left -= 2 * len(GAP)
    for error in (widths[ERROR], 0):  # where there is no room to say why, `get` does
        share = left * 2 // 5 if error else left // 2
        model = min(widths[MODEL], max(share, left - widths[NAME]))
        name = min(widths[NAME], share if error else left - model)
        spare = left - model - name - len(GAP)
        if not error or spare >= 16:
            break
    widths[MODEL], widths[NAME], widths[ERROR] = model, name, min(error, spare) if error else 0
    return widths


def _cut(text: str, width: int, *, end: bool = False) -> str:
    """Text in exactly `width` columns: what is too long is cut in the middle, a sentence at its end."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if end:
        return set_cell_size(f"{set_cell_size(text, width - 1).rstrip()}…", width)
    length = width
    while cell_len(short := shorten(text, length)) > width:  # characters may be two columns wide
        length -= 1
    return set_cell_size(short, width)
