"""Who is trusted, and the transports that have to mind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gemtune.transport.grpc import GrpcTransport
from gemtune.transport.grpc_aio import AsyncGrpcTransport
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
from tests.support.certificates import Authority
from tests.support.transport_harness import Carrier

CARRIERS = {
    "rest": RestTransport,
    "rest.aio": AsyncRestTransport,
    "grpc": GrpcTransport,
    "grpc.aio": AsyncGrpcTransport,
}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    carrier = Carrier(CARRIERS[request.param])
    yield carrier
    carrier.close()
