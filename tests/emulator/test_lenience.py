"""What the service's front end takes and its own tests send, the emulator takes; what a client cut short, it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gemtune import JobState, TuningClient, load_spec
from gemtune.emulator import running
from gemtune.emulator.lone_values import as_lists
from gemtune_pb.v1 import GenerationConfig, Metric, TunedModelRef, TuningJob

JOBS = "projects/demo/locations/us-central1/tuningJobs"
OUT = {"gcsDestination": {"outputUriPrefix": "gs://my-bucket/o"}}
EXACT: dict[str, Any] = {"exactMatchSpec": {}}
BOTH = "the client left out project and location: give them as arguments (project=..., location=...)"
PROJECT = "the client left out project: give it as an argument (project=...)"
LOCATION = "the client left out location: give it as an argument (location=...)"
VERSION = "where the version of the API is wanted: v1 or v1beta1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(job_duration=0) as url:
        yield url


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def body(**changes: Any) -> dict[str, Any]:
    evaluation = {"metrics": [EXACT], "outputConfig": OUT, **changes.pop("evaluation", {})}
    spec = {
        "trainingDatasetUri": "gs://my-bucket/t.jsonl",
        "validationDatasetUri": "gs://my-bucket/v.jsonl",
        "hyperParameters": {"epochCount": 1},
        "evaluationConfig": evaluation,
    }
    return {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": spec, **changes}


# -- paths that a client cut short --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/", BOTH),
        ("//", BOTH),
        ("/v1", BOTH),
        ("/v1beta1/", BOTH),
        ("/v1/tuningJobs", BOTH),
        ("/v1beta1/tuningJobs?pageSize=2", BOTH),
        ("/v1beta1/tuningJobs/12", BOTH),
        ("/v1beta1/tuningJobs/12:cancel", BOTH),
        ("/v1/tuningJobs:rebaseTunedModel", BOTH),
        ("/tuningJobs", BOTH),
        ("/v1/tuningJobs/1/operations/2", BOTH),
        ("/v1/projects//locations//tuningJobs", BOTH),
        ("/v1/projects/p/tuningJobs", LOCATION),
        ("/v1/projects/p/locations//tuningJobs/1", LOCATION),
        ("/v1/locations/us-central1/tuningJobs", PROJECT),
        ("/v1/projects//locations/us-central1/tuningJobs", PROJECT),
        (f"/{JOBS}", VERSION),
        (f"/{JOBS}/12", VERSION),
        (f"/v2/{JOBS}", VERSION),
        ("/nowhere", "no method is served at"),
        ("/v1/projects/p/locations/l/models/1", "no method is served at"),
    ],
)
def test_a_path_that_lacks_something_is_a_404_that_says_what(
    url: str, session: requests.Session, verb: str, path: str, sentence: str
) -> None:
    answer = session.request(verb, url + path, data="{}" if verb == "POST" else None)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (404, 404, "NOT_FOUND")
    assert sentence in error["message"]
    assert ("left out" in error["message"]) == ("left out" in sentence)


def test_the_root_says_where_the_emulators_health_is(url: str, session: requests.Session) -> None:
    assert "GET /emulator/health" in session.get(url).json()["error"]["message"]
    assert session.get(f"{url}/emulator/health").json() == {"status": "OK"}


# -- forms that only a comment describes --------------------------------------------------------------------------------

AUTORATER = "supervised_tuning_spec.evaluation_config.autorater_config"
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("resource-name", body(evaluation={"autoraterConfig": {"autoraterModel": "test-model"}})),
    ("resource-name", body(evaluation={"autoraterConfig": {"autoraterModel": "gemini-2.5-flash"}})),
    ("resource-name", {**body(preTunedModel={"tunedModelName": "my-model"}), "baseModel": None}),
    ("sampling-count", body(evaluation={"autoraterConfig": {"samplingCount": 64}})),
    ("rouge-type", body(evaluation={"metrics": [{"rougeSpec": {"rougeType": "rougeW"}}]})),
    ("gcs-uri", body(evaluation={"outputConfig": {"gcsDestination": {"outputUriPrefix": "my-bucket/o"}}})),
    ("service-account", body(serviceAccount="tuner@example.com")),
]


@pytest.mark.parametrize(("rule", "sent"), FORMS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_form_that_only_a_comment_describes_is_warned_of_and_created(
    url: str, session: requests.Session, tmp_path: Any, rule: str, sent: dict[str, Any]
) -> None:
    assert session.post(f"{url}/v1beta1/{JOBS}", json=sent).status_code == 200
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(sent))
    job = load_spec(spec)
    with TuningClient("demo", endpoint=url, api_version="v1beta1") as client:
        assert client.create_tuning_job(job).state == JobState.JOB_STATE_PENDING
    import gemtune

    findings = gemtune.check(job, api_version="v1beta1")
    assert [finding.severity for finding in findings if finding.rule_id == rule] == ["warning"]
    assert [finding for finding in findings if finding.severity == "error"] == []


# -- one value for a list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evaluation", "metrics"),
    [
        ({"metrics": EXACT}, [EXACT]),
        ({"metrics": {"pointwiseMetricSpec": {"metricPromptTemplate": "x"}}}, 1),
        (
            {"metrics": {"pairwiseMetricSpec": {"metricPromptTemplate": "x"}, "aggregationMetrics": "AVERAGE"}},
            [{"pairwiseMetricSpec": {"metricPromptTemplate": "x"}, "aggregationMetrics": ["AVERAGE"]}],
        ),
        (
            {"metrics": [{"exact_match_spec": {}, "aggregation_metrics": 1}]},
            [{**EXACT, "aggregationMetrics": ["AVERAGE"]}],
        ),
    ],
)
def test_one_value_of_a_repeated_field_is_a_list_of_one(
    url: str, session: requests.Session, evaluation: dict[str, Any], metrics: Any
) -> None:
    answer = session.post(f"{url}/v1beta1/{JOBS}", json=body(evaluation=evaluation))
    assert answer.status_code == 200, answer.text
    found = answer.json()["supervisedTuningSpec"]["evaluationConfig"]["metrics"]
    assert len(found) == metrics if isinstance(metrics, int) else found == metrics


def test_trailing_commas_may_stand_beside_it(url: str, session: requests.Session) -> None:
    text = json.dumps(body(evaluation={"metrics": EXACT})).replace("}}", "},}")
    assert session.post(f"{url}/v1/{JOBS}", data=text).status_code == 200


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"evaluation": {"metrics": "exact"}}, "evaluation_config.metrics"),
        ({"evaluation": {"metrics": EXACT, "metric": {}}}, 'Unknown name "metric"'),
        ({"evaluation": {"metrics": {"exactMatch": {}}}}, "evaluation_config.metrics[0]"),
        ({"labels": "x"}, "tuning_job.labels"),
        ({"labels": [{"a": "b"}]}, "tuning_job.labels"),
        ({"encryptionSpec": [{}]}, "tuning_job.encryption_spec"),
    ],
)
def test_what_is_wrong_beside_it_or_in_it_is_still_said(
    url: str, session: requests.Session, changes: dict[str, Any], violation: str
) -> None:
    answer = session.post(f"{url}/v1/{JOBS}", json=body(**changes))
    assert answer.status_code == 400
    assert violation in answer.json()["error"]["message"]


def test_contents_as_googles_curl_samples_send_them() -> None:
    from gemtune_pb.v1 import Content

    sent = b'{"role": "USER", "parts": {"text": "Hello"}}'
    assert json.loads(as_lists(sent, Content.DESCRIPTOR)) == {"role": "USER", "parts": [{"text": "Hello"}]}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b'{"labels": {"a": "b"}}', TuningJob),
        (b'{"supervisedTuningSpec": {"hyperParameters": {}}}', TuningJob),
        (b'{"stopSequences": ["a"]}', GenerationConfig),
        (b'{"stopSequences": null}', GenerationConfig),
        (b'{"stopSequences": "a", "stopSequences": "b"}', GenerationConfig),
        (b'{"stopSequences": "a", "topP": NaN}', GenerationConfig),
        (b'{"stopSequences": {"a": 1}}', GenerationConfig),
        (b'{"responseSchema": {"type": "OBJECT"}}', GenerationConfig),
        (b'{"aggregationMetrics": {"x": 1}}', Metric),
        (b"[1]", TuningJob),
        (b'"x"', TuningJob),
        (b"{", TuningJob),
        (b"[" * 100_000, TuningJob),
    ],
)
def test_everything_else_stays_as_it_is(sent: bytes, message: Any) -> None:
    assert as_lists(sent, message.DESCRIPTOR) == sent


def test_a_number_keeps_its_value() -> None:
    sent = b'{"stopSequences": "a", "topP": 0.1, "topK": 1e0, "seed": 2147483647, "temperature": 5e-324}'
    made = json.loads(as_lists(sent, GenerationConfig.DESCRIPTOR))
    assert made == {"stopSequences": ["a"], "topP": 0.1, "topK": 1.0, "seed": 2147483647, "temperature": 5e-324}


# -- open models in the location global ---------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["global", "us-west1"])
def test_what_a_job_makes_is_in_a_region(url: str, location: str) -> None:
    job = TuningJob(base_model="meta/llama3_1@llama-3.1-8b", output_uri="gs://my-bucket/o")
    job.supervised_tuning_spec.training_dataset_uri = "gs://my-bucket/t.jsonl"
    job.supervised_tuning_spec.hyper_parameters.epoch_count = 2
    region = "us-central1" if location == "global" else location
    with TuningClient("demo", location, endpoint=url, api_version="v1beta1") as client:
        ended = client.wait_tuning_job(client.create_tuning_job(job).name, poll_interval=0.01)
        assert f"/locations/{location}/tuningJobs/" in ended.name
        tuned = ended.tuned_model
        made = [tuned.model, tuned.endpoint, ended.experiment, *(each.endpoint for each in tuned.checkpoints)]
        assert len(made) == 5
        assert {name.split("/")[3] for name in made} == {region}
        more = TuningJob(output_uri="gs://my-bucket/o2")
        rebased = client.rebase_tuned_model(TunedModelRef(tuned_model=tuned.model), tuning_job=more)
        assert client.wait_operation(rebased, poll_interval=0.01).name != ended.name


def test_a_model_that_a_global_job_made_gets_its_next_version_in_its_region(url: str) -> None:
    job = TuningJob(base_model="meta/llama3_1@llama-3.1-8b", output_uri="gs://my-bucket/o")
    job.supervised_tuning_spec.training_dataset_uri = "gs://my-bucket/t.jsonl"
    with TuningClient("demo", "global", endpoint=url, api_version="v1beta1") as client:
        first = client.wait_tuning_job(client.create_tuning_job(job).name, poll_interval=0.01)
        job.ClearField("base_model")
        job.pre_tuned_model.tuned_model_name = first.tuned_model.model
        second = client.wait_tuning_job(client.create_tuning_job(job, location="us-central1").name, poll_interval=0.01)
    assert second.pre_tuned_model.base_model == "meta/llama3_1@llama-3.1-8b"
    assert second.tuned_model.model == first.tuned_model.model.replace("@1", "@2")


@pytest.mark.parametrize("kind", ["preference_optimization_spec", "reinforcement_tuning_spec", "full_fine_tuning_spec"])
def test_other_kinds_of_tuning_count_steps_as_they_count_epochs(url: str, kind: str) -> None:
    spec: dict[str, Any] = {"training_dataset_uri": "gs://my-bucket/t.jsonl"}
    if kind != "full_fine_tuning_spec":
        spec["hyper_parameters"] = {"epoch_count": 3}
    if kind == "reinforcement_tuning_spec":
        spec["single_reward_config"] = {}
    sent = {"base_model": "gemini-2.5-flash", kind: spec}
    answer = requests.post(f"{url}/v1beta1/{JOBS}", json=sent, timeout=10)
    assert answer.status_code == 200, answer.text
    job = requests.get(f"{url}/v1beta1/{answer.json()['name']}", timeout=10).json()
    epochs = 10 if kind == "full_fine_tuning_spec" else 3
    assert job["tuningJobMetadata"] == {"completedEpochCount": str(epochs), "completedStepCount": str(epochs * 32)}
