"""The matrix: {REST, gRPC, memory} x {blocking, asyncio}, against one emulator."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gemtune
from gemtune import emulator
from gemtune.emulator.service import Service
from gemtune.emulator.storage import MEMORY, Storage
from tests.support.client_harness import AsyncMemory, Face, Memory, Time

MATRIX = list(itertools.product(["rest", "grpc", "memory"], ["sync", "async"]))
DURATION = 100.0  # seconds that a job takes, of time that tests skip

_numbers = itertools.count()


@pytest.fixture(scope="session")
def moved() -> Time:
    return Time()


@pytest.fixture(scope="session")
def doors(moved: Time) -> Iterator[emulator.Address]:
    with emulator.running(job_duration=DURATION, grpc_port=0, clock=moved.wall) as address:
        yield address


@pytest.fixture(scope="session")
def service(moved: Time) -> Iterator[Service]:
    with contextlib.closing(Storage(MEMORY)) as storage:
        yield Service(storage, job_duration=DURATION, clock=moved.wall)


Opened = Callable[..., Face]


@pytest.fixture(params=MATRIX, ids=["-".join(pair) for pair in MATRIX])
def opened(request: pytest.FixtureRequest, doors: emulator.Address, service: Service, moved: Time) -> Iterator[Opened]:
    """Opens clients of one kind, each for a project of its own unless one is named, and closes them in the end."""
    transport, way = request.param
    faces: list[Face] = []
    project = f"demo-{next(_numbers)}"

    def open_(**options: Any) -> Face:
        kind = gemtune.TuningClient if way == "sync" else gemtune.AsyncTuningClient
        if transport == "memory":
            memory = Memory if way == "sync" else AsyncMemory
            carrier: dict[str, Any] = {"transport": memory(service, options.get("api_version", "v1"))}
        else:
            carrier = {
                "transport": transport,
                "endpoint": f"http://{doors.grpc}" if transport == "grpc" else str(doors),
            }
        face = Face(kind(**{"project": project, "clock": moved.clock()} | carrier | options))
        faces.append(face)
        return face

    yield open_
    for face in faces:
        face.end()


@pytest.fixture
def client(opened: Opened) -> Face:
    return opened()
