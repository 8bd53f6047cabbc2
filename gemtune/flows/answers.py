"""An answer is held against its question: what belongs to another job, or to none, is no answer.

One place, where every answer of a client passes (`drive`), so that no flow has to remember it.
"""

from __future__ import annotations

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message

from gemtune.errors import TransportError
from gemtune.names import REQUEST_LABEL
from gemtune.rpc.methods import Method
from gemtune.rpc.unknown import Unreadable, json_tree, keep_rows
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsResponse, RebaseTunedModelRequest, TuningJob

__all__ = ["fitting"]


def fitting(method: Method, request: Message, answer: Message) -> Message:
    """The answer, if it fits the request.

    A project may be named by its id in one and by its number in the other. A row of a page that has no name goes to the
    rows that cannot be read.

    Args:
        method: What was called.
        request: What was asked.
        answer: What came.

    Raises:
        TransportError: It is the answer to another question. What was asked for may have happened all the same.
    """
    problem = ""
    if isinstance(answer, ListTuningJobsResponse):
        _part_nameless(answer)
    elif isinstance(answer, TuningJob | operations_pb2.Operation):
        if isinstance(request, CreateTuningJobRequest | RebaseTunedModelRequest):
            problem = _not_below(request.parent, answer.name)
        else:
            problem = _another(method.resource(request), answer.name)
    if isinstance(answer, TuningJob) and isinstance(request, CreateTuningJobRequest) and not problem:
        label = request.tuning_job.labels.get(REQUEST_LABEL)
        if label is not None and answer.labels.get(REQUEST_LABEL) != label:
            problem = f"{answer.name}, which does not carry the label {REQUEST_LABEL} of this create"
    if problem:
        asked = method.resource(request)
        raise TransportError(
            f"{method.name} of {asked} was answered with {problem}", maybe_sent=True, final=True, answered=True
        )
    return answer


def _not_below(parent: str, name: str) -> str:
    if not name:
        return "something that has no name"
    place, parts = parent.split("/"), name.split("/")
    if parts[0] == "projects" and parts[2:3] == ["locations"] and len(place) == 4 and parts[3:4] != place[3:]:
        return f"{name}, which is elsewhere"
    return ""


def _another(asked: str, name: str) -> str:
    if not name:
        return "something that has no name" if asked else ""
    question, parts = asked.split("/"), name.split("/")
    if len(question) < 6 or (len(parts) >= 6 and parts[0] == "projects" and parts[2:] == question[2:]):
        return ""
    return name


def _part_nameless(page: ListTuningJobsResponse) -> None:
    if all(job.name for job in page.tuning_jobs):
        return
    jobs = list(page.tuning_jobs)
    keep_rows(page, [Unreadable(i, json_tree(job), "it has no name") for i, job in enumerate(jobs) if not job.name])
    named = [job for job in jobs if job.name]
    del page.tuning_jobs[:]
    page.tuning_jobs.extend(named)
