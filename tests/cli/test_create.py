"""`gemtune create`: a file, flags, both; and what goes to which stream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commandline import SPEC, Ran, process

Gemtune = Callable[..., Ran]

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
NAME = r"projects/\d+/locations/[a-z0-9-]+/tuningJobs/\d+"

FLAGS = ["--base-model", "gemini-3.5-flash", "--training-dataset-uri", "gs://bucket/t.jsonl", "--epoch-count", "2"]


def test_in_a_pipe_a_created_job_is_its_name_alone(service: str, gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec)
    assert ran.status == 0
    assert re.fullmatch(f"{NAME}\n", ran.out)
    valid, submitting = ran.err.splitlines()
    assert re.fullmatch(rf"spec is valid: {re.escape(spec)}, sha256:[0-9a-f]{{8}}\.\.\.", valid)
    assert submitting == f"submitting to {service} in us-central1"


def test_a_followed_job_is_a_line_a_change_with_times(service: str, gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--wait", "--poll-interval", "100ms")
    first, *between, last = ran.out.splitlines()
    assert ran.status == 0
    assert re.fullmatch(rf"{TIME} submitted {NAME}", first)
    assert [line.split()[1] for line in between] in ([], ["RUNNING"])
    assert re.fullmatch(rf"{TIME} SUCCEEDED projects/\d+/\S+/models/\d+@1 projects/\d+/\S+/endpoints/\d+", last)


def test_with_q_a_followed_job_is_its_end_alone(service: str, gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--wait", "-q")
    assert re.fullmatch(rf"{TIME} SUCCEEDED \S+ \S+\n", ran.out)
    assert ran.err == ""


def test_json_on_stdout_is_the_job_and_nothing_else(service: str, gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--wait", "-o", "json")
    job = json.loads(ran.out)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["supervisedTuningSpec"]["hyperParameters"]["epochCount"] == "4"  # an int64, as the API writes it
    assert "submitted" in ran.err
    assert "SUCCEEDED" in ran.err


def test_flags_alone_make_a_job(service: str, gemtune: Gemtune) -> None:
    ran = gemtune("create", *FLAGS, "--adapter-size", "8", "--display-name", "x", "--labels", "a=1,b=2", "-o", "json")
    job = json.loads(ran.out)
    assert job["baseModel"] == "gemini-3.5-flash"
    assert job["tunedModelDisplayName"] == "x"
    assert job["supervisedTuningSpec"]["hyperParameters"]["adapterSize"] == "ADAPTER_SIZE_EIGHT"
    assert {"a": "1", "b": "2"}.items() <= job["labels"].items()


def test_a_flag_wins_over_the_file(service: str, gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--epochs", "7", "--dry-run", "-o", "json")
    sent = json.loads(ran.out)["body"]
    assert sent["supervisedTuningSpec"]["hyperParameters"] == {"epochCount": "7", "adapterSize": "ADAPTER_SIZE_FOUR"}
    assert sent["tunedModelDisplayName"] == "summaries v2"


def test_a_spec_is_read_from_standard_input(service: str) -> None:
    ran = process("create", "-f", "-", "--dry-run", "-o", "json", stdin=SPEC)
    assert json.loads(ran.out)["body"]["baseModel"] == "gemini-3.5-flash"


def test_a_dry_run_prints_the_request_and_sends_nothing(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--dry-run", "--location", "europe-west4", "--project", "acme")
    first, body = ran.out.split("\n\n", 1)
    assert ran.status == 0
    assert first == (
        "POST https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west4/tuningJobs"
    )
    assert json.loads(body)["supervisedTuningSpec"]["trainingDatasetUri"] == "gs://bucket/train.jsonl"
    assert ran.err == "nothing was sent\n"


def test_a_dry_run_minds_endpoint_and_version(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", "-f", spec, "--dry-run", "--endpoint", "https://x.example", "--api-version", "v1beta1")
    assert ran.out.startswith("POST https://x.example/v1beta1/projects/demo/locations/us-central1/tuningJobs\n")


def test_what_a_dry_run_shows_is_what_is_sent(service: str, gemtune: Gemtune, spec: str) -> None:
    shown = json.loads(gemtune("create", "-f", spec, "--dry-run", "-o", "json").out)["body"]
    created = json.loads(gemtune("create", "-f", spec, "-o", "json").out)
    for key in ("baseModel", "tunedModelDisplayName", "supervisedTuningSpec"):
        assert created[key] == shown[key]


def test_global_options_stand_before_and_after_the_command(service: str, gemtune: Gemtune, spec: str) -> None:
    before = gemtune("-o", "json", "--location", "europe-west4", "create", "-f", spec, "--dry-run")
    after = gemtune("create", "-f", spec, "--dry-run", "-o", "json", "--region", "europe-west4")
    assert json.loads(before.out)["url"] == json.loads(after.out)["url"]


def test_mistakes_in_a_file_are_shown_in_their_places(service: str, gemtune: Gemtune, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SPEC.replace("ADAPTER_SIZE_FOUR", "4").replace("gs://bucket/train.jsonl", "train.csv"))
    ran = gemtune("create", "-f", str(bad))
    assert ran.status == 2
    assert ran.out == ""
    assert f"--> {bad}:5:52" in ran.err
    assert "write ADAPTER_SIZE_FOUR for rank 4" in ran.err
    assert "'train.csv' is a local path" in ran.err
    assert ran.err.endswith("2 errors\n")


def test_mistakes_in_flags_are_shown_as_those_of_a_file_and_name_the_flag(service: str, gemtune: Gemtune) -> None:
    flags = ["--base-model", "gemini-2.5-pro", "--train-dataset", "train.csv", "--rank", "16", "--label", "Team=x,b=Y"]
    ran = gemtune("create", *flags)
    assert ran.status == 2
    assert ran.out == ""
    places = re.findall(r"^(\S+): .*\n  --> (.*)$", ran.err, re.M)
    assert places == [
        ("error[label-key]", "--labels"),
        ("error[label-value]", "--labels"),
        ("warning[model-retiring]", "--base-model"),
        ("error[dataset-uri]", "--training-dataset-uri"),
        ("warning[unset-epochs]", "--epoch-count (not given)"),
        ("error[adapter-size]", "--adapter-size"),
    ]
    assert ran.err.endswith("\n4 errors, 2 warnings\n")


def test_mistakes_of_a_file_under_flags_have_their_places(service: str, gemtune: Gemtune, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SPEC.replace("gs://bucket/train.jsonl", "train.csv"))
    ran = gemtune("create", "-f", str(bad), "--base-model", "gemini-2.5-pro", "--rank", "16")
    assert ran.status == 2
    assert re.findall(r"^  --> (.*)$", ran.err, re.M) == ["--base-model", f"{bad}:4:25", "--adapter-size"]


def test_warnings_do_not_stop_a_job_and_q_hides_them(service: str, gemtune: Gemtune, tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text(SPEC.replace("gemini-3.5-flash", "gemini-1.0-pro-002"))
    ran = gemtune("create", "-f", str(old))
    assert ran.status == 0
    assert f"--> {old}:1:13" in ran.err
    assert gemtune("create", "-q", "-f", str(old)).err == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "--base-model (or --pre-tuned-model) and --training-dataset-uri are missing"),
        (["--base-model", "m"], "--training-dataset-uri is missing"),
        (["spec.yaml"], "a spec file is given with -f FILE"),
        ([*FLAGS, "--adapter-size", "3"], "the sizes are 1, 2, 4, 8, 16, 32"),
        ([*FLAGS, "--adapter-size", "ADAPTER_SIZE_3"], "the sizes are 1, 2, 4, 8, 16, 32"),
        ([*FLAGS, "--epochs", "-1"], "'-1' is not a whole number"),
        ([*FLAGS, "--learning-rate-multiplier", "nan"], "'nan' is not a number"),
        ([*FLAGS, "--labels", "novalue"], "write key=value"),
        ([*FLAGS, "--pre-tuned-model", "m"], "exclude each other"),
        ([*FLAGS, "--checkpoint-id", "3"], "--checkpoint-id needs --pre-tuned-model"),
        ([*FLAGS, "--timeout", "5s"], "add --wait"),
        ([*FLAGS, "--wait", "--poll-interval", "0"], "'0' is not from 0.1s"),
        ([*FLAGS, "--dry-run", "-o", "textproto"], "-o is table, json or yaml here"),
        ([*FLAGS, "--model", "m"], "did you mean --base-model?"),
        ([*FLAGS, "--epcohs", "3"], "did you mean --epochs?"),
        (["-f", "no-such-file.yaml"], "no-such-file.yaml: cannot be read: No such file"),
        (["-f", "/"], "Is a directory"),
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(gemtune: Gemtune, args: list[str], said: str) -> None:
    ran = gemtune("create", *args)
    assert ran.status == 2
    assert ran.out == ""
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_a_flag_that_the_files_kind_of_spec_does_not_have_is_refused(gemtune: Gemtune, tmp_path: Path) -> None:
    partner = tmp_path / "partner.yaml"
    partner.write_text("base_model: m\npartner_model_tuning_spec: {training_dataset_uri: 'gs://bucket/o.jsonl'}\n")
    ran = gemtune("create", "-f", str(partner), "--epochs", "3")
    assert ran.status == 2
    assert "the file's partner_model_tuning_spec has no such field" in ran.err


def test_a_flag_goes_into_the_kind_of_spec_that_the_file_has(gemtune: Gemtune, tmp_path: Path) -> None:
    preference = tmp_path / "preference.yaml"
    preference.write_text(
        "base_model: gemini-3.5-flash\npreference_optimization_spec: {training_dataset_uri: 'gs://bucket/o.jsonl'}\n"
    )
    ran = gemtune("create", "-f", str(preference), "--epochs", "3", "--rank", "4", "--dry-run", "-q", "-o", "json")
    assert json.loads(ran.out)["body"]["preferenceOptimizationSpec"]["hyperParameters"] == {
        "epochCount": "3",
        "adapterSize": "ADAPTER_SIZE_FOUR",
    }
