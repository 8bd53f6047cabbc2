"""Events: what is noted about a submission, in both databases."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import gemtune
from gemtune import TuningJob
from gemtune.store import SpecStore, StoreError, SubmissionEvent, SubmissionNotFound
from tests.support.frozen_clock import Time

SPEC = TuningJob(base_model="gemini-3.5-flash")
PLACE: dict[str, str] = {"project": "acme", "location": "us-central1"}
OBJECT = {"uri": "gs://acme/train.jsonl", "generation": 1_790_000_000_123_456, "size": 71_000_000, "crc32c": "yZRlqg=="}


@pytest.fixture
def claimed(store: SpecStore, clock: Time) -> SpecStore:
    for number in (1, 2):
        store.claim(f"r-{number}", **PLACE, job=SPEC, until=clock.seconds + 30)
    return store


def test_events_are_in_the_history_oldest_first(claimed: SpecStore, clock: Time) -> None:
    began = clock.seconds
    claimed.add_event("r-1", **PLACE, kind="pinned", data={"objects": [OBJECT]})
    clock.seconds += 1.5
    claimed.add_event("r-1", **PLACE, kind="estimate", data={"tokens": [1000, 2000], "cost": 1.25})
    claimed.add_event("r-1", **PLACE, kind="pinned", data={"objects": []})
    [first] = claimed.submissions(request_id="r-1")
    assert first.events == (
        SubmissionEvent("pinned", began, {"objects": [OBJECT]}),
        SubmissionEvent("estimate", began + 1.5, {"tokens": [1000, 2000], "cost": 1.25}),
        SubmissionEvent("pinned", began + 1.5, {"objects": []}),
    )
    assert claimed.submissions(request_id="r-2")[0].events == ()


def test_a_kind_that_nobody_knows_is_read(claimed: SpecStore) -> None:
    odd = {"équipe": ["🎛", None, True, {"": []}], "n": 2**53 + 1, "f": 1e-7, "back\\u0000slash": "\u2028"}
    claimed.add_event("r-1", **PLACE, kind="acme.reviewed ✓", data=odd)
    claimed.add_event("r-1", **PLACE, kind="empty", data={})
    assert [(event.kind, event.data) for event in claimed.submissions(request_id="r-1")[0].events] == [
        ("acme.reviewed ✓", odd),
        ("empty", {}),
    ]


def test_a_job_that_was_found_can_have_events(store: SpecStore) -> None:
    store.record("r-1", **PLACE, job=TuningJob(name="projects/7/locations/us-central1/tuningJobs/42"))
    store.add_event("r-1", **PLACE, kind="estimate", data={"tokens": 5})
    assert [event.kind for event in store.submissions()[0].events] == ["estimate"]


@pytest.mark.parametrize("other", [{"request_id": "r-3"}, {"project": "other"}, {"location": "europe-west4"}])
def test_an_event_of_no_submission_is_refused_with_a_sentence(claimed: SpecStore, other: dict[str, str]) -> None:
    where: dict[str, Any] = {"request_id": "r-1", **PLACE, **other}
    sentence = r"there is no submission r-\d in \S+, \S+ in the store .*; claim it, or record its job, before you add"
    with pytest.raises(SubmissionNotFound, match=sentence) as caught:
        claimed.add_event(**where, kind="pinned", data={})
    assert isinstance(caught.value, StoreError)
    assert [made.events for made in claimed.submissions()] == [(), ()]


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("", {}, "kind is empty; give a word such as pinned"),
        ("a\0", {}, "kind holds characters that a database refuses"),
        ("pinned", {"x": {1, 2}}, "the data of an event are a JSON object: .*set"),
        ("pinned", {"x": float("nan")}, "the data of an event are a JSON object: "),
        ("pinned", [1, 2], "the data of an event are a JSON object: "),
        ("pinned", {"x": "a\0"}, "data holds characters that a database refuses"),
        ("pinned", {"x\\\0": 1}, "data holds characters that a database refuses"),
        ("pinned", {"x": "\ud800"}, "data holds characters that a database refuses"),
    ],
)
def test_what_cannot_be_stored_is_refused(claimed: SpecStore, kind: str, data: Any, sentence: str) -> None:
    with pytest.raises(gemtune.SpecInvalid, match=sentence):
        claimed.add_event("r-1", **PLACE, kind=kind, data=data)
    assert claimed.submissions(request_id="r-1")[0].events == ()


def test_events_change_nothing_about_a_claim(claimed: SpecStore, clock: Time) -> None:
    claimed.add_event("r-1", **PLACE, kind="pinned", data={})
    held = claimed.claim("r-1", **PLACE, job=SPEC, until=clock.seconds + 60)
    assert (held.granted, held.wait) == (False, 30)
    claimed.release("r-1", **PLACE, token=1)
    assert claimed.claim("r-1", **PLACE, job=SPEC, until=clock.seconds + 60).token == 1
    assert [event.kind for event in claimed.submissions(request_id="r-1")[0].events] == ["pinned"]


def test_a_record_of_an_event_cannot_be_changed_and_can_be_in_a_set(claimed: SpecStore) -> None:
    claimed.add_event("r-1", **PLACE, kind="pinned", data={"objects": [OBJECT]})
    [first] = claimed.submissions(request_id="r-1")
    assert len({first, *claimed.submissions(request_id="r-1")}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.events[0].kind = "other"  # type: ignore[misc]
