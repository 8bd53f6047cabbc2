"""The data of a job, checked before it is created: by the clients, and by gemtune create."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.cli import run
from gemtune.dataset.cloud_api import EMULATOR
from gemtune.emulator import running
from gemtune.errors import DatasetError, DatasetInvalid
from tests.support.object_stores import InProcess

GOOD = {"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]}
BAD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    with InProcess() as store:
        monkeypatch.setenv(EMULATOR, store.url)
        store.put("data", "good.jsonl", b"".join(json.dumps(GOOD).encode() + b"\n" for _ in range(3)))
        store.put("data", "bad.jsonl", json.dumps(BAD).encode() + b"\n")
        yield store


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running(job_duration=0.2) as url:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", url.removeprefix("http://"))
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
        yield url


def spec(name: str, validation: str = "") -> gemtune.TuningJob:
    job = gemtune.TuningJob(base_model="gemini-3.5-flash")
    job.supervised_tuning_spec.training_dataset_uri = f"gs://data/{name}.jsonl"
    if validation:
        job.supervised_tuning_spec.validation_dataset_uri = f"gs://data/{validation}.jsonl"
    job.supervised_tuning_spec.hyper_parameters.epoch_count = 2
    return job


@pytest.mark.usefixtures("store", "service")
def test_bad_data_are_refused_before_anything_is_sent() -> None:
    with gemtune.TuningClient() as client:
        with pytest.raises(DatasetInvalid) as caught:
            client.create_tuning_job(spec("bad"), check_data=True)
        (violation,) = caught.value.violations.field_violations
        assert violation.field == "supervised_tuning_spec.training_dataset_uri"
        assert (violation.reason, caught.value.report.problem_counts["GT202"]) == ("GT202", 1)
        with pytest.raises(DatasetInvalid, match="validation_dataset_uri"):
            client.create_tuning_job(spec("good", "bad"), check_data=True)
        with pytest.raises(DatasetError, match=r"none\.jsonl"):
            client.create_tuning_job(spec("none"), check_data=True)
        assert list(client.list_tuning_jobs()) == []
        assert client.create_tuning_job(spec("good"), check_data=True).name
        assert client.create_tuning_job(spec("bad")).name, "only who asks for it has them checked"


@pytest.mark.usefixtures("store", "service")
def test_the_asynchronous_client_checks_them_too() -> None:
    async def go() -> None:
        async with gemtune.AsyncTuningClient() as client:
            with pytest.raises(DatasetInvalid):
                await client.create_tuning_job(spec("bad"), check_data=True)
            assert (await client.create_tuning_job(spec("good"), check_data=True)).name

    asyncio.run(go())


@pytest.mark.usefixtures("store", "service")
def test_the_command_says_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    flags: list[Any] = ["--base-model", "gemini-3.5-flash", "--epoch-count", "2"]
    assert run(["create", *flags, "--training-dataset-uri", "gs://data/bad.jsonl", "--check-data"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "1 row is in the form of OpenAI" in err
    assert (
        "nothing was sent; to see all: gemtune dataset check gs://data/bad.jsonl --base-model gemini-3.5-flash" in err
    )
    assert run(["create", *flags, "--training-dataset-uri", "gs://data/good.jsonl", "--check-data"]) == 0
    out, err = capsys.readouterr()
    assert "data are checked: 3 rows, " in err
    assert "tuningJobs/" in out


@pytest.mark.usefixtures("store", "service")
def test_an_estimate_reads_the_data_where_the_spec_says_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    job = spec("good")
    gemtune.save_spec(job, tmp_path / "spec.yaml")
    assert run(["estimate", "-f", str(tmp_path / "spec.yaml"), "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["onePass"]["exampleCount"] == "3"


@pytest.mark.usefixtures("service")
def test_pins_tell_when_the_data_have_changed(
    store: InProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gemtune.save_spec(spec("good"), tmp_path / "spec.yaml")
    book = str(tmp_path / "book.db")
    create = ["create", "-f", str(tmp_path / "spec.yaml")]
    assert run([*create, "--pin"]) == 2
    assert "add --store" in capsys.readouterr().err
    assert run([*create, "--pin", "--store", book, "--max-tokens", "100000"]) == 0
    name = capsys.readouterr().out.split()[-1]

    from gemtune.store import SpecStore

    with SpecStore(book) as kept:
        (submission,) = kept.submissions(job_name=name)
        events = {event.kind: event.data for event in submission.events}
    (pinned,) = events["pinned"]["objects"]
    assert pinned["uri"] == "gs://data/good.jsonl"
    assert pinned["size"] == 3 * (len(json.dumps(GOOD)) + 1)
    assert pinned["generation"].isdigit()
    assert pinned["crc32c"]

    again = [*create, "--once", "--store", book]
    assert run(again) == 0
    assert "has changed since" not in capsys.readouterr().err
    store.put("data", "good.jsonl", b"".join(json.dumps(GOOD).encode() + b"\n" for _ in range(4)))
    assert run(again) == 0
    assert "gs://data/good.jsonl has changed since (" in capsys.readouterr().err
    assert run(["diff", str(tmp_path / "spec.yaml"), name, "--store", book]) == 1
    assert "~ gs://data/good.jsonl has changed since (" in capsys.readouterr().out
    assert run(["get", name, "--store", book]) == 0
    shown = capsys.readouterr().out
    assert "estimated" in shown
    store.delete("data", "good.jsonl")
    assert run(again) == 0
    assert "was there then" in capsys.readouterr().err
