"""Where a job stands follows from its times alone."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from gemtune.emulator.timeline import Timeline
from gemtune_pb.v1 import JobState, TuningJobState

JOB = Timeline(created=1000, duration=100)
ORDER = ["PENDING", "RUNNING", "SUCCEEDED"]
CANCELLED_ORDER = ["PENDING", "RUNNING", "CANCELLING", "CANCELLED"]


def state(timeline: Timeline, now: int) -> str:
    return JobState.Name(timeline.state(now)).removeprefix("JOB_STATE_")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (1000, "PENDING"),
        (1009, "PENDING"),
        (1010, "RUNNING"),
        (1099, "RUNNING"),
        (1100, "SUCCEEDED"),
        (9999, "SUCCEEDED"),
    ],
)
def test_a_job_goes_from_pending_over_running_to_succeeded(now: int, expected: str) -> None:
    assert state(JOB, now) == expected


@pytest.mark.parametrize(
    ("now", "expected"), [(1049, "RUNNING"), (1050, "CANCELLING"), (1059, "CANCELLING"), (1060, "CANCELLED")]
)
def test_a_cancelled_job_is_cancelling_before_it_is_cancelled(now: int, expected: str) -> None:
    assert state(Timeline(1000, 100, cancelled=1050), now) == expected


def test_a_job_cancelled_while_pending_never_starts() -> None:
    timeline = Timeline(1000, 100, cancelled=1005)
    assert timeline.started is None
    assert timeline.processed is None
    assert not timeline.has_started(5000)
    assert timeline.updated(5000) == timeline.ended == 1015


def test_a_job_that_takes_no_time_is_pending_in_the_instant_of_its_creation() -> None:
    timeline = Timeline(1000, 0)
    assert state(timeline, 1000) == "PENDING"
    assert state(timeline, 1001) == "SUCCEEDED"
    assert timeline.updated(1000) == 1000


@pytest.mark.parametrize(
    ("now", "step"),
    [(1005, "WAITING_FOR_CAPACITY"), (1020, "PROCESSING_DATASET"), (1050, "TUNING"), (1095, "POST_PROCESSING"),
     (1100, "UNSPECIFIED")],
)  # fmt: skip
def test_a_running_job_says_in_v1beta1_what_it_is_doing(now: int, step: str) -> None:
    assert TuningJobState.Name(JOB.step(now)) == f"TUNING_JOB_STATE_{step}"


def test_a_job_that_fails_for_its_data_ends_before_it_trains() -> None:
    timeline = Timeline(1000, 100, outcome=JobState.JOB_STATE_FAILED, untrained=True)
    assert [state(timeline, now) for now in (1009, 1029, 1030)] == ["PENDING", "RUNNING", "FAILED"]
    assert timeline.step(1029) == TuningJobState.TUNING_JOB_STATE_PROCESSING_DATASET
    assert timeline.has_processed(1030)
    assert timeline.progress(5000) == 0
    assert timeline.ended == timeline.updated(5000) == 1030


timelines = st.builds(
    lambda created, duration, share, untrained: Timeline(
        created,
        duration,
        None if share is None else created + int(duration * share * (0.3 if untrained else 1)),
        JobState.JOB_STATE_FAILED if untrained else JobState.JOB_STATE_SUCCEEDED,
        untrained,
    ),
    st.integers(0, 10**16),
    st.integers(0, 10**11),
    st.none() | st.floats(0, 0.999),
    st.booleans(),
)


@given(timelines, st.lists(st.integers(0, 2 * 10**11), min_size=2, max_size=8))
def test_time_only_moves_a_job_forward(timeline: Timeline, elapsed: list[int]) -> None:
    order = [*ORDER[:2], "FAILED"] if timeline.untrained else ORDER
    order = order if timeline.cancelled is None else CANCELLED_ORDER
    moments = [timeline.created + e for e in sorted(elapsed)]
    places = [order.index(state(timeline, now)) for now in moments]
    assert places == sorted(places)
    progress = [timeline.progress(now) for now in moments]
    assert progress == sorted(progress)
    assert all(0 <= p <= 1 for p in progress)
    updates = [timeline.updated(now) for now in moments]
    assert updates == sorted(updates)
    assert all(timeline.created <= updated <= now for updated, now in zip(updates, moments, strict=True))
