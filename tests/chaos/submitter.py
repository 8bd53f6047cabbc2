"""Submits and is killed: a process that imports once, and forks a child for each submission that it reads.

A line of standard input is a submission, as JSON: its request id, the endpoint, the store's file (or null), and the
point at which the child kills itself (or null). The answers are lines too: the child's id at once, and what became of
it at its end. Children are killed with SIGKILL, so nothing of theirs gets to say goodbye.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import gemtune
import gemtune.specs.fingerprint
from gemtune.rpc.methods import Method
from gemtune.store import SpecStore
from gemtune.transport.rest import RestTransport
from tests.support.jobs import spec

RETRY = gemtune.Retry(attempt=1.0, initial=0.02, maximum=0.1, settle=0.7)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Points:
    """The named points of the flow; the child dies at one of them."""

    def __init__(self, point: str | None) -> None:
        self._point = point

    def reached(self, point: str) -> None:
        if point == self._point:
            kill()


class Transport:
    """REST, with points before a create leaves and after its answer has come."""

    def __init__(self, endpoint: str, points: Points, test: str | None) -> None:
        self._inner = RestTransport(endpoint)
        self._points = points
        self._metadata = [("x-retry-test-id", test)] if test else []

    def send(self, method: Method, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        if method.name != "CreateTuningJob":
            return self._inner.send(method, request, deadline=deadline)
        self._points.reached("before the send")
        answer = self._inner.send(method, request, deadline=deadline, metadata=self._metadata)
        self._points.reached("before the answer is stored")
        return answer


class Store:
    """A store, with points before and after the intent is written, and before the answer is."""

    def __init__(self, path: str, points: Points) -> None:
        self._inner = SpecStore(path)
        self._points = points

    def claim(self, *args: Any, **options: Any) -> Any:
        self._points.reached("before the intent")
        claim = self._inner.claim(*args, **options)
        self._points.reached("after the intent")
        return claim

    def release(self, *args: Any, **options: Any) -> None:
        self._inner.release(*args, **options)

    def record(self, *args: Any, **options: Any) -> Any:
        self._points.reached("before the answer is stored")
        return self._inner.record(*args, **options)


def submit(order: dict[str, Any]) -> dict[str, Any]:
    points = Points(order["point"])
    store: Any = Store(order["store"], points) if order["store"] else None
    if store is None:
        points.reached("before the intent")
    client = gemtune.TuningClient(
        "demo",
        transport=Transport(order["endpoint"], points, order["test"]),
        retry=RETRY,
        store=store,
        timeout=30,
    )
    try:
        job = client.create_tuning_job(spec(), request_id=order["id"])
    except gemtune.GemtuneError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"job": job.name}


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                json.dump(submit(order), out)
                out.flush()
                os._exit(0)
        os.close(writer)
        print(json.dumps({"pid": child}), flush=True)
        with os.fdopen(reader) as told:
            answer = told.read()
        _, status = os.waitpid(child, 0)
        ended = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {}
        print(json.dumps(ended | (json.loads(answer) if answer else {})), flush=True)


if __name__ == "__main__":
    main()
