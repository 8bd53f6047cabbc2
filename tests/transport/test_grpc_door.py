"""The emulator's gRPC door, as Google's clients and any generated stub see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.cloud.location import locations_pb2
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import gemtune
from gemtune import emulator
from tests.support.jobs import spec

PARENT = "projects/demo/locations/us-central1"
GOOGLE = "/google.cloud.aiplatform.{}.GenAiTuningService/{}"


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def address(log: list[str]) -> Iterator[emulator.Address]:
    with emulator.running(job_duration=100, grpc_port=0, log=log.append) as address:
        yield address


@pytest.fixture
def channel(address: emulator.Address) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(str(address.grpc)) as channel:
        yield channel


def call(channel: grpc.Channel, path: str, request: Any, answer: Any, **options: Any) -> Any:
    stub = channel.unary_unary(path, type(request).SerializeToString, answer.FromString)
    return stub(request, timeout=10, **options)


def create(channel: grpc.Channel, version: str = "v1", **fields: Any) -> gemtune.TuningJob:
    request = gemtune.CreateTuningJobRequest(parent=PARENT, tuning_job=spec(**fields))
    made: gemtune.TuningJob = call(channel, GOOGLE.format(version, "CreateTuningJob"), request, gemtune.TuningJob)
    return made


@pytest.mark.parametrize(
    "service", [GOOGLE.format("v1", "{}"), GOOGLE.format("v1beta1", "{}"), "/gemtune.v1.TuningService/{}"]
)
def test_the_service_is_there_under_googles_names_and_under_ours(channel: grpc.Channel, service: str) -> None:
    name = create(channel).name
    get = gemtune.GetTuningJobRequest(name=name)
    assert call(channel, service.format("GetTuningJob"), get, gemtune.TuningJob).name == name
    cancel = gemtune.CancelTuningJobRequest(name=name)
    call(channel, service.format("CancelTuningJob"), cancel, gemtune.TuningJob)
    listing = gemtune.ListTuningJobsRequest(parent=PARENT)
    listed = call(channel, service.format("ListTuningJobs"), listing, gemtune.ListTuningJobsResponse)
    assert [job.name for job in listed.tuning_jobs] == [name]


def test_our_generated_stub_works_over_a_channel_of_grpcios(channel: grpc.Channel) -> None:
    name = create(channel).name
    stub = gemtune.TuningServiceStub(channel)
    assert stub.GetTuningJob(gemtune.GetTuningJobRequest(name=name)).name == name


def test_a_job_created_over_one_door_is_seen_through_the_other(
    channel: grpc.Channel, address: emulator.Address
) -> None:
    name = create(channel, "v1beta1").name
    seen = requests.get(f"{address}/v1beta1/{name}", timeout=10).json()
    assert seen["name"] == name
    assert seen["tuningJobState"] == "TUNING_JOB_STATE_WAITING_FOR_CAPACITY"


def test_googles_names_answer_with_published_fields_alone(channel: grpc.Channel) -> None:
    name = create(channel, "v1beta1").name
    get = gemtune.GetTuningJobRequest(name=name)
    for version in ("v1", "v1beta1"):
        job = call(channel, GOOGLE.format(version, "GetTuningJob"), get, gemtune.TuningJob)
        assert not job.HasField("tuning_job_state")
        assert not job.HasField("tuning_job_metadata")


def test_operations_are_googles_own_service(channel: grpc.Channel, address: emulator.Address) -> None:
    with emulator.running(job_duration=0.01, grpc_port=0) as quick, grpc.insecure_channel(str(quick.grpc)) as other:
        source = create(other)
        rebase = gemtune.RebaseTunedModelRequest(
            parent=PARENT, tuned_model_ref=gemtune.TunedModelRef(tuning_job=source.name)
        )
        path = GOOGLE.format("v1beta1", "RebaseTunedModel")
        with gemtune.TuningClient("demo", endpoint=quick) as client:
            client.wait_tuning_job(source.name, poll_interval=0.01)
            operation = call(other, path, rebase, operations_pb2.Operation)
            client.wait_operation(operation.name, poll_interval=0.01)
        done = operations_pb2_grpc.OperationsStub(other).GetOperation(
            operations_pb2.GetOperationRequest(name=operation.name), timeout=10
        )
    assert done.done
    assert done.response.type_url == "type.googleapis.com/google.cloud.aiplatform.v1beta1.TuningJob"
    assert gemtune.TuningJob.FromString(done.response.value).state == gemtune.JobState.JOB_STATE_SUCCEEDED


def test_locations_are_listed(channel: grpc.Channel) -> None:
    request = locations_pb2.ListLocationsRequest(name="projects/demo")
    path = "/google.cloud.location.Locations/ListLocations"
    listed = call(channel, path, request, locations_pb2.ListLocationsResponse)
    assert "us-central1" in {location.location_id for location in listed.locations}


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_has_its_code_its_words_and_its_details_in_the_trailer(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(channel, base_model="")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(caught.value)
    violations = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(violations)
    assert [v.field for v in violations.field_violations] == ["tuning_job.base_model"]


@pytest.mark.parametrize("path", ["/google.cloud.aiplatform.v1.JobService/GetCustomJob", GOOGLE.format("v1", "Tune")])
def test_what_is_not_served_is_unimplemented(channel: grpc.Channel, path: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, path, gemtune.GetTuningJobRequest(), gemtune.TuningJob)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_bytes_that_are_no_request_are_the_callers_error_or_the_servers_but_no_crash(channel: grpc.Channel) -> None:
    stub = channel.unary_unary(GOOGLE.format("v1", "GetTuningJob"))
    with pytest.raises(grpc.RpcError) as caught:
        stub(b"\xff\xff\xff", timeout=10)
    assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    assert create(channel).name  # it goes on


def test_a_request_that_is_too_large_is_refused(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(channel, description="x" * 11 * 2**20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_mistake_of_the_emulators_is_logged_and_told_in_one_sentence(
    channel: grpc.Channel, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gemtune.emulator.service import Service

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(Service, "GetTuningJob", broken)
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, GOOGLE.format("v1", "GetTuningJob"), gemtune.GetTuningJobRequest(name="x"), gemtune.TuningJob)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "mistake" not in caught.value.details()
    assert any("ZeroDivisionError: a mistake" in line for line in log)


def test_a_token_is_asked_for_where_one_was_set() -> None:
    with emulator.running(token="s3cret", grpc_port=0) as address, grpc.insecure_channel(str(address.grpc)) as channel:
        path, request = GOOGLE.format("v1", "ListTuningJobs"), gemtune.ListTuningJobsRequest(parent=PARENT)
        for metadata in ((), (("authorization", "Bearer wrong"),)):
            with pytest.raises(grpc.RpcError) as caught:
                call(channel, path, request, gemtune.ListTuningJobsResponse, metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        call(channel, path, request, gemtune.ListTuningJobsResponse, metadata=(("authorization", "Bearer s3cret"),))


# -- the experiment that Google's SDK asks for ------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_every_job_has_the_experiment_that_its_name_says(channel: grpc.Channel, version: str) -> None:
    pool = descriptor_pool.DescriptorPool()
    struct: Any = struct_pb2.DESCRIPTOR
    pool.AddSerializedFile(struct.serialized_pb)
    field = descriptor_pb2.FieldDescriptorProto
    names = {"name": 1, "display_name": 2, "schema_title": 13, "schema_version": 14}
    context = descriptor_pb2.DescriptorProto(
        name="Context",
        field=[field(name=n, number=i, type=9, label=1) for n, i in names.items()]
        + [field(name="metadata", number=15, type=11, label=1, type_name=".google.protobuf.Struct")],
    )
    file = descriptor_pb2.FileDescriptorProto(
        name="c.proto", package="c", syntax="proto3", dependency=[struct.name], message_type=[context]
    )
    pool.AddSerializedFile(file.SerializeToString())
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("c.Context"))
    name = f"{PARENT}/metadataStores/default/contexts/tuning-experiment-1"
    path = f"/google.cloud.aiplatform.{version}.MetadataService/GetContext"
    # GetContextRequest is a message with one field, the name, under number 1; so is GetTuningJobRequest.
    got = call(channel, path, gemtune.GetTuningJobRequest(name=name), kind)
    assert (got.name, got.display_name, got.schema_title) == (name, "tuning-experiment-1", "system.Experiment")
    assert len(got.metadata.fields) > 0
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, path, gemtune.GetTuningJobRequest(name="x"), kind)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# -- serving ----------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_said_so(address: emulator.Address) -> None:
    port = int(str(address.grpc).rpartition(":")[2])
    words = f"cannot listen for gRPC on 127.0.0.1 port {port}: Address already in use"
    with pytest.raises(gemtune.ConfigurationError, match=words):
        emulator.running(grpc_port=port).__enter__()


def test_without_a_port_there_is_no_such_door() -> None:
    with emulator.running() as address:
        assert address.grpc is None


def test_a_line_a_call_is_logged(channel: grpc.Channel, log: list[str]) -> None:
    create(channel)
    [line] = [line for line in log if "gRPC" in line]
    assert "google.cloud.aiplatform.v1.GenAiTuningService/CreateTuningJob OK" in line


def test_an_address_is_a_url_that_can_be_stored(address: emulator.Address, tmp_path: Path) -> None:
    assert json.loads(json.dumps(address)) == address
    assert isinstance(address, str)
