"""`--dry-run`: the client as it is, over a transport that shows its first request in place of sending it."""

from __future__ import annotations

import json

import click
from google.protobuf.message import Message

from gemtune.cli.session import Session
from gemtune.rpc import http_rule
from gemtune.rpc.methods import Method
from gemtune_pb.v1 import TuningJob

__all__ = ["dry_run"]


class _Shown(Exception):
    """A dry run is over."""


class _DryRun:
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
        if output.machine:
            output.tree({"method": http.verb, "url": url, "body": body})
        else:
            output.data(f"{http.verb} {url}\n\n{json.dumps(body, indent=2, ensure_ascii=False)}")
        raise _Shown


def dry_run(session: Session, job: TuningJob) -> None:
    """Prints the request that would create a job: method, URL and body. Needs no credentials, sends nothing."""
    if session.output_format == "textproto":
        raise click.UsageError("--dry-run shows an HTTP request; -o is table, json or yaml here")
    try:
        with session.client(_DryRun(session)) as client:
            client.create_tuning_job(job)
    except _Shown:
        session.output.talk("nothing was sent")
