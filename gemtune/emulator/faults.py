"""Faults on demand: what goes wrong with which call, as its caller, or a test, has asked beforehand.

An instruction is a word such as `return-503`; several go with one call when a comma stands between them. They come in
the header `x-goog-emulator-instructions` of one request, or in a retry test: a script of them for each rpc, one a call,
which reports afterwards what it has done. The idea is that of the retry tests of Google's storage-testbench.

This module decides what goes wrong. The front end does what belongs to its transport: it cuts a connection or a body.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from gemtune.errors import ApiError, InvalidArgument, NotFound, ResourceExhausted, bad_request
from gemtune.rpc.methods import Method, service_methods
from gemtune.rpc.status import error_from_http, error_from_status
from gemtune_pb.v1 import prediction_service_pb2, tuning_service_pb2

__all__ = [
    "HEADER",
    "INSTRUCTIONS",
    "TEST_HEADER",
    "ConnectionDropped",
    "Fault",
    "Faults",
    "FaultyService",
    "RetryTest",
]

HEADER = "x-goog-emulator-instructions"
"""Of a request, or gRPC metadata: what is to go wrong with it."""

TESTBENCH_HEADER = "x-goog-testbench-instructions"
"""The same, by the name that clients of Google's storage-testbench send."""

TEST_HEADER = "x-retry-test-id"
"""Of a request, or gRPC metadata: the retry test that it belongs to."""

Transport: TypeAlias = Literal["REST", "gRPC"]
"""The front end that a call comes by."""

_LONGEST = 3600.0  # seconds that one call can be made to wait

MOST_TESTS = 1_000
"""Retry tests at once: each stays, with its report, until it is ended."""

MOST_INSTRUCTIONS = 10_000
"""Of one retry test, over all of its rpcs; and what all retry tests together may have is ten times that."""

_LONGEST_WORD = 200  # characters of an instruction


class ConnectionDropped(Exception):
    """The call is not answered: its connection breaks."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one call.

    Attributes:
        error: The error that answers it.
        cut: Whether its connection breaks in place of an answer.
        after: Whether error or cut come after it was acted on.
        body: What becomes of the answer's bytes.
        stall: Seconds between acting and the answer.
        slow: Seconds that the answer's bytes take.
        list_lag: Seconds, by the emulator's clock, that the job it makes is not in lists.
        commit_after: Seconds, by the emulator's clock, until it is acted on, its connection being cut at once.
    """

    error: ApiError | None = None
    cut: bool = False
    after: bool = False
    body: Literal["whole", "truncated", "garbage"] = "whole"
    stall: float = 0.0
    slow: float = 0.0
    list_lag: float = 0.0
    commit_after: float | None = None


NONE = Fault()


# -- instructions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instruction:
    """One kind of instruction.

    Attributes:
        form: How it is written.
        pattern: What that is, exactly.
        meaning: What happens.
        fields: The fields of a `Fault` that a match sets.
    """

    form: str
    pattern: str
    meaning: str
    fields: Callable[[re.Match[str]], Mapping[str, Any]]


_N = r"(\d{1,6}(?:\.\d{1,6})?)s?"
_CODE = r"([1-5]\d\d|[A-Za-z][A-Za-z_-]*)"

