"""gemtune: a protobuf-first client for supervised tuning of Gemini models on Vertex AI.

    >>> import gemtune
    >>> client = gemtune.TuningClient(project="my-project", location="us-central1")
    >>> job = client.create_tuning_job(gemtune.load_spec("spec.yaml"))
    >>> client.wait_tuning_job(job.name).tuned_model.model

The message classes are the generated ones. What needs a network or a file format loads on first use.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from gemtune._version import __version__ as __version__
from gemtune.job_state import JobState as JobState  # twice: mypy keeps the first of two, pyright and Python the last
from gemtune_pb import v1 as _messages
from gemtune_pb.v1 import *  # type: ignore[assignment]  # noqa: F403  every message and enum of the schema
from gemtune_pb.v1 import SupervisedHyperParameters

# isort: split
from gemtune.job_state import JobState as JobState  # noqa: F811

AdapterSize = SupervisedHyperParameters.AdapterSize

if TYPE_CHECKING:
    from gemtune import preview, sft, tuning
    from gemtune.aio import AsyncTuningClient
    from gemtune.client import TuningClient
    from gemtune.errors import (
        Aborted,
        AlreadyExists,
        ApiError,
        Cancelled,
        ConfigurationError,
        DataLoss,
        DeadlineExceeded,
        DuplicateSubmission,
        FailedPrecondition,
        GemtuneError,
        InDoubt,
        Internal,
        InvalidArgument,
        JobFailed,
        JsonError,
        NotFound,
        OutOfRange,
        PermissionDenied,
        ResourceExhausted,
        SpecFileError,
        SpecInvalid,
        TransportError,
        Unauthenticated,
        Unavailable,
        Unimplemented,
        Unknown,
        WaitTimeout,
    )
    from gemtune.flows.retry import Retry, Retrying
    from gemtune.rpc.codec import from_json, to_json
    from gemtune.sft import init
    from gemtune.specs import (
        Finding,
        adapter_size,
        check,
        dumps_spec,
        load_spec,
        load_specs,
        loads_spec,
        save_spec,
        validate,
    )
    from gemtune.specs.fingerprint import fingerprint
    from gemtune.transport.rest_channel import RestChannel
    from gemtune_pb.v1.tuning_service_pb2_grpc import TuningServiceStub

__all__ = [
    "Aborted",
    "AdapterSize",
    "AlreadyExists",
    "ApiError",
    "AsyncTuningClient",
    "Cancelled",
    "ConfigurationError",
    "DataLoss",
    "DeadlineExceeded",
    "DuplicateSubmission",
    "FailedPrecondition",
    "Finding",
    "GemtuneError",
    "InDoubt",
    "Internal",
    "InvalidArgument",
    "JobFailed",
    "JsonError",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "RestChannel",
    "Retry",
    "Retrying",
    "SpecFileError",
    "SpecInvalid",
    "TransportError",
    "TuningClient",
    "TuningServiceStub",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "WaitTimeout",
    "adapter_size",
    "check",
    "dumps_spec",
    "fingerprint",
    "from_json",
    "init",
    "load_spec",
    "load_specs",
    "loads_spec",
    "preview",
    "save_spec",
    "sft",
    "to_json",
    "tuning",
    "validate",
]
__all__ += _messages.__all__

# Public name -> the module that has it; loaded when the name is first used. The rest of __all__ are errors.
_LAZY: dict[str, str] = {
    "AsyncTuningClient": "gemtune.aio",
    "Finding": "gemtune.specs",
    "RestChannel": "gemtune.transport.rest_channel",
    "Retry": "gemtune.flows.retry",
    "Retrying": "gemtune.flows.retry",
    "TuningClient": "gemtune.client",
    "TuningServiceStub": "gemtune_pb.v1.tuning_service_pb2_grpc",
    "adapter_size": "gemtune.specs",
    "check": "gemtune.specs",
    "dumps_spec": "gemtune.specs",
    "fingerprint": "gemtune.specs",
    "from_json": "gemtune.rpc.codec",
    "init": "gemtune.sft",
    "load_spec": "gemtune.specs",
    "load_specs": "gemtune.specs",
    "loads_spec": "gemtune.specs",
    "save_spec": "gemtune.specs",
    "to_json": "gemtune.rpc.codec",
    "validate": "gemtune.specs",
}


def __getattr__(name: str) -> Any:
    if name in ("preview", "sft", "tuning"):
        return importlib.import_module(f"gemtune.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'gemtune' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_LAZY.get(name, "gemtune.errors")), name)
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
    there = {name for name in globals() if name.startswith("__") or f"{__name__}.{name}" in sys.modules}
    return sorted({*there, *__all__})
