"""Following a job: a live line on a terminal, a line a change in a pipe, and a way back after every interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gemtune.cli.interrupts import Stopped, Terminated, terminable
from gemtune.cli.job_text import data_text, failure, hyper_parameters_of, progress_text
from gemtune.cli.output import STATE_STYLES, Output, clean, command_line, one_line, rfc3339, seconds_of
from gemtune.cli.session import Session
from gemtune.errors import NotFound, WaitTimeout
from gemtune.rpc.states import has_ended, has_succeeded, state_name
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from rich.text import Text

    from gemtune.client import TuningClient

__all__ = ["Lines", "follow"]

Observer = Callable[[TuningJob], None]


def follow(
    session: Session,
    client: TuningClient,
    name: str,
    *,
    known: TuningJob | None = None,
    timeout: float | None = None,
    poll_interval: float | None = None,
) -> TuningJob:
    """Waits for a job and shows how it goes.

    Args:
        session: The run.
        client: Asks for the job.
        name: The job, in any of the ways to name one.
        known: The job as it was just created: its state needs no line of its own.
        timeout: Seconds for the whole wait; None: as long as it takes.
        poll_interval: Seconds between looks; None: the client's choice.

    Returns:
        The job as it ended, well or not.

    Raises:
        Stopped: Somebody stopped the wait; the job goes on.
        GemtuneError: The wait failed; where the job goes on, a note says how to come back.
    """
    back = session.command_for("wait", client.job_name(name))
    seen: list[TuningJob] = [known] if known is not None else []
    try:
        with terminable(), _shown(session.output, back, known) as show:

            def observe(job: TuningJob) -> None:
                seen[:] = [job]
                show(job)

            return client.wait_tuning_job(
                name, timeout=timeout, poll_interval=poll_interval, on_update=observe, raise_on_failure=False
            )
    except KeyboardInterrupt:
        erased = session.output.redraws  # with the line that moves
        raise Stopped(f"stopped waiting; the job goes on\n  come back with: {back}", erased=erased) from None
    except Terminated:
        raise Stopped(f"terminated; the job goes on\n  come back with: {back}", status=143) from None
    except BrokenPipeError:
        raise Stopped(f"the output pipe is closed; the job goes on\n  come back with: {back}", status=3) from None
    except Exception as error:  # whatever ends the wait, the job does not end with it
        if seen and not has_ended(seen[0]):
            session.unfinished = True
        if isinstance(error, WaitTimeout):
            error.add_note(f"come back with: {back}")
        elif session.unfinished:
            goes_on = "the job existed before" if isinstance(error, NotFound) else "the job goes on"
            error.add_note(f"{goes_on}; come back with: {back}")
        raise


@contextmanager
def _shown(output: Output, back: str, known: TuningJob | None) -> Generator[Observer]:
    """An observer of the job that shows it as the streams allow."""
    if not output.structured and not output.interactive:  # stdout is a pipe: what happens is the data
        yield Lines(output.data, known, only_end=output.quiet)
    elif output.redraws:
        with _live(output, back) as observer:
            yield observer
    elif output.quiet:
        yield lambda _job: None
    else:
        yield Lines(output.note, known, until_end=output.interactive)


class Lines:
    """A line for each change: `2026-11-24T10:00:40Z RUNNING`, with the service's time where it gives one."""

    def __init__(
        self,
        write: Callable[[str], None],
        known: TuningJob | None = None,
        *,
        only_end: bool = False,
        until_end: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._only_end = only_end
        self._until_end = until_end  # the end itself is shown elsewhere
        self._now = now
        self._last = state_name(known) if known is not None else None

    def begun(self, job: TuningJob, *, found: bool = False) -> None:
        """The first line, for a job that was just created, or found."""
        if not self._only_end:
            word = "found" if found else "submitted"
            self._line(seconds_of(job.create_time) if job.HasField("create_time") else None, f"{word} {job.name}")

    def __call__(self, job: TuningJob) -> None:
        """Takes the job after a look."""
        state, ended = state_name(job), has_ended(job)
        if state == self._last or (self._only_end and not ended) or (self._until_end and ended):
            return
        self._last = state
        words = [state]
        if ended:
            moment = seconds_of(job.end_time) if job.HasField("end_time") else None
            words += [job.tuned_model.model, job.tuned_model.endpoint] if has_succeeded(job) else []
            words.append(failure(job))
        else:
            moment = seconds_of(job.start_time) if state == "RUNNING" and job.HasField("start_time") else None
        self._line(moment, " ".join(word for word in words if word))

    def _line(self, moment: float | None, text: str) -> None:
        self._write(f"{rfc3339(self._now() if moment is None else moment)} {one_line(text)}")


@contextmanager
def _live(output: Output, back: str) -> Generator[Observer]:
    from rich.console import Group
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    console = output.console(err=True)
    spinner = Spinner("dots" if output.symbol("⠹", "") else "line")
    latest: list[TuningJob] = []
    advice = Text(
        command_line("  Ctrl-C leaves the job running; come back with:", back, console.width),
        style="dim",
        overflow="fold",
    )

    def render() -> Any:
        spinner.text = _live_line(latest[0], time.time()) if latest else Text("getting the job")
        return Group(spinner, advice, Text())  # the last line is where the terminal shows ^C

    with Live(get_renderable=render, console=console, transient=True, refresh_per_second=8):
        output.above = lambda text: console.print(Text(text, style="dim"))
        try:
            yield lambda job: latest.__setitem__(slice(None), [job])
        finally:
            output.above = None


def _live_line(job: TuningJob, now: float) -> Text:
    """`RUNNING  00:12:41   500 examples · 30,000 billable tokens × 4 epochs · step 63/125`."""
    from rich.text import Text

    state = state_name(job)
    since = job.start_time if job.HasField("start_time") else job.create_time
    elapsed = max(int(now - seconds_of(since)), 0)
    clock = f"{elapsed // 3600:02}:{elapsed // 60 % 60:02}:{elapsed % 60:02}"
    return Text.assemble(
        (state, STATE_STYLES.get(state, "")), f"  {clock}   ", (clean(_live_details(job)), "dim"), no_wrap=True
    )


def _live_details(job: TuningJob) -> str:
    epochs = hyper_parameters_of(job).get("epoch_count")
    data = data_text(job)
    if data and epochs:
        data += f" × {epochs} epoch{'' if epochs == 1 else 's'}"
    return " · ".join(part for part in (data, progress_text(job)) if part)
