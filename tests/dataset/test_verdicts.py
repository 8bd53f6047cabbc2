"""Files in the shapes that people publish, with what a checker must find in them (tests/data/datasets/expected.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gemtune import dataset
from gemtune_pb.v1 import DatasetProblem, DatasetReport

FILES = Path(__file__).parent.parent / "data" / "datasets"
CASES: list[dict[str, Any]] = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))


def found(report: DatasetReport) -> set[tuple[int, str, str, str]]:
    return {(p.line, p.path, p.code, DatasetProblem.Severity.Name(p.severity)) for p in report.problems}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_what_must_be_found(case: dict[str, Any]) -> None:
    report = dataset.check(FILES / case["file"], base_model=case["base_model"], role=case["role"], job=case["job"])
    expected = {(e["line"], e["path"], e["code"], e["severity"]) for e in case["expected"]}
    assert expected <= found(report)
    more = found(report) - expected
    assert not [each for each in more if each[3] == "ERROR"], "an error that is none"


def test_preference_rows_for_supervised_tuning() -> None:
    report = dataset.check(FILES / "09-preference-docs-sample.jsonl", base_model="gemini-3.5-flash")
    assert report.problem_counts["GT210"] == report.example_count == 7
    assert {p.code for p in report.problems if p.severity == DatasetProblem.ERROR} == {"GT210"}


def test_function_calls_on_later_models() -> None:
    report = dataset.check(FILES / "02-function-calling-docs-sample.jsonl", base_model="gemini-2.5-flash")
    assert [p.line for p in report.problems if p.code == "GT607"] == [1, 2, 3]
    assert report.error_count == 0
