"""What the service does with jobs, on a clock that the tests move."""

from __future__ import annotations

import itertools
import json
import re
import time
from datetime import UTC, datetime

import pytest
from google.longrunning import operations_proto_pb2 as operations_pb2
from hypothesis import given, strategies as st

from gemtune.emulator.service import Service
from gemtune.emulator.storage import MEMORY, Storage
from gemtune.errors import ApiError, FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from gemtune.rpc import codec
from gemtune.settings import Endpoints
from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    CreateTuningJobRequest,
    JobState,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    PreTunedModel,
    RebaseTunedModelOperationMetadata,
    RebaseTunedModelRequest,
    ReinforcementTuningSpec,
    SupervisedHyperParameters,
    TunedModelRef,
    TuningJob,
)
from tests.support.frozen_service import DURATION, METHODS, NOW, PARENT, Clock, Emulated, tuning_job

MISSING = f"{PARENT}/tuningJobs/1111111111111111111"


def state(job: TuningJob) -> str:
    return JobState.Name(job.state).removeprefix("JOB_STATE_")


def cancel(emulated: Emulated, name: str) -> None:
    emulated.call("CancelTuningJob", CancelTuningJobRequest(name=name))


def succeeded(emulated: Emulated, job: TuningJob | None = None) -> TuningJob:
    created = emulated.create(job)
    emulated.clock.advance(DURATION)
    return emulated.get(created.name)


# -- the life of a job --------------------------------------------------------------------------------------------


def test_a_new_job_is_pending_and_has_neither_start_nor_result(emulated: Emulated) -> None:
    job = emulated.create()
    assert state(job) == "PENDING"
    assert job.create_time == job.update_time
    assert job.create_time.ToJsonString() == "2026-11-24T16:00:00.250Z"
    unset = ("start_time", "end_time", "error", "tuned_model", "tuning_data_stats")
    assert not any(job.HasField(field) for field in unset)
    assert job.experiment == ""


def test_the_answer_to_a_create_is_what_a_get_gives_at_that_time(emulated: Emulated) -> None:
    job = emulated.create()
    assert emulated.get(job.name) == job


def test_a_running_job_shows_its_start_and_its_experiment(emulated: Emulated) -> None:
    name = emulated.create().name
    emulated.clock.advance(11)
    job = emulated.get(name)
    assert state(job) == "RUNNING"
    assert job.start_time == job.update_time
    assert job.start_time.ToJsonString() == "2026-11-24T16:00:10.250Z"
    context = "metadataStores/default/contexts/tuning-experiment-20261124080010250000"  # US Pacific time
    assert job.experiment == f"{name.partition('/tuningJobs')[0]}/{context}"
    assert not job.HasField("tuning_data_stats")


def test_statistics_appear_once_the_data_are_read(emulated: Emulated) -> None:
    name = emulated.create().name
    emulated.clock.advance(31)
    job = emulated.get(name)
    assert state(job) == "RUNNING"
    assert job.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count == 500
    assert not job.HasField("tuned_model")


def test_a_succeeded_job_has_a_tuned_model_and_all_its_times(emulated: Emulated) -> None:
    job = succeeded(emulated)
    assert state(job) == "SUCCEEDED"
    assert job.end_time == job.update_time
    assert job.create_time.ToNanoseconds() < job.start_time.ToNanoseconds() < job.end_time.ToNanoseconds()
    place = r"projects/\d{12}/locations/us-central1"
    assert re.fullmatch(rf"{place}/models/\d{{19}}@1", job.tuned_model.model)
    assert re.fullmatch(rf"{place}/endpoints/\d{{19}}", job.tuned_model.endpoint)
    assert not job.HasField("error")


def test_an_ended_job_never_changes_again(emulated: Emulated) -> None:
    job = succeeded(emulated)
    emulated.clock.advance(10_000_000)
    assert emulated.get(job.name) == job


def test_an_ended_job_shows_the_hyper_parameters_that_were_left_to_the_service(emulated: Emulated) -> None:
    created = emulated.create(tuning_job("gemini-1.5-flash-002"))
    emulated.clock.advance(50)
    assert not emulated.get(created.name).supervised_tuning_spec.HasField("hyper_parameters")
    emulated.clock.advance(50)
    parameters = emulated.get(created.name).supervised_tuning_spec.hyper_parameters
    assert parameters == SupervisedHyperParameters(epoch_count=10, learning_rate_multiplier=1.0, adapter_size=3)


