"""What ends a run: the flow, or what a callback raises; and what the caller is told then."""

from __future__ import annotations

import pytest
from google.longrunning import operations_proto_pb2 as operations_pb2

import gemtune
from gemtune.errors import ResourceExhausted, SpecInvalid, TransportError
from gemtune.flows.retry import Retry
from gemtune_pb.v1 import TuningJob

JOB = "projects/p/locations/us-central1/tuningJobs/1"


class Answers:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def send(self, method: object, request: object, *, deadline: float) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def stop(*_: object) -> None:
    raise StopIteration


def client(answer: object, **options: object) -> gemtune.TuningClient:
    return gemtune.TuningClient("p", "us-central1", transport=Answers(answer), **options)


def test_a_hook_that_raises_stop_iteration_does_not_look_like_success() -> None:
    cut = TransportError("cut", maybe_sent=False)
    with pytest.raises(StopIteration):
        client(cut, retry=Retry(on_retry=stop)).cancel_tuning_job(JOB)
    with pytest.raises(StopIteration):
        client(TuningJob(name=JOB, state="JOB_STATE_SUCCEEDED")).wait_tuning_job(JOB, on_update=stop)


def test_the_error_of_an_operation_says_how_to_fix_it() -> None:
    operation = operations_pb2.Operation(name=f"{JOB}/operations/7", done=True)
    operation.error.code = 8
    operation.error.message = "Quota exceeded for aiplatform.googleapis.com/global_concurrent_tuning_jobs"
    with pytest.raises(ResourceExhausted) as raised:
        client(operation).wait_operation(operation.name)
    assert any(note.startswith("to fix it:") for note in raised.value.__notes__)


def test_a_wrong_filter_is_refused_where_the_list_is_asked_for() -> None:
    class Credentials:
        project_id = "q"

    with pytest.raises(SpecInvalid):
        gemtune.TuningClient(
            location="us-central1", transport=Answers(None), credentials=Credentials()
        ).list_tuning_jobs(filter="\ud800")
