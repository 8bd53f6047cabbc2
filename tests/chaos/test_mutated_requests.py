"""Spec files and requests that were changed: a job or one clear refusal, never an error of the program's own."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

import gemtune
from gemtune.errors import GemtuneError
from gemtune.testing import emulator
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsRequest, RebaseTunedModelRequest
from tests.support.jobs import spec
from tests.support.metrics import Figures
from tests.support.mutations import Mutator
from tests.support.stress import SOAK

MANY = 10_000 if SOAK else 300
LONGEST = 20.0  # seconds that one may take, on a machine that has other things to do

PARENT = "projects/demo/locations/us-central1"
VECTORS = Path(__file__).parents[1] / "vectors"


def spec_texts() -> list[tuple[str, bytes]]:
    """Right specs, in each format."""
    job = spec(description="Summaries, each of a page", tuned_model_display_name="summaries")
    job.labels.update({"team": "search", "cost-centre": "42"})
    job.supervised_tuning_spec.hyper_parameters.adapter_size = gemtune.AdapterSize.ADAPTER_SIZE_FOUR
    job.supervised_tuning_spec.hyper_parameters.learning_rate_multiplier = 0.5
    texts = [(format_, gemtune.dumps_spec(job, format_)) for format_ in ("json", "yaml", "textproto", "binpb")]
    for path in sorted(VECTORS.glob("*.json"))[::8]:
        texts.append(("json", path.read_bytes()))
    for path in sorted(VECTORS.glob("*.textproto"))[::8]:
        texts.append(("textproto", path.read_bytes()))
    return [(format_, text if isinstance(text, bytes) else text.encode()) for format_, text in texts]


def test_a_mutated_spec_is_a_job_or_a_refusal(tmp_path: Path, figures: Figures) -> None:
    mutator = Mutator(1)
    texts = spec_texts()
    ends: Counter[str] = Counter()
    longest = 0.0
    suffix = {"json": "json", "yaml": "yaml", "textproto": "textproto", "binpb": "binpb"}
    for _ in range(MANY):
        format_, text = mutator.choice(texts)
        changed = mutator.json(text.decode()) if format_ == "json" and mutator.choice((0, 1)) else mutator.bytes(text)
        file = tmp_path / f"spec.{suffix[format_]}"
        file.write_bytes(changed)
        began = time.perf_counter()
        try:
            job = gemtune.load_spec(file)
            list(gemtune.check(job))
            ends["jobs"] += 1
        except GemtuneError as error:
            ends[type(error).__name__ if str(error) else "without a word"] += 1
        except Exception as error:
            pytest.fail(f"{format_}: {changed!r}\n  {type(error).__name__}: {error}")
        longest = max(longest, time.perf_counter() - began)
    figures(
        f"{MANY:,} mutated spec files: "
        + ", ".join(f"{n:,} {what}" for what, n in ends.most_common())
        + f"; the longest took {longest:.2f} s"
    )
    assert longest < LONGEST
    assert not ends["without a word"]
    assert ends["jobs"] > MANY / 50
    assert ends["SpecFileError"] > MANY / 20


CREATE = json.dumps(
    {
        "baseModel": "gemini-2.5-flash",
        "supervisedTuningSpec": {
            "training_dataset_uri": "gs://bucket/train.jsonl",
            "hyperParameters": {"epochCount": "4", "learningRateMultiplier": 0.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
        },
        "labels": {"team": "search"},
        "tunedModelDisplayName": "summaries",
    }
)
REBASE = json.dumps(
    {
        "tunedModelRef": {"tuningJob": f"{PARENT}/tuningJobs/1"},
        "tuningJob": {"baseModel": "m"},
        "deployToSameEndpoint": True,
    }
)
TARGETS: list[tuple[str, str, str]] = [
    ("POST", f"/v1/{PARENT}/tuningJobs", CREATE),
    ("POST", f"/v1beta1/{PARENT}/tuningJobs?$alt=json;enum-encoding=int", CREATE),
    ("GET", f"/v1/{PARENT}/tuningJobs?pageSize=5&filter=labels.team%3D%22search%22%20AND%20createTime%3E%222026-01-01T00:00:00Z%22", ""),
    ("GET", f"/v1/{PARENT}/tuningJobs?pageToken=WzEsICJhYmMiXQ&pageSize=1", ""),
    ("POST", f"/v1/{PARENT}/tuningJobs/1234567890123456789:cancel", "{}"),
    ("GET", f"/v1/{PARENT}/tuningJobs/1234567890123456789/operations/5", ""),
    ("POST", f"/v1/{PARENT}/tuningJobs:rebaseTunedModel", REBASE),
    ("POST", "/retry_test", json.dumps({"instructions": {"GetLocation": ["return-503", "pass"]}})),
    ("POST", "/emulator/clock", json.dumps({"advance": "0.1s"})),
    ("POST", "/emulator/outcomes", json.dumps({"outcome": "fail-13", "count": 1, "message": "No room."})),
]  # fmt: skip


def request_bytes(mutator: Mutator, host: str) -> tuple[bytes, bool]:
    """A request, and whether it is sure to be whole."""
    verb, target, body = mutator.choice(TARGETS)
    payload = body.encode()
    part = mutator.choice(("body", "body", "body", "target", "whole", "headers"))
    if part == "body" and body:
        payload = mutator.json(body)
    raw_target = target.encode()
    if part == "target":
        raw_target = mutator.bytes(raw_target).translate(bytes.maketrans(b" \r\n\0", b"____"))
    headers = b"host: %s\r\ncontent-type: application/json\r\nconnection: close\r\n" % host.encode()
    if part == "headers":
        headers = mutator.bytes(headers)
    length = b"content-length: %d\r\n" % len(payload)
    whole = verb.encode() + b" " + raw_target + b" HTTP/1.1\r\n" + headers + length + b"\r\n" + payload
    return (mutator.bytes(whole), False) if part == "whole" else (whole, part != "headers")


def exchange(address: tuple[str, int], data: bytes, *, within: float = 20.0) -> bytes:
    """What is answered to bytes; nothing, where they are no whole request and the server waits for its end."""
    with closing(socket.create_connection(address, 10)) as connection:
        connection.settimeout(within)
        connection.sendall(data)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while not is_whole(answer) and (part := connection.recv(65536)):
                answer += part
        return answer


def is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def test_a_mutated_request_is_answered_or_refused_and_never_an_error_of_the_emulators_own(figures: Figures) -> None:
    mutator = Mutator(2)
    statuses: Counter[str] = Counter()
    longest = 0.0
    with emulator() as running:
        place = urlsplit(running.url)
        address = (str(place.hostname), int(place.port or 0))
        for _ in range(MANY):
            data, whole = request_bytes(mutator, place.netloc)
            began = time.perf_counter()
            answer = exchange(address, data, within=LONGEST if whole else 0.1)
            longest = max(longest, time.perf_counter() - began)
            status = answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "none"
            assert status[0] in ("24" if whole else "24n"), (data, answer)
            statuses[status] += 1
        assert exchange(
            address, b"GET /v1/%s/tuningJobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % PARENT.encode()
        ).startswith(b"HTTP/1.1 200")
    figures(
        f"{MANY:,} mutated requests over a socket: "
        + ", ".join(f"{n:,} x {what}" for what, n in statuses.most_common())
        + f"; the longest took {longest:.2f} s"
    )
    assert longest < LONGEST
    assert statuses["200"] > MANY / 20
    assert statuses["400"] > MANY / 20
    assert statuses["none"] < MANY / 5


def test_mutated_bytes_over_grpc_are_refused_in_canonical_codes(figures: Figures) -> None:
    mutator = Mutator(3)
    job = spec()
    requests: list[tuple[str, Any]] = [
        ("CreateTuningJob", CreateTuningJobRequest(parent=PARENT, tuning_job=job)),
        ("ListTuningJobs", ListTuningJobsRequest(parent=PARENT, filter='labels.a="b"', page_size=3)),
        ("RebaseTunedModel", RebaseTunedModelRequest(parent=PARENT, tuning_job=job)),
    ]
    codes: Counter[str] = Counter()
    count = MANY // 5
    with emulator(grpc=True) as running, grpc.insecure_channel(str(running.grpc)) as channel:
        for _ in range(count):
            rpc, request = mutator.choice(requests)
            version = mutator.choice(("v1", "v1beta1"))
            call = channel.unary_unary(f"/google.cloud.aiplatform.{version}.GenAiTuningService/{rpc}")
            try:
                call(mutator.bytes(request.SerializeToString()), timeout=20)
                codes["OK"] += 1
            except grpc.RpcError as error:
                codes[error.code().name] += 1  # type: ignore[attr-defined]
    figures(f"{count:,} mutated requests over gRPC: " + ", ".join(f"{n:,} x {what}" for what, n in codes.most_common()))
    assert codes["INVALID_ARGUMENT"] > count / 20
    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}
