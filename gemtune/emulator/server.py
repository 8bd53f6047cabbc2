"""The emulator as a running server: in the foreground for the command line, on a thread for tests."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gemtune.emulator.broken_responses import Connections
from gemtune.emulator.clock import MovableClock
from gemtune.emulator.control import Control
from gemtune.emulator.dataset_stats import Statistics
from gemtune.emulator.rest import RestFrontEnd
from gemtune.emulator.service import Service
from gemtune.emulator.storage import MEMORY, Storage
from gemtune.errors import ConfigurationError

__all__ = ["Address", "default_db", "running", "serve"]

HEADERS_WITHIN = 10.0
"""Seconds for a request's headers, from the connection or the request's first byte on."""

BODY_GOES_ON_WITHIN = 20.0
"""Seconds for the next piece of a request's body."""

_GRACE = 5  # seconds that requests under way have when the server ends


class Address(str):
    """Where an emulator is: the URL of its REST front end.

    Attributes:
        grpc: `host:port` of its gRPC front end; None: that front end is not there.
    """

    __slots__ = ("grpc",)
    grpc: str | None

    def __new__(cls, url: str, grpc: str | None = None) -> Address:
        """An address of two front ends, or of one."""
        address = super().__new__(cls, url)
        address.grpc = grpc
        return address


def default_db() -> Path:
    """File to keep jobs in when no file is named: `~/.local/state/gemtune/emulator.db`, or below XDG_STATE_HOME."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "gemtune" / "emulator.db"


def serve(
    host: str = "127.0.0.1",
    port: int = 8085,
    *,
    grpc_port: int | None = None,
    db: str | Path | None = None,
    job_duration: float = 5.0,
    gcs_root: str | Path | None = None,
    token: str | None = None,
    ready: Callable[[Address], None] | None = None,
    log: Callable[[str], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        host: The address to listen on.
        port: 0 picks a free one.
        grpc_port: The port of the gRPC front end, 0 picks a free one; None: without it. It needs grpcio.
        db: The file that keeps the jobs; None: `default_db()`.
        job_duration: Seconds from a job's creation to its success.
        gcs_root: A directory that stands for Cloud Storage: `gs://bucket/object` is its file `bucket/object`. Jobs with
            broken data are refused, or fail.
        token: Requests must carry it as `Authorization: Bearer TOKEN`; None: nothing is asked.
        ready: Is given the address once it is served.
        log: Is given each line of talk; None: standard error.

    Raises:
        ConfigurationError: The address or the file cannot be used.
    """
    say = log or _to_stderr
    with contextlib.closing(_listen(host, port)) as listener:
        if not _is_loopback(listener):
            say(f"warning: {_exposed(host)}" + ("" if token else "; --token requires a token"))
        with contextlib.closing(Storage(db if db is not None else default_db())) as storage:
            control = Control()
            service = _service(storage, control, job_duration=job_duration, gcs_root=gcs_root)
            server = _Server(service, control, token=token, log=say, loopback=_is_loopback(listener))
            with _grpc_door(service, control, host, grpc_port, token=token, log=say) as grpc:
                server.run_on(listener, lambda: ready(Address(_url(listener), grpc)) if ready else None)


@contextlib.contextmanager
def running(
    *,
    job_duration: float = 5.0,
    db: str | Path | None = None,
    gcs_root: str | Path | None = None,
    token: str | None = None,
    clock: Callable[[], float] = time.time,
    host: str = "127.0.0.1",
    port: int = 0,
    grpc_port: int | None = None,
    log: Callable[[str], None] | None = None,
    control: Control | None = None,
) -> Generator[Address]:
    """Runs an emulator on a thread of this process, for tests.

    Args:
        job_duration: Seconds from a job's creation to its success.
        db: The file that keeps the jobs; None: they are kept in memory, and gone afterwards.
        gcs_root: A directory that stands for Cloud Storage: `gs://bucket/object` is its file `bucket/object`. Jobs with
            broken data are refused, or fail.
        token: Requests must carry it as `Authorization: Bearer TOKEN`; None: nothing is asked.
        clock: Seconds since 1970, for tests that move time; not with `control`, which has one.
        host: The address to listen on.
        port: 0 picks a free one.
        grpc_port: The port of the gRPC front end, 0 picks a free one; None: without it. It needs grpcio.
        log: Is given each line of talk; None: silence, but for a RuntimeWarning when others can reach it.
        control: Faults, outcomes and the clock, for tests that hold them; None: they are had over HTTP alone.

    Yields:
        The URL, such as `http://127.0.0.1:40213`; its `.grpc` is the `host:port` of the gRPC front end.

    Raises:
        ConfigurationError: The address or the file cannot be used.
    """
    with (
        contextlib.closing(_listen(host, port)) as listener,
        contextlib.closing(Storage(db if db is not None else MEMORY)) as storage,
    ):
        if not _is_loopback(listener):
            talk = f"{_exposed(host)}; `token` requires a token" if token is None else _exposed(host)
            if log:
                log(f"warning: {talk}")
            else:
                warnings.warn(talk, RuntimeWarning, stacklevel=3)  # past contextlib, to who wrote `with running(...)`
        control = control or Control(clock=MovableClock(clock))
        service = _service(storage, control, job_duration=job_duration, gcs_root=gcs_root)
        server = _Server(service, control, token=token, log=log, loopback=_is_loopback(listener))
        started = threading.Event()
        thread = threading.Thread(target=server.run_on, args=(listener, started.set), name="gemtune-emulator")
        thread.start()
        try:
            while not started.wait(0.5):
                if not thread.is_alive():
                    raise ConfigurationError("the emulator's server did not start")
            with _grpc_door(service, control, host, grpc_port, token=token, log=log) as grpc:
                yield Address(_url(listener), grpc)
        finally:
            server.stop()
            thread.join()


