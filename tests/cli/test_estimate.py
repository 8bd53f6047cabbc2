"""`gemtune estimate`, and the limits of `gemtune create`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commandline import Ran

Gemtune = Callable[..., Ran]

ROW = {
    "contents": [
        {"role": "user", "parts": [{"text": "What is the capital of France?"}]},
        {"role": "model", "parts": [{"text": "Paris."}]},
    ]
}


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A training set of 1,000 rows."""
    path = tmp_path / "train.jsonl"
    path.write_text((json.dumps(ROW) + "\n") * 1000)
    return str(path)


@pytest.fixture
def spec(spec: str) -> str:
    """A spec of a model with a known price."""
    path = Path(spec)
    path.write_text(path.read_text().replace("gemini-3.5-flash", "gemini-2.5-flash"))
    return spec


@pytest.fixture(autouse=True)
def no_prices_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMTUNE_PRICES", raising=False)


def test_tokens_epochs_price_and_cost_are_shown(gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("estimate", "-f", spec, "--data", data)
    assert ran.status == 0
    shown = dict(re.split(r"\s+", line, maxsplit=1) for line in ran.out.splitlines())
    assert list(shown) == ["tokens", "epochs", "billed", "price", "cost"]
    assert shown["tokens"].endswith("in one pass over 1,000 rows, by the offline rule (by script and modality)")
    assert shown["epochs"] == "4"
    assert shown["price"].startswith("5.00 USD for a million tokens, as of 2026-03-09 (")
    assert re.fullmatch(r"0\.\d{4} USD \(0\.\d{4} to 0\.\d{4}\)", shown["cost"])


def test_json_is_the_message(gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("estimate", "-f", spec, "--data", data, "-o", "json")
    found = json.loads(ran.out)
    assert found["onePass"]["exampleCount"] == "1000"
    assert found["epochs"]["likely"] == "4"
    assert found["cost"]["currency"] == "USD"


def test_the_training_set_of_the_spec_is_read_where_it_is_a_file(gemtune: Gemtune, tmp_path: Path, data: str) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(f"base_model: gemini-3.5-flash\nsupervised_tuning_spec: {{training_dataset_uri: {data}}}\n")
    ran = gemtune("estimate", "-f", str(path))
    assert ran.status == 0
    assert "price     not known" in ran.out
    assert "warning: epoch_count is not set, so the service chooses" in ran.err
    assert "warning: no price is known for supervised tuning of gemini-3.5-flash;" in ran.err


def test_what_is_not_on_this_machine_is_asked_for(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    ran = gemtune("estimate", "-f", spec)
    assert ran.status == 2
    assert "a local copy of the training set is read with --data FILE" in ran.err
    ran = gemtune("estimate", "-f", spec, "--data", str(tmp_path / "no.jsonl"))
    assert ran.status == 2
    assert "no.jsonl: there is no such file" in ran.err
    path = tmp_path / "empty.yaml"
    path.write_text("base_model: gemini-2.5-flash\n")
    assert gemtune("estimate", "-f", str(path)).status == 2


def test_a_file_that_is_no_tokenizer_is_refused(gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("estimate", "-f", spec, "--data", data, "--tokenizer", data)
    assert ran.status == 2
    assert "is no tokenizer: give a tokenizer.json" in ran.err or "pip install 'gemtune[tokenizer]'" in ran.err


def test_create_refuses_what_may_cost_too_much(service: str, gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("create", "-f", spec, "--max-tokens", "1000", "--data", data)
    assert ran.status == 2
    assert ran.out == ""
    assert re.search(
        r"^error: the job may bill [\d,]+ tokens \(likely [\d,]+\), and --max-tokens allows 1,000; nothing was sent$",
        ran.err,
        re.MULTILINE,
    )
    ran = gemtune("create", "-f", spec, "--max-cost", "0.01", "--data", data)
    assert ran.status == 2
    assert "and --max-cost allows 0.0100; nothing was sent" in ran.err
    assert "tuningJobs/" not in gemtune("list").out


def test_create_sends_what_is_within_the_limits(service: str, gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("create", "-f", spec, "--max-tokens", "1000000", "--max-cost", "2", "--data", data)
    assert ran.status == 0
    assert "/tuningJobs/" in ran.out


def test_a_cost_that_is_not_known_is_a_refusal(service: str, gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("create", "-f", spec, "--base-model", "gemini-3.5-flash", "--max-cost", "1000", "--data", data)
    assert ran.status == 2
    assert "error: --max-cost cannot be held: no price is known for supervised tuning of gemini-3.5-flash" in ran.err


def test_a_limit_needs_the_data(gemtune: Gemtune, spec: str, data: str) -> None:
    ran = gemtune("create", "-f", spec, "--max-cost", "5")
    assert ran.status == 2
    assert "a local copy of the training set is read with --data FILE" in ran.err
    ran = gemtune("create", "-f", spec, "--data", data)
    assert ran.status == 2
    assert "add one of them" in ran.err


# -- calibrated by the service ----------------------------------------------------------------------------------------


@pytest.fixture
def varied(tmp_path: Path) -> str:
    """A training set of 100 rows of many lengths."""
    path = tmp_path / "varied.jsonl"
    lines = [{"contents": [{"role": "user", "parts": [{"text": "What is it? " * n}]}]} for n in range(1, 101)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_online_has_rows_counted_by_the_service(service: str, gemtune: Gemtune, spec: str, varied: str) -> None:
    offline = json.loads(gemtune("estimate", "-f", spec, "--data", varied, "-o", "json").out)["onePass"]
    ran = gemtune("estimate", "-f", spec, "--data", varied, "--online", "-o", "json", "-v")
    assert ran.status == 0
    found = json.loads(ran.out)["onePass"]
    assert found["method"] == f"{offline['method']}, calibrated by the service's countTokens on 20 rows"
    # The emulator counts by the offline rule, so there is nothing to correct, and no spread.
    assert found["tokens"] == dict.fromkeys(("low", "likely", "high"), offline["tokens"]["likely"])
    calls = re.findall(r'CountTokens "POST /v1/(\S+) HTTP', ran.err)
    model = f"projects/{service}/locations/us-central1/publishers/google/models/gemini-2.5-flash:countTokens"
    assert calls == [model] * 20


def test_online_asks_where_the_options_say(service: str, gemtune: Gemtune, spec: str, varied: str) -> None:
    options = ("--location", "europe-west4", "--project", "other", "--api-version", "v1beta1", "-v")
    ran = gemtune("estimate", "-f", spec, "--data", varied, "--online", "--sample", "3", *options)
    assert ran.status == 0
    assert ran.err.count("POST /v1beta1/projects/other/locations/europe-west4/publishers/google/models/") == 3
    assert "calibrated by the service's countTokens on 3 rows" in ran.out


def test_a_refusal_is_a_sentence_and_names_the_way_without(
    service: str, gemtune: Gemtune, spec: str, varied: str
) -> None:
    ran = gemtune("estimate", "-f", spec, "--base-model", "gemini-9", "--data", varied, "--online")
    assert ran.status == 2  # estimate takes no --base-model
    path = Path(spec)
    path.write_text(path.read_text().replace("gemini-2.5-flash", "gemini-9"))
    ran = gemtune("estimate", "-f", spec, "--data", varied, "--online")
    assert (ran.status, ran.out) == (1, "")
    assert (
        f"error: Publisher Model `projects/{service}/locations/us-central1/publishers/google/models/gemini-9`"
        in ran.err
    )
    assert "--online asks the service's countTokens; without it the estimate is made offline" in ran.err
    assert "--data FILE" not in ran.err


def test_a_service_that_does_not_answer_is_a_sentence(
    gemtune: Gemtune, spec: str, varied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", "127.0.0.1:1")
    ran = gemtune("estimate", "-f", spec, "--data", varied, "--online")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.count("error: ") == 1
    assert "without it the estimate is made offline" in ran.err
    assert gemtune("estimate", "-f", spec, "--data", varied).status == 0


def test_online_needs_rows_and_a_model_that_can_be_asked(
    service: str, gemtune: Gemtune, spec: str, varied: str, tmp_path: Path
) -> None:
    other = tmp_path / "messages.jsonl"
    other.write_text('{"messages": [{"role": "user", "content": "x"}]}\n')
    ran = gemtune("estimate", "-f", spec, "--data", str(other), "--online")
    assert ran.status == 2
    assert "error: no row of the training set can be sent to countTokens" in ran.err
    bare = tmp_path / "bare.yaml"
    bare.write_text("supervised_tuning_spec: {training_dataset_uri: gs://b/t.jsonl}\n")
    ran = gemtune("estimate", "-f", str(bare), "--data", varied, "--online")
    assert ran.status == 2
    assert "--online counts by the spec's base model, and it names none" in ran.err
    ran = gemtune("estimate", "-f", spec, "--data", varied, "--sample", "3")
    assert ran.status == 2
    assert "--sample is how many rows --online sends; add --online" in ran.err
