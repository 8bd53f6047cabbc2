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
from gemtune_pb.v1 import SupervisedHyperParameters

__version__ = "0.1.0"

AdapterSize = SupervisedHyperParameters.AdapterSize

if TYPE_CHECKING:
    from gemtune_pb.v1.tuning_service_pb2_grpc import TuningServiceStub as TuningServiceStub

    from gemtune import sft as sft
    from gemtune.client import TuningClient as TuningClient
    from gemtune.codec import from_json as from_json
    from gemtune.codec import to_json as to_json
    from gemtune.errors import (
        Aborted as Aborted,
    )
    from gemtune.errors import (
        AlreadyExists as AlreadyExists,
    )
    from gemtune.errors import (
        ApiError as ApiError,
    )
    from gemtune.errors import (
        Cancelled as Cancelled,
    )
    from gemtune.errors import (
        ConfigurationError as ConfigurationError,
    )
    from gemtune.errors import (
        DataLoss as DataLoss,
    )
    from gemtune.errors import (
        DeadlineExceeded as DeadlineExceeded,
    )
    from gemtune.errors import (
        FailedPrecondition as FailedPrecondition,
    )
    from gemtune.errors import (
        GemtuneError as GemtuneError,
    )
    from gemtune.errors import (
        Internal as Internal,
    )
    from gemtune.errors import (
        InvalidArgument as InvalidArgument,
    )
    from gemtune.errors import (
        JobFailed as JobFailed,
    )
    from gemtune.errors import (
        JsonError as JsonError,
    )
    from gemtune.errors import (
        NotFound as NotFound,
    )
    from gemtune.errors import (
        OutOfRange as OutOfRange,
    )
    from gemtune.errors import (
        PermissionDenied as PermissionDenied,
    )
    from gemtune.errors import (
        ResourceExhausted as ResourceExhausted,
    )
    from gemtune.errors import (
        SpecFileError as SpecFileError,
    )
    from gemtune.errors import (
        SpecInvalid as SpecInvalid,
    )
    from gemtune.errors import (
        TransportError as TransportError,
    )
    from gemtune.errors import (
        Unauthenticated as Unauthenticated,
    )
    from gemtune.errors import (
        Unavailable as Unavailable,
    )
    from gemtune.errors import (
        Unimplemented as Unimplemented,
    )
    from gemtune.errors import (
        Unknown as Unknown,
    )
    from gemtune.errors import (
        WaitTimeout as WaitTimeout,
    )
    from gemtune.sft import init as init
    from gemtune.specs import adapter_size as adapter_size
    from gemtune.specs import load_spec as load_spec
    from gemtune.specs import loads_spec as loads_spec

__all__ = [
    "Aborted",
    "AdapterSize",
    "AlreadyExists",
    "ApiError",
    "Cancelled",
    "ConfigurationError",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "GemtuneError",
    "Internal",
    "InvalidArgument",
    "JobFailed",
    "JsonError",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
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
    "from_json",
    "init",
    "load_spec",
    "loads_spec",
    "sft",
    "to_json",
]
__all__ += _messages.__all__

# Public name -> the module that has it; loaded when the name is first used. The rest of __all__ are errors.
_LAZY: dict[str, str] = {
    "TuningClient": "gemtune.client",
    "TuningServiceStub": "gemtune_pb.v1.tuning_service_pb2_grpc",
    "adapter_size": "gemtune.specs",
    "from_json": "gemtune.codec",
    "init": "gemtune.sft",
    "load_spec": "gemtune.specs",
    "loads_spec": "gemtune.specs",
    "to_json": "gemtune.codec",
}


def __getattr__(name: str) -> Any:
    if name == "sft":
        return importlib.import_module("gemtune.sft")
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
    return sorted({*globals(), *__all__})
