"""Statistics: in the service's form, of the file where there is one, and never of a file outside of the root."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, strategies as st

from gemtune.dataset.distribution import distribution
from gemtune.dataset.quick_tokens import quick_tokens
from gemtune.emulator import gcs_root
from gemtune.emulator.dataset_stats import JobData, Statistics
from gemtune.emulator.gcs_root import GcsRoot
from gemtune.emulator.service import Service
from gemtune.emulator.storage import Storage
from gemtune_pb.v1 import SupervisedTuningDataStats, TuningJob
from tests.support.frozen_service import DURATION, Clock, Emulated, tuning_job

ANSWER = Path(__file__).parents[1] / "data" / "answers" / "job-failed-1.5-pro.json"
MODEL = "gemini-2.0-flash-001"
DISTRIBUTIONS = [
    "userInputTokenDistribution",
    "userOutputTokenDistribution",
    "userMessagePerExampleDistribution",
]


def of(
    rows: list[Any], tmp_path: Path, *, text: str | None = None, base_model: str = MODEL
) -> SupervisedTuningDataStats:
    """The statistics of a dataset in gs://bucket/train.jsonl."""
    file = tmp_path / "bucket" / "train.jsonl"
    file.parent.mkdir()
    file.write_text(text if text is not None else "".join(json.dumps(row) + "\n" for row in rows))
    data = Statistics(tmp_path).of(tuning_job(base_model), base_model)
    assert data.of_file
    assert data.stats is not None
    return data.stats.supervised_tuning_data_stats


def contents(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "model")
    return {"contents": [{"role": roles[i % 2], "parts": [{"text": text}]} for i, text in enumerate(texts)], **more}


# -- distributions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_buckets_are_those_of_the_services_answer(name: str) -> None:
    """Values that fill the recorded buckets as the recorded job's did come out in the same buckets."""
    job = json.loads(ANSWER.read_text())
    recorded = job["tuningDataStats"]["supervisedTuningDataStats"][name]
    source = random.Random(7)
    values = [recorded["min"], recorded["max"]]
    for bucket in recorded["buckets"]:
        missing = bucket["count"] - sum(bucket["left"] <= value <= bucket["right"] for value in values)
        values += [source.randint(bucket["left"], bucket["right"]) for _ in range(missing)]
    values = values[:500]
    source.shuffle(values)
    made = json_format.MessageToDict(distribution(Counter(values)))
    assert made["buckets"] == recorded["buckets"]
    assert (made["min"], made["max"]) == (recorded["min"], recorded["max"])
    assert made["sum"] == str(sum(values))  # int64: a string, as in the answer
    assert list(made) == list(recorded)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_a_distribution_describes_its_values(values: list[int]) -> None:
    made = distribution(Counter(values))
    ordered = sorted(values)
    assert (made.sum, made.min, made.max) == (sum(values), ordered[0], ordered[-1])
    assert made.mean == pytest.approx(sum(values) / len(values))
    assert made.min <= made.p5 <= made.median <= made.p95 <= made.max
    assert float(made.median).is_integer()
    buckets = made.buckets
    assert 1 <= len(buckets) <= 6
    for bucket in buckets:
        assert bucket.count == sum(bucket.left <= value <= bucket.right for value in values) > 0
    assert sum(bucket.count for bucket in buckets) == len(values)
    assert all(one.right < two.left for one, two in pairwise(buckets))
    assert buckets[0].left == made.min
    assert buckets[-1].right == made.max


def test_the_median_between_two_values_is_cut_to_an_integer() -> None:
    assert distribution({1: 1, 2: 1}).median == 1
    assert distribution({1: 1, 2: 1, 9: 1}).median == 2


def test_no_values_have_an_empty_distribution() -> None:
    assert distribution({}) == type(distribution({}))()


# -- datasets -----------------------------------------------------------------------------------------------------


def test_a_dataset_of_contents_is_counted_row_by_row(tmp_path: Path) -> None:
    stats = of([contents("a" * 40, "b" * 8), contents("a" * 4, "b" * 4, "a" * 5, "b")], tmp_path)
    assert stats.tuning_dataset_example_count == 2
    inputs, outputs = stats.user_input_token_distribution, stats.user_output_token_distribution
    first, second = quick_tokens("a" * 40), quick_tokens("a" * 4) + quick_tokens("a" * 5)
    assert (inputs.min, inputs.max) == (second, first)
    assert outputs.sum == quick_tokens("b" * 8) + quick_tokens("b" * 4) + quick_tokens("b")
    assert stats.user_message_per_example_distribution.sum == 6
    assert stats.total_billable_token_count == inputs.sum + outputs.sum == first + second + outputs.sum


def test_the_system_instruction_counts_as_input(tmp_path: Path) -> None:
    row = contents("a" * 4, "b" * 4, systemInstruction={"parts": [{"text": "s" * 400}]})
    expected = quick_tokens("a" * 4) + quick_tokens("s" * 400)
    assert of([row], tmp_path).user_input_token_distribution.sum == expected


