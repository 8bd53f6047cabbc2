"""gemtune: a protobuf-first client for supervised tuning of Gemini models on Vertex AI.

    >>> import gemtune
    >>> client = gemtune.TuningClient(project="my-project", location="us-central1")
    >>> job = client.create_tuning_job(gemtune.load_spec("spec.yaml"))
    >>> client.wait_tuning_job(job.name).tuned_model.model

The message classes are the generated ones. What needs a network or a file format loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gemtune_pb import v1 as _messages
from gemtune_pb.v1 import *  # noqa: F403  every message and enum of the schema

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gemtune import sft as sft
    from gemtune.client import TuningClient as TuningClient
    from gemtune.codec import from_json as from_json, to_json as to_json
    from gemtune.errors import (
        Aborted as Aborted,
        AlreadyExists as AlreadyExists,
        ApiError as ApiError,
        Cancelled as Cancelled,
        ConfigurationError as ConfigurationError,
        DataLoss as DataLoss,
        DeadlineExceeded as DeadlineExceeded,
        FailedPrecondition as FailedPrecondition,
        GemtuneError as GemtuneError,
        Internal as Internal,
        InvalidArgument as InvalidArgument,
        JobFailed as JobFailed,
        JsonError as JsonError,
        NotFound as NotFound,
        OutOfRange as OutOfRange,
        PermissionDenied as PermissionDenied,
        ResourceExhausted as ResourceExhausted,
        SpecFileError as SpecFileError,
        SpecInvalid as SpecInvalid,
        TransportError as TransportError,
        Unauthenticated as Unauthenticated,
        Unavailable as Unavailable,
        Unimplemented as Unimplemented,
        Unknown as Unknown,
        WaitTimeout as WaitTimeout,
    )
    from gemtune.settings import init as init
    from gemtune.specs import adapter_size as adapter_size, load_spec as load_spec, loads_spec as loads_spec
    from gemtune_pb.v1.tuning_service_pb2_grpc import TuningServiceStub as TuningServiceStub

_ERRORS = (
    "Aborted AlreadyExists ApiError Cancelled ConfigurationError DataLoss DeadlineExceeded FailedPrecondition "
    "GemtuneError Internal InvalidArgument JobFailed JsonError NotFound OutOfRange PermissionDenied ResourceExhausted "
    "SpecFileError SpecInvalid TransportError Unauthenticated Unavailable Unimplemented Unknown WaitTimeout"
)

# Public name -> the module that has it; loaded when the name is first used.
_LAZY: dict[str, str] = {
    "TuningClient": "gemtune.client",
    "TuningServiceStub": "gemtune_pb.v1.tuning_service_pb2_grpc",
    "adapter_size": "gemtune.specs",
    "from_json": "gemtune.codec",
    "init": "gemtune.settings",
    "load_spec": "gemtune.specs",
    "loads_spec": "gemtune.specs",
    "to_json": "gemtune.codec",
    **dict.fromkeys(_ERRORS.split(), "gemtune.errors"),
}

__all__ = [*_messages.__all__, *_LAZY, "sft"]


def __getattr__(name: str) -> Any:
    if name == "sft":
        return importlib.import_module("gemtune.sft")
    if name not in _LAZY:
        raise AttributeError(f"module 'gemtune' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if name == "TuningServiceStub" and error.name == "grpc":
            from gemtune.errors import ConfigurationError

            raise ConfigurationError(
                "the generated service stub needs grpcio: pip install 'gemtune[grpc]' (TuningClient does without it)"
            ) from error
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
