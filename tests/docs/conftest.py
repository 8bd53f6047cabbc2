"""What the blocks of the documents stand on: a service of their own, whose time passes at once, and some files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gemtune._client_base
from gemtune.flows.driver import Clock
from gemtune.testing import Emulator, emulator
from tests.docs.blocks import ROOT, blocks


@pytest.fixture
def service() -> Iterator[Emulator]:
    """The service, where a job takes an hour by a clock that the clients' pauses move."""
    with emulator(job_duration=3600, grpc=True) as running:
        yield running


@pytest.fixture
def instantly(service: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever clients are made in this process, their pauses move the service's clock."""

    def clock() -> Clock:
        return Clock(now=service._moved, sleep=service.advance, asleep=service._moves)

    monkeypatch.setattr(gemtune._client_base, "Clock", clock)


@pytest.fixture
def place(tmp_path: Path, service: Emulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that a reader is in: a checkout's examples, the spec of docs/specs.md in three formats, and another."""
    shown = next(block for block in blocks(ROOT / "docs" / "specs.md") if block.language == "yaml")
    job = gemtune.loads_spec(shown.code, "yaml")
    (tmp_path / "spec.yaml").write_text(shown.code, encoding="utf-8")
    gemtune.save_spec(job, tmp_path / "spec.json")
    job.supervised_tuning_spec.hyper_parameters.epoch_count = 10
    job.labels["team"] = "search"
    job.ClearField("tuned_model_display_name")
    gemtune.save_spec(job, tmp_path / "other.json")
    (tmp_path / "specs").mkdir()
    gemtune.save_spec(job, tmp_path / "specs" / "other.yaml")
    (tmp_path / "specs.yaml").write_text(f"{shown.code}---\n{shown.code}", encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def adapted(service: Emulator, tmp_path: Path) -> Callable[[str], str]:
    """A block's code with the hosts that are only names there led to the service of the test."""
    hosts = {
        "https://us-central1-aiplatform.googleapis.com": service.url,
        "http://127.0.0.1:8085": service.url,
        "postgresql://gemtune@db/specs": f"sqlite:///{tmp_path / 'team.db'}",
    }

    def adapt(code: str) -> str:
        for shown, meant in hosts.items():
            code = code.replace(shown, meant)
        return code

    return adapt