def test_what_was_asked_for_is_not_replaced_by_defaults(emulated: Emulated) -> None:
    wanted = tuning_job()
    parameters = SupervisedHyperParameters(epoch_count=4, learning_rate_multiplier=0.5, adapter_size=1)
    wanted.supervised_tuning_spec.hyper_parameters.CopyFrom(parameters)
    assert succeeded(emulated, wanted).supervised_tuning_spec.hyper_parameters == parameters


@pytest.mark.parametrize(
    ("base_model", "size"),
    [("gemini-1.0-pro-002", "ONE"), ("gemini-1.5-pro-002", "FOUR"), ("gemini-1.5-flash-002", "EIGHT"),
     ("gemini-2.5-pro", "FOUR"), ("publishers/google/models/gemini-1.0-pro-002", "ONE"), ("a-model-of-next-year", "FOUR")],
)  # fmt: skip
def test_the_default_adapter_size_is_the_base_models(emulated: Emulated, base_model: str, size: str) -> None:
    found = succeeded(emulated, tuning_job(base_model)).supervised_tuning_spec.hyper_parameters.adapter_size
    assert SupervisedHyperParameters.AdapterSize.Name(found) == f"ADAPTER_SIZE_{size}"


def test_an_answer_looks_like_the_one_that_the_service_gave(emulated: Emulated) -> None:
    """Field by field, in the order of the recorded answer (which failed at its endpoint, and so has none)."""
    job = codec.to_json(succeeded(emulated, tuning_job("gemini-1.5-pro-002")))
    recorded = (
        "name tunedModelDisplayName baseModel supervisedTuningSpec trainingDatasetUri hyperParameters epochCount "
        "learningRateMultiplier adapterSize state createTime startTime endTime updateTime experiment tunedModel model "
        "endpoint tuningDataStats supervisedTuningDataStats tuningDatasetExampleCount userInputTokenDistribution sum "
        "min max mean median p5 p95 buckets count left right userOutputTokenDistribution "
        "userMessagePerExampleDistribution userDatasetExamples role parts text totalBillableTokenCount"
    )
    seen = dict.fromkeys(re.findall(r'"(\w+)":', job))  # each once, in order
    assert list(seen) == recorded.split()


# -- names --------------------------------------------------------------------------------------------------------


def test_names_have_the_projects_number_whatever_was_sent(emulated: Emulated) -> None:
    by_id = emulated.create()
    number = by_id.name.split("/")[1]
    assert re.fullmatch(r"[1-9]\d{11}", number)
    assert re.fullmatch(rf"projects/{number}/locations/us-central1/tuningJobs/[1-9]\d{{18}}", by_id.name)
    by_number = emulated.create(parent=f"projects/{number}/locations/us-central1")
    assert by_number.name.split("/")[1] == number
    for name in (by_id.name, by_id.name.replace(number, "demo")):
        assert emulated.get(name).name == by_id.name


RL = ReinforcementTuningSpec(training_dataset_uri="gs://bucket/train.jsonl")


@pytest.mark.parametrize(
    ("model", "region", "kind", "place"),
    [
        ("gemini-3.5-flash", "us-central1", "", "us"),
        ("publishers/google/models/gemini-3.1-flash-lite", "europe-west4", "", "eu"),
        ("gemini-3.5-flash", "us-central1", "reinforcement", "us"),
        ("gemini-2.5-flash", "us-central1", "", "us-central1"),
        ("a-model-of-next-year", "europe-west4", "", "europe-west4"),
    ],
)
def test_a_tuned_model_answers_where_it_is_served_from(
    emulated: Emulated, model: str, region: str, kind: str, place: str
) -> None:
    wanted = TuningJob(base_model=model, reinforcement_tuning_spec=RL) if kind else tuning_job(model)
    created = emulated.create(wanted, parent=f"projects/demo/locations/{region}", api_version="v1beta1")
    emulated.clock.advance(DURATION)
    tuned = emulated.get(created.name).tuned_model
    project = created.name.split("/")[1]
    assert tuned.model.startswith(f"projects/{project}/locations/{region}/models/"), "the model itself is in its region"
    endpoints = {tuned.endpoint, *(checkpoint.endpoint for checkpoint in tuned.checkpoints)}
    assert all(name.startswith(f"projects/{project}/locations/{place}/endpoints/") for name in endpoints)
    host = f"aiplatform.{place}.rep.googleapis.com" if place in ("us", "eu") else f"{place}-aiplatform.googleapis.com"
    assert Endpoints(None).of(tuned.endpoint).host == host


def test_a_display_name_is_made_of_the_base_model_when_none_is_given(emulated: Emulated) -> None:
    job = emulated.create(tuning_job("gemini-1.0-pro-002"))
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"gemini-1\.0-pro-002-{uuid4}", job.tuned_model_display_name)
    assert emulated.create(tuning_job(tuned_model_display_name="mine")).tuned_model_display_name == "mine"


