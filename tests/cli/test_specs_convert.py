"""gemtune diff, convert, fingerprint, and a job taken back as a spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gemtune import fingerprint, load_spec, loads_spec
from gemtune.specs import request_of
from tests.support.commandline import Ran, process, terminal

Gemtune = Callable[..., Ran]
EPOCHS = "supervised_tuning_spec.hyper_parameters.epoch_count"


@pytest.fixture
def other(spec: str, tmp_path: Path) -> str:
    """The spec as JSON, with more epochs, another name left out and a label."""
    job = load_spec(spec)
    job.supervised_tuning_spec.hyper_parameters.epoch_count = 10
    job.tuned_model_display_name = ""
    job.labels["team"] = "search"
    path = tmp_path / "other.json"
    from gemtune import save_spec

    save_spec(job, path)
    return str(path)


# -- diff -------------------------------------------------------------------------------------------------------------


def test_the_differences_of_two_files_are_shown_and_the_status_is_1(gemtune: Gemtune, spec: str, other: str) -> None:
    ran = gemtune("diff", spec, other)
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.splitlines() == [
        f"--- {spec}",
        f"+++ {other}",
        '- tuned_model_display_name: "summaries v2"',
        f"~ {EPOCHS}: 4 -> 10",
        '+ labels.team: "search"',
    ]


def test_the_same_spec_in_another_format_is_no_difference(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    gemtune("convert", spec, str(tmp_path / "same.textproto"))
    ran = gemtune("diff", spec, str(tmp_path / "same.textproto"))
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == f"the same spec  {fingerprint(load_spec(spec))}\n"


def test_differences_for_a_program(gemtune: Gemtune, spec: str, other: str) -> None:
    ran = gemtune("diff", spec, other, "-o", "json")
    assert ran.status == 1
    assert json.loads(ran.out) == {
        "same": False,
        "old": {"name": spec, "fingerprint": fingerprint(load_spec(spec))},
        "new": {"name": other, "fingerprint": fingerprint(load_spec(other))},
        "changes": [
            {"path": "tuned_model_display_name", "old": "summaries v2", "new": None},
            {"path": EPOCHS, "old": 4, "new": 10},
            {"path": "labels.team", "old": None, "new": "search"},
        ],
    }


def test_no_difference_for_a_program(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("diff", spec, spec, "-o", "json")
    assert ran.status == 0
    assert (json.loads(ran.out)["same"], json.loads(ran.out)["changes"]) == (True, [])


def test_values_that_json_has_no_number_for_are_text(gemtune: Gemtune, tmp_path: Path) -> None:
    for name, rate in (("a", ".inf"), ("b", ".nan")):
        text = f"supervised_tuning_spec: {{hyper_parameters: {{learning_rate_multiplier: {rate}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    ran = gemtune("diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "-o", "json")
    [change] = json.loads(ran.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))["changes"]
    assert (change["old"], change["new"]) == ("Infinity", "NaN")


def test_fields_of_a_later_schema_are_a_difference_without_a_fingerprint(gemtune: Gemtune, tmp_path: Path) -> None:
    (tmp_path / "old.binpb").write_bytes(b"")
    (tmp_path / "new.binpb").write_bytes(b"\xfa\xff\x03\x02hi\xf0\xff\x03\x05")
    names = (str(tmp_path / "old.binpb"), str(tmp_path / "new.binpb"))
    assert gemtune("diff", *names).out.splitlines()[2:] == ["+ 8190: 5", "+ 8191: 2 bytes 6869"]
    tree = json.loads(gemtune("diff", *names, "-o", "json").out)
    assert tree["new"]["fingerprint"] is None
    assert [change["new"] for change in tree["changes"]] == [[5], ["aGk="]]


def test_a_spec_and_its_job_are_the_same_until_the_service_chooses(gemtune: Gemtune, service: str, spec: str) -> None:
    name = gemtune("create", "-f", spec).out.strip()
    ran = gemtune("diff", spec, name)
    assert (ran.status, ran.out) == (0, "")


def test_what_only_the_job_has_may_be_the_services_choice(gemtune: Gemtune, service: str, tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text(
        "base_model: gemini-3.5-flash\nsupervised_tuning_spec: {training_dataset_uri: gs://bucket/train.jsonl}\n"
    )
    full = tmp_path / "full.yaml"
    full.write_text(short.read_text() + "labels: {team: search}\n")
    name = gemtune("create", "-f", str(full)).out.strip()
    for sides, sign in (((str(short), name), "+"), ((name, str(short)), "-")):
        ran = gemtune("diff", *sides)
        assert ran.status == 1
        assert f'{sign} labels.team: "search"' in ran.out
        assert "where only the job has a value, the service may have chosen it" in ran.err


@pytest.mark.parametrize("job", ["4982013113894174720", "tuningJobs/4982013113894174720"])
def test_a_job_that_is_not_there_is_trouble_and_no_difference(
    gemtune: Gemtune, service: str, spec: str, job: str
) -> None:
    ran = gemtune("diff", spec, job)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {job}: the job cannot be read: ")


def test_a_file_that_is_called_like_a_job_is_a_file(
    gemtune: Gemtune, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("123").write_text(Path(spec).read_text())
    assert gemtune("diff", spec, "123").status == 0


def test_a_file_that_is_not_there_is_trouble(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("diff", spec, "specs/nothing.yaml")
    assert ran == Ran(2, "", "error: specs/nothing.yaml: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["-", "-"], "only one of the two can come from standard input"),
        (["a", "b", "-o", "textproto"], "a difference is not a message; -o takes table, json or yaml here"),
        (["a"], "NEW is missing"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_told(gemtune: Gemtune, args: list[str], sentence: str) -> None:
    ran = gemtune("diff", *args)
    assert (ran.status, ran.out) == (2, "")
    assert sentence in ran.err


def test_one_side_can_come_from_standard_input(spec: str) -> None:
    assert process("diff", spec, "-", stdin=Path(spec).read_text()).status == 0


def test_values_cannot_steer_a_terminal(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    job = load_spec(spec)
    job.description = "\x1b]0;title\x07"
    (tmp_path / "evil.binpb").write_bytes(job.SerializeToString())
    out = gemtune("diff", spec, str(tmp_path / "evil.binpb")).out
    assert r'+ description: "\u001b]0;title\u0007"' in out.splitlines()


def test_differences_are_coloured_on_a_terminal(spec: str, other: str) -> None:
    with terminal("diff", spec, other, width=200) as shown:
        assert shown.end() == 1
    assert b"\x1b[33m~ " in shown.written
    assert b"\x1b[32m+ " in shown.written
    assert b"\x1b[31m- " in shown.written
    with terminal("diff", spec, other, width=200, NO_COLOR="1") as shown:
        shown.end()
    assert b"\x1b[3" not in shown.written


# -- convert ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["yaml", "json", "textproto", "binpb"])
def test_a_spec_is_written_in_the_format_of_the_ending(
    gemtune: Gemtune, spec: str, tmp_path: Path, ending: str
) -> None:
    target = tmp_path / f"converted.{ending}"
    assert gemtune("convert", spec, str(target)) == Ran(0, "", f"wrote {target}\n")
    assert load_spec(target) == load_spec(spec)


@pytest.mark.parametrize("form", ["yaml", "json", "textproto"])
@pytest.mark.parametrize("option", ["--to", "-o"])
def test_a_spec_is_written_to_standard_output(gemtune: Gemtune, spec: str, form: str, option: str) -> None:
    ran = gemtune("convert", spec, option, form)
    assert (ran.status, ran.err) == (0, "")
    assert loads_spec(ran.out, form) == load_spec(spec)


def test_without_a_format_standard_output_is_yaml(gemtune: Gemtune, spec: str) -> None:
    assert gemtune("convert", spec).out.startswith("tuned_model_display_name: summaries v2\n")


def test_the_endings_can_be_overruled(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    (tmp_path / "spec.txt").write_text(Path(spec).read_text())
    ran = gemtune("convert", str(tmp_path / "spec.txt"), str(tmp_path / "out.txt"), "--from", "yaml", "--to", "json")
    assert ran.status == 0
    assert json.loads((tmp_path / "out.txt").read_text())["baseModel"] == "gemini-3.5-flash"


def test_standard_input_is_converted(spec: str) -> None:
    ran = process("convert", "-", "--to", "json", stdin=Path(spec).read_text())
    assert json.loads(ran.out)["baseModel"] == "gemini-3.5-flash"


def test_a_spec_with_a_mistake_is_not_converted(gemtune: Gemtune, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("base_modell: x\n")
    ran = gemtune("convert", str(tmp_path / "bad.yaml"), str(tmp_path / "out.json"))
    assert ran.status == 2
    assert "did you mean base_model?" in ran.err
    assert not (tmp_path / "out.json").exists()


def test_an_ending_of_no_format_is_told(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    ran = gemtune("convert", spec, str(tmp_path / "out.toml"))
    assert ran.status == 2
    assert "the format is not known from the ending .toml" in ran.err


def test_bytes_are_not_written_to_a_terminal(spec: str) -> None:
    with terminal("convert", spec, "--to", "binpb", width=200) as shown:
        assert shown.end() == 2
    assert "binpb is binary" in shown.text


# -- fingerprint ------------------------------------------------------------------------------------------------------


def test_the_fingerprint_of_one_spec_stands_alone(gemtune: Gemtune, spec: str) -> None:
    assert gemtune("fingerprint", spec) == Ran(0, f"{fingerprint(load_spec(spec))}\n", "")


def test_several_fingerprints_have_their_files_names(gemtune: Gemtune, spec: str, other: str) -> None:
    ran = gemtune("fingerprint", spec, other)
    assert ran.out.splitlines() == [f"{fingerprint(load_spec(file))}  {file}" for file in (spec, other)]


def test_specs_in_one_file_are_numbered(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    two = tmp_path / "two.yaml"
    two.write_text(f"{Path(spec).read_text()}---\nbase_model: gemini-2.5-pro\n")
    assert [line.split("  ")[1] for line in gemtune("fingerprint", str(two)).out.splitlines()] == [
        f"{two}#1",
        f"{two}#2",
    ]


def test_fingerprints_for_a_program(gemtune: Gemtune, spec: str) -> None:
    tree = json.loads(gemtune("fingerprint", spec, "-o", "json").out)
    assert tree == {"fingerprints": [{"file": spec, "fingerprint": fingerprint(load_spec(spec))}]}


def test_a_spec_that_is_not_understood_has_no_fingerprint(gemtune: Gemtune, tmp_path: Path) -> None:
    (tmp_path / "new.binpb").write_bytes(b"\xf0\xff\x03\x05")
    ran = gemtune("fingerprint", str(tmp_path / "new.binpb"))
    assert (ran.status, ran.out) == (2, "")
    assert "new.binpb: it has no fingerprint: " in ran.err


# -- get -o spec --------------------------------------------------------------------------------------------------------


def test_a_job_is_taken_back_as_the_spec_that_made_it(
    gemtune: Gemtune, service: str, spec: str, tmp_path: Path
) -> None:
    name = gemtune("create", "-f", spec).out.strip()
    ran = gemtune("get", name, "-o", "spec")
    assert (ran.status, ran.err) == (0, "")
    back = loads_spec(ran.out, "yaml")
    assert fingerprint(back) == fingerprint(load_spec(spec))
    assert (back.name, back.HasField("create_time"), dict(back.labels)) == ("", False, {})
    (tmp_path / "back.yaml").write_text(ran.out)
    assert gemtune("create", "-f", str(tmp_path / "back.yaml")).status == 0


def test_a_finished_job_can_be_submitted_again(gemtune: Gemtune, service: str, spec: str, tmp_path: Path) -> None:
    name = gemtune("create", "-f", spec, "--wait", "-q", "-o", "json").out
    done = loads_spec(name, "json")
    ran = gemtune("-o", "spec", "get", done.name)
    assert loads_spec(ran.out, "yaml") == request_of(done)
    (tmp_path / "again.yaml").write_text(ran.out)
    assert gemtune("create", "-f", str(tmp_path / "again.yaml")).status == 0


@pytest.mark.parametrize("args", [["list"], ["-o", "spec", "validate", "x.yaml"], ["models"]])
def test_other_commands_have_no_spec_to_show(gemtune: Gemtune, args: list[str]) -> None:
    ran = gemtune(*args, *([] if "-o" in args else ["-o", "spec"]))
    assert (ran.status, ran.out) == (2, "")
    assert "-o spec writes a job as a spec; use gemtune get JOB -o spec" in ran.err


def test_a_format_that_the_name_does_not_tell_is_said_by_an_option(gemtune: Gemtune, spec: str, tmp_path: Path) -> None:
    other = tmp_path / "spec.toml"
    assert "--to names the format" in gemtune("convert", spec, str(other)).err
    assert gemtune("convert", spec, str(other), "--to", "yaml").status == 0
    refused = gemtune("convert", str(other))
    assert refused.status == 2
    assert "--from names the format" in refused.err
    assert "format=" not in refused.err  # Python's word
