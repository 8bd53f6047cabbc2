"""An emulator in a test's process, with faults that the test asks for: `emulator()`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gemtune.aio import AsyncTuningClient
from gemtune.client import TuningClient
from gemtune.emulator import running
from gemtune.emulator.control import Control
from gemtune.emulator.faults import RetryTest
from gemtune.emulator.outcomes import Outcome
from gemtune.errors import ConfigurationError
from gemtune.flows.driver import Clock

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Emulator", "emulator"]


@contextlib.contextmanager
def emulator(
    *,
    job_duration: float = 1.0,
    project: str = "demo",
    location: str = "us-central1",
    grpc: bool = False,
    db: str | Path | None = None,
    gcs_root: str | Path | None = None,
    token: str | None = None,
    log: Callable[[str], None] | None = None,
) -> Generator[Emulator]:
    """Runs an emulator on a thread of this process, on free ports of this machine, and ends it afterwards.

    Args:
        job_duration: Seconds from a job's creation to its end, by a clock that `Emulator.advance` moves.
        project: The project of the clients that it gives.
        location: Their location.
        grpc: Whether gRPC is served too; it needs grpcio.
        db: The file that keeps the jobs; None: they are kept in memory, and gone afterwards.
        gcs_root: A directory that stands for Cloud Storage: `gs://bucket/object` is its file `bucket/object`. Jobs with
            broken data are refused, or fail.
        token: Requests must carry it as `Authorization: Bearer TOKEN`; None: nothing is asked.
        log: Is given a line a request; None: silence.

    Raises:
        ConfigurationError: The extra `emulator` (or `grpc`) is missing, or the file cannot be used.
    """
    control = Control()
    with (
        running(
            job_duration=job_duration,
            db=db,
            gcs_root=gcs_root,
            token=token,
            grpc_port=0 if grpc else None,
            log=log,
            control=control,
        ) as address,
        contextlib.ExitStack() as clients,
    ):
        yield Emulator(str(address), address.grpc, project, location, control, clients, token)


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: Of its REST front end, such as `http://127.0.0.1:40213`.
        grpc: `host:port` of its gRPC front end; None: that is not served.
        project: The project of the clients that it gives.
        location: Their location.
    """

    url: str
    grpc: str | None
    project: str
    location: str
    _control: Control = field(repr=False)
    _clients: contextlib.ExitStack = field(repr=False)
    _token: str | None = field(default=None, repr=False)

    # -- reaching it ------------------------------------------------------------------------------------------------

    def client(self, *, transport: str = "rest", instant: bool = False, **options: Any) -> TuningClient:
        """A client of it, with its token if it asks for one; it is closed when the emulator ends.

        Args:
            transport: `"rest"`, or `"grpc"` where that is served.
            instant: Whether its pauses move the emulator's clock in place of waiting: a wait for a job of an hour is
                over at once, and so are the pauses between attempts.
            **options: As `TuningClient` takes them.
        """
        made = TuningClient(self.project, self.location, **self._options(transport, instant) | options)
        self._clients.callback(made.close)
        return made

    def async_client(self, *, transport: str = "rest", instant: bool = False, **options: Any) -> AsyncTuningClient:
        """An asynchronous client of it, which its user closes. The arguments are those of `client`."""
        return AsyncTuningClient(self.project, self.location, **self._options(transport, instant) | options)

    def _options(self, transport: str, instant: bool) -> dict[str, Any]:
        if transport == "grpc" and self.grpc is None:
            raise ConfigurationError("this emulator does not serve gRPC; start it with emulator(grpc=True)")
        endpoint = f"http://{self.grpc}" if transport == "grpc" else self.url
        clock = Clock(now=self._moved, sleep=self.advance, asleep=self._moves) if instant else None
        options: dict[str, Any] = {"endpoint": endpoint, "transport": transport, "clock": clock}
        if self._token is not None:
            from google.oauth2.credentials import Credentials

            options["credentials"] = Credentials(token=self._token)  # type: ignore[no-untyped-call]
        return options

    def _moved(self) -> float:
        return time.monotonic() + self._control.clock.ahead

    async def _moves(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a program's environment needs so that its clients, and the command line, go here."""
        variables = {
            "GEMTUNE_EMULATOR_HOST": urlsplit(self.url).netloc,
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_CLOUD_LOCATION": self.location,
        }
        optional = {"GEMTUNE_EMULATOR_GRPC_HOST": self.grpc, "GEMTUNE_EMULATOR_TOKEN": self._token}
        return variables | {name: value for name, value in optional.items() if value}

    # -- faults -----------------------------------------------------------------------------------------------------

    def advance(self, seconds: float | timedelta) -> None:
        """Moves its clock forward: jobs go on, and end, at once.

        Raises:
            InvalidArgument: Time does not go back.
        """
        self._control.clock.advance(seconds if isinstance(seconds, int | float) else seconds.total_seconds())

    def faults(self, instructions: Mapping[str, str | Iterable[str]], *, everyone: bool = True) -> RetryTest:
        """Has calls go wrong.

        Args:
            instructions: For each rpc (`CreateTuningJob`, or `*` for any) what goes wrong with its calls, in order:
                `{"CreateTuningJob": ["return-503", "return-reset-connection-after"]}`. docs/faults.md lists them.
            everyone: Whether it is for every call; otherwise for those with the test's id in `x-retry-test-id`.

        Returns:
            The test: `.completed`, `.hits`, `.left`.

        Raises:
            InvalidArgument: An rpc or an instruction is not known.
        """
        return self._control.faults.add(instructions, everyone=everyone)

    def outcome(self, name: str, *, count: int | None = 1, message: str = "") -> None:
        """Decides how jobs that are created from now on end.

        Args:
            name: `fail-13` (or `fail-internal`), `expire`, `succeed-partially`, `stay-pending`, `stay-running`,
                `succeed`.
            count: How many jobs; None: all.
            message: What a failed one says.

        Raises:
            InvalidArgument: There is no such outcome.
        """
        self._control.outcomes.add(Outcome.parse(name, message=message), count)

    def report(self) -> list[RetryTest]:
        """What `faults` was asked for, and what came of it."""
        return self._control.faults.tests()
