"""Answers of a server that were changed: what json_format accepts means the same, what it refuses is a GemtuneError."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

import gemtune
from gemtune._client_base import METHODS
from gemtune.emulator.faults import Faults
from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.rpc.any_types import ANY_TYPES
from gemtune.rpc.methods import Method
from gemtune.rpc.unknown import forget, unreadable
from gemtune.settings import Endpoint
from gemtune.testing import emulator
from gemtune.transport import rest_wire
from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    CreateTuningJobRequest,
    GetTuningJobRequest,
    ListTuningJobsRequest,
    TuningJob,
)
from tests.support.jobs import spec
from tests.support.json_format_oracle import CORRECTIONS, KEPT, has_doubled_names
from tests.support.metrics import Figures
from tests.support.mutations import Mutator
from tests.support.stress import SOAK

MANY = 100_000 if SOAK else 1_500
STRICTER = (*CORRECTIONS, "it is not a JSON object")
"""Where gemtune refuses what json_format takes, which reads a text or a list as a message with nothing in it."""

LONGEST = 20.0  # seconds that one answer may take, on a machine that has other things to do

PARENT = "projects/demo/locations/us-central1"
NAME = f"{PARENT}/tuningJobs/1"
ANSWERS = Path(__file__).parents[1] / "data" / "answers"

REQUESTS: dict[str, Message] = {
    "CreateTuningJob": CreateTuningJobRequest(parent=PARENT, tuning_job=spec()),
    "GetTuningJob": GetTuningJobRequest(name=NAME),
    "ListTuningJobs": ListTuningJobsRequest(parent=PARENT),
    "CancelTuningJob": CancelTuningJobRequest(name=NAME),
    "GetOperation": METHODS["GetOperation"].input_type(name=f"{NAME}/operations/2"),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A name that is not known is logged once; here there is no end of such names."""
    logger = logging.getLogger("gemtune")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@pytest.fixture(scope="module")
def right() -> list[tuple[Method, str]]:
    """Answers as the emulator gives them, and one of the real service: each with the method that it answers."""
    from http.client import HTTPConnection

    found: list[tuple[Method, str]] = []
    with emulator(job_duration=100) as running:
        connection = HTTPConnection(running.url.removeprefix("http://"))

        def ask(rpc: str, verb: str, path: str, body: bytes | None = None) -> Any:
            connection.request(verb, path, body)
            text = connection.getresponse().read().decode()
            found.append((METHODS[rpc], text))
            return json.loads(text)

        body = b'{"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": "gs://bucket/t.jsonl"}, "labels": {"a": "b"}}'
        job = ask("CreateTuningJob", "POST", f"/v1/{PARENT}/tuningJobs", body)
        running.advance(99)
        ask("GetTuningJob", "GET", f"/v1beta1/{job['name']}")
        running.advance(2)
        ask("GetTuningJob", "GET", f"/v1/{job['name']}")
        ask("ListTuningJobs", "GET", f"/v1/{PARENT}/tuningJobs?pageSize=2")
        ask("CancelTuningJob", "POST", f"/v1/{job['name']}:cancel", b"")
        rebase = json.dumps({"tunedModelRef": {"tuningJob": job["name"]}}).encode()
        operation = ask("GetOperation", "POST", f"/v1/{PARENT}/tuningJobs:rebaseTunedModel", rebase)
        running.advance(200)
        ask("GetOperation", "GET", f"/v1/{operation['name']}")
        connection.close()
    small = (
        f'{{"name": "{NAME}", "baseModel": "m", "state": "JOB_STATE_RUNNING", "createTime": "2026-11-24T10:00:00.5Z"}}'
    )
    found += [(METHODS["GetTuningJob"], small)] * 16  # most are small: they say as much in less time
    found += [(METHODS["GetTuningJob"], path.read_text()) for path in ANSWERS.glob("job-*.json")]
    return found


def sent(method: Method) -> rest_wire.WireRequest:
    endpoint = Endpoint.parse("http://127.0.0.1:1")
    return rest_wire.write(method, REQUESTS[method.name], endpoint=endpoint, resource="", api_version="v1", who={})


def law(body: bytes, message_type: type[Message]) -> tuple[bytes | None, bool]:
    """What json_format makes of an answer, serialized; None when it refuses it. And whether it broke on it."""
    try:
        message = json_format.Parse(body, message_type(), ignore_unknown_fields=True, descriptor_pool=ANY_TYPES)
    except json_format.ParseError as error:
        return None, "SystemError" in str(error)  # of protobuf's C code, for half a surrogate pair as an enum's name
    except Exception:
        return None, True
    return message.SerializePartialToString(deterministic=True), False


def forget_all(answer: Any) -> None:
    """What is unknown is kept in each job and page; json_format leaves it out."""
    for message in (answer, *getattr(answer, "tuning_jobs", ())):
        forget(message)
        if isinstance(message, TuningJob):
            message.ClearField("additional_fields")
    response = getattr(answer, "response", None)
    if response is not None and response.type_url.endswith(".TuningJob"):
        try:
            job = TuningJob.FromString(response.value)
        except DecodeError:
            return  # it could not be read, and is kept as it came
        forget(job)
        job.ClearField("additional_fields")
        response.value = job.SerializePartialToString(deterministic=True)


