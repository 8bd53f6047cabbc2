"""Rewards tried out, and prompts rewritten, of v1beta1: what the emulator does of it, and what it says it does not."""

from __future__ import annotations

import json

import pytest
import requests

import gemtune
from gemtune.rpc.codec import from_json
from gemtune.testing import emulator
from gemtune_pb.v1 import (
    OptimizePromptRequest,
    ValidateReinforcementTuningRewardRequest,
)

EXACT = '{"stringMatchRewardScorer": {"correctAnswerReward": %s, "wrongAnswerReward": -0.5, "stringMatchExpression": {"matchOperation": "%s", "expression": "%s"}}}'


@pytest.fixture(scope="module")
def client():
    with (
        emulator() as emulated,
        gemtune.TuningClient("p", "us-central1", endpoint=emulated.url, api_version="v1beta1") as made,
    ):
        yield made


def reward(
    config: str, text: str = "the answer is 42", kind: str = "singleRewardConfig"
) -> ValidateReinforcementTuningRewardRequest:
    example = '{"contents": [{"role": "user", "parts": [{"text": "?"}]}], "references": {"a": "42"}}'
    answer = f'{{"role": "model", "parts": [{{"text": "{text}"}}]}}'
    text = f'{{"example": {example}, "sampleResponse": {answer}, "{kind}": {config}}}'
    return from_json(text, ValidateReinforcementTuningRewardRequest)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (EXACT % (1, "PARTIAL_MATCH", "{{references.a}}"), 1),
        (EXACT % (1, "EXACT_MATCH", "{{references.a}}"), -0.5),
        (EXACT % (0.25, "REGEX_CONTAINS", "answer .. {{references.a}}$"), 0.25),
        (EXACT % (7, "PARTIAL_MATCH", "42"), 1),
        (EXACT.replace("{", '{"parseResponseConfig": {"parseType": "REGEX_EXTRACT", "regexExtractExpression": "is (.*)"}, ', 1) % (1, "EXACT_MATCH", "42"), 1),
    ],
    ids=["partial", "exact", "regex", "kept within 1", "a part"],
)  # fmt: skip
def test_texts_are_compared(client, config, expected):
    found = client.validate_reward(reward(config))
    assert found.overall_reward == expected
    assert found.reward_info_details["reward_0"].reward == expected


def test_several_rewards_are_weighted(client):
    configs = [
        f'{{"weight": {weight}, "rewardConfig": {EXACT % (1, "PARTIAL_MATCH", word)}}}'
        for weight, word in ((3, "42"), (1, "43"))
    ]
    found = client.validate_reward(
        reward(f'{{"weightedRewardConfigs": [{", ".join(configs)}]}}', kind="compositeRewardConfig")
    )
    assert found.overall_reward == pytest.approx((3 * 1 - 0.5) / 4)
    assert set(found.reward_info_details) == {"reward_0", "reward_1"}


@pytest.mark.parametrize(
    ("config", "code", "says"),
    [
        ('{"codeExecutionRewardScorer": {}}', 12, "The emulator runs no code"),
        ('{"autoraterScorer": {}}', 12, "The emulator asks no model"),
        ('{}', 3, "The reward config has no scorer."),
        (EXACT % (1, "REGEX_CONTAINS", "("), 3, "The expression cannot be used"),
    ],
)  # fmt: skip
def test_what_is_not_tried_out_says_so(client, config, code, says):
    found = client.validate_reward(reward(config))
    assert (found.error_status.code, found.HasField("overall_reward")) == (code, False)
    assert found.error_status.message.startswith(says)


def test_a_request_that_lacks_something_is_refused(client):
    with pytest.raises(gemtune.InvalidArgument, match="example is required"):
        client.validate_reward(ValidateReinforcementTuningRewardRequest())


def test_a_prompt_comes_back(client):
    request = from_json('{"content": {"parts": [{"text": "Say hello."}]}}', OptimizePromptRequest)
    assert client.optimize_prompt(request).content == request.content


def test_v1_does_not_have_it():
    client = gemtune.TuningClient("p", endpoint="http://127.0.0.1:1")
    with client, pytest.raises(gemtune.Unimplemented, match="it has one under v1beta1"):
        client.validate_reward(reward(EXACT % (1, "EXACT_MATCH", "x")))


# -- what google-genai 3.6.1 sends, and no document of the service has -------------------------------------------------

EVALUATION = {
    "metrics": [{"aggregation_metrics": ["AVERAGE", "STANDARD_DEVIATION"], "exact_match_spec": {}}],
    "outputConfig": {"gcs_destination": {"output_uri_prefix": "gs://acme/e"}},
}
SENT = {
    "preference": {
        "baseModel": "gemini-2.5-flash",
        "preferenceOptimizationSpec": {
            "trainingDatasetUri": "gs://acme/o.jsonl",
            "hyperParameters": {"epochCount": 1},
            "evaluationConfig": EVALUATION,
        },
    },
    "distillation": {
        "baseModel": "gemini-2.5-flash",
        "distillationSpec": {
            "promptDatasetUri": "gs://acme/o.jsonl",
            "baseTeacherModel": "gemini-2.5-pro",
            "exportLastCheckpointOnly": True,
            "hyperParameters": {"epochCount": 1, "sftLossWeightMultiplier": 0.5},
            "evaluationConfig": EVALUATION,
        },
    },
}


@pytest.mark.parametrize("body", SENT.values(), ids=SENT)
def test_a_job_of_google_genai_is_taken(client, body):
    job = gemtune.from_json(json.dumps(body), gemtune.TuningJob)
    made = client.create_tuning_job(job)
    assert made.WhichOneof("tuning_spec") == job.WhichOneof("tuning_spec")


def test_additional_fields_are_no_name_of_the_services():
    with emulator() as emulated:
        url = f"{emulated.url}/v1/projects/p/locations/us-central1/tuningJobs"
        body = {"baseModel": "gemini-2.5-flash", "additionalFields": {"x": 1}}
        answer = requests.post(url, json=body, timeout=10)
    assert answer.status_code == 400
    assert 'Unknown name "additionalFields"' in answer.json()["error"]["message"]


def test_what_the_emulator_does_not_know_is_refused_as_by_the_service(client):
    job = gemtune.from_json(json.dumps(SENT["distillation"] | {"additionalFields": {"newSpec": 1}}), gemtune.TuningJob)
    with pytest.raises(gemtune.InvalidArgument, match="Unknown name \"newSpec\" at 'tuning_job': Cannot find field"):
        client.create_tuning_job(job)
