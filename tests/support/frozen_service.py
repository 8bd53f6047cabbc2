"""A service whose time stands still until a test moves it."""

from __future__ import annotations

from google.protobuf.message import Message

from gemtune.emulator.service import Service
from gemtune.rpc.methods import service_methods
from gemtune_pb.v1 import CreateTuningJobRequest, GetTuningJobRequest, TuningJob, tuning_service_pb2

METHODS = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])
PARENT = "projects/demo/locations/us-central1"
NOW = 1_795_536_000.25  # 2026-11-24T16:00:00.25Z
DURATION = 100.0


class Clock:
    """Seconds since 1970, as a test sets them."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Emulated:
    """A service and its clock, asked by the names of rpcs."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service = service
        self.clock = clock

    def call(self, rpc: str, request: Message, *, api_version: str = "v1") -> Message:
        return self.service.handle(METHODS[rpc], request, api_version=api_version)

    def create(self, job: TuningJob | None = None, *, parent: str = PARENT, api_version: str = "v1") -> TuningJob:
        request = CreateTuningJobRequest(parent=parent, tuning_job=job or tuning_job())
        answer = self.call("CreateTuningJob", request, api_version=api_version)
        assert isinstance(answer, TuningJob)
        return answer

    def get(self, name: str, *, api_version: str = "v1") -> TuningJob:
        answer = self.call("GetTuningJob", GetTuningJobRequest(name=name), api_version=api_version)
        assert isinstance(answer, TuningJob)
        return answer


def tuning_job(base_model: str = "gemini-2.0-flash-001", **fields: object) -> TuningJob:
    """A job that may be created."""
    job = TuningJob(base_model=base_model, **fields)  # type: ignore[arg-type]
    job.supervised_tuning_spec.training_dataset_uri = "gs://bucket/train.jsonl"
    return job
