"""The emulator's own resources, beside the service's: retry tests, the outcomes of jobs to come, the clock.

| verb and path | |
|--|--|
| GET /emulator/health | whether the emulator answers |
| POST /retry_test | makes a retry test |
| GET, DELETE /retry_test/ID | its report; its end |
| GET /retry_tests | all reports |
| POST, GET, DELETE /emulator/outcomes | how jobs to come shall end; what is left of that; nothing of it |
| POST, GET /emulator/clock | moves the clock; shows it |

Plain JSON in and out: these are no part of the API, and no message describes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from google.rpc import code_pb2

from gemtune.emulator.clock import MovableClock
from gemtune.emulator.faults import Faults, RetryTest, Transport
from gemtune.emulator.outcomes import Outcome, Outcomes
from gemtune.errors import ApiError, InvalidArgument, NotFound, Unimplemented, bad_request
from gemtune.rpc import nesting
from gemtune_pb.v1 import JobState

__all__ = ["Control", "is_control"]

Action: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

_PATH = re.compile(r"/(retry_tests?|emulator/\w+)(?:/([^/]*))?")
_TRANSPORTS: Mapping[str, Transport] = {"HTTP": "REST", "GRPC": "gRPC"}
"""The front ends, as a retry test is told of them and as its report names them."""

_DURATION = re.compile(r"(\d{1,10}(?:\.\d{1,9})?)s?")


def is_control(path: str) -> bool:
    """Whether a path is one of the emulator's own."""
    return path.startswith(("/retry_test", "/emulator/"))


