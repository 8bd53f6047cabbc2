"""grpcio servers that answer every method by one function, and keep what they were called with."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.rpc import status_pb2

import gemtune

__all__ = ["JOB", "NAME", "Called", "refusing", "serving"]

NAME = "projects/p/locations/us-central1/tuningJobs/1"


class Called(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every method by one function, and keeps what was called with which metadata."""

    def __init__(self, act: Callable[[grpc.ServicerContext], bytes]) -> None:
        self.calls: list[tuple[str, dict[str, Any], bytes]] = []
        self._act = act

    def service(self, details: Any) -> Any:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls.append((details.method, dict(details.invocation_metadata), request))
            return self._act(context)

        return grpc.unary_unary_rpc_method_handler(answer)


JOB = gemtune.TuningJob(name=NAME, state="JOB_STATE_RUNNING")


@contextlib.contextmanager
def serving(
    act: Callable[[grpc.ServicerContext], bytes] = lambda context: JOB.SerializeToString(),
    tls: grpc.ServerCredentials | None = None,
) -> Iterator[tuple[str, Called]]:
    """A server's URL, and what it was called."""
    called = Called(act)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[called])
    if tls is None:
        url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    else:
        url = f"https://localhost:{server.add_secure_port('127.0.0.1:0', tls)}"
    server.start()
    try:
        yield url, called
    finally:
        server.stop(0).wait()


def refusing(code: grpc.StatusCode, message: str = "no", *details: Any) -> Callable[[grpc.ServicerContext], bytes]:
    def act(context: grpc.ServicerContext) -> bytes:
        if details:
            status = status_pb2.Status(code=code.value[0], message=message)
            for detail in details:
                status.details.add().Pack(detail)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, message)

    return act
