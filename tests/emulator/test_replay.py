"""What Google's own clients sent, word for word, is answered as they expect.

The recordings were made against a server with canned answers; names and tokens of that server are replaced by those
that the emulator gave, since a client would have sent those.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from gemtune.emulator import running
from tests.support.frozen_service import Clock

FILES = sorted((Path(__file__).parents[1] / "data" / "recorded").glob("*.json"))
FIRST_ID = 4982013113894174720  # of the canned server, which counted on from there
OPERATION_ID = "2718281828459045235"


class Replay:
    """Sends recorded exchanges to the emulator, under the names that it gives."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self.session = session
        self.jobs: list[str] = []
        self.operation = ""
        self.page_token = ""

    def send(self, exchange: dict[str, Any]) -> requests.Response:
        path, query = exchange["path"], exchange["query"].replace("page-2", self.page_token)
        body = exchange["body"]
        if OPERATION_ID in path:
            path = f"/{path.split('/')[1]}/{self.operation}"
        for number, name in enumerate(self.jobs):
            path = path.replace(f"/tuningJobs/{FIRST_ID + number}", f"/tuningJobs/{name.rpartition('/')[2]}")
        if "1402067540926005248" in (body or "") and exchange["asks"]["rpc"] == "RebaseTunedModel":
            model = self.session.get(f"{self.url}/v1/{self.jobs[0]}").json()["tunedModel"]["model"]
            body = body.replace(json.loads(body)["tunedModelRef"]["tunedModel"], model)
        headers = {k: v for k, v in exchange["headers"].items() if k != "content-length"}
        data = body.encode() if body is not None else None
        answer = self.session.request(exchange["method"], f"{self.url}{path}?{query}", headers=headers, data=data)
        if answer.ok:
            self._remember(exchange["asks"]["rpc"], answer.json())
        return answer

    def _remember(self, rpc: str, answer: dict[str, Any]) -> None:
        if rpc == "CreateTuningJob":
            self.jobs.append(answer["name"])
        elif rpc == "RebaseTunedModel":
            self.operation = answer["name"]
        elif rpc == "ListTuningJobs":
            self.page_token = answer.get("nextPageToken", "")


def expected_status(step: str) -> int:
    if step.endswith("_missing"):
        return 404
    return 400 if step in ("create_without_dataset", "create_local_file") else 200


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_client_gets_what_it_expects(path: Path) -> None:
    exchanges = json.loads(path.read_text())["exchanges"]
    clock = Clock()
    answers: dict[str, Any] = {}
    with running(job_duration=10, clock=clock) as url, requests.Session() as session:
        session.trust_env = False
        replay = Replay(url, session)
        for exchange in exchanges:
            step = exchange["step"]
            if step in ("get_ended", "get_cancelled") or exchange["asks"]["rpc"] == "GetOperation":
                clock.advance(20)
            answer = replay.send(exchange)
            assert answer.status_code == expected_status(step), (step, answer.text)
            assert answer.headers["content-type"] == "application/json; charset=UTF-8"
            if exchange["asks"]["rpc"] == "CreateTuningJob" and answer.ok:
                held_to(exchange["asks"]["request"]["tuningJob"], answer.json(), numbers="int" in exchange["query"])
            answers[step] = answer.json()
    numbers = "int" in exchanges[0]["query"]
    assert answers["get_ended"]["state"] == (4 if numbers else "JOB_STATE_SUCCEEDED")
    assert answers["get_cancelled"]["state"] == (7 if numbers else "JOB_STATE_CANCELLED")
    assert answers["get_cancelled"]["error"]["code"] == 1
    assert answers["get_missing"]["error"]["status"] == "NOT_FOUND"
    assert [job["name"] for job in answers["list_by_state"]["tuningJobs"]] == [answers["get_cancelled"]["name"]]


def held_to(asked: dict[str, Any], answered: dict[str, Any], *, numbers: bool) -> None:
    """Everything that was asked for is in the answer (its enums may be numbers)."""
    for key, value in asked.items():
        if isinstance(value, dict):
            held_to(value, answered[key], numbers=numbers)
        elif not numbers:
            assert answered[key] == value, key
        else:
            assert key in answered
