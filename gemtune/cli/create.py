"""`gemtune create`: a spec from a file or from flags, submitted, announced and followed."""

from __future__ import annotations

import json
from typing import Any

import click
from google.protobuf.message import Message

from gemtune.cli.commands import Command, Option
from gemtune.cli.data import add_events, check_data_of, events_of, tell_changes
from gemtune.cli.estimate import LIMITS, refuse_over_limit
from gemtune.cli.fields import field_options, set_option
from gemtune.cli.interrupts import Terminated, terminable
from gemtune.cli.job_text import summary
from gemtune.cli.jobs import POLL_INTERVAL, WAIT_TIMEOUT, finish
from gemtune.cli.output import clean, command_line, wrapped
from gemtune.cli.phases import working
from gemtune.cli.progress import Lines, follow
from gemtune.cli.session import Session
from gemtune.cli.spec_source import Given, read_given
from gemtune.cli.submissions import STORE, opened, submit
from gemtune.names import parts_of
from gemtune.rpc import http_rule
from gemtune.rpc.additional import Place
from gemtune.rpc.methods import Method
from gemtune.rpc.states import has_ended, state_name
from gemtune.settings import location_from
from gemtune_pb.v1 import TuningJob

__all__ = ["create"]

# \b keeps click from filling the lines below it.
CREATE_HELP = """Start a tuning job, from a spec file, from flags, or from both.

A flag has the name of the field it sets. It overrides the file.

\b
  gemtune create -f spec.yaml --wait
  gemtune create --base-model gemini-3.5-flash \\
      --training-dataset-uri gs://bucket/train.jsonl --adapter-size 4
"""


def _create(  # click hands over each option by its name
    *,
    file: str | None,
    wait: bool,
    timeout: float | None,
    poll_interval: float | None,
    dry_run: bool,
    request_id: str | None,
    once: bool,
    resend: bool,
    store: str | None,
    check_data: bool,
    pin: bool,
    max_tokens: int | None,
    max_cost: float | None,
    data: str | None,
    additional: tuple[tuple[Place, Any], ...],
    **fields: Any,
) -> None:
    """Starts a job, or shows how it would be started."""
    session = click.get_current_context().ensure_object(Session)
    if not wait and (timeout is not None or poll_interval is not None):
        raise click.UsageError("--timeout and --poll-interval apply to waiting; add --wait")
    if pin and store is None:
        raise click.UsageError("--pin is recorded in a store; add --store URL")
    given = read_given(session, file, fields, additional, location=location_from(session.location))
    estimate = refuse_over_limit(session, given.job, max_tokens=max_tokens, max_cost=max_cost, data=data)
    if dry_run:
        _show_request(session, given.job)
        return
    _say_valid(session, given)
    with terminable(), opened(store) as kept, session.client(store=kept, resend=resend) as client:
        job, found = None, ""
        if once:
            with working(session.output, "looking for a job of the same spec"):
                job = client.find_tuning_job(given.job)
            found = "with the same spec" if job is not None else ""
            if job is not None:
                tell_changes(session, kept, job.name)
        if job is None:
            if check_data:
                check_data_of(session, given.job)
            events = events_of(session, given.job, estimate, pin=pin)
            job = submit(session, client, given.job, request_id, store=store, resend=resend)
            add_events(kept, job, events)
            if not session.submitted:
                found = "under that request id"
        if found and not session.output.interactive:  # a person is told with the rest
            session.output.note(f"not submitted again: {job.name} exists {found} and is {state_name(job)}")
        _announce(session, job, followed=wait, found=found)
        if wait:
            ended = follow(session, client, job.name, known=job, timeout=timeout, poll_interval=poll_interval)
            finish(session, ended, named=True)


create = Command(
    "create",
    callback=_create,
    help=CREATE_HELP,
    params=[
        Option(
            ["-f", "--file"],
            also=["--filename", "--spec"],
            metavar="FILE",
            help="YAML or JSON; - is standard input",
        ),
        Option(["--wait"], is_flag=True, help="Follow the job to its end"),
        WAIT_TIMEOUT,
        POLL_INTERVAL,
        Option(["--dry-run"], is_flag=True, help="Print what would be sent, and send nothing"),
        Option(
            ["--check-data"], is_flag=True, help="Check the data in Cloud Storage first; send nothing if they are bad"
        ),
        Option(["--pin"], is_flag=True, help="Record generation, size and crc32c of the data in the store"),
        Option(["--once"], is_flag=True, help="Submit only if no job of the same spec runs or succeeded"),
        Option(["--request-id"], metavar="ID", help="Id of this submission; the same id gives the same job"),
        Option(["--resend/--no-resend"], default=True, help="Send it again when its outcome is unknown"),
        STORE,
        *LIMITS,
        set_option(),
        *field_options(),
    ],
)