def test_what_only_the_service_may_say_is_passed_over(emulated: Emulated) -> None:
    wanted = tuning_job(name="mine", experiment="mine", state=JobState.JOB_STATE_SUCCEEDED)
    wanted.error.code = 3
    wanted.tuned_model.model = "mine"
    wanted.tuning_data_stats.supervised_tuning_data_stats.tuning_step_count = 3
    job = emulated.create(wanted)
    plain = emulated.create(tuning_job())
    for field in ("name", "tuned_model_display_name"):
        job.ClearField(field)  # type: ignore[arg-type]
        plain.ClearField(field)  # type: ignore[arg-type]
    assert job == plain


@pytest.mark.parametrize(
    "name",
    [
        MISSING,
        f"{PARENT}/tuningJobs/99999999999999999999999",
        f"{PARENT}/tuningJobs/{2**63}",
        f"{PARENT}/tuningJobs/abc",
        f"{PARENT}/tuningJobs/0",
        "x",
    ],
)
@pytest.mark.parametrize("rpc", ["GetTuningJob", "CancelTuningJob"])
def test_a_job_that_does_not_exist_is_not_found(emulated: Emulated, rpc: str, name: str) -> None:
    emulated.create()
    with pytest.raises(NotFound, match=r"^The TuningJob does not exist\. \(NOT_FOUND\)$"):
        emulated.call(rpc, METHODS[rpc].input_type(name=name))


def test_a_job_is_not_found_in_another_location_or_project(emulated: Emulated) -> None:
    name = emulated.create().name
    for elsewhere in (name.replace("us-central1", "europe-west4"), re.sub("projects/[0-9]+", "projects/other", name)):
        with pytest.raises(NotFound):
            emulated.get(elsewhere)


def test_a_method_that_the_emulator_does_not_know_is_unimplemented(emulated: Emulated) -> None:
    import dataclasses

    method = dataclasses.replace(METHODS["GetTuningJob"], name="Invent")
    with pytest.raises(Unimplemented, match="does not serve"):
        emulated.service.handle(method, method.input_type())


# -- cancelling ---------------------------------------------------------------------------------------------------


def test_a_cancelled_job_goes_through_cancelling_and_has_an_error(emulated: Emulated) -> None:
    name = emulated.create().name
    emulated.clock.advance(50)
    cancel(emulated, name)
    cancelling = emulated.get(name)
    assert state(cancelling) == "CANCELLING"
    assert not cancelling.HasField("error")
    emulated.clock.advance(10)
    job = emulated.get(name)
    assert state(job) == "CANCELLED"
    assert (job.error.code, job.error.message) == (1, "CANCELED")
    assert job.end_time == job.update_time
    assert job.HasField("start_time")
    assert not job.HasField("tuned_model")


def test_a_job_cancelled_before_it_ran_has_no_start_and_no_experiment(emulated: Emulated) -> None:
    name = emulated.create().name
    cancel(emulated, name)
    emulated.clock.advance(DURATION)
    job = emulated.get(name)
    assert state(job) == "CANCELLED"
    assert not job.HasField("start_time")
    assert job.experiment == ""


def test_cancelling_again_changes_nothing(emulated: Emulated) -> None:
    name = emulated.create().name
    emulated.clock.advance(20)
    cancel(emulated, name)
    emulated.clock.advance(5)
    before = emulated.get(name)
    cancel(emulated, name)
    assert emulated.get(name) == before


def test_cancelling_a_job_that_has_ended_changes_nothing(emulated: Emulated) -> None:
    job = succeeded(emulated)
    cancel(emulated, job.name)
    assert emulated.get(job.name) == job


# -- checkpoints --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [2**63 - 1, 10**17])
def test_a_job_of_more_steps_than_can_be_counted_is_shown_all_the_same(emulated: Emulated, epochs: int) -> None:
    name = emulated.create(with_epochs(epochs)).name
    for _ in range(11):
        emulated.clock.advance(DURATION / 10)
        for version in ("v1", "v1beta1"):
            job = emulated.get(name, api_version=version)
            emulated.call("ListTuningJobs", ListTuningJobsRequest(parent=PARENT), api_version=version)
    assert job.tuned_model.checkpoints[-1].epoch == epochs
    assert job.tuned_model.checkpoints[-1].step == min(epochs * 32, 2**63 - 1)
    assert job.tuning_job_metadata.completed_step_count == min(epochs * 32, 2**63 - 1)


