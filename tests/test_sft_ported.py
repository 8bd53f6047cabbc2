"""Code that was written for vertexai and changes its imports: names, arguments and call shapes."""

from __future__ import annotations

import importlib
import inspect
import logging
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

import gemtune
from gemtune import emulator, sft
from gemtune.errors import ConfigurationError, JobFailed, SpecInvalid, WaitTimeout
from gemtune_pb.v1 import JobState as GeneratedJobState, TuningDataStats, TuningJob
from tests.support.vertexai_names import INIT, JOB, MODULES, REBASE, TRAIN

IMPORTS = [
    "import gemtune; from gemtune.preview.tuning import sft",
    "import gemtune; from gemtune.tuning import sft",
    "import gemtune; sft = gemtune.preview.tuning.sft",
    "import gemtune; sft = gemtune.tuning.sft",
    "import gemtune.preview.tuning.sft as sft",
    "from gemtune.preview import tuning; sft = tuning.sft",
    "from gemtune.preview.tuning import sft as preview_sft; from gemtune.tuning import sft",
    "from gemtune import init; from gemtune.tuning import sft, SourceModel, TuningJob; init(project='p')",
]
DATA = "gs://bucket/train.jsonl"
MODEL = "gemini-2.5-flash"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulator.running(job_duration=0.2) as url:
        yield url


@pytest.fixture(autouse=True)
def initialized(url: str) -> Iterator[None]:
    gemtune.init(project="demo", location="us-central1", api_endpoint=url)
    yield
    sft.close()


def train(**options: Any) -> sft.SupervisedTuningJob:
    return sft.train(**{"source_model": MODEL, "train_dataset": DATA, **options})


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "names"),
    [(gemtune.init, INIT), (sft.train, TRAIN), (sft.preview_train, TRAIN), (sft.rebase_tuned_model, REBASE)],
)
def test_a_function_takes_what_vertexais_takes(function: Any, names: list[str]) -> None:
    assert set(names) <= set(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", JOB)
def test_a_job_has_what_vertexais_has(name: str) -> None:
    getattr(train(), name)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_what_vertexais_has(module: str) -> None:
    for name in MODULES[module].split():
        assert getattr(importlib.import_module(module.replace("vertexai", "gemtune")), name) is not None


@pytest.mark.parametrize("code", IMPORTS)
def test_a_fresh_process_finds_train(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"{code}; sft.train; sft.SupervisedTuningJob"], check=True)


# -- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", GeneratedJobState.values())
def test_a_state_is_a_number_with_a_name(number: int) -> None:
    name = GeneratedJobState.Name(number)
    state = gemtune.JobState(number)
    assert (state.name, state.value) == (name, number)
    assert state == number == getattr(gemtune.JobState, name) == gemtune.JobState.Value(name)
    assert hash(state) == hash(number)
    assert isinstance(state, gemtune.JobState)
    assert gemtune.JobState.Name(state) == name
    assert TuningJob(state=state).state == number


def test_the_methods_of_protobufs_enum_stay() -> None:
    ours: Any = gemtune.JobState
    assert ours.keys() == GeneratedJobState.keys()
    assert ours.values() == GeneratedJobState.values()
    assert ours.items() == GeneratedJobState.items()
    assert ours.DESCRIPTOR is GeneratedJobState.DESCRIPTOR
    assert list(ours) == GeneratedJobState.values()
    for wrong in (lambda: ours.Name(99), lambda: ours.Value("JOB_STATE_X"), lambda: ours("JOB_STATE_RUNNING")):
        with pytest.raises(ValueError, match=r"99|JOB_STATE"):
            wrong()
    with pytest.raises(AttributeError):
        _ = ours.JOB_STATE_X


@pytest.mark.parametrize("number", [12, 99, -1])
def test_a_number_of_a_newer_service_does_not_crash(number: int) -> None:
    job = sft.SupervisedTuningJob("x", _job=TuningJob(name="projects/p/locations/l/tuningJobs/1", state=number))
    assert (job.state, job.state.name, job.state.value) == (number, str(number), number)
    assert gemtune.JobState(job.state).name == str(number)
    assert not job.has_ended


def test_a_state_that_came_by_an_unknown_name_keeps_it() -> None:
    from gemtune.rpc.unknown import Unknown, keep

    message = TuningJob(name="projects/p/locations/l/tuningJobs/7")
    keep(message, [Unknown(("state",), "JOB_STATE_PREEMPTED")])
    assert sft.SupervisedTuningJob("x", _job=message).state.name == "JOB_STATE_PREEMPTED"


# -- the shapes of public scripts ---------------------------------------------------------------------------------------


def test_a_loop_over_state_names() -> None:
    job = train(tuned_model_display_name="d", epochs=3, learning_rate_multiplier=1.0)
    seen = set()
    while job.state.name not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
        seen.add(job.state.name)
        time.sleep(0.01)
        job = sft.SupervisedTuningJob(job.resource_name)
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    assert "JOB_STATE_RUNNING" in seen


