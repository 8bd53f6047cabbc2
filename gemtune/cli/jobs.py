"""The commands for tuning jobs that there are: get, list, cancel, wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click
from google.protobuf import empty_pb2

from gemtune.cli.commands import MESSAGES, Command, Option, command
from gemtune.cli.job_text import failure, outcome_lines
from gemtune.cli.listing import print_jobs
from gemtune.cli.output import STATE_STYLES, one_line, took
from gemtune.cli.params import DURATION, STATES, DurationType, joined_filter
from gemtune.cli.progress import follow
from gemtune.cli.session import Session
from gemtune.cli.show import print_job, print_lines
from gemtune.errors import ApiError, GemtuneError, JobFailed, SpecFileError, TransportError
from gemtune.rpc.states import has_ended, has_succeeded, state_name
from gemtune.rpc.unknown import nameless
from gemtune_pb.v1 import JobState, ListTuningJobsResponse, TuningJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gemtune.client import TuningClient
    from gemtune.rpc.unknown import Unreadable

__all__ = ["POLL_INTERVAL", "WAIT_TIMEOUT", "cancel", "finish", "get", "list_jobs", "wait"]

_NAMED = 20
"""Jobs that are named, of those missing in a list."""

# \b keeps click from filling the lines below it.
LIST_HELP = """List the jobs of a project and location, newest first.

\b
  gemtune list --state failed --filter 'labels.team="search"'
  gemtune list --filter 'createTime > "2026-11-01T00:00:00Z"' -o json
