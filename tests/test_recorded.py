"""Requests of Google's own clients, as recorded from the wire, mean what those who typed them asked for.

The client and the emulator share their HTTP rules, so a mistake there would look right from both sides; these requests
come from code that has never seen ours, and what they mean was written by hand (tests/interop/google/steps.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from gemtune.rpc.http_rule import Router, expand
from gemtune.rpc.methods import service_methods
from gemtune_pb.v1 import tuning_service_pb2

METHODS = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])
ROUTER = Router(METHODS.values())
FILES = sorted((Path(__file__).parent / "data" / "recorded").glob("*.json"))


EXCHANGES = [
    pytest.param(exchange, id=f"{path.stem}-{number}-{exchange['step']}")
    for path in FILES
    for number, exchange in enumerate(json.loads(path.read_text())["exchanges"])
]


def asked(exchange: dict[str, Any]) -> Message:
    method = METHODS[exchange["asks"]["rpc"]]
    return json_format.ParseDict(exchange["asks"]["request"], method.input_type())


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_recorded_request_means_what_was_asked(exchange: dict[str, Any]) -> None:
    query = parse_qsl(exchange["query"], keep_blank_values=True)
    match = ROUTER.match(exchange["method"], exchange["path"], query, (exchange["body"] or "").encode())
    assert match.method.name == exchange["asks"]["rpc"]
    assert match.message == asked(exchange)
    assert match.api_version == exchange["path"].split("/")[1]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_we_send_such_a_request_to_the_same_place(exchange: dict[str, Any]) -> None:
    request = expand(METHODS[exchange["asks"]["rpc"]], asked(exchange), api_version=exchange["path"].split("/")[1])
    assert (request.verb, request.path) == (exchange["method"], exchange["path"])
    # System parameters are how to answer, not what was asked.
    fields = {"filter", "pageSize", "pageToken"}
    theirs = [pair for pair in parse_qsl(exchange["query"]) if pair[0] in fields]
    assert sorted(request.query) == sorted(theirs)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_says_where_it_came_from_and_keeps_no_secret(path: Path) -> None:
    recording = json.loads(path.read_text())
    assert recording["client"] == path.stem
    assert recording["version"]
    assert recording["command"].endswith(path.stem)
    rpcs = {exchange["asks"]["rpc"] for exchange in recording["exchanges"]}
    assert rpcs >= {"CreateTuningJob", "GetTuningJob", "ListTuningJobs", "CancelTuningJob"}
    assert not any("authorization" in exchange["headers"] for exchange in recording["exchanges"])
    assert "interop-token" not in path.read_text()


def test_every_client_was_recorded() -> None:
    assert [path.stem for path in FILES] == [
        "aiplatform-v1",
        "aiplatform-v1beta1",
        "discovery-v1",
        "discovery-v1beta1",
        "genai",
    ]
