"""Submitting so that nothing is lost: the request id of a create, the store that remembers it, and `gemtune resume`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import Option, command
from gemtune.cli.session import Session, Stopped
from gemtune.errors import NotFound, TransportError
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


@contextmanager
def opened(url: str | None) -> Generator[SpecStore | None]:
    """The store of `--store`; None where none is given."""
    if url is None:
        yield None
        return
    from gemtune.store import SpecStore

    with SpecStore(url) as store:
        yield store


def submit(client: TuningClient, job: TuningJob, request_id: str | None) -> TuningJob:
    """Creates a job; whoever interrupts that is told how to learn what became of it."""
    sent: list[str] = []
    try:
        return client.create_tuning_job(job, request_id=request_id, on_submit=sent.append)
    except KeyboardInterrupt:
        if not sent:
            raise Stopped("interrupted; nothing was sent") from None
        place = f"--project {client.project} --location {client.location}"
        raise Stopped(
            f"interrupted; it is not known whether the job was created\n  to find out: gemtune resume {sent[0]} {place}"
        ) from None
    except TransportError as error:
        if not error.maybe_sent:
            error.add_note("nothing was sent")
        raise


@command("resume")
@click.argument("request_id", metavar="REQUEST_ID")
@click.option("--store", envvar="GEMTUNE_STORE", metavar="URL", help="The store that remembers the submission")
@click.pass_obj
def resume(session: Session, request_id: str, store: str | None) -> None:
    """Learn what became of a submission, by its request id.

    With the store that remembers it, it is submitted if it never was. Without one, nothing is sent.
    """
    with opened(store) as kept, session.client(store=kept) as client:
        spec = _remembered(kept, client, request_id)
        job = submit(client, spec, request_id) if spec is not None else client.settle(request_id)
        where = f"project {client.project} in {client.location}"
    if job is None:
        error = NotFound(f"there is no job under the request id {request_id} in {where}, so far as its lists show")
        error.add_note(f"to submit it under that id: gemtune create -f FILE --request-id {request_id}")
        raise error
    output = session.output
    if output.machine:
        output.message(job)
    else:
        output.data(job.name)
        output.talk(f"follow it with: {session.command_for('wait', job.name)}")


def _remembered(store: SpecStore | None, client: TuningClient, request_id: str) -> TuningJob | None:
    """The spec that a store keeps under a request id; None when it keeps none."""
    if store is None:
        return None
    found: Any = store.submissions(request_id=request_id, project=client.project, location=client.location, limit=1)
    return store.get(found[0].fingerprint) if found and found[0].fingerprint else None
