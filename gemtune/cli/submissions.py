"""Submitting so that nothing is lost: the request id of a create, the store that remembers it, and `gemtune resume`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gemtune.cli.commands import Option, command
from gemtune.cli.interrupts import Stopped, Terminated, terminable
from gemtune.cli.output import duration_text, one_line
from gemtune.cli.params import DurationType
from gemtune.cli.phases import working
from gemtune.cli.session import Session
from gemtune.errors import GemtuneError, InDoubt, NotFound, TransportError
from gemtune.flows.retry import Retry
from gemtune.rpc.states import has_ended
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from gemtune.client import TuningClient
    from gemtune.store import SpecStore

__all__ = ["STORE", "opened", "resume", "submit"]

STORE = Option(
    ["--store"],
    metavar="URL",
    envvar="GEMTUNE_STORE",
    help="Remember the submission there before it is sent: a file, or postgresql://... (or GEMTUNE_STORE)",
)

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between two looks of `resume`, growing from the one to the other."""


@contextmanager
def opened(url: str | None) -> Generator[SpecStore | None]:
    """The store of `--store`; None where none is given."""
    if url is None:
        yield None
        return
    from gemtune.store import SpecStore

    with SpecStore(url) as store:
        yield store


def submit(
    session: Session,
    client: TuningClient,
    job: TuningJob,
    request_id: str | None,
    *,
    store: str | None,
    resend: bool,
    validate: bool = True,
) -> TuningJob:
    """Creates a job; whoever interrupts that, or cannot learn its outcome, is told how to learn it.

    Args:
        session: The run.
        client: Sends it.
        job: The spec.
        request_id: The submission's id; None: a new one.
        store: The URL of the store that the client has, for the command that goes on.
        resend: Whether it may be sent again, for that command.
        validate: Whether the spec is checked first.
    """
    ids: list[str] = []

    def way_back() -> str:
        return f"to find out: {session.resume_command(ids[0], client, store=store, resend=resend)}"

    def stopped(word: str, status: int) -> NoReturn:
        if not ids or not session.submitted:
            raise Stopped(f"{word}; nothing was sent", status=status, erased=session.output.redraws) from None
        doubt = "it is not known whether the job was created"
        raise Stopped(f"{word}; {doubt}\n  {way_back()}", status=status, erased=session.output.redraws) from None

    doing = f"submitting to {client.project} in {client.location}"
    try:
        with terminable(), working(session.output, doing) as now:
            _tell_phases(session, now, way_back, resend=resend)
            return client.create_tuning_job(job, request_id=request_id, validate=validate, on_submit=ids.append)
    except KeyboardInterrupt:
        stopped("interrupted", 130)
    except Terminated:
        stopped("terminated", 143)
    except InDoubt as error:
        ids[:] = [error.request_id]
        error.add_note(way_back())
        raise
    except TransportError as error:
        if session.submitted:  # this error is of a later call: the create before it may have been acted on
            error.add_note(f"it is not known whether the job was created; {way_back()}")
        else:
            error.add_note("nothing was sent")
        raise


def _tell_phases(
    session: Session,
    now: Callable[[str], None],
    way_back: Callable[[], str],
    *,
    resend: bool,
) -> None:
    """Lets the run say what becomes of a create: in doubt, looked for, sent again."""
    doubts: list[GemtuneError] = []
    window = duration_text(Retry().settle)

    def doubted(error: GemtuneError) -> None:
        first = not doubts
        doubts.append(error)
        sentence = f"{one_line(str(error))}; it is not known whether the job was created"
        session.output.note(f"{sentence}\n  stopping is safe; {way_back()}" if first else sentence)
        now(f"looking for the job for up to {window}{', before it may be sent again' if resend else ''}")

    def sends() -> None:
        if doubts:
            now("no job appeared; sending it again")

    session.on_doubt, session.on_create = doubted, sends


@command("resume")
@click.argument("request_id", metavar="REQUEST_ID")
@click.option("--store", envvar="GEMTUNE_STORE", metavar="URL", help="The store that remembers the submission")
@click.option("--resend/--no-resend", default=True, help="Send the spec that the store remembers, if it was never sent")
@click.option(
    "--for",
    "seconds",
    default="30s",
    show_default=True,
    type=DurationType(),
    metavar="TIME",
    help="How long to look for a job that is not listed yet",
)
@click.pass_obj
def resume(session: Session, request_id: str, store: str | None, resend: bool, seconds: float) -> None:
    """Learn what became of a submission, by its request id.

    With the store that remembers it, the submission is sent if it never was. Without a store, nothing is sent: the
    command looks for the job for a while. Put an id that begins with - last, after --.
    """
    with opened(store) as kept, session.client(store=kept, resend=resend) as client:
        spec = _remembered(kept, client, request_id) if resend else None
        job: TuningJob | None
        if spec is not None:  # it was checked when it was submitted first
            job = submit(session, client, spec, request_id, store=store, resend=resend, validate=False)
        else:
            job = _looked_for(session, client, request_id, seconds)
        if job is None:
            raise _not_there(session, client, request_id, seconds, store=store)
    output = session.output
    if output.structured:
        output.message(job)
    else:
        output.data(job.name)
        output.note(" ".join(session.next_command(job.name, ended=has_ended(job))))


def _looked_for(session: Session, client: TuningClient, request_id: str, seconds: float) -> TuningJob | None:
    """The job of a submission, looked for so long: a create may be acted on late, and a list may lag behind."""
    ends = time.monotonic() + seconds
    pause = _FIRST_LOOK
    while True:
        last = time.monotonic() >= ends  # only a look that began after the end says that there is none
        job = client.settle(request_id)
        if job is not None or last:
            return job
        if pause == _FIRST_LOOK:
            session.output.note(f"there is no job under that id yet; looking for up to {duration_text(seconds)}")
        time.sleep(max(min(pause, ends - time.monotonic()), 0))
        pause = min(pause * 2, _LONGEST_LOOK)


def _not_there(
    session: Session, client: TuningClient, request_id: str, seconds: float, *, store: str | None
) -> NotFound:
    place = f"project {client.project} in {client.location}"
    error = NotFound(f"there is no job under the request id {request_id} in the lists of {place}")
    error.add_note(
        f"looked for {duration_text(seconds)}; a create that was sent later, or by a process that still runs, may "
        "still start one"
    )
    given = shlex.quote(f"--request-id={request_id}") if request_id.startswith("-") else None
    words = ["gemtune create -f FILE", given or f"--request-id {shlex.quote(request_id)}"]
    words.append(session.place_options(client, store=store))
    error.add_note(f"when no such create is running, submit it under that id: {' '.join(words)}")
    return error


def _remembered(store: SpecStore | None, client: TuningClient, request_id: str) -> TuningJob | None:
    """The spec that a store keeps under a request id; None when it keeps none."""
    if store is None:
        return None
    found: Any = store.submissions(request_id=request_id, project=client.project, location=client.location, limit=1)
    return store.get(found[0].fingerprint) if found and found[0].fingerprint else None
