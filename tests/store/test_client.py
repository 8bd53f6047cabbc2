"""A client with a store: what it submits is in the history, and one id makes one job, whichever process is faster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.oauth2.credentials import Credentials

import gemtune
from gemtune import TuningClient, TuningJob
from gemtune.emulator import running
from gemtune.store import SpecStore


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running(job_duration=3600) as url:
        yield url


@pytest.fixture
def project(tmp_path: Path) -> str:
    return f"p-{abs(hash(tmp_path))}"


def spec(**fields: str) -> TuningJob:
    job = TuningJob(**{"base_model": "gemini-2.5-flash"} | fields)
    job.supervised_tuning_spec.training_dataset_uri = "gs://acme/train.jsonl"
    return job


def names(endpoint: str, project: str) -> list[str]:
    with TuningClient(project, endpoint=endpoint) as client:
        return [job.name for job in client.list_tuning_jobs()]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_is_submitted_is_in_the_history(endpoint: str, project: str, url: str, kind: str) -> None:
    with SpecStore(url) as store:
        if kind == "sync":
            with TuningClient(project, endpoint=endpoint, store=store) as client:
                made = client.create_tuning_job(spec())
        else:

            async def create() -> TuningJob:
                async with gemtune.AsyncTuningClient(project, endpoint=endpoint, store=store) as client:
                    return await client.create_tuning_job(spec())

            made = asyncio.run(create())
        [submission] = store.submissions()
        assert [job.name for job in submission.jobs] == [made.name]
        assert store.get(submission.fingerprint) == spec()
        assert store.submissions(job_name=made.name, project=project, location="us-central1") == [submission]


def test_an_id_that_is_used_again_is_answered_with_its_job(endpoint: str, project: str, url: str) -> None:
    with SpecStore(url) as store, TuningClient(project, endpoint=endpoint, store=store) as client:
        first = client.create_tuning_job(spec(), request_id="summaries-1")
        assert client.create_tuning_job(spec(), request_id="summaries-1").name == first.name
    assert names(endpoint, project) == [first.name]


def test_an_id_that_names_another_spec_is_refused_with_both(endpoint: str, project: str, url: str) -> None:
    with SpecStore(url) as store, TuningClient(project, endpoint=endpoint, store=store) as client:
        client.create_tuning_job(spec(), request_id="summaries-1")
        other = spec(description="other")
        with pytest.raises(gemtune.SpecInvalid) as caught:
            client.create_tuning_job(other, request_id="summaries-1")
    for fingerprint in map(gemtune.fingerprint, (spec(), other)):
        assert fingerprint in str(caught.value)
    assert len(names(endpoint, project)) == 1


def test_a_spec_that_the_service_refused_can_be_mended_under_its_id(endpoint: str, project: str, url: str) -> None:
    with SpecStore(url) as store, TuningClient(project, endpoint=endpoint, store=store) as client:
        with pytest.raises(gemtune.InvalidArgument):
            client.create_tuning_job(spec(tuned_model_display_name="x" * 200), request_id="summaries-1", validate=False)
        began = time.monotonic()
        made = client.create_tuning_job(spec(), request_id="summaries-1")
        assert time.monotonic() - began < 20, "nobody waits for what was never created"
        assert [job.name for job in store.submissions()[0].jobs] == [made.name]
    assert names(endpoint, project) == [made.name]


def test_clients_that_submit_at_once_under_one_id_make_one_job(endpoint: str, project: str, url: str) -> None:
    SpecStore(url).close()
    barrier = threading.Barrier(4)
    made: list[str] = []

    def submit() -> None:
        retry = gemtune.Retry(settle=1.0)
        with SpecStore(url) as store, TuningClient(project, endpoint=endpoint, store=store, retry=retry) as client:
            barrier.wait(30)
            made.append(client.create_tuning_job(spec(), request_id="summaries-1").name)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == names(endpoint, project) * 4


def test_no_token_gets_into_the_store(endpoint: str, project: str, tmp_path: Path) -> None:
    secret = "ya29.c0ffee-of-nobody"
    with SpecStore(tmp_path / "store.db") as store:
        client = TuningClient(project, endpoint=endpoint, store=store, credentials=Credentials(token=secret))  # type: ignore[no-untyped-call]
        with client:
            client.create_tuning_job(spec())
        with store._database.reading():
            files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert any(b"gs://acme/train.jsonl" in content for content in files)
    assert not any(secret.encode() in content for content in files)
