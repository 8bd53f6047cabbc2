"""The options of one run: where calls go, how output looks; and the client that they make."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from gemtune.cli.output import Output, one_line
from gemtune.cli.phases import Patience
from gemtune.errors import ApiError, GemtuneError, TransportError, resume_command
from gemtune.names import JobName, is_plain_id, parts_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from gemtune.client import TuningClient
    from gemtune.flows.retry import Retrying
    from gemtune.rpc.methods import Method
    from gemtune.store import SpecStore
    from gemtune.transport import Metadata, Transport

__all__ = ["Session"]


@dataclass
class Session:
    """The global options of one run. None: not given, so the environment and the library's defaults decide.

    Attributes:
        reached: Whether the service has answered in this run, or may have been reached.
        submitted: Whether a create may have reached it.
        patience: Says what the run waits for.
        request: The HTTP request that is under way, for -v.
        said_where: Whether it has been said where calls go.
        on_doubt: Hears the error after which a create may have been acted on.
        on_create: Hears that a create is about to be sent.
        given: The global options of the command line, and their values.
        last_note: What was last said about a call that is sent again.
        unfinished: Whether a job goes on, whatever ends this run: the exit status is 3 then.
        answered: When the service last gave an answer, in seconds since 1970.
        silence: When it was last said that it gives none.
    """

    project: str | None = None
    location: str | None = None
    endpoint: str | None = None
    transport: str | None = None
    api_version: str | None = None
    output_format: str = "table"
    quiet: bool = False
    verbose: bool = False
    output: Output = field(init=False)
    patience: Patience = field(init=False)
    request: str = field(init=False, default="")
    said_where: bool = field(init=False, default=False)
    on_doubt: Callable[[GemtuneError], object] | None = field(init=False, default=None)
    on_create: Callable[[], object] | None = field(init=False, default=None)
    reached: bool = field(init=False, default=False)
    submitted: bool = field(init=False, default=False)
    last_note: str = field(init=False, default="")
    given: dict[str, object] = field(init=False, default_factory=dict[str, object])
    unfinished: bool = field(init=False, default=False)
    answered: float = field(init=False, default_factory=lambda: time.time())  # noqa: PLW0108  a test may move it
    silence: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.output = Output(self)
        self.patience = Patience(self.output)

    def client(
        self, transport: Transport | None = None, *, store: SpecStore | None = None, resend: bool = True
    ) -> TuningClient:
        """A client for what the options say; a context manager.

        Args:
            transport: In place of the one that `--transport` names.
            store: What remembers submissions; the caller's to close.
            resend: Whether a create in doubt may be sent again.
        """
        from gemtune._client_base import make_transport
        from gemtune.client import TuningClient
        from gemtune.flows.retry import Retry

        api_version = self.api_version or "v1"
        if transport is None:
            transport = _Watched(
                self,
                make_transport(
                    self.transport or "rest",
                    endpoint=self.endpoint,
                    credentials=None,
                    api_version=api_version,
                    application=None,
                    asynchronous=False,
                ),
            )
        return TuningClient(
            self.project,
            self.location,
            transport=transport,
            api_version=api_version,
            retry=Retry(on_retry=self.note_retry, resend=resend),
            store=store,
        )

    def note_retry(self, retrying: Retrying) -> None:
        """Notes that a call is sent again.

        Where localhost refuses the connection and nothing has answered before, this raises the error: the emulator is
        not running, and a retry would not help. Raising ends the call, so it is allowed only while no request can have
        reached the service.
        """
        error = retrying.error
        if isinstance(error, TransportError) and not error.maybe_sent and not self.reached and self._local():
            error.add_note("is the emulator running? gemtune emulator starts it")
            raise error
        sentence = one_line(str(error))
        self._say_silence(sentence)
        if self.verbose:  # the log has it
            return
        if (retrying.attempt > 1 or retrying.pause >= 1) and sentence != self.last_note:  # a hiccup is not worth a word
            self.last_note = sentence
            self.output.note(f"{sentence}; trying again")

    def _say_silence(self, sentence: str) -> None:
        """Notes once a minute since when there has been no response."""
        now = time.time()
        if min(now - self.answered, now - self.silence) >= 60:
            self.silence = now
            since = time.strftime("%H:%M", time.localtime(self.answered))
            self.output.note(f"no response since {since}; still trying ({sentence})")

    def say_where(self) -> None:
        """Says once where calls go, where the command line does not: to an emulator that is forgotten, for example."""
        from gemtune.settings import DEFAULT_LOCATION, Endpoint, endpoint_from

        if self.said_where:
            return
        self.said_where = True
        parts: list[str] = []
        place = endpoint_from(self.endpoint, transport=self.transport or "rest")
        if place.endpoint is not None and not self.endpoint:
            shown = Endpoint.parse(place.endpoint).url.removeprefix("http://")
            parts.append(f"emulator {shown}" if place.emulator else f"endpoint {shown} (GEMTUNE_ENDPOINT)")
        ctx = click.get_current_context(silent=True)
        named = "/locations/" in str(ctx.params.get("name", "")) if ctx is not None else False
        if not (self.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or named):
            parts.append(f"location {DEFAULT_LOCATION} (the default)")
        if parts:
            self.output.note(" · ".join(parts) if self.output.symbol("·", "") else ", ".join(parts), dim=True)

    def _local(self) -> bool:
        from gemtune.settings import Endpoint, endpoint_from

        endpoint = endpoint_from(self.endpoint, transport=self.transport or "rest").endpoint
        return endpoint is not None and Endpoint.parse(endpoint).loopback

    def to_google(self) -> bool:
        """Whether calls go to Google's service, so that a page of the console belongs to a job."""
        from gemtune.settings import endpoint_from

        return endpoint_from(self.endpoint, transport=self.transport or "rest").endpoint is None

    def command_for(self, verb: str, name: str) -> str:
        """The command to type for a job, from this very place: the options that were given are repeated.

        Args:
            verb: `get`, `wait`, ...
            name: The full resource name of the job.
        """
        _, location, job_id = parts_of(name)
        known = self.project or os.environ.get("GOOGLE_CLOUD_PROJECT")
        short = known and location and is_plain_id(job_id)
        words = ["gemtune", verb, *([job_id, "--location", location or ""] if short else [name])]
        for option in ("project", "endpoint", "transport", "api_version"):
            value = getattr(self, option)
            if value is not None and not (option == "project" and not known):
                words += [f"--{option.replace('_', '-')}", value]
        return shlex.join(words)

    def resume_command(self, request_id: str, client: TuningClient, *, store: str | None, resend: bool) -> str:
        """The command that tells what became of a submission, with what this run was told.

        Args:
            request_id: The submission's id.
            client: Knows the project and the location.
            store: The store of this run, if there is one.
            resend: Whether the submission may be sent again.
        """
        return resume_command(request_id, self._place(client, store=store, resend=resend))

    def place_options(self, client: TuningClient, *, store: str | None) -> str:
        """The options that bring another command to the same place; the arguments are those of `resume_command`."""
        return shlex.join(self._place(client, store=store))

    def _place(self, client: TuningClient, *, store: str | None, resend: bool = True) -> list[str]:
        words = ["--project", client.project, "--location", client.location]
        for option in ("endpoint", "transport", "api_version"):
            if (value := getattr(self, option)) is not None:
                words += [f"--{option.replace('_', '-')}", value]
        if store is not None and store != os.environ.get("GEMTUNE_STORE"):
            words += ["--store", _without_password(store)]
        if not resend:
            words.append("--no-resend")
        return words

    def next_command(self, name: str, *, ended: bool) -> tuple[str, str]:
        """What to do next and the command for it: to follow a job, or to see one that has ended."""
        if ended:
            return "see it with:", self.command_for("get", name)
        return "follow it with:", self.command_for("wait", name)

    def console_link(self, name: str) -> str | None:
        """The job's page in the console; None where the job is not Google's."""
        project, location, job_id = parts_of(name)
        if not (project and location and self.to_google()):
            return None
        return JobName(self.project or project, location, job_id).console_link