def with_epochs(epochs: int, *, last_only: bool = False) -> TuningJob:
    job = tuning_job()
    job.supervised_tuning_spec.hyper_parameters.epoch_count = epochs
    job.supervised_tuning_spec.export_last_checkpoint_only = last_only
    return job


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(1, [1]), (4, [1, 2, 3, 4]), (10, list(range(1, 11))), (20, list(range(2, 21, 2))),
     (25, [3, 5, 8, 10, 13, 15, 18, 20, 23, 25])],
)  # fmt: skip
def test_a_tuned_model_keeps_a_checkpoint_an_epoch_up_to_ten(
    emulated: Emulated, epochs: int, expected: list[int]
) -> None:
    tuned = succeeded(emulated, with_epochs(epochs)).tuned_model
    assert [checkpoint.epoch for checkpoint in tuned.checkpoints] == expected
    assert [checkpoint.checkpoint_id for checkpoint in tuned.checkpoints] == [str(i + 1) for i in range(len(expected))]
    assert len({checkpoint.endpoint for checkpoint in tuned.checkpoints}) == len(expected)
    assert tuned.endpoint == tuned.checkpoints[-1].endpoint
    steps = [checkpoint.step for checkpoint in tuned.checkpoints]
    assert steps == sorted(steps)
    assert steps[-1] == epochs * 32  # 500 examples in batches of 16


def test_only_the_last_checkpoint_is_kept_when_asked_for(emulated: Emulated) -> None:
    tuned = succeeded(emulated, with_epochs(4, last_only=True)).tuned_model
    assert not tuned.checkpoints
    assert tuned.endpoint


# -- versions of the API ------------------------------------------------------------------------------------------


def test_v1beta1_tells_more_of_a_running_job(emulated: Emulated) -> None:
    name = emulated.create().name
    emulated.clock.advance(60)
    plain, beta = emulated.get(name), emulated.get(name, api_version="v1beta1")
    assert not plain.HasField("tuning_job_state")
    assert not plain.HasField("tuning_job_metadata")
    assert beta.tuning_job_state == 10004  # TUNING_JOB_STATE_TUNING
    assert beta.tuning_job_metadata.completed_epoch_count == 5
    assert beta.tuning_job_metadata.completed_step_count == 160


# -- refusals -----------------------------------------------------------------------------------------------------


def refusal(emulated: Emulated, job: TuningJob, *, parent: str = PARENT) -> ApiError:
    with pytest.raises(ApiError) as caught:
        emulated.create(job, parent=parent)
    assert list_jobs(emulated).tuning_jobs == []
    return caught.value


def test_all_that_is_wrong_is_said_at_once_in_the_services_form(emulated: Emulated) -> None:
    job = TuningJob(tuned_model_display_name="x" * 129, labels={"Team": "a", "team": "B"})
    job.supervised_tuning_spec.validation_dataset_uri = "/home/me/validation.jsonl"
    job.supervised_tuning_spec.hyper_parameters.epoch_count = -1
    job.encryption_spec.SetInParent()
    error = refusal(emulated, job, parent="projects/p")
    assert isinstance(error, InvalidArgument)
    spec = "tuning_job.supervised_tuning_spec"
    assert [violation.field for violation in error.violations] == [
        "parent",
        "tuning_job.base_model",
        "tuning_job.tuned_model_display_name",
        "tuning_job.labels",
        "tuning_job.labels",
        f"{spec}.training_dataset_uri",
        f"{spec}.validation_dataset_uri",
        f"{spec}.hyper_parameters.epoch_count",
        "tuning_job.encryption_spec.kms_key_name",
    ]
    assert error.message.startswith("List of found errors:\t1.Field: parent; Message: 'projects/p' is not")
    assert error.message.endswith(".\t")
    for number, violation in enumerate(error.violations, 1):
        assert f"\t{number}.Field: {violation.field}; Message: {violation.description}\t" in error.message


@pytest.mark.parametrize(
    "uri",
    ["", "train.jsonl", "gs://bucket/train.csv", "gs://bucket/", "gs:///train.jsonl", "https://x/train.jsonl",
     "gs://bucket/.jsonl/", "projects/p/locations/l/models/1"],
)  # fmt: skip
def test_a_dataset_that_is_no_jsonl_object_is_refused_in_the_services_words(emulated: Emulated, uri: str) -> None:
    job = TuningJob(base_model="gemini-2.5-flash")
    job.supervised_tuning_spec.training_dataset_uri = uri
    [violation] = refusal(emulated, job).violations
    assert violation.field == "tuning_job.supervised_tuning_spec.training_dataset_uri"
    assert violation.description == "training_dataset_uri should be a GCS object of type JSONL."


