"""A job's files are read as the service reads them: broken data does not end in a tuned model.

Over REST, as a client sees it: what a create says, and how the job ends.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.dataset.limits import JOBS, Limits
from gemtune.emulator.dataset_reading import read
from gemtune.errors import InvalidArgument, JobFailed
from gemtune.testing import Emulator, emulator
from gemtune_pb.v1 import JobState, SupervisedTuningDataStats, TunedModelRef, TuningJob
from tests.dataset.rows import FILES

DATASETS = Path(__file__).parents[1] / "data" / "datasets"
NO_CONTENTS = "Row: 0. Missing required `contents` field."
MODEL = "gemini-3.5-flash"
OPEN_MODEL = "meta/llama3_1@llama-3.1-8b-instruct"

OPENAI = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


def good(ask: str = "a", answer: str = "b") -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": ask}]}, {"role": "model", "parts": [{"text": answer}]}]}


def with_file(mime_type: str) -> dict[str, Any]:
    row = good()
    row["contents"][0]["parts"].append({"fileData": {"mimeType": mime_type, "fileUri": "gs://media/a"}})
    return row


ASSISTANT = {"contents": [good()["contents"][0], {"role": "assistant", "parts": [{"text": "b"}]}]}
PREFERENCE = {
    "contents": good()["contents"][:1],
    "completions": [
        {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
        for score, text in ((1, "b"), (0, "c"))
    ],
}


class Pipeline:
    """A bucket, an emulator that reads it, and a client."""

    def __init__(self, root: Path, running: Emulator) -> None:
        self.bucket, self.running = root / "bucket", running
        self.bucket.mkdir()
        self.client = running.client(instant=True)

    def write(self, rows: list[Any] | bytes, name: str = "train.jsonl") -> str:
        data = rows if isinstance(rows, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        (self.bucket / name).write_bytes(data)
        return f"gs://bucket/{name}"

    def job(
        self, rows: list[Any] | bytes, base_model: str = MODEL, *, validation: list[Any] | None = None
    ) -> TuningJob:
        job = TuningJob(base_model=base_model)
        job.supervised_tuning_spec.training_dataset_uri = self.write(rows)
        if validation is not None:
            job.supervised_tuning_spec.validation_dataset_uri = self.write(validation, "validation.jsonl")
        return job

    def succeeds(self, job: TuningJob) -> SupervisedTuningDataStats:
        """The statistics of a job that must end well."""
        ended = self.client.wait_tuning_job(self.client.create_tuning_job(job))
        assert ended.state == JobState.JOB_STATE_SUCCEEDED
        assert ended.tuned_model.model
        return ended.tuning_data_stats.supervised_tuning_data_stats

    def fails(self, job: TuningJob, *, code: int = 3) -> TuningJob:
        """A job that must be created and fail before it trains."""
        created = self.client.create_tuning_job(job)
        with pytest.raises(JobFailed) as caught:
            self.client.wait_tuning_job(created)
        ended = caught.value.job
        assert ended.state == JobState.JOB_STATE_FAILED
        assert ended.error.code == code
        assert ended.error.message in str(caught.value)
        assert not ended.HasField("tuned_model")
        seconds = ended.end_time.ToNanoseconds() - ended.create_time.ToNanoseconds()
        assert seconds == 3 * 10**8, "three tenths of the job's second: when its dataset has been read"
        return ended

    def refused(self, job: TuningJob) -> str:
        """What a create that must be refused says."""
        with pytest.raises(InvalidArgument) as caught:
            self.client.create_tuning_job(job)
        assert not list(self.client.list_tuning_jobs())
        return caught.value.message


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with emulator(gcs_root=tmp_path) as running:
        yield Pipeline(tmp_path, running)


# -- refused when the job is created ------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["03-openai-toy-chat.jsonl", "04-palm-input-output.jsonl"])
def test_rows_of_another_product_are_refused_in_the_services_words(pipeline: Pipeline, file: str) -> None:
    assert pipeline.refused(pipeline.job((DATASETS / file).read_bytes())) == NO_CONTENTS


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "completion": "b"},
        {"instruction": "a", "input": "", "output": "b"},
        {"conversations": [{"from": "human", "value": "a"}]},
        {"request": good()},
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"content": good()["contents"]},
        {},
    ],
)
def test_a_first_row_without_contents_is_refused_whatever_else_it_has(pipeline: Pipeline, row: Any) -> None:
    assert pipeline.refused(pipeline.job([row, good()])) == NO_CONTENTS


def test_a_refusal_looks_to_curl_like_the_services(pipeline: Pipeline) -> None:
    import urllib.error
    import urllib.request

    body = {"baseModel": MODEL, "supervisedTuningSpec": {"trainingDatasetUri": pipeline.write([OPENAI])}}
    url = f"{pipeline.running.url}/v1/projects/demo/locations/us-central1/tuningJobs"
    call = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(call)
    with caught.value as answer:
        error = json.loads(answer.read())["error"]
    assert error == {"code": 400, "message": NO_CONTENTS, "status": "INVALID_ARGUMENT"}


def test_the_first_row_of_the_validation_file_is_looked_at_too(pipeline: Pipeline) -> None:
    assert pipeline.refused(pipeline.job([good()], validation=[OPENAI])) == NO_CONTENTS


def test_a_refused_create_uses_up_no_outcome(pipeline: Pipeline) -> None:
    pipeline.running.outcome("fail-8")
    pipeline.refused(pipeline.job([OPENAI]))
    created = pipeline.client.create_tuning_job(pipeline.job([good()]))
    with pytest.raises(JobFailed) as caught:
        pipeline.client.wait_tuning_job(created)
    assert caught.value.job.error.code == 8


# -- dropped ------------------------------------------------------------------------------------------------------


def test_a_good_file_is_taken_as_it_was(pipeline: Pipeline) -> None:
    stats = pipeline.succeeds(pipeline.job([good("a" * 40, "b" * 8)] * 3, validation=[good()]))
    assert stats.tuning_dataset_example_count == 3
    assert stats.total_truncated_example_count == 0
    assert not stats.truncated_example_indices
    assert not stats.dropped_example_reasons


@pytest.mark.parametrize(
    "file", ["01-text-chat-good.jsonl", "02-function-calling-docs-sample.jsonl", "08-image-docs-sample.jsonl"]
)
def test_what_googles_samples_contain_is_taken(pipeline: Pipeline, file: str) -> None:
    for model in (MODEL, "gemini-2.5-flash"):  # function calls too, which 2.5 refused in 2025-11
        stats = pipeline.succeeds(pipeline.job((DATASETS / file).read_bytes(), model))
        assert stats.tuning_dataset_example_count == 3
        assert stats.total_truncated_example_count == 0


def test_rows_with_wrong_roles_are_dropped_with_the_reason(pipeline: Pipeline) -> None:
    stats = pipeline.succeeds(pipeline.job((DATASETS / "05-roles-wrong.jsonl").read_bytes()))
    assert stats.tuning_dataset_example_count == 2
    assert stats.total_truncated_example_count == 7
    assert list(stats.truncated_example_indices) == [1, 2, 3, 4, 5, 8, 9], "counted from 1"
    assert len(stats.dropped_example_reasons) == 7
    assert stats.dropped_example_reasons[0] == 'Row: 0. GT301 at /contents/1/role: the role is "assistant".'
    assert stats.user_message_per_example_distribution.sum == 4, "of the two good rows alone"


def test_a_later_row_without_contents_is_dropped(pipeline: Pipeline) -> None:
    stats = pipeline.succeeds(pipeline.job([good(), good(), OPENAI]))
    assert stats.tuning_dataset_example_count == 2
    assert list(stats.dropped_example_reasons) == ["Row: 2. Missing required `contents` field."]


def test_ten_dropped_rows_are_named_and_all_are_counted(pipeline: Pipeline) -> None:
    stats = pipeline.succeeds(pipeline.job([good(), *[ASSISTANT] * 30]))
    assert stats.total_truncated_example_count == 30
    assert list(stats.truncated_example_indices) == list(range(2, 12))
    assert len(stats.dropped_example_reasons) == 10


@pytest.mark.parametrize(("rows", "bad"), [(99, 98), (100, 10), (1000, 100)])
def test_up_to_a_tenth_of_the_rows_may_be_dropped_and_more_of_a_small_file(
    pipeline: Pipeline, rows: int, bad: int
) -> None:
    stats = pipeline.succeeds(pipeline.job([good()] * (rows - bad) + [ASSISTANT] * bad))
    assert (stats.tuning_dataset_example_count, stats.total_truncated_example_count) == (rows - bad, bad)


# -- failed before it trains --------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [ASSISTANT, OPENAI, PREFERENCE, [], "a"])
def test_more_than_a_tenth_dropped_fails_the_job(pipeline: Pipeline, broken: Any) -> None:
    ended = pipeline.fails(pipeline.job([good()] * 89 + [broken] * 11))
    assert ended.error.message.startswith(
        "The training dataset has too many examples that cannot be used (11 of 100 dropped). Row: 89. "
    )
    stats = ended.tuning_data_stats.supervised_tuning_data_stats
    assert (stats.tuning_dataset_example_count, stats.total_truncated_example_count) == (89, 11)


def test_preference_rows_of_a_supervised_job_fail_it(pipeline: Pipeline) -> None:
    ended = pipeline.fails(pipeline.job([PREFERENCE] * 4))
    assert ended.error.message == (
        "The training dataset has no example that can be used (4 of 4 dropped). "
        "Row: 0. GT210: the row has completions, so it is for preference tuning."
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The training dataset has no example."),
        (b"\n\n", "The training dataset has no example."),
        (b"not json\n", "(1 of 1 dropped). Row: 0. GT101: the line is not JSON"),
        (json.dumps(ASSISTANT).encode(), "(1 of 1 dropped). Row: 0. GT301"),
        (json.dumps([good()] * 2, indent=1).encode(), "Row: 0. GT102: the file is one list of rows."),
        (json.dumps(good()).encode("utf-16"), "Row: 0. GT103: the file is in UTF-16"),
    ],
)
def test_a_file_without_a_good_row_fails_the_job(pipeline: Pipeline, data: bytes, words: str) -> None:
    ended = pipeline.fails(pipeline.job(data))
    assert words in ended.error.message
    assert ended.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count == 0


def test_a_validation_file_without_a_good_row_fails_the_job(pipeline: Pipeline) -> None:
    ended = pipeline.fails(pipeline.job([good()], validation=[ASSISTANT]))
    assert ended.error.message.startswith("The validation dataset has no example that can be used (1 of 1 dropped). ")


@pytest.mark.parametrize(
    ("mime_type", "base_model", "modality", "supported"),
    [
        ("image/png", "gemini-1.0-pro-002", "image", "text"),
        ("application/pdf", "gemini-1.0-pro-002", "PDF document", "text"),
        ("video/mp4", "gemini-2.0-flash-001", "video", "image, PDF document, audio"),
    ],
)
def test_media_that_the_model_lacks_fail_the_job_in_the_services_words(
    pipeline: Pipeline, mime_type: str, base_model: str, modality: str, supported: str
) -> None:
    row = with_file(mime_type)
    ended = pipeline.fails(pipeline.job([good()] * 12 + [row, row], base_model))
    assert ended.error.message == (
        f'Dataset example 13 of 14 contains an unsupported modality [{modality}] in the "parts" field, which is not '
        f"supported by this model. The supported modalities are: [{supported}]. "
        f"JSON: {json.dumps(row, separators=(',', ':'))}"
    )


def test_a_long_row_is_cut_in_the_error(pipeline: Pipeline) -> None:
    row = with_file("video/mp4")
    row["contents"][1]["parts"][0]["text"] = "é" * 5000
    ended = pipeline.fails(pipeline.job([row], "gemini-2.0-flash-001"))
    shown = ended.error.message.partition("JSON: ")[2]
    assert len(shown) == 1000
    assert shown.endswith("é...")


def test_media_that_the_model_has_are_taken(pipeline: Pipeline) -> None:
    assert (
        pipeline.succeeds(pipeline.job([with_file("video/mp4")], "gemini-2.5-flash")).tuning_dataset_example_count == 1
    )


def test_fewer_rows_than_the_model_takes_fail_the_job(pipeline: Pipeline) -> None:
    ended = pipeline.fails(pipeline.job([good()] * 15, "gemini-1.0-pro-002"))
    assert ended.error.message == (
        "The training dataset is not taken; there are 15 rows, and gemini-1.0-pro-002 takes 16 or more (GT704)."
    )
    pipeline.succeeds(pipeline.job([good()] * 16, "gemini-1.0-pro-002"))


def test_a_job_that_fails_for_its_data_has_trained_nothing(pipeline: Pipeline) -> None:
    client = pipeline.running.client(instant=True, api_version="v1beta1")
    with pytest.raises(JobFailed) as caught:
        client.wait_tuning_job(client.create_tuning_job(pipeline.job([ASSISTANT])))
    assert caught.value.job.tuning_job_metadata.completed_step_count == 0
    assert caught.value.job.tuning_job_metadata.completed_epoch_count == 0


# -- other kinds of models and jobs -------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [OPENAI, {"prompt": "a", "completion": "b"}])
def test_an_open_model_takes_messages_and_prompts(pipeline: Pipeline, row: Any) -> None:
    pipeline.client = pipeline.running.client(instant=True, api_version="v1beta1")
    job = pipeline.job([row] * 3, OPEN_MODEL)
    job.output_uri = "gs://bucket/out"
    stats = pipeline.succeeds(job)
    assert stats.tuning_dataset_example_count == 3
    assert stats.total_truncated_example_count == 0


def preference_job(pipeline: Pipeline, rows: list[Any]) -> TuningJob:
    job = TuningJob(base_model="gemini-2.5-flash")
    job.preference_optimization_spec.training_dataset_uri = pipeline.write(rows)
    return job


def test_a_preference_job_takes_preference_rows(pipeline: Pipeline) -> None:
    created = pipeline.client.create_tuning_job(preference_job(pipeline, [PREFERENCE] * 3))
    assert pipeline.client.wait_tuning_job(created).state == JobState.JOB_STATE_SUCCEEDED


@pytest.mark.parametrize("row", [good(), OPENAI, {"prompt": "a", "chosen": "b", "rejected": "c"}])
def test_rows_of_a_preference_job_are_looked_at_after_its_creation(pipeline: Pipeline, row: Any) -> None:
    ended = pipeline.fails(preference_job(pipeline, [row] * 3))
    assert ended.error.message.startswith("The training dataset has no example that can be used (3 of 3 dropped).")
    assert not ended.HasField("tuning_data_stats")


# -- what was asked for, and what is not there --------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["succeed", "succeed-partially"])
def test_no_outcome_makes_a_model_of_broken_data(pipeline: Pipeline, outcome: str) -> None:
    pipeline.running.outcome(outcome)
    pipeline.fails(pipeline.job([ASSISTANT]))


@pytest.mark.parametrize(("outcome", "code"), [("fail-8", 8), ("expire", 0), ("stay-running", None)])
def test_a_worse_outcome_that_was_asked_for_comes_true(pipeline: Pipeline, outcome: str, code: int | None) -> None:
    pipeline.running.outcome(outcome)
    name = pipeline.client.create_tuning_job(pipeline.job([ASSISTANT])).name
    pipeline.running.advance(10)
    job = pipeline.client.get_tuning_job(name)
    if code is None:
        assert job.state == JobState.JOB_STATE_RUNNING
    else:
        assert job.error.code == code


def test_an_object_that_its_bucket_lacks_fails_the_job(pipeline: Pipeline) -> None:
    job = pipeline.job([good()])
    job.supervised_tuning_spec.training_dataset_uri = "gs://bucket/trian.jsonl"
    ended = pipeline.fails(job, code=5)
    assert ended.error.message == "gs://bucket/trian.jsonl does not exist."
    assert not ended.HasField("tuning_data_stats")
    job = pipeline.job([good()])
    job.supervised_tuning_spec.validation_dataset_uri = "gs://bucket/deep/validation.jsonl"
    ended = pipeline.fails(job, code=5)
    assert ended.error.message == "gs://bucket/deep/validation.jsonl does not exist."


def test_of_a_bucket_that_is_not_there_everything_is_made_up(pipeline: Pipeline) -> None:
    job = pipeline.job([good()])
    job.supervised_tuning_spec.training_dataset_uri = "gs://elsewhere/train.jsonl"
    assert pipeline.succeeds(job).tuning_dataset_example_count == 500


def test_without_a_root_no_file_is_looked_at() -> None:
    with emulator() as running:
        client = running.client(instant=True)
        job = TuningJob(base_model=MODEL)
        job.supervised_tuning_spec.training_dataset_uri = "gs://bucket/train.jsonl"
        ended = client.wait_tuning_job(client.create_tuning_job(job))
    assert ended.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count == 500


def test_what_was_read_at_the_creation_holds(pipeline: Pipeline) -> None:
    broken = pipeline.client.create_tuning_job(pipeline.job([ASSISTANT]))
    sound = pipeline.client.create_tuning_job(pipeline.job([good()] * 2))
    pipeline.write([OPENAI])
    with pytest.raises(JobFailed):
        pipeline.client.wait_tuning_job(broken)
    stats = pipeline.client.wait_tuning_job(sound).tuning_data_stats.supervised_tuning_data_stats
    assert stats.tuning_dataset_example_count == 2


@given(FILES, st.sampled_from(["gemini-2.0-flash-001", "gemini-1.0-pro-002", OPEN_MODEL, ""]), st.sampled_from(JOBS))
def test_any_bytes_are_read_and_each_row_is_good_or_dropped(data: bytes, base_model: str, job: str) -> None:
    reading = read(io.BytesIO(data), Limits.of(base_model, job), "training")
    stats = reading.stats
    dropped = stats.total_truncated_example_count
    rows = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    of_the_file = ("GT102: the file is", "GT102: the rows stand", "GT103: the file is")
    if not any(text in reason for text in of_the_file for reason in stats.dropped_example_reasons):
        assert stats.tuning_dataset_example_count + dropped == len(rows)
    assert len(stats.truncated_example_indices) == len(stats.dropped_example_reasons) == min(dropped, 10)
    assert bool(reading.failure) >= (stats.tuning_dataset_example_count == 0), "no good row, no model"
    for index, reason in zip(stats.truncated_example_indices, stats.dropped_example_reasons, strict=True):
        assert reason.startswith(f"Row: {index - 1}. ")


def test_a_model_that_is_tuned_further_is_judged_by_its_base(pipeline: Pipeline) -> None:
    first = pipeline.client.wait_tuning_job(
        pipeline.client.create_tuning_job(pipeline.job([good()], "gemini-2.0-flash-001"))
    )
    job = pipeline.job([with_file("video/mp4")])
    job.pre_tuned_model.tuned_model_name = first.tuned_model.model
    ended = pipeline.fails(job)
    assert "unsupported modality [video]" in ended.error.message


def test_a_rebase_takes_the_data_of_its_source_in_the_older_format(pipeline: Pipeline) -> None:
    old = {"messages": [{"role": "user", "content": "a"}, {"role": "model", "content": "b"}]}
    job = pipeline.job([old] * 16, "gemini-1.0-pro-002")
    client = pipeline.client
    source = client.wait_tuning_job(client.create_tuning_job(job))
    reference = TunedModelRef(tuning_job=source.name)
    rebased = client.wait_operation(client.rebase_tuned_model(reference))
    assert rebased.base_model != source.base_model
    assert rebased.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count == 16
    wanted = TuningJob()
    wanted.supervised_tuning_spec.CopyFrom(job.supervised_tuning_spec)
    with pytest.raises(InvalidArgument, match="Missing required"):
        client.rebase_tuned_model(reference, tuning_job=wanted)