class _Watched:
    """A transport that notes what may have reached the service."""

    def __init__(self, session: Session, inner: Transport) -> None:
        self._session = session
        self._inner = inner
        self._authorizer = getattr(inner, "_authorizer", None)  # whose account an error's remedy names

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        from gemtune.flows.retry import nothing_happened

        session = self._session
        reached, submitted = session.reached, session.submitted
        session.reached = True  # even if Ctrl-C ends it
        is_create = method.name == "CreateTuningJob"
        session.submitted = submitted or is_create
        if is_create and session.on_create is not None:
            session.on_create()
        session.say_where()
        if session.verbose:
            session.request = _http_words(method, request, session.api_version)
        session.patience.doing(f"waiting for the response to {method.name}")
        try:
            answer = self._inner.send(method, request, deadline=deadline, metadata=metadata)
        except GemtuneError as error:
            session.patience.done()
            if nothing_happened(error):
                session.submitted = submitted
                session.reached = reached or isinstance(error, ApiError)
            elif is_create and session.on_doubt is not None:
                session.on_doubt(error)
            raise
        else:
            session.answered = time.time()
            return answer
        finally:
            session.patience.done()

    def close(self) -> None:
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()


def _http_words(method: Method, request: Message, api_version: str | None) -> str:
    """A request as a server's log has it: `"GET /v1/projects/p/... HTTP/1.1"`."""
    from gemtune.rpc import http_rule

    http = http_rule.expand(method, request, api_version=api_version or "v1")
    return f'"{http.verb} {http.path} HTTP/1.1"'


def _without_password(store: str) -> str:
    """The URL of a store as it may be printed: read as SQLAlchemy reads it, without its password and its query."""
    if "://" not in store:
        return store  # a file
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(store)
    except (ArgumentError, ValueError):
        return "URL"
    shown = url.set(query={}).render_as_string(hide_password=True)
    return f"{shown}?***" if url.query else shown
