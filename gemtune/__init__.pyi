"""The public names, each once: this list is what type checkers read and what `gemtune/__init__.py` loads from.

A line `from MODULE import NAME as NAME` makes NAME public; MODULE is loaded when NAME is first used.
"""

# ruff: noqa: I001  one name a line
from gemtune import dataset as dataset
from gemtune import preview as preview
from gemtune import sft as sft
from gemtune import tuning as tuning
from gemtune._version import __version__ as __version__
from gemtune.aio import AsyncTuningClient as AsyncTuningClient
from gemtune.client import TuningClient as TuningClient
from gemtune.errors import Aborted as Aborted
from gemtune.errors import AlreadyExists as AlreadyExists
from gemtune.errors import ApiError as ApiError
from gemtune.errors import Cancelled as Cancelled
from gemtune.errors import ConfigurationError as ConfigurationError
from gemtune.errors import DataLoss as DataLoss
from gemtune.errors import DatasetError as DatasetError
from gemtune.errors import DatasetInvalid as DatasetInvalid
from gemtune.errors import DeadlineExceeded as DeadlineExceeded
from gemtune.errors import DuplicateSubmission as DuplicateSubmission
from gemtune.errors import FailedPrecondition as FailedPrecondition
from gemtune.errors import GemtuneError as GemtuneError
from gemtune.errors import InDoubt as InDoubt
from gemtune.errors import Internal as Internal
from gemtune.errors import InvalidArgument as InvalidArgument
from gemtune.errors import JobFailed as JobFailed
from gemtune.errors import JsonError as JsonError
from gemtune.errors import NotFound as NotFound
from gemtune.errors import OutOfRange as OutOfRange
from gemtune.errors import PermissionDenied as PermissionDenied
from gemtune.errors import ResourceExhausted as ResourceExhausted
from gemtune.errors import SpecFileError as SpecFileError
from gemtune.errors import SpecInvalid as SpecInvalid
from gemtune.errors import TransportError as TransportError
from gemtune.errors import Unauthenticated as Unauthenticated
from gemtune.errors import Unavailable as Unavailable
from gemtune.errors import Unimplemented as Unimplemented
from gemtune.errors import Unknown as Unknown
from gemtune.errors import WaitTimeout as WaitTimeout
from gemtune.flows.retry import Retry as Retry
from gemtune.flows.retry import Retrying as Retrying
from gemtune.job_state import JobState as JobState  # twice: mypy keeps the first of two, pyright and Python the last
from gemtune.rpc.codec import from_json as from_json
from gemtune.rpc.codec import to_json as to_json
from gemtune.sft import init as init
from gemtune.specs import Finding as Finding
from gemtune.specs import adapter_size as adapter_size
from gemtune.specs import check as check
from gemtune.specs import dumps_spec as dumps_spec
from gemtune.specs import fingerprint as fingerprint
from gemtune.specs import load_spec as load_spec
from gemtune.specs import load_specs as load_specs
from gemtune.specs import loads_spec as loads_spec
from gemtune.specs import save_spec as save_spec
from gemtune.specs import validate as validate
from gemtune.transport.rest_channel import RestChannel as RestChannel
from gemtune_pb.v1 import *  # type: ignore[assignment]  # noqa: F403  every message and enum of the schema
from gemtune_pb.v1 import SupervisedHyperParameters as SupervisedHyperParameters
from gemtune_pb.v1.prediction_service_pb2_grpc import PredictionServiceStub as PredictionServiceStub
from gemtune_pb.v1.tuning_service_pb2_grpc import TuningServiceStub as TuningServiceStub

from gemtune.job_state import JobState as JobState  # noqa: F811

AdapterSize = SupervisedHyperParameters.AdapterSize
