"""What a flow yields: each effect, and with what the flow is resumed.

A flow is a generator without I/O and without a clock; `driver` performs its effects. Times are seconds on the
driver's monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from google.protobuf.message import Message

from gemtune.rpc.methods import Method
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from gemtune.flows.submission import Submission

__all__ = ["Effect", "Flow", "Notify", "Now", "Record", "Send", "Sleep", "Turn"]


@dataclass(frozen=True, slots=True)
class Send:
    """One attempt of one call; resumed with the answer, or with the `GemtuneError` that came instead.

    Attributes:
        method: The method.
        request: Its request message.
        deadline: When the attempt has to be over.
        attempt: Which one of the call it is, from 1.
        until: When it may no longer leave, in seconds since 1970: what it was allowed by is over then. The monotonic
            clock of a suspended machine stands, so it does not tell that alone.
    """

    method: Method
    request: Message
    deadline: float
    attempt: int = 1
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Now:
    """The time; resumed with it.

    Attributes:
        wall: Whether that is seconds since 1970, and not the driver's monotonic clock.
    """

    wall: bool = False


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause; resumed with the monotonic time after it.

    Attributes:
        seconds: How long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A pause in which another call of this process gets on: real time, whatever clock the driver has.

    Resumed with the driver's monotonic time.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Notify:
    """Something that the caller may want to know; resumed with None.

    Attributes:
        event: A `Retrying`, before the pause; a job or an operation, as a look found it; a `Submission`, before it is
            sent.
    """

    event: Any


@dataclass(frozen=True, slots=True)
class Record:
    """A word to the store of a create; resumed with its answer, or with the `GemtuneError` that came instead.

    Attributes:
        step: `claim`: may this process send? Answered with a `Claim`. `release`: the claim is given back, nothing was
            created. `record`: this is the job that came of it. Answered with all the jobs that are known to have.
        submission: The submission.
        job: What is submitted, or what came of it.
        lasting: For a claim: seconds, from now, that what is sent may need to appear at the service.
        token: The one that this process holds already, to renew its claim or to give it back.
    """

    step: Literal["claim", "release", "record"]
    submission: Submission
    job: TuningJob
    lasting: float = 0.0
    token: int | None = None


Effect: TypeAlias = Send | Now | Sleep | Turn | Notify | Record
Flow: TypeAlias = Generator[Effect, Any, Any]