INSTRUCTIONS: tuple[Instruction, ...] = (
    Instruction("pass", "pass", "no fault", lambda _: {}),
    Instruction(
        "return-CODE",
        f"return-{_CODE}",
        "that error, an HTTP status (400 to 599) or the name of a google.rpc.Code; the request is not processed",
        lambda m: {"error": _error(m[1], m[0])},
    ),
    Instruction(
        "return-CODE-after",
        f"return-{_CODE}-after",
        "that error, after the request is processed",
        lambda m: {"error": _error(m[1], m[0]), "after": True},
    ),
    Instruction(
        "return-CODE-retry-after-N",
        f"return-{_CODE}-retry-after-{_N}",
        "that error, with N seconds as Retry-After (gRPC: google.rpc.RetryInfo)",
        lambda m: {"error": _error(m[1], m[0], retry_after=float(m[2]))},
    ),
    Instruction(
        "return-reset-connection",
        "return-reset-connection",
        "the connection is reset; the request is not processed",
        lambda _: {"cut": True},
    ),
    Instruction(
        "return-reset-connection-after",
        "return-reset-connection-after",
        "the connection is reset after the request is processed",
        lambda _: {"cut": True, "after": True},
    ),
    Instruction(
        "truncated-body",
        "truncated-body",
        "the request is processed; the response ends halfway",
        lambda _: {"body": "truncated"},
    ),
    Instruction(
        "garbage-body",
        "garbage-body",
        "the request is processed; the response is a success with an unreadable body",
        lambda _: {"body": "garbage"},
    ),
    Instruction(
        "stall-for-N",
        f"stall-for-{_N}",
        "the request is processed at once; the response begins N seconds later",
        lambda m: {"stall": _wait(m)},
    ),
    Instruction(
        "slow-body-N",
        f"slow-body-{_N}",
        "the request is processed at once; the response body takes N seconds, byte by byte (gRPC: as stall-for-N)",
        lambda m: {"slow": _wait(m)},
    ),
    Instruction(
        "list-lag-N",
        f"list-lag-{_N}",
        "a create: its job is missing from lists for N seconds of the emulator's clock",
        lambda m: {"list_lag": float(m[1])},
    ),
    Instruction(
        "commit-after-N",
        f"commit-after-{_N}",
        "the connection is reset at once; the request is processed N seconds later, by the emulator's clock",
        lambda m: {"commit_after": float(m[1])},
    ),
)
"""Every instruction there is. A longer form stands after the shorter one that it begins with, and is tried before it:
a code's name may have dashes."""


def _wait(match: re.Match[str]) -> float:
    if float(match[1]) > _LONGEST:
        raise _refusal(f"{match[0]!r} is too long; a call can be made to wait {_LONGEST:g} s at most")
    return float(match[1])


def _error(code: str, instruction: str, *, retry_after: float | None = None) -> ApiError:
    names: Any = code_pb2.Code
    words = f"The emulator injected a fault: {instruction}."
    if code.isdigit():
        if int(code) < 400:
            raise _refusal(f"{instruction!r}: {code} is not an error; an HTTP error status is from 400 to 599")
        likeness = error_from_http(int(code), b"")
        return type(likeness)(words, code=likeness.code, http_status=int(code), retry_after=retry_after)
    name = code.upper().replace("-", "_")
    if name == "OK" or name not in names.keys():  # noqa: SIM118  no mapping
        known = ", ".join(known for known in names.keys() if known != "OK")  # noqa: SIM118
        raise _refusal(
            f"{instruction!r}: {code} is not a code; the codes are {known}, and HTTP statuses from 400 to 599"
        )
    error = error_from_status(status_pb2.Status(code=names.Value(name), message=words))
    error.retry_after = retry_after
    return error


def _refusal(problem: str, field: str = "instructions") -> InvalidArgument:
    return InvalidArgument(problem, details=[bad_request([(field, problem)])])


def parse(text: str) -> Fault:
    """What instructions, with commas between them, make of a call.

    Raises:
        InvalidArgument: One of them is not known, or two of them cannot be had at once.
    """
    if len(text) > _LONGEST_WORD:
        raise _refusal(f"an instruction has {len(text):,} characters, and at most {_LONGEST_WORD} are read")
    fault = NONE
    seen: set[str] = set()
    for word in text.split(","):
        fields = _fields(word.strip())
        if seen & fields.keys():
            raise _refusal(f"{text!r} names two faults that exclude each other")
        seen |= fields.keys()
        fault = replace(fault, **fields)
    ends = [fault.error is not None, fault.cut, fault.commit_after is not None]
    if ends.count(True) > 1:
        raise _refusal(f"{text!r} names two faults that exclude each other")
    return fault