def _say_valid(session: Session, given: Given) -> None:
    """Says that the spec is valid, before anything is sent."""
    from gemtune.specs import fingerprint

    source, identity = clean(given.source), fingerprint(given.job)[:15]
    if session.output.interactive and not session.output.quiet:
        _done(session, "spec is valid", f"{source} · {identity}…")
    else:
        session.output.note(f"spec is valid: {source}, {identity}...")


def _done(session: Session, done: str, what: str) -> None:
    """A line with a tick, for a person."""
    from rich.text import Text

    console = session.output.console()
    head = f"{session.output.symbol('✓', 'ok')} {done:<15}"
    body = wrapped(what, console.width, indent=len(head)).lstrip()
    console.print(Text.assemble((head, "green"), body), soft_wrap=True)


def _announce(session: Session, job: TuningJob, *, followed: bool, found: str) -> None:
    """Tells that the job is there: on a terminal what it is, in a pipe its name alone (or the first line of many).

    Args:
        session: The run.
        job: The job.
        followed: Whether it is followed from here.
        found: Why it was not submitted, where another run had; "" where it was.
    """
    output = session.output
    try:
        if output.structured:
            if followed:
                Lines(output.note).begun(job, found=bool(found))
            else:
                output.message(job)
        elif not output.interactive:
            if followed:
                Lines(output.data, only_end=output.quiet).begun(job, found=bool(found))
            else:
                output.data(job.name)
        elif output.quiet:
            output.data(job.name)
        else:
            _announce_to_person(session, job, followed=followed, found=found)
    except (Exception, KeyboardInterrupt, Terminated) as error:  # whatever becomes of the output: the job is there
        session.unfinished = not isinstance(error, OSError)
        error.add_note(f"the job was {'found' if found else 'created'}: {job.name}")
        raise


def _announce_to_person(session: Session, job: TuningJob, *, followed: bool, found: str) -> None:
    from rich.text import Text

    output = session.output
    console = output.console()
    _, location, job_id = parts_of(job.name)
    place = clean(f"tuningJobs/{job_id} · {location}" if location else job.name)
    again = f" · {state_name(job)}, {found}: not submitted again" if found else ""
    _done(session, "found" if found else "submitted", f"{place}{again}")
    console.print(Text(wrapped(summary(job), console.width, indent=2)), soft_wrap=True)
    if link := session.console_link(job.name):
        console.print(Text(f"  {link}", style=f"dim link {link}"), soft_wrap=True)
    if followed:
        console.print()
    else:
        words, command = session.next_command(job.name, ended=has_ended(job))
        console.print(Text(command_line(f"  {words}", command, console.width), style="dim"), soft_wrap=True)


# -- dry run ------------------------------------------------------------------------------------------------


class _Shown(Exception):
    """A dry run is over."""


class _ShowRequest:
    """A transport that shows the first request in place of sending it."""

    def __init__(self, session: Session) -> None:
        from gemtune.settings import Endpoints, endpoint_from

        self._session = session
        self._endpoints = Endpoints(endpoint_from(session.endpoint, transport=session.transport or "rest").endpoint)

    def send(self, method: Method, request: Message, *, deadline: float, metadata: object = ()) -> Message:  # noqa: ARG002
        http = http_rule.expand(method, request, api_version=self._session.api_version or "v1")
        url = f"{self._endpoints.of(method.resource(request)).url}{http.path}"
        body = json.loads(http.body) if http.body is not None else None
        output = self._session.output
        if output.structured:
            output.tree({"method": http.verb, "url": url, "body": body})
        else:
            output.data(f"{http.verb} {url}\n\n{json.dumps(body, indent=2, ensure_ascii=False)}")
        raise _Shown


def _show_request(session: Session, job: TuningJob) -> None:
    """Prints the request that would create a job: method, URL and body. Needs no credentials, sends nothing."""
    if session.output_format == "textproto":
        raise click.UsageError("--dry-run shows an HTTP request; -o is table, json or yaml here")
    try:
        with session.client(_ShowRequest(session)) as client:
            client.create_tuning_job(job)
    except _Shown:
        session.output.note("nothing was sent")
