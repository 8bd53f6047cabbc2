"""The samples taken from the user's specification are all there, and nothing else is."""

from __future__ import annotations

import ast
import json
import re

import pytest

from gemtune.rpc.http_rule import Router
from gemtune.rpc.methods import service_methods
from gemtune_pb.v1 import tuning_service_pb2
from tests.support import spec_document

VALUES = {
    "PROJECT_ID": "my-project",
    "TUNING_JOB_REGION": "us-central1",
    "TUNING_JOB_ID": "4982013113894174720",
    "BASE_MODEL": "gemini-1.0-pro-002",
    "TRAINING_DATASET_URI": "gs://bucket/train.jsonl",
    "VALIDATION_DATASET_URI": "gs://bucket/validation.jsonl",
    "EPOCH_COUNT": "4",
    "ADAPTER_SIZE": '"ADAPTER_SIZE_FOUR"',
    "LEARNING_RATE_MULTIPLIER": "1.0",
    "TUNED_MODEL_DISPLAYNAME": "tuned_gemini_pro",
}
JOBS = f"{spec_document.HOST}/v1/projects/PROJECT_ID/locations/TUNING_JOB_REGION/tuningJobs"
TYPED = {"Content-Type": "application/json; charset=utf-8"}


def strict(body: str) -> str:
    """The body without trailing commas, which JSON itself does not have."""
    return re.sub(r",(\s*[}\]])", r"\1", body)


def test_the_five_python_samples() -> None:
    samples = spec_document.python_samples()
    assert [sample.title for sample in samples] == list(spec_document.SECTIONS[1:])
    for sample in samples:
        ast.parse(sample.code)
        assert "import vertexai\nfrom vertexai.preview.tuning import sft\n" in sample.code
    assert samples[0].code.startswith("import time\n")
    assert samples[0].code.endswith("print(sft_tuning_job.experiment)\n")
    assert samples[4].code.endswith("job.cancel()\n")


def test_the_six_curl_requests() -> None:
    requests = spec_document.curl_requests()
    assert [(r.title, r.method, r.url) for r in requests] == [
        ("Beispielsyntax", "POST", JOBS),
        ("Grundlegender Anwendungsfall", "POST", JOBS),
        ("Erweiterter Anwendungsfall", "POST", JOBS),
        ("Abstimmungsjobs auflisten", "GET", JOBS),
        ("Details eines Abstimmungsjobs abrufen", "GET", JOBS + "/TUNING_JOB_ID"),
        ("Abstimmungsjob abbrechen", "POST", JOBS + "/TUNING_JOB_ID:cancel"),
    ]
    authorization = {"Authorization": "Bearer $(gcloud auth print-access-token)"}
    assert requests[0].headers == authorization | {"Content-Type": "application/json"}
    assert [r.headers for r in requests[1:]] == [
        authorization | (TYPED if r.method == "POST" else {}) for r in requests[1:]
    ]
    assert [r.body for r in requests[3:]] == [None, None, ""]


def test_the_five_powershell_requests() -> None:
    requests = spec_document.powershell_requests()
    curl = spec_document.curl_requests()[1:]
    assert [(r.title, r.method, r.url) for r in requests] == [(r.title, r.method, r.url) for r in curl]
    assert [r.body for r in requests[:2]] == [r.body for r in curl[:2]]
    # The cancel has neither body nor content type.
    assert [r.body for r in requests[2:]] == [None, None, None]
    authorization = {"Authorization": "Bearer $cred"}
    assert [r.headers for r in requests] == [authorization | TYPED] * 2 + [authorization] * 3


def test_bodies_stay_as_they_are_in_the_document() -> None:
    syntax, basic, advanced = (request.body or "" for request in spec_document.curl_requests()[:3])
    assert syntax.startswith('{\n  "baseModel": "...",\n')
    assert syntax.endswith('  "tunedModelDisplayName": "",\n}')
    assert basic.endswith('"training_dataset_uri": "TRAINING_DATASET_URI"\n  },\n}')
    assert '"tunedModelDisplayName": "TUNED_MODEL_DISPLAYNAME,\n}' in advanced
    spec = spec_document.SPEC.read_text(encoding="utf-8")
    assert all(body in spec for body in (syntax, basic, advanced))


def test_rendered_requests_are_what_a_reader_would_send() -> None:
    syntax, basic, advanced, _, get, cancel = (
        spec_document.render(request, VALUES, base_url="http://127.0.0.1:8085/", token="t")
        for request in spec_document.curl_requests()
    )
    assert (
        get.url == "http://127.0.0.1:8085/v1/projects/my-project/locations/us-central1/tuningJobs/4982013113894174720"
    )
    assert get.headers == {"Authorization": "Bearer t"}
    assert cancel.body == ""
    assert json.loads(strict(syntax.body or "")) == {
        "baseModel": "",
        "supervisedTuningSpec": {"hyper_parameters": {}},
        "tunedModelDisplayName": "",
    }
    assert json.loads(strict(basic.body or "")) == {
        "baseModel": "gemini-1.0-pro-002",
        "supervisedTuningSpec": {"training_dataset_uri": "gs://bucket/train.jsonl"},
    }
    assert json.loads(strict(advanced.body or "")) == {
        "baseModel": "gemini-1.0-pro-002",
        "supervisedTuningSpec": {
            "training_dataset_uri": "gs://bucket/train.jsonl",
            "validation_dataset_uri": "gs://bucket/validation.jsonl",
            "hyper_parameters": {
                "epoch_count": 4,
                "adapter_size": "ADAPTER_SIZE_FOUR",
                "learning_rate_multiplier": 1.0,
            },
        },
        "tunedModelDisplayName": "tuned_gemini_pro",
    }
    for body in (syntax.body, basic.body, advanced.body):
        with pytest.raises(json.JSONDecodeError):  # the commas are still there
            json.loads(body or "")


def test_without_a_base_url_the_host_is_the_documents() -> None:
    for request in spec_document.curl_requests() + spec_document.powershell_requests():
        sent = spec_document.render(request, VALUES)
        assert sent.url.startswith("https://us-central1-aiplatform.googleapis.com/v1/projects/my-project/")
        assert sent.headers["Authorization"] == "Bearer seed-token"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="TUNING_JOB_REGION"):
        spec_document.render(spec_document.curl_requests()[0], {})


def test_requests_are_routed_to_the_methods_that_the_document_names() -> None:
    router = Router(service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]).values())
    rpcs = ["CreateTuningJob"] * 2 + ["ListTuningJobs", "GetTuningJob", "CancelTuningJob"]
    for requests, expected in (
        (spec_document.curl_requests(), ["CreateTuningJob", *rpcs]),
        (spec_document.powershell_requests(), rpcs),
    ):
        sent = [spec_document.render(request, VALUES, base_url="") for request in requests]
        # That trailing commas are taken is the emulator's affair, and tested there.
        found = [router.match(r.method, r.url, [], strict(r.body or "").encode()) for r in sent]
        assert [match.method.name for match in found] == expected
        job = found[expected.index("ListTuningJobs") - 1].message.tuning_job  # the create with every option
        assert job.tuned_model_display_name == "tuned_gemini_pro"
        assert job.supervised_tuning_spec.hyper_parameters.epoch_count == 4