def test_a_dataset_of_messages_is_counted_where_the_model_takes_it(tmp_path: Path) -> None:
    turns = [("system", "s" * 8), ("user", "a" * 4), ("model", "b" * 12)]
    rows = [{"messages": [{"role": role, "content": text} for role, text in turns]}]
    stats = of(rows, tmp_path, base_model="gemini-1.0-pro-002")
    assert stats.user_input_token_distribution.sum == quick_tokens("s" * 8) + quick_tokens("a" * 4)
    assert stats.user_output_token_distribution.sum == quick_tokens("b" * 12)
    assert stats.user_message_per_example_distribution.sum == 2
    assert [(turn.role, turn.parts[0].text) for turn in stats.user_dataset_examples] == turns[1:]


def test_a_file_in_a_row_costs_as_much_as_an_image_of_moderate_size(tmp_path: Path) -> None:
    row = contents("a" * 4, "b")
    row["contents"][0]["parts"].append({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}})
    stats = of([row], tmp_path)
    assert 200 < stats.user_input_token_distribution.sum < 1200
    assert stats.user_dataset_examples[0].parts[1].file_data.file_uri == "gs://b/x.png"


def test_three_examples_are_shown_as_one_list_with_long_texts_cut(tmp_path: Path) -> None:
    stats = of([contents("a" * 401, "b" * 400), *[contents("c", "d") for _ in range(9)]], tmp_path)
    assert [turn.role for turn in stats.user_dataset_examples] == ["user", "model"] * 3
    assert stats.user_dataset_examples[0].parts[0].text == "a" * 397 + "..."
    assert stats.user_dataset_examples[1].parts[0].text == "b" * 400


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"input_text": "a", "output_text": "b"}', "Missing required `contents` field."),
        ('{"messages": [{"role": "user"}]}', "Missing required `contents` field."),
        ("[]", "GT102: the line holds a list of 0 and not one object."),
        ("{", "GT101: the line is not JSON: it is cut off before its end."),
        ("[" * 100_000, "GT101: the line is not read: "),
        ('{"contents": []}', "GT308 at /contents: "),
        ('{"contents": [1]}', "GT402 at /contents/0: "),
        ('{"contents": [{"role": 1, "parts": [{}]}]}', "GT301 at /contents/0/role: "),
        ('{"contents": [{"role": "user"}]}', "GT402 at /contents/0: the turn has no parts."),
        (
            '{"contents": [{"role": "user", "parts": [{"text": 1}]}]}',
            "GT404 at /contents/0/parts/0/text: the text is 1 and not a string.",
        ),
        ('{"contents": [{"parts": [{"fileData": 1}]}]}', "fileData is 1 and not an object"),
    ],
)
def test_a_row_that_cannot_be_read_is_dropped_and_named(row: str, reason: str, tmp_path: Path) -> None:
    good = json.dumps(contents("a", "b"))
    stats = of([], tmp_path, text=f"{good}\n\n{row}\n{good}")
    assert stats.tuning_dataset_example_count == 2
    assert stats.total_truncated_example_count == 1
    assert list(stats.truncated_example_indices) == [3]
    (told,) = stats.dropped_example_reasons
    assert told.startswith("Row: 2. ")
    assert reason in told


def test_a_dataset_without_a_good_row_has_empty_statistics(tmp_path: Path) -> None:
    stats = of([{}] * 12, tmp_path)
    assert stats.tuning_dataset_example_count == 0
    assert len(stats.dropped_example_reasons) == 10


def test_a_dataset_that_is_not_there_is_made_up_the_same_way_each_time() -> None:
    data = Statistics().of(tuning_job(), MODEL)
    assert not data.of_file
    assert data.stats is not None
    made = data.stats.supervised_tuning_data_stats
    assert made.tuning_dataset_example_count == 500
    tokens = made.user_input_token_distribution.sum + made.user_output_token_distribution.sum
    assert made.total_billable_token_count == tokens
    assert made.user_message_per_example_distribution.mean == 2
    assert Statistics().of(tuning_job(), MODEL) == data
    other = tuning_job()
    other.supervised_tuning_spec.training_dataset_uri = "gs://bucket/other.jsonl"
    assert Statistics().of(other, MODEL).stats != data.stats


def test_other_kinds_of_tuning_have_no_statistics_here() -> None:
    assert Statistics().of(TuningJob(base_model="x"), "x") == JobData()


# -- the root -----------------------------------------------------------------------------------------------------


def read(root: GcsRoot, uri: str) -> str | None:
    file = root.open(uri)
    if file is None:
        return None
    with file:
        return file.read().decode()


def open_descriptors() -> int:
    listed = Path("/proc/self/fd")
    return len(list(listed.iterdir())) if listed.is_dir() else 0


