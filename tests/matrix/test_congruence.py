"""The same question over REST and over gRPC: the same answer, but for what gRPC does not publish."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gemtune
from gemtune import emulator
from gemtune.schema import grpc_fields
from tests.support.client_harness import Time
from tests.support.jobs import spec

PARENT = "projects/twice/locations/us-central1"


@pytest.fixture(params=["v1", "v1beta1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(doors: emulator.Address, version: str) -> Iterator[tuple[gemtune.TuningClient, gemtune.TuningClient]]:
    """A client over REST and one over gRPC, of the same emulator."""
    with (
        gemtune.TuningClient("twice", endpoint=doors, api_version=version) as rest,
        gemtune.TuningClient("twice", endpoint=f"http://{doors.grpc}", transport="grpc", api_version=version) as grpc,
    ):
        yield rest, grpc


def test_a_job_looks_the_same_at_every_stage(
    both: tuple[gemtune.TuningClient, gemtune.TuningClient], version: str, moved: Time
) -> None:
    rest, grpc = both
    name = rest.create_tuning_job(spec()).name
    states = set()
    for _ in range(12):
        # A moment between the two questions may be the one in which the job changes.
        one, other, again = (client.get_tuning_job(name) for client in (rest, grpc, rest))
        if one == again:
            grpc_fields.strip(one, version)
            assert one == other
            states.add(one.state)
        moved.skip(11)
    assert len(states) == 3
    listed, answered = (next(iter(client.list_tuning_jobs(page_size=1))) for client in both)
    grpc_fields.strip(listed, version)
    assert listed == answered


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_tuning_job("1"),
        lambda client: client.cancel_tuning_job("1"),
        lambda client: client.get_operation(f"{PARENT}/tuningJobs/1/operations/1"),
        lambda client: list(client.list_tuning_jobs(filter="((")),
        lambda client: list(client.list_tuning_jobs(page_size=-1)),
        lambda client: client.create_tuning_job(gemtune.TuningJob(), validate=False),
        lambda client: client.rebase_tuned_model(gemtune.TunedModelRef()),
    ],
    ids=["get", "cancel", "operation", "filter", "page size", "empty job", "empty rebase"],
)
def test_a_refusal_is_the_same(both: tuple[gemtune.TuningClient, gemtune.TuningClient], call: object) -> None:
    refusals = []
    for client in both:
        with pytest.raises(gemtune.ApiError) as caught:
            call(client)  # type: ignore[operator]
        refusals.append(caught.value)
    rest, grpc = refusals
    assert type(rest) is type(grpc)
    assert (rest.code, rest.message, rest.details) == (grpc.code, grpc.message, grpc.details)
