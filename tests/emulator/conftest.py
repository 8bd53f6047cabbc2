"""A service whose time stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gemtune.emulator.service import Service
from gemtune.emulator.storage import MEMORY, Storage
from tests.support.frozen_service import DURATION, Clock, Emulated


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(MEMORY)
    yield storage
    storage.close()


@pytest.fixture
def emulated(storage: Storage, clock: Clock) -> Emulated:
    return Emulated(Service(storage, job_duration=DURATION, clock=clock), clock)
