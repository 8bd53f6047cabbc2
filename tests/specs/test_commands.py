"""`gemtune validate` and `gemtune models`, as a shell runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import GOOD

BAD = GOOD.replace("ADAPTER_SIZE_FOUR", "4") + "    learning_rate_multiplyer: 1\n"


def gemtune(*arguments: str, cwd: Path, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gemtune.cli", *arguments],
        cwd=cwd,
        input=stdin,
        env=dict(os.environ) | {"PYTHONIOENCODING": "utf-8"} | environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "old.yaml").write_text(GOOD.replace("gemini-3.5-flash", "gemini-1.0-pro-002"))
    (tmp_path / "broken.yaml").write_text("a: [\n")
    return tmp_path


def test_a_valid_spec_is_told_so(folder: Path) -> None:
    done = gemtune("validate", "-f", "good.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("✓ spec is valid  good.yaml · sha256:")


def test_mistakes_are_shown_as_a_compiler_shows_them(folder: Path) -> None:
    done = gemtune("validate", "-f", "bad.yaml", cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        done.stderr
        == """\
error[adapter-size-number]: 4 is an enum number here and would mean rank 16 (ADAPTER_SIZE_SIXTEEN)
  --> bad.yaml:11:19
  11 |     adapter_size: 4
     |                   ^ write ADAPTER_SIZE_FOUR for rank 4, or ADAPTER_SIZE_SIXTEEN for rank 16
error[unknown-field]: learning_rate_multiplyer: no such field
  --> bad.yaml:12:5
  12 |     learning_rate_multiplyer: 1
     |     ^^^^^^^^^^^^^^^^^^^^^^^^ did you mean learning_rate_multiplier?

2 errors
"""
    )


def test_a_machine_gets_the_same_as_json(folder: Path) -> None:
    done = gemtune("validate", "good.yaml", "bad.yaml", "broken.yaml", "-o", "json", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "")
    report = json.loads(done.stdout)
    assert report["valid"] is False
    assert [(file["file"], file["valid"]) for file in report["files"]] == [
        ("good.yaml", True),
        ("bad.yaml", False),
        ("broken.yaml", False),
    ]
    findings = [finding for file in report["files"] for finding in file["findings"]]
    assert [(f["rule_id"], f["severity"], f["line"], f["column"]) for f in findings] == [
        ("adapter-size-number", "error", 11, 19),
        ("unknown-field", "error", 12, 5),
        ("unreadable", "error", 2, 1),
    ]


def test_warnings_fail_only_where_that_is_asked_for(folder: Path) -> None:
    assert gemtune("validate", "old.yaml", cwd=folder).returncode == 0
    assert gemtune("validate", "old.yaml", "--strict", cwd=folder).returncode == 2
    assert "warning[model-retired]" in gemtune("validate", "old.yaml", cwd=folder).stderr
    assert gemtune("validate", "old.yaml", "-q", cwd=folder).stderr == ""


def test_several_specs_of_standard_input_are_each_validated(folder: Path) -> None:
    done = gemtune("validate", "-f", "-", "-o", "json", cwd=folder, stdin=f"{GOOD}---\n{BAD}")
    assert [file["valid"] for file in json.loads(done.stdout)["files"]] == [True, False]


def test_locations_count_where_one_is_given(folder: Path) -> None:
    assert gemtune("validate", "good.yaml", cwd=folder).returncode == 0
    done = gemtune("validate", "good.yaml", "--location", "global", cwd=folder)
    assert done.returncode == 2
    assert "error[location-global]" in done.stderr
    assert gemtune("validate", "good.yaml", cwd=folder, GOOGLE_CLOUD_LOCATION="global").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate"], "give a spec: gemtune validate -f FILE"),
        (["validate", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        (["validate", "broken.yaml"], "broken.yaml:2:1: not YAML"),
        (["models", "gemini-3.5-flsh"], "'gemini-3.5-flsh' is not in the catalogue; did you mean gemini-3.5-flash?"),
        (
            ["models", "gemini-2.5-pr"],
            "'gemini-2.5-pr' is not in the catalogue; did you mean gemini-2.5-pro (closed to new projects 2026-09-20)?",
        ),
        (["models", "gemini-9-flash"], "'gemini-9-flash' is not in the catalogue; it is newer than what is known here"),
        (
            ["models", "gemini"],
            "'gemini' is not in the catalogue; the models are gemini-3.5-flash, gemini-3.5-flash-lite,",
        ),
        (["models", "gemini-2.5-pro", "--location", "us-central1"], "--location chooses from the list; leave it out"),
    ],
)
def test_a_wrong_command_is_answered_with_one_sentence(folder: Path, arguments: list[str], said: str) -> None:
    done = gemtune(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: {said}" in done.stderr
    assert "Traceback" not in done.stderr


def test_models_are_a_table_for_people_and_whole_for_machines(folder: Path) -> None:
    table = gemtune("models", cwd=folder).stdout.split("\n")
    assert table[0].split()[:2] == ["MODEL", "STATUS"]
    assert any(line.startswith("gemini-2.5-pro ") and "1 2 4 8 " in line for line in table)
    models = {m["name"]: m for m in json.loads(gemtune("models", "--all", "-o", "json", cwd=folder).stdout)["models"]}
    assert models["gemini-1.0-pro-002"]["default_adapter_size"] == 1
    one = json.loads(gemtune("models", "gemini-1.0-pro-002", "-o", "json", cwd=folder).stdout)
    assert one == models["gemini-1.0-pro-002"]


def test_models_that_are_retired_come_last_and_when_asked_for(folder: Path) -> None:
    assert "retired" not in gemtune("models", cwd=folder).stdout
    statuses = [line.split()[1] for line in gemtune("models", "--all", cwd=folder).stdout.splitlines()[1:]]
    assert set(statuses) == {"offered", "closed", "retired"}
    assert "retired" not in statuses[: -statuses.count("retired")]


def test_models_of_a_location_are_those_that_may_be_tuned_there(folder: Path) -> None:
    listed = gemtune("models", "--location", "us-east4", cwd=folder).stdout
    assert "gemini-2.5-flash " in listed  # whose regions are not known
    assert "gemini-3.5-flash " not in listed
    assert "gemini-3.5-flash " in gemtune("models", "--region", "europe-west4", cwd=folder).stdout


def test_models_of_the_users_own_are_among_them(folder: Path) -> None:
    (folder / "mine.yaml").write_text("models: {our-model: {kind: google, adapter_sizes: [2]}}")
    assert "our-model" in gemtune("models", cwd=folder, GEMTUNE_MODELS="mine.yaml").stdout
    done = gemtune("models", cwd=folder, GEMTUNE_MODELS="none.yaml")
    assert done.returncode == 2
    assert "the catalogue of base models cannot be read" in done.stderr