def _fields(word: str) -> Mapping[str, Any]:
    for instruction in reversed(INSTRUCTIONS):
        found = re.fullmatch(instruction.pattern, word)
        if found:
            return instruction.fields(found)
    forms = ", ".join(instruction.form for instruction in INSTRUCTIONS)
    raise _refusal(f"{word!r} is not an instruction; the instructions are {forms}")


# -- retry tests ------------------------------------------------------------------------------------------------------

RPCS = frozenset(
    {
        *service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]),
        *service_methods(prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]),
        *service_methods(operations_pb2.DESCRIPTOR.services_by_name["Operations"]),
        "ListLocations",
        "GetLocation",
    }
)
ANY_RPC = "*"
"""In place of an rpc's name: whichever is called."""


@dataclass(frozen=True)
class Hit:
    """An instruction that was carried out.

    Attributes:
        rpc: Of which call.
        instruction: As it was written.
        at: When, in seconds since 1970 of this machine's clock.
        transport: How the call came, `REST` or `gRPC`.
    """

    rpc: str
    instruction: str
    at: float
    transport: Transport


class RetryTest:
    """A script of faults, one a call, for each rpc."""

    def __init__(
        self,
        instructions: Mapping[str, Iterable[str]],
        *,
        everyone: bool = False,
        transport: Transport | None = None,
    ) -> None:
        """Takes a script; see `Faults.add`."""
        self.id = secrets.token_hex(8)
        self.everyone = everyone
        self.transport = transport
        self._lock = threading.Lock()
        self._left: dict[str, deque[str]] = {}
        self._hits: list[Hit] = []
        if not instructions:
            raise _refusal("instructions are empty; map rpcs to lists of faults")
        self.size = 0
        for rpc, script in instructions.items():
            if rpc != ANY_RPC and rpc not in RPCS:
                known = ", ".join(sorted(RPCS))
                raise _refusal(f"{rpc!r} is not an rpc; the rpcs are {known}, and {ANY_RPC} for any of them")
            words = [script] if isinstance(script, str) else list(script)
            if not words:
                raise _refusal(f"the instructions of {rpc} are empty; list the faults of its calls")
            self.size += len(words)
            if self.size > MOST_INSTRUCTIONS:
                raise _refusal(
                    f"there are more than {MOST_INSTRUCTIONS:,} instructions, which is the maximum for a test"
                )
            for word in dict.fromkeys(words):
                parse(word)
            self._left[rpc] = deque(words)

    def take(self, rpc: str, transport: Transport) -> Fault | None:
        """What is to go wrong with a call that has come; None when the script says nothing about it (any more)."""
        if self.transport not in (None, transport):
            return None
        with self._lock:
            left = self._left.get(rpc) or self._left.get(ANY_RPC)
            if not left:
                return None
            word = left.popleft()
            self._hits.append(Hit(rpc, word, time.time(), transport))
        return parse(word)

    @property
    def completed(self) -> bool:
        """Whether every instruction was carried out."""
        with self._lock:
            return not any(self._left.values())

    @property
    def hits(self) -> list[Hit]:
        """What was carried out, in order."""
        with self._lock:
            return list(self._hits)

    @property
    def left(self) -> dict[str, list[str]]:
        """What was not carried out yet."""
        with self._lock:
            return {rpc: list(words) for rpc, words in self._left.items() if words}


