"""Submitting so that nothing is lost, from the command line: ids, stores, doubts and how to come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commandline import Ran

from gemtune.client import TuningClient
from gemtune.errors import InDoubt, TransportError
from gemtune.specs import load_spec

Run = Callable[..., Ran]


def jobs(gemtune: Run) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(gemtune("list", "-o", "json").out)["tuningJobs"]
    return listed


def test_one_request_id_is_one_job(service: str, gemtune: Run, spec: str) -> None:
    first, second = (gemtune("create", "-f", spec, "--request-id", "nightly-7") for _ in range(2))
    assert first.status == second.status == 0
    assert first.out == second.out
    assert len(jobs(gemtune)) == 1


def test_once_takes_the_job_of_the_same_spec(service: str, gemtune: Run, spec: str) -> None:
    first = gemtune("create", "-f", spec)
    again = gemtune("create", "-f", spec, "--once")
    assert again.out == first.out
    assert "not submitted again" in again.err
    other = gemtune("create", "-f", spec, "--once", "--epoch-count", "9")
    assert other.out != first.out
    assert len(jobs(gemtune)) == 2


def test_resume_finds_the_job_of_an_id(service: str, gemtune: Run, spec: str) -> None:
    created = gemtune("create", "-f", spec, "--request-id", "nightly-7")
    found = gemtune("resume", "nightly-7")
    assert (found.status, found.out) == (0, created.out)
    assert json.loads(gemtune("resume", "nightly-7", "-o", "json").out)["name"] == created.out.strip()


def test_resume_sends_nothing_without_a_store(service: str, gemtune: Run) -> None:
    nothing = gemtune("resume", "nobody")
    assert nothing.status == 1
    assert nothing.out == ""
    assert "no job under the request id nobody" in nothing.err
    assert "gemtune create -f FILE --request-id nobody" in nothing.err
    assert jobs(gemtune) == []


def test_resume_with_a_store_submits_what_never_was(
    service: str, gemtune: Run, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pytest.importorskip("gemtune.store")
    path = str(tmp_path / "store.db")
    # A process that wrote its intent long ago, and died before it sent anything.
    with store.SpecStore(path, now=lambda: 1000.0) as kept:
        kept.claim("nightly-7", project=service, location="us-central1", job=load_spec(spec), until=1050.0)
    monkeypatch.setenv("GEMTUNE_STORE", path)
    resumed = gemtune("resume", "nightly-7")
    assert resumed.status == 0
    assert resumed.out.strip() == jobs(gemtune)[0]["name"]
    assert gemtune("resume", "nightly-7").out == resumed.out
    assert len(jobs(gemtune)) == 1


def test_whoever_interrupts_a_create_is_told_how_to_come_back(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gemtune.transport.rest.RestTransport.send", interrupted)
    stopped = gemtune("create", "-f", spec, "--request-id", "nightly-7")
    assert stopped.status == 130
    assert f"gemtune resume nightly-7 --project {service} --location us-central1" in stopped.err


def test_an_outcome_in_doubt_is_status_3_and_says_how_to_settle_it(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: TuningClient, *_: Any, **__: Any) -> None:
        cause = TransportError("the connection broke", maybe_sent=True)
        raise InDoubt("id-1", project="p", location="l", error=cause)

    monkeypatch.setattr(TuningClient, "create_tuning_job", lost)
    ran = gemtune("create", "-f", spec)
    assert ran.status == 3
    assert ran.out == ""
    assert "it is not known whether the job was created" in ran.err
    assert "gemtune resume id-1 --project p --location l" in ran.err
