"""A submission before it is sent: its id, and who is told of it."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Any

import pytest

from gemtune.errors import GemtuneError, SpecInvalid
from gemtune.flows.submission import Submission, Submitting, born, label_value, new_request_id
from gemtune_pb.v1 import TuningJob

WHICH = Submission(
    request_id="id-1", fingerprint="sha256:" + "ab" * 32, project="p", location="l", known=False, started=None
)


def test_a_new_id_is_a_uuid_of_version_7_that_says_when_it_was_made() -> None:
    made = new_request_id()
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
    assert born(made) == pytest.approx(time.time(), abs=60)


def test_an_id_of_half_a_character_has_a_label_value_too() -> None:
    assert label_value("\ud800") == "sha256-" + hashlib.sha256(b"\xed\xa0\x80").hexdigest()[:56]


def test_a_job_whose_labels_leave_no_room_is_refused_with_how_many_may_be_there() -> None:
    job = TuningJob(labels={f"label-{number}": "" for number in range(62)})
    assert len(WHICH.marked(job).labels) == 64
    job.labels["one-more"] = ""
    with pytest.raises(SpecInvalid) as refused:
        WHICH.marked(job)
    (violation,) = refused.value.violations.field_violations
    assert violation.field == "labels"
    assert violation.description == (
        "63 labels leave no room for the two of gemtune's that make a create safe to repeat; use at most 62 "
        "(in Python, request_labels=False turns them off)"
    )


def test_the_caller_is_told_the_id_and_what_it_answers_is_passed_on() -> None:
    told: list[Any] = []
    assert Submitting(lambda request_id: (told.append(request_id), "answer"))(WHICH) == (None, "answer")
    assert told == ["id-1"]
    assert Submitting(None)(WHICH) is None


def notes(error: BaseException, *submissions: Submission) -> list[str]:
    """What is noted on an error that ends a create after these submissions were told."""

    def interrupted() -> None:
        with Submitting(None) as told:
            for submission in submissions:
                told(submission)
            raise error

    with pytest.raises(type(error)):
        interrupted()
    return getattr(error, "__notes__", [])


def test_what_interrupts_a_create_says_how_to_find_the_job() -> None:
    (note,) = notes(KeyboardInterrupt(), WHICH)
    assert note.startswith("the job may have been created. To find out: gemtune resume id-1 --project p --location l")


def test_an_error_of_the_create_itself_and_one_from_before_it_say_nothing_of_that() -> None:
    assert not notes(GemtuneError("refused"), WHICH)
    assert not notes(KeyboardInterrupt())