@pytest.mark.parametrize("uri", ["gs://bucket/deep/in it/train.jsonl", "projects/p/locations/us-central1/datasets/31"])
def test_a_jsonl_object_or_a_dataset_resource_is_accepted(emulated: Emulated, uri: str) -> None:
    job = TuningJob(base_model="gemini-2.5-flash")
    job.supervised_tuning_spec.training_dataset_uri = uri
    assert emulated.create(job).supervised_tuning_spec.training_dataset_uri == uri


def test_a_job_needs_a_model_and_a_spec(emulated: Emulated) -> None:
    fields = [violation.field for violation in refusal(emulated, TuningJob()).violations]
    assert fields == ["tuning_job.base_model", "tuning_job.supervised_tuning_spec"]


LABELS_MANY = {f"k{i}": "" for i in range(65)}


@pytest.mark.parametrize(
    ("labels", "fits"),
    [({"team": "search"}, True), ({"équipe": "数据", "a_b-c1": ""}, True), ({"k" * 64: "v" * 64}, True),
     ({"k" * 65: ""}, False), ({"k": "v" * 65}, False), ({"Team": ""}, False), ({"1a": ""}, False), ({"": ""}, False),
     ({"-a": ""}, False), ({"a": "B"}, False), ({"a b": ""}, False), ({"a": "b.c"}, False), (LABELS_MANY, False)],
)  # fmt: skip
def test_labels_keep_to_the_rules(emulated: Emulated, labels: dict[str, str], fits: bool) -> None:
    if fits:
        assert emulated.create(tuning_job(labels=labels)).labels == labels
    else:
        assert {violation.field for violation in refusal(emulated, tuning_job(labels=labels)).violations} == {
            "tuning_job.labels"
        }


@pytest.mark.parametrize(
    ("base_model", "size", "fits"),
    [("gemini-1.5-pro-002", 4, False), ("gemini-1.5-pro-002", 2, True), ("gemini-2.5-pro", 4, False),
     ("gemini-2.5-flash", 4, True), ("gemini-2.5-flash", 5, False), ("a-model-of-next-year", 5, True)],
)  # fmt: skip
def test_an_adapter_size_that_the_model_does_not_take_is_refused_without_details(
    emulated: Emulated, base_model: str, size: int, fits: bool
) -> None:
    job = tuning_job(base_model)
    job.supervised_tuning_spec.hyper_parameters.adapter_size = size  # type: ignore[assignment]
    if fits:
        emulated.create(job)
    else:
        error = refusal(emulated, job)
        assert isinstance(error, InvalidArgument)
        assert error.message == "The adapter size is not supported for this base model."
        assert error.details == ()


def test_gemini_is_not_tuned_in_global(emulated: Emulated) -> None:
    assert isinstance(refusal(emulated, tuning_job(), parent="projects/demo/locations/global"), FailedPrecondition)
    open_model = tuning_job("meta/llama3_1@llama-3.1-8b", output_uri="gs://bucket/out")
    emulated.create(open_model, parent="projects/demo/locations/global", api_version="v1beta1")


def test_an_open_model_needs_a_place_for_its_output(emulated: Emulated) -> None:
    error = refusal(emulated, tuning_job("meta/llama3_1@llama-3.1-8b"))
    assert error.message == "The output_uri field is required for this model."
    assert error.details == ()


def test_a_field_of_v1beta1_is_unknown_to_v1(emulated: Emulated) -> None:
    [violation] = refusal(emulated, tuning_job("meta/llama3_1@8b", output_uri="gs://bucket/out")).violations
    assert violation.description == (
        "Invalid JSON payload received. Unknown name \"output_uri\" at 'tuning_job': Cannot find field."
    )


# -- lists --------------------------------------------------------------------------------------------------------


def list_jobs(emulated: Emulated, **request: object) -> ListTuningJobsResponse:
    answer = emulated.call("ListTuningJobs", ListTuningJobsRequest(**{"parent": PARENT, **request}))  # type: ignore[arg-type]
    assert isinstance(answer, ListTuningJobsResponse)
    return answer


def names(answer: ListTuningJobsResponse) -> list[str]:
    return [job.name for job in answer.tuning_jobs]


def test_a_list_has_the_newest_job_first_even_within_one_instant(emulated: Emulated) -> None:
    created = [emulated.create().name for _ in range(5)]
    assert names(list_jobs(emulated)) == created[::-1]