class Faults:
    """The retry tests of an emulator. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tests: dict[str, RetryTest] = {}

    def add(
        self,
        instructions: Mapping[str, Iterable[str]],
        *,
        everyone: bool = False,
        transport: Transport | None = None,
    ) -> RetryTest:
        """A new retry test.

        Args:
            instructions: For each rpc (`CreateTuningJob`, or `*` for any) what goes wrong with its calls, in order.
            everyone: Whether it is for every call that names no test, for clients that cannot send headers; otherwise
                for those that name it in `x-retry-test-id`.
            transport: The front end whose calls meet it; None: both.

        Raises:
            InvalidArgument: An rpc or an instruction is not known, or there is none.
            ResourceExhausted: There are too many retry tests.
        """
        test = RetryTest(instructions, everyone=everyone, transport=transport)
        with self._lock:
            size = sum(other.size for other in self._tests.values())
            if len(self._tests) >= MOST_TESTS or size + test.size > 10 * MOST_INSTRUCTIONS:
                raise ResourceExhausted(
                    f"there are {len(self._tests):,} retry tests with {size:,} instructions, and at most "
                    f"{MOST_TESTS:,} with {10 * MOST_INSTRUCTIONS:,} are kept; to fix it: end some, with "
                    "DELETE /retry_test/ID"
                )
            self._tests[test.id] = test
        return test

    def get(self, test_id: str) -> RetryTest:
        """A retry test.

        Raises:
            NotFound: There is none of that id.
        """
        test = self._tests.get(test_id)
        if test is None:
            raise NotFound(f"there is no retry test {test_id!r}; POST /retry_test makes one")
        return test

    def remove(self, test_id: str) -> None:
        """Ends a retry test: what it has not carried out is dropped.

        Raises:
            NotFound: There is none of that id.
        """
        self.get(test_id)
        with self._lock:
            self._tests.pop(test_id, None)

    def tests(self) -> list[RetryTest]:
        """All of them, in the order in which they were made."""
        with self._lock:
            return list(self._tests.values())

    def of(self, rpc: str, headers: Mapping[str, str], transport: Transport) -> Fault:
        """What is to go wrong with a call that has come.

        Args:
            rpc: Its name.
            headers: Its headers, or metadata, by lower-case name.
            transport: How it came.

        Raises:
            InvalidArgument: Its header holds no instructions.
            NotFound: It names a test that is not there.
        """
        instructions = headers.get(HEADER) or headers.get(TESTBENCH_HEADER)
        if instructions:
            return parse(instructions)
        test_id = headers.get(TEST_HEADER)
        if test_id:
            return self.get(test_id).take(rpc, transport) or NONE
        if not self._tests:
            return NONE
        for test in self.tests():
            fault = test.take(rpc, transport) if test.everyone else None
            if fault is not None:
                return fault
        return NONE


# -- calls ------------------------------------------------------------------------------------------------------------


class Handler(Protocol):
    """What answers calls: the service."""

    def handle(self, method: Method, request: Message, *, api_version: str = "v1", list_lag: float = 0.0) -> Message:
        """Answers one call."""
        ...

    def later(
        self, seconds: float, method: Method, request: Message, *, api_version: str = "v1", list_lag: float = 0.0
    ) -> None:
        """Answers one call in so many seconds; nobody hears the answer."""
        ...


class FaultyService:
    """A service for one call, with which something may go wrong.

    Attributes:
        fault: What; the front end does what the service cannot.
    """

    def __init__(self, service: Handler, faults: Faults, headers: Mapping[str, str], transport: Transport) -> None:
        """Takes the service, and the headers of the call."""
        self._service = service
        self._faults = faults
        self._headers = headers
        self._transport: Transport = transport
        self.fault = NONE

    def handle(self, method: Method, request: Message, *, api_version: str = "v1") -> Message:
        """Answers the call, or not.

        Raises:
            ApiError: It is refused, by the service or on demand.
            ConnectionDropped: It is not answered.
        """
        fault = self.fault = self._faults.of(method.name, self._headers, self._transport)
        if fault.commit_after is not None:
            self._service.later(fault.commit_after, method, request, api_version=api_version, list_lag=fault.list_lag)
            raise ConnectionDropped
        if not fault.after:
            _fail(fault)
        try:
            answer = self._service.handle(method, request, api_version=api_version, list_lag=fault.list_lag)
        except ApiError:
            _fail(fault)
            raise
        _fail(fault)
        return answer


def _fail(fault: Fault) -> None:
    if fault.cut:
        raise ConnectionDropped
    if fault.error is not None:
        raise fault.error