def test_a_loop_that_reads_the_statistics_at_each_look() -> None:
    job = train()
    counts = [job.tuning_data_statistics.supervised_tuning_data_stats.total_billable_token_count]
    assert isinstance(job.tuning_data_statistics, TuningDataStats)
    while gemtune.JobState(job.refresh().state).name != "JOB_STATE_SUCCEEDED":
        stats = job.tuning_data_statistics.supervised_tuning_data_stats
        counts.append(stats.total_billable_token_count)
        assert isinstance(list(stats.user_input_token_distribution.buckets), list)
    assert counts[0] == 0
    assert job.tuning_data_statistics.supervised_tuning_data_stats.total_billable_token_count > 0


def test_an_open_model_with_all_of_its_options() -> None:
    job = train(
        source_model=sft.SourceModel(base_model="meta/llama3_1@llama-3.1-8b", custom_base_model="gs://bucket/weights"),
        validation_dataset="gs://bucket/validation.jsonl",
        tuning_mode="PEFT_ADAPTER",
        learning_rate=0.0002,
        epochs=1,
        adapter_size=16,
        output_uri="gs://bucket/out",
    )
    message = job.refresh().to_message()
    spec = message.supervised_tuning_spec
    assert (message.base_model, message.custom_base_model) == ("meta/llama3_1@llama-3.1-8b", "gs://bucket/weights")
    assert message.output_uri == "gs://bucket/out"
    assert spec.tuning_mode == gemtune.SupervisedTuningSpec.TUNING_MODE_PEFT_ADAPTER
    assert spec.hyper_parameters.learning_rate == 0.0002


@pytest.mark.parametrize("as_message", [False, True])
def test_an_evaluation(as_message: bool) -> None:
    config: Any = {
        "metrics": [{"exactMatchSpec": {}}],
        "output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/o"}},
    }
    if as_message:
        import json

        config = gemtune.from_json(json.dumps(config), gemtune.EvaluationConfig)
    job = train(validation_dataset="gs://bucket/v.jsonl", evaluation_config=config)
    assert job.to_message().supervised_tuning_spec.evaluation_config.metrics[0].HasField("exact_match_spec")


def test_wait_gives_the_ended_job_itself() -> None:
    job = train()
    assert job.wait(poll_interval=0.02) is job
    assert job.has_succeeded
    assert job.experiment is not None
    assert job.experiment.name.startswith("tuning-experiment-")
    assert job.experiment.resource_name.endswith(f"/contexts/{job.experiment.name}")
    assert f"{job.experiment}" == job.experiment.resource_name


def test_wait_has_a_timeout_and_raises_what_became_of_the_job() -> None:
    job = train(labels={"gemtune-emulator": "stay-running"})
    with pytest.raises(WaitTimeout):
        job.wait(0.05, poll_interval=0.02)
    job.cancel()
    with pytest.raises(JobFailed):
        job.wait(poll_interval=0.02)
    assert job.state.name == "JOB_STATE_CANCELLED"
    assert job.wait(raise_on_failure=False).has_ended


# -- objects ------------------------------------------------------------------------------------------------------------


class GenerativeModel:
    def __init__(self, name: str) -> None:
        self._prediction_resource_name = f"projects/p/locations/us-central1/{name}"


class MultimodalDataset:
    resource_name = "projects/demo/locations/us-central1/datasets/12"


class CloudPath:
    def __str__(self) -> str:
        return "gs://bucket/cloud.jsonl"

    def __fspath__(self) -> str:
        raise AssertionError("that would download it")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (GenerativeModel("publishers/google/models/gemini-2.5-pro"), "gemini-2.5-pro"),
        ("publishers/google/models/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"),
        ("projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        (sft.SourceModel("gemini-2.5-pro"), "gemini-2.5-pro"),
    ],
)
def test_a_source_model_may_be_an_object(model: Any, name: str) -> None:
    assert train(source_model=model).to_message().base_model == name


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        (MultimodalDataset(), MultimodalDataset.resource_name),
        (pathlib.PurePosixPath("gs://bucket/p.jsonl"), "gs://bucket/p.jsonl"),
        (CloudPath(), "gs://bucket/cloud.jsonl"),
    ],
    ids=["dataset", "pathlib", "cloudpathlib"],
)
def test_a_dataset_may_be_an_object(dataset: Any, name: str) -> None:
    spec = train(train_dataset=dataset, validation_dataset=dataset).to_message().supervised_tuning_spec
    assert spec.training_dataset_uri == spec.validation_dataset_uri == name


