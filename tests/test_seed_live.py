"""The specification's samples, taken from its text, do what it says: Python over `gemtune.sft`, curl over HTTP."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

import gemtune
from gemtune import emulator, sft
from gemtune_pb.v1 import JobState
from tests.support import spec_document

SAMPLES = spec_document.python_samples()
VALUES = {
    "PROJECT_ID": "demo",
    "TUNING_JOB_REGION": "us-central1",
    "BASE_MODEL": "gemini-1.0-pro-002",
    "TRAINING_DATASET_URI": "gs://cloud-samples-data/ai-platform/generative_ai/sft_train_data.jsonl",
    "VALIDATION_DATASET_URI": "gs://cloud-samples-data/ai-platform/generative_ai/sft_validation_data.jsonl",
    "EPOCH_COUNT": "4",
    "ADAPTER_SIZE": '"ADAPTER_SIZE_FOUR"',
    "LEARNING_RATE_MULTIPLIER": "1.0",
    "TUNED_MODEL_DISPLAYNAME": "tuned_gemini_pro",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulator.running(job_duration=0.3) as url:
        yield url


@pytest.fixture
def job_id(url: str) -> Iterator[str]:
    """A job that exists, for the samples that name one."""
    gemtune.init(project="demo", location="us-central1", api_endpoint=url)
    yield sft.train(source_model="gemini-1.0-pro-002", train_dataset=VALUES["TRAINING_DATASET_URI"]).name
    gemtune.sft.close()


@pytest.fixture(params=["by hand", "by sed"])
def port(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """How a sample's user ports it: the imports and `vertexai.init` changed, or every `vertexai`."""

    def by_hand(code: str) -> str:
        return (
            code.replace("import vertexai\n", "import gemtune\n")
            .replace("from vertexai.preview.tuning import sft\n", "from gemtune import sft\n")
            .replace("vertexai.init(", "gemtune.init(")
        )

    return by_hand if request.param == "by hand" else lambda code: code.replace("vertexai", "gemtune")


Run = Callable[[spec_document.Sample], str]


@pytest.fixture
def run(port: Callable[[str], str], url: str, job_id: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """Runs a sample and gives what it prints."""
    return lambda sample: _run(
        sample, port(sample.code).replace("4982013113894174720", job_id), url, monkeypatch, capsys
    )


def _run(sample: spec_document.Sample, ported: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", url.removeprefix("http://"))
    naps: list[float] = []
    sleep = time.sleep

    def nap(seconds: float) -> None:
        naps.append(seconds)
        sleep(min(seconds, 0.05))

    monkeypatch.setattr(time, "sleep", nap)
    code = compile(ported, sample.title, "exec")
    exec(code, {"PROJECT_ID": "demo", "LOCATION": "us-central1"})
    if "time.sleep(60)" in sample.code:
        assert 60 in naps, "the sample polls as it is written"
    printed: str = capsys.readouterr().out
    return printed


def test_there_are_five_python_samples() -> None:
    assert len(SAMPLES) == 5
    assert not [name for name in sys.modules if name.startswith("vertexai")]


@pytest.mark.parametrize("number", [0, 1], ids=["basic", "advanced"])
def test_a_training_sample_ends_with_model_endpoint_and_experiment(number: int, run: Run) -> None:
    model, endpoint, experiment = run(SAMPLES[number]).splitlines()
    assert "/models/" in model
    assert model.endswith("@1")
    assert "/endpoints/" in endpoint
    assert "/metadataStores/default/contexts/tuning-experiment-" in experiment


def test_the_advanced_sample_sends_what_it_says(url: str, run: Run) -> None:
    run(SAMPLES[1])
    with gemtune.TuningClient("demo", endpoint=url) as client:
        job = next(iter(client.list_tuning_jobs()))
    assert job.base_model == "gemini-1.0-pro-002"
    assert job.tuned_model_display_name == "tuned_gemini_pro"
    assert job.supervised_tuning_spec.validation_dataset_uri.endswith("sft_validation_data.jsonl")
    parameters = job.supervised_tuning_spec.hyper_parameters
    assert (parameters.epoch_count, parameters.learning_rate_multiplier) == (4, 1.0)
    assert parameters.adapter_size == gemtune.AdapterSize.ADAPTER_SIZE_FOUR


def test_the_list_sample_prints_each_job(job_id: str, run: Run) -> None:
    printed = run(SAMPLES[2])
    assert f"/tuningJobs/{job_id}" in printed


def test_the_get_sample_prints_the_job(job_id: str, run: Run) -> None:
    assert f"/tuningJobs/{job_id}" in run(SAMPLES[3])


def test_the_cancel_sample_cancels(url: str, job_id: str, run: Run) -> None:
    run(SAMPLES[4])
    with gemtune.TuningClient("demo", endpoint=url) as client:
        job = client.wait_tuning_job(job_id, poll_interval=0.02, raise_on_failure=False)
    assert job.state == JobState.JOB_STATE_CANCELLED
    assert job.error.code == 1


# -- HTTP, as curl and PowerShell send it -------------------------------------------------------------------------------


def send(sample: spec_document.HttpRequest, url: str, job_id: str) -> requests.Response:
    rendered = spec_document.render(sample, {**VALUES, "TUNING_JOB_ID": job_id}, base_url=url)
    body = None if rendered.body is None else rendered.body.encode()
    return requests.request(rendered.method, rendered.url, headers=rendered.headers, data=body, timeout=10)


def check(sample: spec_document.HttpRequest, response: requests.Response, job_id: str) -> None:
    if sample.title == "Beispielsyntax":  # with its ellipses left out, it asks for no model and no dataset
        assert response.status_code == 400
        details = response.json()["error"]["details"][0]["fieldViolations"]
        assert {"tuning_job.supervised_tuning_spec.training_dataset_uri"} < {v["field"] for v in details}
        return
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    answer = json.loads(response.text)
    if sample.url.endswith(":cancel"):
        assert answer == {}
    elif sample.method == "POST":
        assert answer["state"] == "JOB_STATE_PENDING"
        assert answer["baseModel"] == "gemini-1.0-pro-002"
        if "VALIDATION_DATASET_URI" in (sample.body or ""):
            assert answer["supervisedTuningSpec"]["hyperParameters"]["adapterSize"] == "ADAPTER_SIZE_FOUR"
            assert answer["tunedModelDisplayName"] == "tuned_gemini_pro"
    elif sample.url.endswith("TUNING_JOB_ID"):
        assert answer["name"].endswith(f"/tuningJobs/{job_id}")
    else:
        assert job_id in [job["name"].rsplit("/", 1)[1] for job in answer["tuningJobs"]]


@pytest.mark.parametrize("sample", spec_document.curl_requests(), ids=lambda s: s.title)
def test_a_curl_request_gets_the_documented_answer(sample: spec_document.HttpRequest, url: str, job_id: str) -> None:
    check(sample, send(sample, url, job_id), job_id)


@pytest.mark.parametrize("sample", spec_document.powershell_requests(), ids=lambda s: s.title)
def test_a_powershell_request_gets_the_documented_answer(
    sample: spec_document.HttpRequest, url: str, job_id: str
) -> None:
    check(sample, send(sample, url, job_id), job_id)