@dataclass(frozen=True)
class Control:
    """What tests hold in their hands."""

    faults: Faults = field(default_factory=Faults)
    outcomes: Outcomes = field(default_factory=Outcomes)
    clock: MovableClock = field(default_factory=MovableClock)

    def answer(self, verb: str, path: str, body: bytes) -> bytes:
        """The JSON that answers a request.

        Raises:
            ApiError: The request is refused.
        """
        found = _PATH.fullmatch(path)
        resource, name = (found[1], found[2]) if found else (path, None)
        routes = self._routes(resource, name)
        if not routes:
            raise NotFound(f"the emulator has nothing at {path}; see its own resources in docs/faults.md")
        act = routes.get(verb)
        if act is None:
            raise Unimplemented(f"{verb} is not served at {path}; {' and '.join(routes)} is", http_status=405)
        return json.dumps(act(_read(body) if verb == "POST" else {}), indent=2).encode()

    def _routes(self, resource: str, name: str | None) -> Mapping[str, Action]:
        if resource == "retry_test" and name:
            return {
                "GET": lambda sent: report(self.faults.get(name)),  # noqa: ARG005
                "DELETE": lambda sent: self._end_test(name),  # noqa: ARG005
            }
        if name:
            return {}
        return {
            "retry_test": {"POST": self._new_test},
            "retry_tests": {"GET": self._show_tests},
            "emulator/outcomes": {
                "POST": self._add_outcome,
                "GET": self._show_outcomes,
                "DELETE": self._clear_outcomes,
            },
            "emulator/health": {"GET": self._answers},
            "emulator/clock": {"POST": self._advance, "GET": self._show_clock},
        }.get(resource, {})

    def _answers(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"status": "OK"}

    # -- retry tests ------------------------------------------------------------------------------------------------

    def _new_test(self, sent: dict[str, Any]) -> dict[str, Any]:
        _only(sent, "instructions", "everyone", "transport")
        everyone, transport = sent.get("everyone", False), sent.get("transport")
        instructions = sent.get("instructions")
        if not isinstance(everyone, bool):
            raise _refusal("everyone", f"everyone is {everyone!r}; it is true or false")
        if not isinstance(instructions, dict) or not all(map(_is_script, instructions.values())):
            problem = 'instructions map rpcs to lists: {"CreateTuningJob": ["return-503", "pass"]}'
            raise _refusal("instructions", problem)
        if transport is not None and transport not in _TRANSPORTS:
            raise _refusal("transport", f'transport is {transport!r}; it is "HTTP" or "GRPC", or left out for both')
        front_end = _TRANSPORTS[transport] if transport is not None else None
        return report(self.faults.add(instructions, everyone=everyone, transport=front_end))

    def _show_tests(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"retryTests": [report(test) for test in self.faults.tests()]}

    def _end_test(self, name: str) -> dict[str, Any]:
        self.faults.remove(name)
        return {}

    # -- outcomes ---------------------------------------------------------------------------------------------------

    def _add_outcome(self, sent: dict[str, Any]) -> dict[str, Any]:
        _only(sent, "outcome", "count", "message")
        name, message, count = sent.get("outcome"), sent.get("message", ""), sent.get("count", 1)
        if not isinstance(name, str) or not isinstance(message, str):
            raise _refusal("outcome", 'outcome and message are strings: {"outcome": "fail-13", "message": "No room."}')
        if count is not None and not (isinstance(count, int) and 0 < count < 2**31 and not isinstance(count, bool)):
            raise _refusal("count", f"count is {count!r}; it is a number from 1, or null for all jobs from now on")
        self.outcomes.add(Outcome.parse(name, message=message), count)
        return self._show_outcomes(sent)

    def _show_outcomes(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"next": [_outcome(outcome, count) for outcome, count in self.outcomes.left()]}

    def _clear_outcomes(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        self.outcomes.clear()
        return {}

    # -- the clock --------------------------------------------------------------------------------------------------

    def _advance(self, sent: dict[str, Any]) -> dict[str, Any]:
        _only(sent, "advance")
        advance = sent.get("advance")
        found = _DURATION.fullmatch(advance) if isinstance(advance, str) else None
        if found is None:
            raise _refusal("advance", f'advance is {advance!r}; it is a duration in seconds, such as "3600s"')
        self.clock.advance(float(found[1]))
        return self._show_clock(sent)

    def _show_clock(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        now = datetime.fromtimestamp(self.clock(), UTC)
        return {"now": now.isoformat().replace("+00:00", "Z"), "ahead": f"{self.clock.ahead:g}s"}


def report(test: RetryTest) -> dict[str, Any]:
    """What a retry test has done, and what is left of it."""
    return {
        "id": test.id,
        "everyone": test.everyone,
        "transport": next((word for word, front_end in _TRANSPORTS.items() if front_end == test.transport), None),
        "completed": test.completed,
        "instructions": test.left,
        "hits": [
            {"rpc": hit.rpc, "instruction": hit.instruction, "at": hit.at, "transport": hit.transport}
            for hit in test.hits
        ],
    }


def _outcome(outcome: Outcome, count: int | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": JobState.Name(outcome.state), "count": count}
    if outcome.error is not None:
        codes: Any = code_pb2.Code
        shown["error"] = {"code": codes.Name(outcome.error.code), "message": outcome.error.message}
    return shown


def _is_script(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


_LARGEST_BODY = 2**20  # bytes; the longest script is a third of that


def _read(body: bytes) -> dict[str, Any]:
    if len(body) > _LARGEST_BODY:
        raise InvalidArgument(f"the body has {len(body):,} bytes, and at most {_LARGEST_BODY:,} are read here")
    try:
        sent = nesting.loads(body)
        json.dumps(sent, ensure_ascii=False).encode()  # half of a surrogate pair could not be sent back
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise InvalidArgument("the body is not a JSON object of UTF-8 text")
    return sent


def _only(sent: dict[str, Any], *known: str) -> None:
    for name in sent:
        if name not in known:
            raise _refusal(name, f"{name!r} is not known here; the known names are {', '.join(known)}")


def _refusal(field_name: str, problem: str) -> ApiError:
    return InvalidArgument(problem, details=[bad_request([(field_name, problem)])])