WRONG: list[tuple[str, Any, str]] = [
    ("source_model", None, "source_model is None; give a base model's name"),
    ("source_model", 3, "source_model is 3;"),
    ("source_model", GenerativeModel("endpoints/12"), "source_model is a GenerativeModel;"),
    ("source_model", sft.SourceModel(None), "source_model is a SourceModel;"),  # type: ignore[arg-type]
    ("source_model", sft.SourceModel("m/x@y", 3), "custom_base_model is 3;"),  # type: ignore[arg-type]
    ("train_dataset", ["gs://b/x.jsonl"], "train_dataset is a list; give the gs:// URI"),
    ("train_dataset", b"gs://b/x.jsonl", "train_dataset is b'gs://b/x.jsonl'; give the gs:// URI"),
    ("train_dataset", pathlib.PurePosixPath("train.jsonl"), "'train.jsonl' is a local path"),
    ("validation_dataset", {}, "validation_dataset is a dict;"),
    ("tuned_model_display_name", 5, "tuned_model_display_name is 5; give text"),
    ("tuned_model_display_name", "\ud800", "tuned_model_display_name is '\\ud800', which has half"),
    ("tuning_mode", "LORA", 'tuning_mode is \'LORA\'; the modes are "FULL" and "PEFT_ADAPTER"'),
    ("epochs", True, "epochs is True; give a whole number"),
    ("epochs", "4", "epochs is '4'; give a whole number"),
    ("epochs", 4.5, "epochs is 4.5; give a whole number"),
    ("epochs", 2**63, "epochs is larger than"),
    ("learning_rate", "0.1", "learning_rate is '0.1'; give a positive number"),
    ("learning_rate_multiplier", True, "learning_rate_multiplier is True; give a positive number"),
    ("learning_rate_multiplier", [1], "learning_rate_multiplier is a list; give a positive number"),
    ("learning_rate_multiplier", 10**400, "learning_rate_multiplier is an int; give a positive number"),
    ("adapter_size", True, "True is not an adapter size"),
    ("labels", {"run": 1}, "labels['run'] is 1; a label's value is text: write \"1\""),
    ("labels", {"run": None}, "labels['run'] is None; a label's value is text, which may be empty"),
    ("labels", {"run": True}, "labels['run'] is True;"),
    ("labels", {7: "a"}, "labels has the key 7; a label's key is text"),
    ("labels", ["team"], "labels is a list; give a mapping"),
    ("labels", "team", "labels is 'team'; give a mapping"),
    ("output_uri", 1, "output_uri is 1; give text"),
    ("service_account", 1, "service_account is 1; give text"),
    ("encryption_spec_key_name", object(), "encryption_spec_key_name is an object; give text"),
    ("export_last_checkpoint_only", "no", "export_last_checkpoint_only is 'no'; give True or False"),
    ("pre_tuned_model_checkpoint_id", 3, "pre_tuned_model_checkpoint_id is 3; give text"),
    ("evaluation_config", [1], "evaluation_config is a list; give a gemtune.EvaluationConfig"),
    ("evaluation_config", {"metric": 1}, "evaluation_config is not an EvaluationConfig:"),
    ("evaluation_config", {"metrics": {1, 2}}, "evaluation_config is not an EvaluationConfig:"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG, ids=[f"{i}-{n}" for i, (n, _, _) in enumerate(WRONG)])
def test_a_wrong_argument_is_named(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(SpecInvalid) as refusal:
        train(**{name: value})
    assert sentence in str(refusal.value)


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(SpecInvalid) as refusal:
        train(epochs=True, labels={"a": 1, "b": 2}, learning_rate="x")
    assert len(refusal.value.violations.field_violations) == 4


def test_none_is_left_out_everywhere() -> None:
    left_out = {name: None for name in inspect.signature(sft.train).parameters if name not in TRAIN[:2]}
    assert train(**left_out).to_message().labels.keys() <= {"gemtune-request", "gemtune-spec"}


# -- init ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"staging_bucket": "gs://bucket"},
        {"network": "projects/1/global/networks/n"},
        {"experiment": "e", "experiment_description": "d", "experiment_tensorboard": False},
        {"api_transport": "rest"},
        {"api_key": "k"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_changes_nothing_is_accepted(options: dict[str, Any]) -> None:
    gemtune.init(**options)
    assert train().name


@pytest.mark.parametrize("options", [{"experiment": "e"}, {"experiment_tensorboard": "t"}, {"api_key": "k"}])
def test_what_somebody_may_count_on_is_warned_of(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gemtune"):
        gemtune.init(**options)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"request_metadata": [("x-a", "b")]}, "gemtune sends no headers of yours"),
        ({"api_transport": "grpc_asyncio"}, 'the transports are "rest" and "grpc"'),
        ({"api_key": "k", "api_endpoint": "http://127.0.0.1:9"}, "take no API key"),
    ],
    ids=["metadata", "transport", "key"],
)
def test_what_cannot_be_honoured_is_said_and_changes_nothing(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        gemtune.init(**options)
    assert train().name


def test_what_a_later_init_leaves_out_stays(url: str) -> None:
    account = "sa@p.iam.gserviceaccount.com"
    gemtune.init(service_account=account)
    gemtune.init(location="europe-west4")
    job = train()
    assert job.service_account == account
    assert "/locations/europe-west4/" in job.resource_name


def test_grpc_is_honoured() -> None:
    pytest.importorskip("grpc")
    with emulator.running(grpc_port=0) as address:
        gemtune.init(project="demo", api_endpoint=f"http://{address.grpc}", api_transport="grpc")
        assert train().state.name == "JOB_STATE_PENDING"
        sft.close()


def test_train_takes_a_timeout() -> None:
    assert train(timeout=5).name