def _service(storage: Storage, control: Control, *, job_duration: float, gcs_root: str | Path | None) -> Service:
    return Service(
        storage,
        job_duration=job_duration,
        statistics=Statistics(gcs_root),
        clock=control.clock,
        outcomes=control.outcomes,
    )


@contextlib.contextmanager
def _grpc_door(
    service: Service,
    control: Control,
    host: str,
    port: int | None,
    *,
    token: str | None,
    log: Callable[[str], None] | None,
) -> Generator[str | None]:
    """Serves gRPC meanwhile, if there is a port for it, and yields `host:port`."""
    if port is None:
        yield None
        return
    try:
        from gemtune.emulator.grpc import GrpcFrontEnd
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        raise ConfigurationError("the emulator's gRPC server needs grpcio: pip install 'gemtune[grpc]'") from error
    if port:  # grpcio would write to standard error itself
        _listen(host, port, "for gRPC ").close()
    front_end = GrpcFrontEnd(service, token=token, log=log, faults=control.faults)
    try:
        yield front_end.start(host, port)
    finally:
        front_end.stop(_GRACE)


class _Protocol(H11Protocol):
    """uvicorn's protocol over h11, whose connections are known, so that they can be broken on demand.

    It does not wait for ever for the rest of a request, which uvicorn does.
    """

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connections.add(transport)
        super().connection_made(transport)
        self._wait_for(HEADERS_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Called with each piece of a request."""
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY:
            self._wait_for(BODY_GOES_ON_WITHIN)
        elif self.conn.their_state is not h11.IDLE:
            self._wait_for(None)
        elif self._patience is None:  # the begin of another request on a connection that was idle
            self._wait_for(HEADERS_WITHIN)

    def _wait_for(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(seconds, self._too_late) if seconds is not None else None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()

    def shutdown(self) -> None:
        """Called when the server ends: it answers what has come, and does not wait for the rest of a request."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None)
        self._connections.remove(self.transport)
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """uvicorn's server, told when to stop without polling, and ending its process with status 0 on a signal."""

    def __init__(
        self,
        service: Service,
        control: Control,
        *,
        token: str | None,
        log: Callable[[str], None] | None,
        loopback: bool,
    ) -> None:
        self._connections = Connections()
        protocol: Any = functools.partial(_Protocol, self._connections)
        super().__init__(
            uvicorn.Config(
                RestFrontEnd(
                    service, token=token, log=log, control=control, connections=self._connections, loopback=loopback
                ),
                http=protocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nobody stands before it
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_ready: Callable[[], object] = lambda: None

    def run_on(self, listener: socket.socket, on_ready: Callable[[], object]) -> None:
        """Serves on a listening socket until `stop`."""
        self._on_ready = on_ready
        asyncio.run(self.serve(sockets=[listener]))

    def stop(self) -> None:
        """Ends the server; from any thread, and more than once if need be."""
        self.force_exit = self.should_exit  # the second time: without waiting for requests under way
        self.should_exit = True
        self._connections.ending = True
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is given
        self.stop()

    async def main_loop(self) -> None:
        """Waits for `stop`; on_tick is uvicorn's own housekeeping, once a second."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self._on_ready()
        while not self.should_exit:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)
            await self.on_tick(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stops on SIGINT and SIGTERM; uvicorn would raise them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self._on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(host: str, port: int, purpose: str = "") -> socket.socket:
    if not 0 <= port <= 65_535:  # getaddrinfo would take the remainder
        raise ConfigurationError(f"cannot listen on port {port}: ports are from 1 to 65535, and 0 picks a free one")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"cannot listen on {host}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = f"{error.strerror}"
        if error.errno == errno.EADDRINUSE:
            reason += "; an emulator may be running there already, and port 0 picks a free one"
        raise ConfigurationError(f"cannot listen {purpose}on {host} port {port}: {reason}") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _exposed(host: str) -> str:
    return f"{host} is reachable from other machines: whoever reaches it can use the emulator"


def _is_loopback(listener: socket.socket) -> bool:
    host: str = listener.getsockname()[0]
    return host.startswith("127.") or host == "::1"


def _to_stderr(line: str) -> None:
    sys.stderr.write(line.rstrip("\n") + "\n")
    sys.stderr.flush()
