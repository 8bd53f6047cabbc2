"""The REST door: an ASGI application over the service. Paths, queries and bodies are read by `http_rule`."""

from __future__ import annotations

import asyncio
import hmac
import time
import traceback
from collections.abc import Callable
from urllib.parse import parse_qsl

from gemtune_pb.v1 import tuning_service_pb2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gemtune import codec
from gemtune.emulator.service import Service
from gemtune.errors import ApiError, Internal, InvalidArgument, Unauthenticated, http_from_error
from gemtune.http_rule import Router
from gemtune.methods import service_methods

__all__ = ["RestDoor"]

ROUTER = Router(service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]).values())

LARGEST_BODY = 10 * 2**20
"""Bytes. A create is a few thousand."""

_HEADERS = {"content-type": "application/json; charset=UTF-8", "server": "ESF"}


class RestDoor:
    """An ASGI application that carries requests to a service."""

    def __init__(self, service: Service, *, token: str | None = None, log: Callable[[str], None] | None = None) -> None:
        """Serves nothing yet; a server such as uvicorn calls it.

        Args:
            service: What answers.
            token: Requests must carry it as `Authorization: Bearer TOKEN`; None: nothing is asked.
            log: Is given a line a request, and what went wrong inside; None: silence.
        """
        self._service = service
        self._token = token
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; see the ASGI specification."""
        begun = time.perf_counter()
        request = Request(scope, receive)
        try:
            self._authorize(request)
            status, body = 200, await self._answer(request)
        except ApiError as error:
            status, body = http_from_error(error)
        except Exception as error:
            if self._log:
                self._log("".join(traceback.format_exception(error)))
            status, body = http_from_error(Internal("Internal error encountered."))
        await Response(body, status, _HEADERS)(scope, receive, send)
        if self._log:
            self._log(_line(request, status, time.perf_counter() - begun))

    def _authorize(self, request: Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Unauthenticated(
                "Request had invalid authentication credentials: the emulator was started with --token."
            )

    async def _answer(self, request: Request) -> bytes:
        body = await _read(request)
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        path = request.scope["raw_path"].decode("latin-1")
        match = ROUTER.match(request.method, path, query, body)
        # A thread: the service waits for the disk.
        answer = await asyncio.to_thread(
            self._service.handle, match.method, match.message, api_version=match.api_version
        )
        return codec.encode(answer)


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise InvalidArgument(f"the body is larger than {LARGEST_BODY} bytes", http_status=413)
        chunks.append(chunk)
    return b"".join(chunks)


def _line(request: Request, status: int, seconds: float) -> str:
    agent = request.headers.get("user-agent", "-").split(" ")[0]
    return (
        f"{time.strftime('%H:%M:%S')} {request.method} {request.scope['path']} {status} {seconds * 1e3:.0f} ms  {agent}"
    )
