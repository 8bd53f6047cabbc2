"""An emulator, a spec, and the command line in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gemtune.cli import run
from gemtune.emulator import running
from tests.support.commandline import SPEC, Ran, told


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """An emulator whose jobs take half a second."""
    with running(job_duration=0.5) as url:
        yield url


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An emulator of its own whose jobs take an hour; the command line is pointed at it."""
    with running(job_duration=3600) as url:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", url.removeprefix("http://"))
        yield url


@pytest.fixture
def service(emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of this test's own at the emulator; the environment names both."""
    project = f"p{time.monotonic_ns()}"
    monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", emulator.removeprefix("http://"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    return project


@pytest.fixture
def gemtune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line in this process; its streams are no terminals."""
    if "GOOGLE_CLOUD_PROJECT" not in os.environ:
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")

    def go(*args: str) -> Ran:
        capsys.readouterr()
        status = run(args)
        out, err = capsys.readouterr()
        return Ran(status, out, told(err))

    return go


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """A spec file without a fault."""
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return str(path)