@pytest.mark.parametrize("by_steps", [True, False])
def test_the_root_cannot_be_left(tmp_path: Path, by_steps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_steps and not gcs_root._BY_STEPS:
        pytest.skip("this platform cannot open below an open directory")
    monkeypatch.setattr(gcs_root, "_BY_STEPS", by_steps)
    root = tmp_path / "root"
    (root / "bucket" / "deep").mkdir(parents=True)
    (root / "bucket" / "in.jsonl").write_text("in")
    (root / "bucket" / "deep" / "in.jsonl").write_text("deep")
    (tmp_path / "secret.jsonl").write_text("secret")
    (root / "bucket" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (root / "linked").symlink_to(tmp_path)
    (root / "bucket" / "inside.jsonl").symlink_to(root / "bucket" / "in.jsonl")
    (root / "bucket" / "shallow").symlink_to(root / "bucket" / "deep")
    (root / "loop.jsonl").symlink_to(root / "loop.jsonl")
    (tmp_path / "to-root").symlink_to(root)
    for way in (root, tmp_path / "to-root", str(root)):
        assert read(GcsRoot(way), "gs://bucket/in.jsonl") == "in"
        assert read(GcsRoot(way), "gs://bucket/deep/in.jsonl") == "deep"
    opened = GcsRoot(root)
    before = open_descriptors()
    missing = {"gs://bucket/missing.jsonl", "gs://bucket/deep/er/x.jsonl", f"gs://bucket/{tmp_path}/secret.jsonl"}
    for uri in (
        *missing,
        "gs://elsewhere/missing.jsonl",
        "gs://bucket/../../secret.jsonl",
        "gs://bucket/../bucket/in.jsonl",
        "gs://../secret.jsonl",
        "gs://bucket/link.jsonl",
        "gs://bucket/inside.jsonl",
        "gs://bucket/shallow/in.jsonl",
        "gs://linked/secret.jsonl",
        f"gs://{tmp_path}/secret.jsonl",
        f"gs:///{tmp_path}/secret.jsonl",
        "gs://loop.jsonl",
        "gs://bucket",
        "gs://bucket/in.jsonl/x",
        "gs://",
        "gs://bucket/a\0b.jsonl",
        "gs://bucket/\ud800.jsonl",
        "gs://bucket/" + "x" * 10_000,
        "projects/p/locations/l/datasets/1",
    ):
        assert opened.open(uri) is None, uri
        assert not opened.lacks(uri) or uri in missing, uri
    assert all(map(opened.lacks, missing))
    after = open_descriptors()
    assert after == before, "what was opened on the way is closed"


@pytest.mark.skipif(not gcs_root._BY_STEPS, reason="this platform cannot open below an open directory")
def test_a_directory_that_becomes_a_link_on_the_way_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "bucket").mkdir(parents=True)
    outside.mkdir()
    (root / "bucket" / "s.jsonl").write_text("public")
    (outside / "s.jsonl").write_text("secret")
    real = os.open

    def swaps(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == swapped and not (root / "aside").exists():
            (root / "bucket").rename(root / "aside")
            (root / "bucket").symlink_to(outside)
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swaps)
    swapped = "bucket"
    assert read(GcsRoot(root), "gs://bucket/s.jsonl") is None
    (root / "bucket").unlink()
    (root / "aside").rename(root / "bucket")
    swapped = "s.jsonl"
    assert read(GcsRoot(root), "gs://bucket/s.jsonl") == "public"


def test_without_a_root_no_file_is_read() -> None:
    assert Statistics().of(tuning_job(), MODEL).of_file is False


def test_a_file_that_may_not_be_read_is_as_if_it_were_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bucket" / "train.jsonl"
    file.parent.mkdir()
    file.write_text("{}")

    def refuse(path: Any, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    assert Statistics(tmp_path).of(tuning_job(), MODEL).of_file is False


def test_the_same_content_is_read_once_and_another_content_again(tmp_path: Path) -> None:
    file = tmp_path / "bucket" / "train.jsonl"
    file.parent.mkdir()
    counts: list[int] = []
    for rows in (1, 1, 3):
        file.write_text((json.dumps(contents("a", "b")) + "\n") * rows)
        os.utime(file, (1, 1))
        stats = Statistics(tmp_path).of(tuning_job(), MODEL).stats
        assert stats is not None
        counts.append(stats.supervised_tuning_data_stats.tuning_dataset_example_count)
    assert counts == [1, 1, 3]


def test_a_jobs_statistics_stay_when_the_file_changes(tmp_path: Path, storage: Storage, clock: Clock) -> None:
    file = tmp_path / "bucket" / "train.jsonl"
    file.parent.mkdir()
    file.write_text(json.dumps(contents("a", "b")) + "\n")
    service = Service(storage, job_duration=DURATION, statistics=Statistics(tmp_path), clock=clock)
    emulated = Emulated(service, clock)
    name = emulated.create().name
    clock.advance(DURATION)
    before = emulated.get(name)
    assert before.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count == 1
    file.write_text("")
    assert emulated.get(name) == before