def test_a_list_has_the_jobs_of_one_place(emulated: Emulated) -> None:
    emulated.create(parent="projects/demo/locations/europe-west4")
    emulated.create(parent="projects/other/locations/us-central1")
    here = emulated.create().name
    assert names(list_jobs(emulated)) == [here]


def test_jobs_in_a_list_are_shown_whole(emulated: Emulated) -> None:
    job = succeeded(emulated)
    assert list_jobs(emulated).tuning_jobs[0] == job


def test_a_page_has_a_hundred_jobs_unless_asked_otherwise_and_a_thousand_at_most(
    emulated: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(101):
        emulated.create()
    first = list_jobs(emulated)
    assert len(first.tuning_jobs) == 100
    assert len(list_jobs(emulated, page_token=first.next_page_token).tuning_jobs) == 1
    monkeypatch.setattr("gemtune.emulator.service.LONGEST_PAGE", 7)
    assert len(list_jobs(emulated, page_size=2_000_000).tuning_jobs) == 7


def test_the_last_page_has_no_token(emulated: Emulated) -> None:
    for _ in range(4):
        emulated.create()
    first = list_jobs(emulated, page_size=2)
    assert first.next_page_token
    assert list_jobs(emulated, page_size=2, page_token=first.next_page_token).next_page_token == ""


def test_a_negative_page_size_is_refused(emulated: Emulated) -> None:
    with pytest.raises(InvalidArgument, match="page_size is -1"):
        list_jobs(emulated, page_size=-1)


@pytest.mark.parametrize("token", ["nonsense", "WzEsICJhIl0", "bnVsbA", "é", "W10", "A" * 5000])
def test_a_page_token_that_was_not_given_is_refused(emulated: Emulated, token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        list_jobs(emulated, page_token=token)
    assert [violation.field for violation in caught.value.violations] == ["page_token"]


def test_a_page_token_is_good_for_its_own_list_only(emulated: Emulated) -> None:
    for _ in range(3):
        emulated.create(tuning_job(labels={"a": "b"}))
    token = list_jobs(emulated, page_size=1, filter="labels.a=b").next_page_token
    assert names(list_jobs(emulated, page_size=1, filter="labels.a=b", page_token=token))
    for other in ({"filter": ""}, {"parent": PARENT.replace("central1", "east1"), "filter": "labels.a=b"}):
        with pytest.raises(InvalidArgument, match="page_token"):
            list_jobs(emulated, page_token=token, **other)


def test_a_wrong_filter_is_refused(emulated: Emulated) -> None:
    with pytest.raises(InvalidArgument, match="at character 7"):
        list_jobs(emulated, filter="state=")


def test_a_filter_sees_jobs_as_they_are_shown(emulated: Emulated) -> None:
    old = emulated.create().name
    emulated.clock.advance(DURATION)
    new = emulated.create().name
    assert names(list_jobs(emulated, filter="state=JOB_STATE_SUCCEEDED")) == [old]
    assert names(list_jobs(emulated, filter="NOT endTime:*")) == [new]
    assert names(list_jobs(emulated, filter='createTime>"2026-11-24T16:01:00Z"')) == [new]


def test_pages_of_a_filter_reach_over_many_jobs(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemtune.emulator.service._BATCH", 3)
    wanted = [emulated.create(tuning_job(labels={"odd": str(i % 2)})).name for i in range(20)][1::2]
    first = list_jobs(emulated, filter="labels.odd=1", page_size=4)
    second = list_jobs(emulated, filter="labels.odd=1", page_size=4, page_token=first.next_page_token)
    third = list_jobs(emulated, filter="labels.odd=1", page_size=4, page_token=second.next_page_token)
    assert names(first) + names(second) + names(third) == wanted[::-1]
    assert third.next_page_token == ""


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 10))
def test_pages_are_stable_while_jobs_are_added_between_them(added: list[int], page_size: int, before: int) -> None:
    """Every job that was there at the first page comes exactly once, newest first, and none that came later does."""
    storage = Storage(MEMORY)
    try:
        emulated = Emulated(Service(storage, clock=Clock()), Clock())
        there = [emulated.create().name for _ in range(before)][::-1]
        more = iter(added)
        seen: list[str] = []
        token = ""
        while True:
            page = list_jobs(emulated, page_size=page_size, page_token=token)
            seen += names(page)
            token = page.next_page_token
            if not token:
                break
            for _ in range(next(more, 0)):
                emulated.create()
        assert seen == there
    finally:
        storage.close()


# -- continuous tuning and rebase ---------------------------------------------------------------------------------


def further(model: str, **fields: object) -> TuningJob:
    job = tuning_job(**fields)
    job.pre_tuned_model.CopyFrom(PreTunedModel(tuned_model_name=model))
    return job


def test_tuning_a_tuned_model_makes_its_next_version(emulated: Emulated) -> None:
    first = succeeded(emulated)
    model = first.tuned_model.model
    second = succeeded(emulated, further(model))
    assert second.tuned_model.model == model.replace("@1", "@2")
    assert second.pre_tuned_model.base_model == "gemini-2.0-flash-001"
    assert second.tuned_model_display_name.startswith("gemini-2.0-flash-001-")
    third = succeeded(emulated, further(model.partition("@")[0]))
    assert third.tuned_model.model == model.replace("@1", "@3")


def test_under_another_display_name_it_is_a_new_model(emulated: Emulated) -> None:
    model = succeeded(emulated).tuned_model.model
    job = succeeded(emulated, further(model, tuned_model_display_name="another"))
    assert job.tuned_model.model.endswith("@1")
    assert job.tuned_model.model != model


def test_a_model_that_was_tuned_elsewhere_is_taken_as_it_is_named(emulated: Emulated) -> None:
    job = succeeded(emulated, further(f"{PARENT}/models/1402067540926005248@3"))
    assert job.tuned_model.model.endswith("/models/1402067540926005248@4")
    assert job.pre_tuned_model.base_model == ""


def test_a_model_whose_number_is_none_of_the_services_gets_a_new_one(emulated: Emulated) -> None:
    job = succeeded(emulated, further(f"{PARENT}/models/{2**63}@1"))
    assert re.fullmatch(r".*/models/[1-9]\d{18}@1", job.tuned_model.model)


def rebase(emulated: Emulated, *, api_version: str = "v1", **fields: object) -> operations_pb2.Operation:
    request = RebaseTunedModelRequest(**{"parent": PARENT, **fields})  # type: ignore[arg-type]
    answer = emulated.call("RebaseTunedModel", request, api_version=api_version)
    assert isinstance(answer, operations_pb2.Operation)
    return answer


def get_operation(emulated: Emulated, name: str, *, api_version: str = "v1") -> operations_pb2.Operation:
    answer = emulated.call("GetOperation", operations_pb2.GetOperationRequest(name=name), api_version=api_version)
    assert isinstance(answer, operations_pb2.Operation)
    return answer


def test_a_rebase_is_an_operation_that_is_done_when_its_job_has_ended(emulated: Emulated) -> None:
    old = succeeded(emulated, tuning_job("gemini-1.0-pro-002"))
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuned_model=old.tuned_model.model))
    job_name, _, number = operation.name.partition("/operations/")
    assert re.fullmatch(r"[1-9]\d{18}", number)
    assert not operation.done
    assert state(emulated.get(job_name)) == "PENDING"
    emulated.clock.advance(DURATION)
    done = get_operation(emulated, operation.name)
    assert done.done
    assert done.response.type_url == "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob"
    job = TuningJob.FromString(done.response.value)
    assert job == emulated.get(job_name)
    assert job.base_model == "gemini-2.5-pro"
    assert job.supervised_tuning_spec.training_dataset_uri == "gs://bucket/train.jsonl"
    assert json.loads(codec.to_json(done))["response"]["@type"] == done.response.type_url


