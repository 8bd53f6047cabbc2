"""What every one of Google's clients is asked to do, once, whichever client it is.

`walk` runs against any server of the API: `run.py` gives it a real one (gemtune's emulator) and `record.py` a canned
one that keeps what was sent. Each step names the request message it means, in proto JSON, written by hand: neither a
client nor gemtune's code has a say in it, so the replayed fixtures hold both to the same meaning.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

PROJECT = "interop-project"
QUOTA_PROJECT = "interop-quota-project"
LOCATION = "us-central1"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
MISSING = f"{PARENT}/tuningJobs/1111111111111111111"

BASE_MODEL = "gemini-2.5-flash"
TRAINING = "gs://cloud-samples-data/ai-platform/generative_ai/gemini-2_0/text/sft_train_data.jsonl"
VALIDATION = "gs://cloud-samples-data/ai-platform/generative_ai/gemini-2_0/text/sft_validation_data.jsonl"
PRE_TUNED = f"{PARENT}/models/1402067540926005248@1"
PAGE_TOKEN = "page-2"  # the canned server's; a real server's is its own and appears in no record
OPEN_MODEL = "meta/llama3_1@llama-3.1-8b-instruct"
KMS_KEY = f"{PARENT}/keyRings/interop/cryptoKeys/key"
SERVICE_ACCOUNT = f"tuner@{PROJECT}.iam.gserviceaccount.com"
DATASET = f"{PARENT}/datasets/3141592653589793238"
UMLAUTS = "Abstimmung für Zürich – 調整"  # display names are any UTF-8
LABEL = "interop-run"  # each walk labels its jobs with a value of its own: a server may hold the jobs of others

NOT_YET = {"JOB_STATE_QUEUED", "JOB_STATE_PENDING", "JOB_STATE_RUNNING"}
ENDED = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}

Json = dict[str, Any]
Asks = list[tuple[str, Json]]  # rpc and request message, one an HTTP request that the step makes


def credentials() -> Any:
    """Credentials that never expire and stand for nobody; the quota project becomes x-goog-user-project."""
    from google.oauth2.credentials import Credentials

    return Credentials(token="interop-token", quota_project_id=QUOTA_PROJECT)


class Refused(Exception):
    """What a client raised for an error answer, in one form for all of them."""

    def __init__(self, kind: str, http_status: int, body: Json):
        error = body["error"]
        super().__init__(f"{kind}: {http_status} {error['status']}: {error['message']}")
        self.kind = kind
        self.http_status = http_status
        self.code: int = error["code"]
        self.status: str = error["status"]
        self.message: str = error["message"]
        self.violations = {
            violation["field"]: violation["description"]
            for detail in error.get("details", [])
            if detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
            for violation in detail["fieldViolations"]
        }


@dataclasses.dataclass(frozen=True)
class Creation:
    """One way to create a job with a client: what a user types, and the TuningJob that it means."""

    step: str
    typed: str
    call: Callable[[], Json]
    asks: Json


class Client(Protocol):
    """One of Google's clients; jobs come back as the API's JSON, errors as `Refused`."""

    name: str
    distribution: str
    not_found: str  # the class its users catch for a missing job
    typed: dict[str, str]  # what a user types, by step, for the records

    def creations(self, mark: str) -> list[Creation]: ...
    def refusals(self) -> list[Creation]: ...
    def get(self, name: str) -> Json: ...
    def list(self, *, matching: str = "", page_size: int | None = None) -> Iterator[list[Json]]: ...
    def cancel(self, name: str) -> None: ...
    def close(self) -> None: ...


class Log(Protocol):
    """Hears of each step before its requests are made."""

    def __call__(self, step: str, typed: str, asks: Asks) -> None: ...


def walk(client: Client, log: Log, *, mark: str, patience: float = 30.0, pause: float = 0.1) -> None:
    """Takes one client through create, get, list, cancel, rebase and the errors, and asserts what came back.

    Args:
        client: The client under test.
        log: Told of every step.
        mark: Value of the label that this walk's jobs carry.
        patience: Seconds a job may take to reach an expected state.
        pause: Seconds between two looks at a job.
    """

    def get(step: str, name: str) -> Json:
        log(step, client.typed["get"], [("GetTuningJob", {"name": name})])
        return client.get(name)

    def ended(step: str, name: str) -> Json:
        deadline = time.monotonic() + patience
        while (job := get(step, name))["state"] not in ENDED:
            assert time.monotonic() < deadline, f"{name} is still {job['state']} after {patience} s"
            time.sleep(pause)
        return job

    created = []
    labelled = []
    for creation in client.creations(mark):
        log(creation.step, creation.typed, [("CreateTuningJob", {"parent": PARENT, "tuningJob": creation.asks})])
        job = creation.call()
        check_created(job, creation.asks)
        created.append(job["name"])
        if "labels" in creation.asks:
            labelled.append(job["name"])
    assert len(set(created)) == len(created), "two jobs with one name"

    first = ended("get_ended", created[0])
    check_succeeded(first)
    check_lists(client, log, mark, created[-1], labelled[::-1])
    check_cancel(client, log, ended, mark)
    check_errors(client, log)
    if hasattr(client, "rebase"):
        check_rebase(client, log, first["tunedModel"]["model"], patience)
    if hasattr(client, "get_partly"):
        log("get_partly", client.typed["get_partly"], [("GetTuningJob", {"name": created[0]})])
        assert client.get_partly(created[0])["name"] == first["name"]


def check_created(job: Json, asks: Json) -> None:
    collection, _, number = job["name"].rpartition("/")
    # The real service answers with the project's number where its id was sent.
    assert collection.split("/")[2:] == ["locations", LOCATION, "tuningJobs"], job["name"]
    assert number.isdigit(), job["name"]
    assert job["state"] in NOT_YET, job["state"]
    assert job["createTime"]
    for field in ("baseModel", "tunedModelDisplayName", "description", "labels"):
        if field in asks:
            assert job.get(field) == asks[field], f"{field}: asked {asks[field]!r}, answered {job.get(field)!r}"
    for field, wanted in asks.get("supervisedTuningSpec", {}).items():
        if field.endswith("Uri"):
            assert job["supervisedTuningSpec"][field] == wanted


def check_succeeded(job: Json) -> None:
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert "/models/" in job["tunedModel"]["model"]
    assert "/endpoints/" in job["tunedModel"]["endpoint"]
    assert job["startTime"]
    assert job["endTime"]
    assert "error" not in job, job["error"]


def check_lists(client: Client, log: Log, mark: str, newest: str, labelled: list[str]) -> None:
    """Newest first, whole and in pages; `labelled` are the jobs that the filter must find, newest first."""
    log("list", client.typed["list"], [("ListTuningJobs", {"parent": PARENT})])
    assert next(client.list())[0]["name"] == newest, "the newest job is not the first of the list"

    asks: Json = {"parent": PARENT, "filter": f'labels.{LABEL}="{mark}"', "pageSize": 2}
    second = asks | {"pageToken": PAGE_TOKEN}
    log("list_pages", client.typed["list_pages"], [("ListTuningJobs", asks), ("ListTuningJobs", second)])
    pages = [[job["name"] for job in page] for page in client.list(matching=asks["filter"], page_size=2)]
    assert pages == [labelled[:2], labelled[2:]], pages


def check_cancel(client: Client, log: Log, ended: Callable[[str, str], Json], mark: str) -> None:
    creation = client.creations(mark)[0]
    log("create_to_cancel", creation.typed, [("CreateTuningJob", {"parent": PARENT, "tuningJob": creation.asks})])
    name = creation.call()["name"]
    log("cancel", client.typed["cancel"], [("CancelTuningJob", {"name": name})])
    client.cancel(name)
    job = ended("get_cancelled", name)
    assert job["state"] == "JOB_STATE_CANCELLED", job
    assert job["error"]["code"] == 1, job["error"]

    cancelled = 'state="JOB_STATE_CANCELLED"'
    log("list_by_state", client.typed["list_pages"], [("ListTuningJobs", {"parent": PARENT, "filter": cancelled})])
    assert next(client.list(matching=cancelled))[0]["name"] == name


def check_errors(client: Client, log: Log) -> None:
    for step, rpc, call in (("get", "GetTuningJob", client.get), ("cancel", "CancelTuningJob", client.cancel)):
        log(f"{step}_missing", client.typed[step], [(rpc, {"name": MISSING})])
        with refused(client.not_found) as error:
            call(MISSING)
        assert (error[0].http_status, error[0].code, error[0].status) == (404, 404, "NOT_FOUND"), error[0]
        assert error[0].message

    for creation in client.refusals():
        log(creation.step, creation.typed, [("CreateTuningJob", {"parent": PARENT, "tuningJob": creation.asks})])
        with refused() as error:
            creation.call()
        assert (error[0].http_status, error[0].status) == (400, "INVALID_ARGUMENT"), error[0]
        assert error[0].violations["tuning_job.supervised_tuning_spec.training_dataset_uri"], error[0].violations


def check_rebase(client: Any, log: Log, model: str, patience: float) -> None:
    asks = {
        "parent": PARENT,
        "tunedModelRef": {"tunedModel": model},
        "tuningJob": {"tunedModelDisplayName": "interop-rebased"},
        "artifactDestination": {"outputUriPrefix": "gs://interop-bucket/rebased"},
        "deployToSameEndpoint": True,
    }
    log("rebase", client.typed["rebase"], [("RebaseTunedModel", asks)])
    operation = client.rebase(model)
    assert "/operations/" in operation, operation
    log("get_operation", client.typed["get_operation"], [("GetOperation", {"name": operation})])
    job = client.operation_result(operation, patience)
    assert "/tuningJobs/" in job["name"], job
    assert job["tunedModelDisplayName"] == "interop-rebased"


@contextlib.contextmanager
def refused(kind: str | None = None) -> Iterator[list[Refused]]:
    """Expects the block to be refused, and hands out the refusal."""
    caught: list[Refused] = []
    try:
        yield caught
    except Refused as error:
        caught.append(error)
    assert caught, "the call was expected to be refused, and was not"
    assert kind in (None, caught[0].kind), f"raised {caught[0].kind}, expected {kind}"
