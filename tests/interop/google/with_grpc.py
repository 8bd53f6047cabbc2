"""The generated client of google-cloud-aiplatform over gRPC, behind the face that `steps.walk` drives."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from steps import Refused
from with_generated import GeneratedV1, GeneratedV1Beta1


def insecure(kind: Any, address: str) -> Any:
    """A generated client whose channel has no TLS; nothing else is changed."""
    import grpc

    return kind(transport=kind.get_transport_class("grpc")(channel=grpc.insecure_channel(address)))


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the client raises as `Refused`; the details are those of the trailer, as the client unpacked them."""
    from google.api_core import exceptions
    from google.protobuf import json_format

    try:
        yield
    except exceptions.GoogleAPICallError as error:
        details = [
            {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}"} | json_format.MessageToDict(detail)
            for detail in error.details
        ]
        status = {
            "code": error.code,
            "status": error.grpc_status_code.name,
            "message": error.message,
            "details": details,
        }
        raise Refused(type(error).__name__, error.code, {"error": status}) from error


class _OverGrpc:
    """In place of the REST transport."""

    api_version: str
    translated = staticmethod(translated)

    def __init__(self, address: str):
        module = importlib.import_module(f"google.cloud.aiplatform_{self.api_version}")
        self.types = module.types
        self.client = insecure(module.GenAiTuningServiceClient, address)
        self.operations: dict[str, Any] = {}


class GrpcV1(_OverGrpc, GeneratedV1):
    """The generated client over gRPC, v1."""

    name = "aiplatform-v1-grpc"


class GrpcV1Beta1(_OverGrpc, GeneratedV1Beta1):
    """The generated client over gRPC, v1beta1: fields that v1 has not."""

    name = "aiplatform-v1beta1-grpc"