def test_an_operation_says_when_it_began_and_last_changed(emulated: Emulated) -> None:
    old = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=old.name))
    url = "type.googleapis.com/google.cloud.aiplatform.v1.RebaseTunedModelOperationMetadata"
    assert operation.metadata.type_url == url
    metadata = RebaseTunedModelOperationMetadata.FromString(operation.metadata.value).generic_metadata
    assert metadata.create_time == metadata.update_time == old.end_time


@pytest.mark.parametrize(("asked", "answered"), [("v1", "v1"), ("v1beta1", "v1beta1"), ("ui", "v1beta1")])
def test_an_operation_is_answered_in_the_version_that_asks_or_that_began_it(
    emulated: Emulated, asked: str, answered: str
) -> None:
    old = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=old.name), api_version="v1beta1")
    found = get_operation(emulated, operation.name, api_version=asked)
    assert f"aiplatform.{answered}." in found.metadata.type_url


def test_the_job_in_an_operation_has_no_field_that_is_in_no_published_proto(emulated: Emulated) -> None:
    """Google's generated client, which passes over unknown fields elsewhere, refuses them there."""
    old = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=old.name), api_version="v1beta1")
    emulated.clock.advance(DURATION)
    job = TuningJob.FromString(get_operation(emulated, operation.name, api_version="v1beta1").response.value)
    assert emulated.get(job.name, api_version="v1beta1").HasField("tuning_job_metadata")
    assert not [field.name for field, _ in job.ListFields() if field.number >= 10_000]


