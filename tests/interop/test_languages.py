"""The judge of the programs in other languages: held against a program that is right, and against ways to be wrong."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import gemtune

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    location = importlib.util.spec_from_file_location("interop_run", HERE / "run.py")
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    sys.modules["interop_run"] = module  # dataclasses look their module up
    location.loader.exec_module(module)
    return module


Job = gemtune.TuningJob


def answer(
    judge: ModuleType, cases: list[object], out: Path, spoil: Callable[[Job], Job] = lambda job: job
) -> list[str]:
    """What a program would write and print that reads and writes as gemtune does, but for `spoil`."""
    lines = []
    for i, case in enumerate(cases):
        job = spoil(judge.read(case.path))  # type: ignore[attr-defined]
        (out / f"{i}.binpb").write_bytes(job.SerializeToString())
        (out / f"{i}.json").write_text(gemtune.to_json(job), encoding="utf-8")
        (out / f"{i}.back.binpb").write_bytes(gemtune.from_json(gemtune.to_json(job), Job).SerializeToString())
        try:
            lines.append(gemtune.fingerprint(job))
        except gemtune.SpecInvalid:
            lines.append("refused: unknown field")
    return lines


def test_a_program_that_is_right_has_no_mistakes(judge: ModuleType, tmp_path: Path) -> None:
    cases = judge.vectors() + judge.mutated(tmp_path)
    assert list(judge.mistakes(cases, answer(judge, cases, tmp_path), tmp_path)) == []


def _without_unknown(job: Job) -> Job:
    job.DiscardUnknownFields()
    return job


def _without_labels(job: Job) -> Job:
    job.ClearField("labels")
    return job


def _with_whole_epochs(job: Job) -> Job:
    parameters = job.supervised_tuning_spec.hyper_parameters
    if parameters.epoch_count > 2**53:
        parameters.epoch_count = int(float(parameters.epoch_count)) - 1024
    return job


@pytest.mark.parametrize(
    ("spoil", "vector"),
    [
        (_without_unknown, "unknown-field.binpb"),
        (_without_labels, "labels-unicode.json"),
        (_with_whole_epochs, "int64-largest.binpb"),
    ],
)
def test_a_program_that_loses_something_is_caught(
    judge: ModuleType, tmp_path: Path, spoil: Callable[[Job], Job], vector: str
) -> None:
    cases = judge.vectors()
    wrong = list(judge.mistakes(cases, answer(judge, cases, tmp_path, spoil), tmp_path))
    assert any(line.startswith(f"{vector}: ") for line in wrong)


def test_a_program_that_takes_a_mutated_vector_for_the_original_is_caught(judge: ModuleType, tmp_path: Path) -> None:
    cases = judge.mutated(tmp_path)
    lines = answer(judge, cases, tmp_path)
    original = gemtune.fingerprint(judge.read(judge.VECTORS / "documented.binpb"))
    wrong = list(judge.mistakes(cases, [original] * len(lines), tmp_path))
    assert len(wrong) == len(cases)


def test_a_program_that_stops_early_is_caught(judge: ModuleType, tmp_path: Path) -> None:
    cases = judge.vectors()
    wrong = list(judge.mistakes(cases, answer(judge, cases, tmp_path)[:-1], tmp_path))
    assert wrong == [wrong[0]]
    assert "lines for" in wrong[0]


def test_a_language_that_may_not_be_left_out_is_an_error_when_it_is(
    judge: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judge, "missing", lambda name, environ: "compiler (Debian: compiler)")
    monkeypatch.setattr(sys, "argv", ["run.py", "go,rust"])
    assert judge.main() == 0
    assert "go: left out, there is no compiler (Debian: compiler)" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["run.py", "--require", "go"])
    assert judge.main() == 1


@pytest.mark.parametrize("name", ["typescript", "go", "java", "cpp", "rust"])
def test_the_guide_has_the_commands_of_each_language(judge: ModuleType, name: str) -> None:
    assert judge.commands(judge.LANGUAGES[name]).startswith("gemtune schema --")
