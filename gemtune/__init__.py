"""gemtune: a protobuf-first client for supervised tuning of Gemini models on Vertex AI.

    >>> import gemtune
    >>> client = gemtune.TuningClient(project="my-project", location="us-central1")
    >>> job = client.create_tuning_job(gemtune.load_spec("spec.yaml"))
    >>> client.wait_tuning_job(job.name).tuned_model.model

The message classes are the generated ones. What needs a network or a file format loads on first use. The public names
stand in `__init__.pyi`.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

from gemtune._version import __version__ as __version__
from gemtune_pb import v1 as _messages
from gemtune_pb.v1 import *  # noqa: F403  every message and enum of the schema
from gemtune_pb.v1 import SupervisedHyperParameters

# isort: split
from gemtune.job_state import JobState as JobState

AdapterSize = SupervisedHyperParameters.AdapterSize

_LIST = __spec__.loader.get_data(__file__ + "i").decode()
_MODULES = {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \2\b", _LIST, re.MULTILINE)}
"""Public name -> the module that it is loaded from when it is first used."""

_NAMES = sorted({*_messages.__all__, "AdapterSize", *_MODULES} - {"__version__"})
__all__ = _NAMES  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'gemtune' has no attribute {name!r}")
    if module == "gemtune":
        return importlib.import_module(f"gemtune.{name}")
    try:
        value = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if name in ("PredictionServiceStub", "TuningServiceStub") and error.name == "grpc":
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