def test_a_cancelled_operation_ends_with_an_error(emulated: Emulated) -> None:
    old = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=old.name))
    emulated.call("CancelOperation", operations_pb2.CancelOperationRequest(name=operation.name))
    emulated.clock.advance(DURATION)
    done = get_operation(emulated, operation.name)
    assert done.done
    assert (done.error.code, done.WhichOneof("result")) == (1, "error")


def test_a_rebase_may_keep_the_endpoint_and_change_the_job(emulated: Emulated) -> None:
    old = succeeded(emulated)
    wanted = TuningJob(tuned_model_display_name="rebased")
    operation = rebase(
        emulated,
        tuned_model_ref=TunedModelRef(tuned_model=old.tuned_model.model.partition("@")[0]),
        tuning_job=wanted,
        deploy_to_same_endpoint=True,
    )
    emulated.clock.advance(DURATION)
    job = emulated.get(operation.name.partition("/operations/")[0])
    assert job.tuned_model.endpoint == old.tuned_model.endpoint
    assert job.tuned_model.model != old.tuned_model.model
    assert job.tuned_model_display_name == "rebased"


@pytest.mark.parametrize(
    ("reference", "kind", "says"),
    [
        (TunedModelRef(tuned_model=f"{PARENT}/models/5@1"), NotFound, "The Model does not exist."),
        (TunedModelRef(tuned_model=f"{PARENT}/models/{2**63}"), NotFound, "The Model does not exist."),
        (TunedModelRef(tuned_model="mine"), NotFound, "The Model does not exist."),
        (TunedModelRef(tuning_job=MISSING), NotFound, "The TuningJob does not exist."),
        (TunedModelRef(pipeline_job=f"{PARENT}/pipelineJobs/5"), NotFound, "The PipelineJob does not exist."),
        (TunedModelRef(), InvalidArgument, "tuned_model_ref"),
    ],
)
def test_only_what_is_there_can_be_rebased(
    emulated: Emulated, reference: TunedModelRef, kind: type[ApiError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        rebase(emulated, tuned_model_ref=reference)


def test_a_job_without_a_model_yet_cannot_be_rebased(emulated: Emulated) -> None:
    running = emulated.create()
    with pytest.raises(FailedPrecondition, match="JOB_STATE_PENDING"):
        rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=running.name))


def test_an_operation_is_found_by_its_whole_name_only(emulated: Emulated) -> None:
    job = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=job.name))
    number = operation.name.rpartition("/")[2]
    for name in (
        f"{job.name}/operations/{number}",
        operation.name[:-1],
        operation.name + "0",
        f"{job.name}/operations/1",
    ):
        with pytest.raises(NotFound, match="The Operation does not exist"):
            get_operation(emulated, name)


def test_the_operations_of_a_job_are_listed(emulated: Emulated) -> None:
    old = succeeded(emulated)
    operation = rebase(emulated, tuned_model_ref=TunedModelRef(tuning_job=old.name))
    from gemtune.emulator.rest import ROUTER

    for job, expected in ((operation.name.partition("/operations/")[0], [operation.name]), (old.name, [])):
        match = ROUTER.match("GET", f"/v1/{job}/operations", [], b"")
        answer = emulated.service.handle(match.method, match.message)
        assert isinstance(answer, operations_pb2.ListOperationsResponse)
        assert [found.name for found in answer.operations] == expected


# -- time ---------------------------------------------------------------------------------------------------------


def test_the_services_own_clock_is_this_machines(storage: Storage) -> None:
    service = Service(storage)
    before = time.time()
    answer = service.handle(METHODS["CreateTuningJob"], CreateTuningJobRequest(parent=PARENT, tuning_job=tuning_job()))
    assert isinstance(answer, TuningJob)
    created = answer.create_time.ToDatetime(tzinfo=UTC)
    assert datetime.fromtimestamp(before - 0.001, UTC) <= created <= datetime.now(UTC)


def test_jobs_outlive_the_service_that_made_them(storage: Storage) -> None:
    ids = itertools.count(10**18).__next__
    name = Emulated(Service(storage, job_duration=DURATION, clock=Clock(), new_id=ids), Clock()).create().name
    assert name.endswith("/tuningJobs/1000000000000000000")
    clock = Clock(NOW + 2 * DURATION)
    later = Emulated(Service(storage, job_duration=1, clock=clock), clock)
    job = later.get(name)
    assert state(job) == "SUCCEEDED"
    assert job.end_time.ToNanoseconds() - job.create_time.ToNanoseconds() == DURATION * 1e9