def test_what_json_format_accepts_means_the_same_and_the_rest_is_a_gemtune_error(
    right: list[tuple[Method, str]], figures: Figures
) -> None:
    mutator = Mutator(7)
    counts: Counter[str] = Counter()
    longest = 0.0
    for _ in range(MANY):
        method, text = mutator.choice(right)
        body = mutator.json(text)
        began = time.perf_counter()
        words, named = "", list[str]()
        try:
            answer = rest_wire.read(sent(method), 200, {"content-type": "application/json"}, body)
            named = [row.why for row in unreadable(answer)]
            forget_all(answer)
            ours: bytes | None = answer.SerializePartialToString(deterministic=True)
        except GemtuneError as error:
            ours, words = None, str(error)
        longest = max(longest, time.perf_counter() - began)
        nothing = not body.strip() and method.output_type.DESCRIPTOR.full_name == "google.protobuf.Empty"
        theirs, broke = (b"", False) if nothing else law(body, method.output_type)
        if ours == theirs:
            counts["refused by both" if ours is None else "read alike"] += 1
        elif broke:
            counts["read where json_format breaks"] += 1
        elif ours is None and any(word in words for word in STRICTER):
            counts["refused by gemtune alone, on purpose"] += 1
        elif named and (theirs is None or any(word in why for why in named for word in STRICTER)):
            counts["a row that cannot be read is named"] += 1
        elif ours is not None and KEPT in ours:
            counts["an Any that cannot be read, kept"] += 1
        elif theirs is None and has_doubled_names(body.decode("utf-8", "replace")):
            counts["a name twice: the last one counts"] += 1
        else:
            pytest.fail(f"{method.name}: {body!r}\n  json_format: {theirs!r}\n  gemtune: {ours!r} {words}")
    figures(
        f"{MANY:,} mutated answers: "
        + ", ".join(f"{n:,} {what}" for what, n in counts.most_common())
        + f"; the longest took {longest:.2f} s"
    )
    assert longest < LONGEST
    assert counts["read alike"] > MANY / 10
    assert counts["refused by both"] > MANY / 10


def test_mutated_errors_are_errors_whatever_came(figures: Figures) -> None:
    mutator = Mutator(8)
    body = json.dumps(
        {
            "error": {
                "code": 429,
                "message": "Quota exceeded.",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"},
                    {
                        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                        "violations": [{"subject": "p", "description": "d"}],
                    },
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [{"field": "f", "description": "d"}],
                    },
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R", "metadata": {"a": "b"}},
                    {"@type": "type.googleapis.com/unknown.Type", "a": 1},
                ],
            }
        }
    )
    codes: Counter[str] = Counter()
    count = MANY // 5
    for _ in range(count):
        status = mutator.choice((301, 400, 401, 403, 404, 418, 429, 499, 500, 502, 503, 504, 599))
        headers = {"content-type": mutator.choice(("application/json", "text/html", ""))}
        headers |= {
            "retry-after": mutator.choice(("5", "x", "-1", "1e999", "nan", "Wed, 21 Oct 2026 07:28:00 GMT", "٣"))
        }
        with pytest.raises(ApiError) as failure:
            rest_wire.read(sent(METHODS["GetTuningJob"]), status, headers, mutator.json(body))
        error = failure.value
        assert error.http_status == status
        assert str(error)
        assert error.retry_after is None or error.retry_after >= 0 or error.details
        codes[error.status] += 1
    figures(f"{count:,} mutated errors: as many ApiErrors, of {len(codes)} codes")


def test_mutated_answers_reach_a_client_over_a_socket_as_answers_or_gemtune_errors(
    right: list[tuple[Method, str]], figures: Figures
) -> None:
    """The same through sockets and connections that are used again, with bytes that are no HTTP among them."""
    from tests.support.servers import answer, serving

    mutator = Mutator(9)
    count = MANY // 20
    texts = [text for method, text in right if method.name in ("GetTuningJob", "CreateTuningJob")]
    replies: list[bytes] = []
    for n in range(count):
        body = mutator.json(mutator.choice(texts))
        whole = answer(body, mutator.choice((200, 200, 404, 503)))
        replies.append(mutator.bytes(whole) if n % 3 == 0 else whole)
    rest = iter(replies)

    def reply(connection: Any, _: Any) -> bool:
        connection.sendall(next(rest))
        return False  # what follows a spoiled answer is anybody's guess

    ends: Counter[str] = Counter()
    with serving(reply) as server, gemtune.TuningClient("demo", endpoint=server.url, retry=None, timeout=5) as client:
        for _ in replies:
            try:
                client.get_tuning_job("1")
                ends["answers"] += 1
            except TransportError:
                ends["TransportErrors"] += 1
            except ApiError:
                ends["ApiErrors"] += 1
    figures(f"{count:,} mutated answers over a socket: " + ", ".join(f"{n:,} {what}" for what, n in ends.most_common()))
    assert ends.total() == count


def test_instructions_are_never_half_understood() -> None:
    """The emulator's own little language, mutated: a fault, or a refusal."""
    mutator = Mutator(10)
    faults = Faults()
    met: Counter[str] = Counter()
    for _ in range(MANY // 5):
        text = mutator.bytes(b"return-503-after,list-lag-3,stall-for-1.5s").decode("latin-1")
        try:
            faults.of("CreateTuningJob", {"x-goog-emulator-instructions": text}, "REST")
            met["understood"] += 1
        except ApiError as error:
            met[error.status] += 1
    assert set(met) == {"understood", "INVALID_ARGUMENT"}