"""

WAIT_TIMEOUT = Option(["--timeout"], type=DURATION, metavar="TIME", help="Stop waiting after, say, 2h; the job goes on")
POLL_INTERVAL = Option(
    ["--poll-interval"],
    type=DurationType(least=0.1),
    metavar="TIME",
    help="Time between two polls; by default 0.5s to 30s",
)
NAME = click.Argument(["name"], metavar="JOB")


# -- get ------------------------------------------------------------------------------------------------------------


@command("get", forms=(*MESSAGES, "spec"))
@click.argument("name", metavar="JOB")
@click.option("--store", envvar="GEMTUNE_STORE", metavar="URL", help="Show, too, what the job was estimated to cost")
@click.pass_obj
def get(session: Session, name: str, store: str | None) -> None:
    """Show a job: its request, status, result and error.

    JOB is its id, tuningJobs/ID, its full resource name or its console link. -o spec writes its request as a
    spec that can be submitted again.
    """
    with session.client() as client:
        job = client.get_tuning_job(name)
    if session.output_format == "spec":
        from gemtune.specs import dumps_spec, request_of

        try:
            text = dumps_spec(request_of(job), "yaml")
        except SpecFileError as error:
            raise SpecFileError(f"it cannot be written as a spec: {error.message}", file=name) from error
        session.output.data(text.rstrip("\n"))
        return
    if session.output.structured:
        session.output.message(job)
        for line in nameless(job):
            session.output.note(f"left out because this version of gemtune has no name for it: {line}")
        return
    advice = None if has_ended(job) else session.next_command(job.name, ended=False)
    lines = _estimated(store, job) if store is not None else []
    print_job(session.output, job, link=session.console_link(job.name), advice=advice, estimate=lines)


def _estimated(store: str, job: TuningJob) -> list[tuple[str, str]]:
    """What the store says that a job was estimated to bill, and what the service counted."""
    from gemtune.cli.data import estimate_of
    from gemtune.cli.submissions import opened

    with opened(store) as kept:
        found = estimate_of(kept, job.name) if kept is not None else None
    if found is None:
        return []
    billed = found.billed_tokens
    lines = [("estimated", f"{billed.likely:,} tokens ({billed.low:,} to {billed.high:,})")]
    if found.HasField("cost"):
        cost = found.cost
        lines.append(("", f"{cost.likely:.2f} {cost.currency} ({cost.low:.2f} to {cost.high:.2f})"))
    stats = job.tuning_data_stats.supervised_tuning_data_stats
    epochs = job.supervised_tuning_spec.hyper_parameters.epoch_count
    if stats.total_billable_token_count and epochs:
        counted = stats.total_billable_token_count * epochs
        lines.append(("billed", f"{counted:,} tokens ({stats.total_billable_token_count:,} × {epochs} epochs)"))
    return lines


# -- list -----------------------------------------------------------------------------------------------------------


@command("list", help=LIST_HELP)
@click.option(
    "--filter", "filters", multiple=True, metavar="EXPR", help="Such as 'labels.team=\"a\"'; repeat it: all must hold"
)
@click.option(
    "--state", "states", type=STATES, multiple=True, metavar="STATE", help="Such as running or failed,expired"
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most the N newest")
@click.option("--page-size", type=click.IntRange(min=1, max=2**31 - 1), metavar="N", help="Jobs per request")
@click.pass_obj
def list_jobs(
    session: Session, filters: Sequence[str], states: Sequence[Sequence[str]], limit: int | None, page_size: int | None
) -> None:
    """Lists jobs."""
    jobs: list[TuningJob] = []
    filter_ = joined_filter(filters, [state for several in states for state in several])
    if page_size is None and limit is not None:
        page_size = min(limit, 100)
    with session.client() as client:
        listing = client.list_tuning_jobs(filter=filter_, page_size=page_size)
        listing.on_unreadable = lambda _: None  # they are named in the end
        for job in listing:
            jobs.append(job)
            if len(jobs) == limit:
                break
        where = f"{client.project} in {client.location}"
    output = session.output
    if output.structured:
        answer = ListTuningJobsResponse(tuning_jobs=jobs)
        if jobs or session.output_format == "textproto":
            output.message(answer)
        else:
            output.tree({"tuningJobs": []})  # the API leaves an empty list out; a script should find one
    elif not jobs and not listing.unreadable:
        output.note(f"no tuning jobs in project {where}" + (" that match the filter" if filter_ else ""))
    elif jobs:
        print_jobs(output, jobs)
    if listing.unreadable:
        _say_what_is_missing(listing.unreadable)


def _say_what_is_missing(rows: Sequence[Unreadable]) -> NoReturn:
    many = f"{len(rows)} jobs of the list cannot be read" if len(rows) > 1 else "one job of the list cannot be read"
    error = TransportError(f"part of the response is missing: {many}", maybe_sent=True, final=True)
    for row in rows[:_NAMED]:
        error.add_note(one_line(str(row)))
    if len(rows) > _NAMED:
        error.add_note(f"and {len(rows) - _NAMED} more")
    raise error


# -- cancel, wait ---------------------------------------------------------------------------------------------------


@command("cancel")
@click.argument("name", metavar="JOB")
@click.option("--wait", is_flag=True, help="Wait until the job has ended")
@click.pass_obj
def cancel(session: Session, name: str, wait: bool) -> None:
    """Cancel a job.

    The service cancels some time later: the job ends as CANCELLED, or succeeds if it was about to end.
    """
    output = session.output
    with session.client() as client:
        full = client.job_name(name)
        ended: TuningJob | None = None
        try:
            client.cancel_tuning_job(name)
        except ApiError:  # with which code what has ended is refused, nobody says
            ended = _ended_before(client, name)
            if ended is None:
                raise
        if not wait:
            ended = ended or _ended_before(client, name)
            if output.structured:
                output.message(empty_pb2.Empty())
            if ended is not None:
                output.note(f"{full} has already ended as {state_name(ended)}; there is nothing to cancel")
            else:
                output.note(f"asked to cancel {full}\n  see it end with: {session.command_for('wait', full)}")
            return
        job = follow(session, client, name)
    _show_end(session, job)
    if job.state != JobState.JOB_STATE_CANCELLED:
        _exit_failed(session, job, " before it could be cancelled")


def _ended_before(client: TuningClient, name: str) -> TuningJob | None:
    """The job, where it had ended before it could be cancelled; None also where it cannot be looked at now."""
    try:
        job = client.get_tuning_job(name, retry=None)
    except GemtuneError:  # the cancel itself went well
        return None
    return job if has_ended(job) else None


def _wait(name: str, timeout: float | None, poll_interval: float | None) -> None:
    """Follow a job to its end. Exit status 0: it succeeded; 1: it did not; 3: it goes on.

    Ctrl-C leaves the job running.
    """
    session = click.get_current_context().ensure_object(Session)
    with session.client() as client:
        job = follow(session, client, name, timeout=timeout, poll_interval=poll_interval)
    finish(session, job)


wait = Command("wait", callback=_wait, help=_wait.__doc__, params=[NAME, WAIT_TIMEOUT, POLL_INTERVAL])


def finish(session: Session, job: TuningJob, *, named: bool = False) -> None:
    """Shows how the job ended; exit status 1 if it was not well."""
    _show_end(session, job, named=named)
    if not has_succeeded(job):
        _exit_failed(session, job, f": {failure(job)}" if failure(job) else "")


def _exit_failed(session: Session, job: TuningJob, more: str) -> NoReturn:
    """Exit status 1, and a sentence for those who have not just seen the job's end on a terminal."""
    if session.output.interactive:
        raise click.exceptions.Exit(1)
    raise JobFailed(f"{job.name} ended as {state_name(job)}{more}", job)


def _show_end(session: Session, job: TuningJob, *, named: bool = False) -> None:
    output = session.output
    if output.structured:
        output.message(job)
    elif output.interactive:
        _end_for_person(session, job, named)


def _end_for_person(session: Session, job: TuningJob, named: bool) -> None:
    from rich.text import Text

    output = session.output
    console = output.console()
    good = has_succeeded(job)
    mark = output.symbol("✓", "ok") if good else output.symbol("✗", "x")
    length = f" {'in' if good else 'after'} {took(job.create_time, job.end_time)}" if job.HasField("end_time") else ""
    what = "" if named else f"  tuningJobs/{job.name.rpartition('/')[2]}"
    style = STATE_STYLES.get(state_name(job), "")
    console.print(Text.assemble((f"{mark} {state_name(job)}", style), length, (what, "dim")))
    lines = outcome_lines(job)
    if not good:
        lines.append(("more", session.command_for("get", job.name)))
    print_lines(console, lines, max((len(label) for label, _ in lines), default=0))
