"""The documented Python surface: arguments into messages, and what a job shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest
from google.protobuf import json_format

import gemtune
from gemtune import emulator, sft
from gemtune.errors import ConfigurationError, JobFailed, NotFound, SpecInvalid
from gemtune_pb.v1 import JobState

DATA = "gs://bucket/train.jsonl"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulator.running(job_duration=0.2) as url:
        yield url


@pytest.fixture(autouse=True)
def initialized(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    gemtune.init(project="demo", location="europe-west4", api_endpoint=url)
    yield
    sft.close()


def train(**options: Any) -> sft.SupervisedTuningJob:
    return sft.train(**{"source_model": "gemini-2.5-flash", "train_dataset": DATA, **options})


@pytest.mark.parametrize(
    ("size", "name"),
    [(1, "ONE"), (2, "TWO"), (4, "FOUR"), (8, "EIGHT"), (16, "SIXTEEN")],
)
def test_an_adapter_size_is_a_size(size: int, name: str) -> None:
    parameters = train(adapter_size=size).to_message().supervised_tuning_spec.hyper_parameters
    assert gemtune.AdapterSize.Name(parameters.adapter_size) == f"ADAPTER_SIZE_{name}"


def test_the_largest_size_is_one_of_open_models_but_is_known() -> None:
    assert gemtune.adapter_size(32) == gemtune.AdapterSize.ADAPTER_SIZE_THIRTY_TWO


@pytest.mark.parametrize("size", [0, 3, 5, 64, -4, 4.0, "4", True])
def test_anything_else_is_refused_with_the_sizes(size: Any) -> None:
    with pytest.raises(SpecInvalid, match=r"1 .*2 .*4 .*8 .*16 .*32"):
        train(adapter_size=size)


def test_every_argument_arrives() -> None:
    job = train(
        validation_dataset="gs://bucket/validation.jsonl",
        tuned_model_display_name="n",
        epochs=3,
        learning_rate_multiplier=0.5,
        labels={"a": "b"},
        service_account="sa@p.iam.gserviceaccount.com",
        export_last_checkpoint_only=True,
    ).to_message()
    spec = job.supervised_tuning_spec
    assert (job.base_model, spec.training_dataset_uri) == ("gemini-2.5-flash", DATA)
    assert spec.validation_dataset_uri == "gs://bucket/validation.jsonl"
    assert (spec.hyper_parameters.epoch_count, spec.hyper_parameters.learning_rate_multiplier) == (3, 0.5)
    assert spec.export_last_checkpoint_only
    assert job.tuned_model_display_name == "n"
    assert job.labels["a"] == "b"
    assert job.service_account == "sa@p.iam.gserviceaccount.com"
    assert "/locations/europe-west4/" in job.name


def test_a_tuned_model_is_gone_on_from() -> None:
    model = "projects/demo/locations/europe-west4/models/7712@1"
    job = train(source_model=model, pre_tuned_model_checkpoint_id="3").to_message()
    assert not job.base_model
    assert (job.pre_tuned_model.tuned_model_name, job.pre_tuned_model.checkpoint_id) == (model, "3")


def test_a_checkpoint_is_never_lost_in_silence() -> None:
    with pytest.raises(SpecInvalid, match="belongs to a tuned model"):
        train(pre_tuned_model_checkpoint_id="3")


@pytest.mark.parametrize("argument", ["epochs", "learning_rate_multiplier", "learning_rate"])
def test_a_zero_that_would_not_be_sent_is_refused(argument: str) -> None:
    with pytest.raises(SpecInvalid, match="0 cannot be sent"):
        train(**{argument: 0})


def test_init_gives_new_jobs_their_key_and_account(url: str) -> None:
    key = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"
    account = "sa@p.iam.gserviceaccount.com"
    gemtune.init(
        project="demo", location="europe-west4", api_endpoint=url, encryption_spec_key_name=key, service_account=account
    )
    job = train().to_message()
    assert (job.encryption_spec.kms_key_name, job.service_account) == (key, account)


def test_a_job_from_its_beginning_to_its_end() -> None:
    job = train(tuned_model_display_name="summaries")
    assert not job.has_ended
    assert job.tuned_model_name is None
    assert job.error is None
    assert job.create_time is not None
    assert job.create_time.tzinfo is UTC
    while not job.refresh().has_ended:
        pass
    assert job.has_succeeded
    assert job.state == JobState.JOB_STATE_SUCCEEDED
    assert job.tuned_model_name
    assert job.tuned_model_endpoint_name
    assert job.experiment
    assert job.tuning_data_statistics.supervised_tuning_data_stats.tuning_dataset_example_count == 500
    assert job.start_time is not None
    assert job.end_time is not None
    assert job.start_time < job.end_time == job.update_time
    assert job.resource_name.endswith(f"/tuningJobs/{job.name}")
    assert "SUCCEEDED" in repr(job)
    assert "summaries" in str(job)
    assert job.tuned_model_name in str(job)
    assert "<td>SUCCEEDED</td>" in job._repr_html_()


def test_a_job_as_a_dict_is_the_apis_json() -> None:
    job = train(epochs=3, adapter_size=4)
    shown = job.to_dict()
    assert shown == json_format.MessageToDict(job.to_message())
    assert shown["baseModel"] == "gemini-2.5-flash"
    assert shown["supervisedTuningSpec"]["hyperParameters"] == {"epochCount": "3", "adapterSize": "ADAPTER_SIZE_FOUR"}


def test_the_notebook_form_escapes() -> None:
    assert "<b>" not in train(tuned_model_display_name="<b>x")._repr_html_()


def test_list_is_newest_first_and_takes_a_filter() -> None:
    first, second = train(labels={"kind": "listed"}), train(labels={"kind": "listed"})
    jobs = sft.SupervisedTuningJob.list(filter='labels.kind="listed"')
    assert [job.name for job in jobs] == [second.name, first.name]


def test_cancel_and_its_error() -> None:
    job = train()
    job.cancel()
    while not job.refresh().has_ended:
        pass
    assert not job.has_succeeded
    assert job.error is not None
    assert job.error.code == 1


def test_a_rebase_ends_as_a_job(url: str) -> None:
    old = train()
    while not old.refresh().has_ended:
        pass
    with gemtune.TuningClient("demo", "europe-west4", endpoint=url) as client:
        for name in (old.tuned_model_name or "", old.resource_name):
            operation = sft.rebase_tuned_model(name)
            job = client.wait_operation(operation, poll_interval=0.05)
            assert "/tuningJobs/" in job.name
            assert job.name != old.resource_name


def test_a_missing_job_is_not_found() -> None:
    with pytest.raises(NotFound, match="does not exist"):
        sft.SupervisedTuningJob("1")


def test_without_a_project_the_sentence_says_what_to_set(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gemtune.init(api_endpoint=url)
    with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        train()


def test_a_failed_job_is_raised_by_a_wait(url: str) -> None:
    job = train()
    job.cancel()
    with gemtune.TuningClient("demo", "europe-west4", endpoint=url) as client, pytest.raises(JobFailed) as failure:
        client.wait_tuning_job(job.resource_name, poll_interval=0.02)
    assert failure.value.job.state == JobState.JOB_STATE_CANCELLED
