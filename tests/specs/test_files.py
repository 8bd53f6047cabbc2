"""Spec files: what they may look like, and what is said about those that cannot be read."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.errors import SpecFileError, SpecInvalid
from gemtune.specs import SpecFileInvalid, dumps_spec, load_spec, load_specs, loads_spec, read_specs, save_spec
from gemtune.specs.read.document import FORMATS
from gemtune.specs.read.tree import MAX_BYTES
from tests.support import spec_document
from tests.support.jobs import GOOD, changed, good


def refusal(text: str | bytes, form: str = "yaml") -> SpecFileInvalid:
    with pytest.raises(SpecFileInvalid) as caught:
        loads_spec(text, form)
    return caught.value


def unreadable(text: str | bytes, form: str = "yaml") -> SpecFileError:
    with pytest.raises(SpecFileError) as caught:
        loads_spec(text, form)
    assert not isinstance(caught.value, SpecFileInvalid)
    return caught.value


# -- formats ------------------------------------------------------------------------------------------------------------

ENDINGS = [".yaml", ".yml", ".json", ".jsonc", ".textproto", ".txtpb", ".pbtxt", ".binpb", ".pb", ".YAML"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_saved_spec_is_read_back_by_its_ending(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"spec{ending}"
    save_spec(good(), path)
    assert load_spec(path) == load_spec(str(path)) == good()


@pytest.mark.parametrize("form", FORMATS)
def test_a_text_of_a_spec_is_read_back_in_every_format(form: str) -> None:
    made = dumps_spec(good(), form)
    assert isinstance(made, bytes if form == "binpb" else str)
    assert loads_spec(made, form) == good()


def test_both_spellings_of_names_may_be_mixed_in_one_file() -> None:
    text = GOOD.replace("base_model", "baseModel").replace("hyper_parameters", "hyperParameters")
    assert loads_spec(text.replace("epoch_count", "epochCount"), "yaml") == good()


def test_an_open_file_is_read_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD)
    with path.open("rb") as file:
        assert load_spec(file) == good()
    with path.open() as file:
        assert load_spec(file) == good()
    assert load_spec(io.StringIO(GOOD)) == good()


@pytest.mark.parametrize("name", ["spec", "spec.txt", "SPEC.TXT"])
def test_an_ending_that_says_nothing_is_none(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(GOOD)
    assert load_spec(tmp_path / name) == good()


def test_without_an_ending_a_brace_makes_it_json() -> None:
    assert load_spec(io.StringIO('  {"baseModel": "m"} // comment')).base_model == "m"
    assert load_spec(io.BytesIO(b"baseModel: m")).base_model == "m"


@pytest.mark.parametrize("form", FORMATS)
def test_standard_input_and_output_are_a_dash(form: str) -> None:
    program = f"import gemtune; gemtune.save_spec(gemtune.load_spec('-', format={form!r}), '-', format={form!r})"
    made = dumps_spec(good(), form)
    data = made if isinstance(made, bytes) else made.encode()
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], input=data, capture_output=True, check=True)
    assert done.stdout == data


def test_the_specifications_own_bodies_are_specs() -> None:
    """Mixed spellings and trailing commas, word for word."""
    values = {name: "4" if name == "EPOCH_COUNT" else "gs://acme/x.jsonl" for name in spec_document.PLACEHOLDERS} | {
        "ADAPTER_SIZE": '"ADAPTER_SIZE_FOUR"',
        "LEARNING_RATE_MULTIPLIER": "1.0",
    }
    bodies = [spec_document.render(request, values).body for request in spec_document.curl_requests()]
    jobs = [loads_spec(body, "json") for body in bodies if body]
    assert [job.supervised_tuning_spec.training_dataset_uri for job in jobs] == ["", *["gs://acme/x.jsonl"] * 2]
    assert [job.tuned_model_display_name for job in jobs] == ["", "", "gs://acme/x.jsonl"]


# -- several specs --------------------------------------------------------------------------------------------------------


def test_several_documents_are_several_specs(tmp_path: Path) -> None:
    path = tmp_path / "specs.yaml"
    path.write_text("---\nbase_model: a\n---\n# nothing\n---\nbase_model: b\n...\n")
    assert [job.base_model for job in load_specs(path)] == ["a", "b"]


def test_several_specs_are_not_one() -> None:
    error = unreadable("base_model: a\n---\nbase_model: b\n")
    assert (error.line, error.column) == (3, 1)
    assert "there are 2 specs in the file and one is wanted" in str(error)


def test_mistakes_of_a_later_document_have_its_lines() -> None:
    specs = read_specs(io.StringIO("base_model: a\n---\nbass_model: b\n"))
    assert [[finding.position.line for finding in spec.findings if finding.position] for spec in specs] == [[], [3]]


# -- mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("supervised_tuning_spec: {hyper_parameters: {epoch_count: many}}",
         "<text>:1:58: many is not a number (in supervised_tuning_spec.hyper_parameters.epoch_count)"),
        ("supervised_tuning_spec:\n  hyper_parameters:\n    adapter_size:\n      4\n",
         "for rank 16 (in supervised_tuning_spec.hyper_parameters.adapter_size)"),
        ("labels:\n  team:\n    - a\n", "<text>:3:5: a list is not text (in labels.team)"),
    ],
)  # fmt: skip
def test_an_error_names_its_field_as_well_as_its_place(text: str, said: str) -> None:
    with pytest.raises(SpecFileError) as caught:
        loads_spec(text, "yaml")
    assert said in str(caught.value)


def test_an_unknown_field_is_named_with_its_place_and_the_nearest_valid_name() -> None:
    error = refusal(GOOD + "    learning_rate_multiplyer: 1\n")
    assert (error.file, error.line, error.column) == ("<text>", 12, 5)
    assert str(error) == "<text>:12:5: learning_rate_multiplyer: no such field; did you mean learning_rate_multiplier?"


@pytest.mark.parametrize("bare", ["4", '"4"', "4.0", "'4'", "4e0"])
def test_a_bare_number_for_the_adapter_size_is_refused_with_the_names_it_could_have_meant(bare: str) -> None:
    error = refusal(GOOD.replace("ADAPTER_SIZE_FOUR", bare))
    assert error.line == 11
    assert "ADAPTER_SIZE_FOUR for rank 4" in str(error)
    assert "ADAPTER_SIZE_SIXTEEN for rank 16" in str(error)


def test_all_mistakes_are_told_at_once_and_as_violations_too() -> None:
    error = refusal("bass_model: a\ndescription: [1]\n")
    assert isinstance(error, SpecInvalid)
    assert [(v.field, v.reason) for v in error.violations.field_violations] == [
        ("bass_model", "unknown-field"),
        ("description", "wrong-type"),
    ]


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("base_model: a\nbase_model: b", "yaml", "2:1: base_model is here twice"),
        ("base_model: a\nbaseModel: b", "yaml", "2:1: baseModel and base_model are the same field"),
        ("labels: {a: x, a: y}", "yaml", "1:16: a is here twice"),
        ('{"labels": {"a": "x",\n"a": "y"}}', "json", "2:1: a is here twice"),
        ('{"baseModel": "a", "base_model": "a"}', "json", "1:20: base_model and baseModel are the same field"),
        ("base_model: a\npre_tuned_model: {}", "yaml", "2:1: pre_tuned_model and base_model exclude each other"),
        ("base_model: [a]", "yaml", "1:13: a list is not text"),
        ('{"baseModel": 4}', "json", "1:15: 4 is not text; write it in double quotes"),
        ('{"baseModel": true}', "json", "1:15: true is not text"),
        ("supervised_tuning_spec: x", "yaml", "1:25: x is not a mapping of fields"),
        ("supervised_tuning_spec: {export_last_checkpoint_only: yes}", "yaml", "yes is neither true nor false"),
        (
            "supervised_tuning_spec: {hyper_parameters: {epoch_count: 1_000}}",
            "yaml",
            "1_000 is not a number; write 1000",
        ),
        ("supervised_tuning_spec: {hyper_parameters: {epoch_count: 010}}", "yaml", "without the leading 0"),
        ("supervised_tuning_spec: {hyper_parameters: {epoch_count: 1.5}}", "yaml", "1.5 is not a whole number"),
        ("supervised_tuning_spec: {hyper_parameters: {epoch_count: 9223372036854775808}}", "yaml", "is out of range"),
        ("supervised_tuning_spec: {hyper_parameters: {epoch_count: four}}", "yaml", "four is not a number"),
        ("supervised_tuning_spec: {hyper_parameters: {learning_rate_multiplier: 1e999}}", "yaml", "is out of range"),
        ("supervised_tuning_spec: {hyper_parameters: {adapter_size: FOUR}}", "yaml", "did you mean ADAPTER_SIZE_FOUR?"),
        ("labels: {a: }", "yaml", 'a has no value; for an empty text write ""'),
        ("labels: [a]", "yaml", "a list is not a mapping"),
        ("- base_model: a", "yaml", "a spec is a mapping of fields, and this is a list"),
        ("a: <<", "yaml", "a: no such field"),
        ("<<: {base_model: a}", "yaml", "<< merges mappings in YAML 1.1 only"),
        ("create_time: yesterday", "yaml", "yesterday is no Timestamp"),
        ('{"labels": {"a": "\\ud800"}}', "json", "half a surrogate pair"),
        ("{supervised_tuning_spec: {evaluation_config: {metrics: {}}}}", "yaml", "a mapping is not a list"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(text: str, form: str, said: str) -> None:
    assert said in str(refusal(text, form))


@pytest.mark.parametrize(
    ("text", "form", "line", "said"),
    [
        ("a: [1\n", "yaml", 2, "not YAML"),
        ("base_model: a\n\tdescription: b", "yaml", 2, "there is a tab; YAML is indented with spaces"),
        ("a: \x07", "yaml", 1, "the character U+0007 is not allowed in YAML"),
        ("a: *b", "yaml", 1, "undefined alias"),
        ("", "yaml", None, "the file is empty"),
        ("# only this\n---\n", "yaml", None, "the file is empty"),
        (" \n", "json", None, "the file is empty"),
        ("{'a': 1}", "json", 1, "JSON has double ones"),
        ('{"a": "b\n"}', "json", 1, "a string that is not closed on its line"),
        ('{"a": 1,\n"b" 2}', "json", 2, "found '2' where a colon should be"),
        ('{"a": 01}', "json", 1, "found '01' where a value should be"),
        ('{"a": +1}', "json", 1, "found '+1' where a value should be"),
        ('{"a": 1}}', "json", 1, "where the end of the file after the spec should be"),
        ('{"a": [1, 2', "json", 1, "found the end of the file where a comma or ] should be"),
        ('{"a": "\\x"}', "json", 1, "not JSON"),
        ("base_model 'a'", "textproto", 1, "not textproto"),
        ('base_model: "a"\nbase_model: "b"', "textproto", 2, "should not have multiple"),
        ("state: JOB_STATE_FOO", "textproto", 1, "JOB_STATE_FOO"),
        (b"\xff\xff\xff", "binpb", None, "not the bytes of a TuningJob of at most 100 levels"),
        ("base_model", "binpb", None, "the format binpb is bytes"),
        (b"base_model: \xff\n", "yaml", 1, "not UTF-8 text"),
        ("base_model: é".encode("utf-16"), "yaml", 1, "not UTF-8 text"),
    ],
)
def test_what_is_no_text_of_its_format_is_one_sentence_with_a_line(
    text: str | bytes, form: str, line: int | None, said: str
) -> None:
    error = unreadable(text, form)
    assert said in str(error)
    assert error.line == line
    assert "\n" not in str(error)


@pytest.mark.parametrize(("form", "text"), [("yaml", "{}\n"), ("json", "{}\n"), ("textproto", ""), ("binpb", b"")])
def test_a_job_without_fields_has_a_form_too(form: str, text: str | bytes) -> None:
    assert dumps_spec(gemtune.TuningJob(), form) == text
    assert loads_spec(text, form) == gemtune.TuningJob()


def test_a_mark_at_the_beginning_is_no_part_of_the_text() -> None:
    assert loads_spec(b"\xef\xbb\xbfbase_model: a", "yaml").base_model == "a"
    assert loads_spec("\ufeffbase_model: a", "yaml").base_model == "a"


# -- what YAML thinks of plain scalars ------------------------------------------------------------------------------------

AMBIGUOUS = ["no", "yes", "on", "Off", "true", "y", "1e3", "1.10", "007", "0x1F", "1_000", "12:30:00", ".5", ".inf", "2024-01-01"]  # fmt: skip


@pytest.mark.parametrize("word", AMBIGUOUS)
def test_a_plain_scalar_in_a_string_field_is_the_text_as_written_and_the_other_reading_is_told(word: str) -> None:
    spec = read_specs(io.StringIO(f"base_model: m\nlabels: {{a: {word}}}\n"))[0]
    assert spec.job.labels["a"] == word
    assert [finding.rule_id for finding in spec.findings] == ["yaml-unquoted"]
    quoted = read_specs(io.StringIO(f'base_model: m\nlabels: {{a: "{word}"}}\n'))[0]
    assert (quoted.job.labels["a"], quoted.findings) == (word, ())


OTHERS = [
    "null",
    "~",
    "",
    " a",
    "a: b",
    "#a",
    "a #b",
    "é",
    "a\nb",
    "日本",
    "\x85",
    "\u2028",
    "a\r\nb",
    "\t",
    "\x07",
    "😀",
]


@pytest.mark.parametrize("word", [*AMBIGUOUS, *OTHERS])
def test_a_dumped_text_is_a_text_to_other_yaml_readers_too(word: str) -> None:
    import yaml

    job = gemtune.TuningJob(description=word, labels={"a": word})
    text = dumps_spec(job, "yaml")
    assert loads_spec(text, "yaml") == job
    assert yaml.safe_load(text)["labels"]["a"] == word
    assert read_specs(io.StringIO(text))[0].findings == ()


@pytest.mark.parametrize(
    ("word", "value"), [("1e-5", 1e-5), ("1", 1.0), ("'2.5'", 2.5), (".5", 0.5), ("5.", 5.0), ("-0.0", 0.0)]
)
def test_numbers_are_numbers_however_yaml_1_1_reads_them(word: str, value: float) -> None:
    text = f"supervised_tuning_spec: {{hyper_parameters: {{learning_rate_multiplier: {word}}}}}"
    assert loads_spec(text, "yaml").supervised_tuning_spec.hyper_parameters.learning_rate_multiplier == value


def test_what_is_empty_is_not_set() -> None:
    job = loads_spec("base_model: m\ndescription:\nsupervised_tuning_spec: ~\nlabels: null\n", "yaml")
    assert job == gemtune.TuningJob(base_model="m")


# -- safety ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["!!python/object/apply:os.system [ls]", "!!str x", "!custom x", "!!binary aGk="])
def test_tags_mean_nothing_and_are_refused(value: str) -> None:
    assert [v.reason for v in refusal(f"description: {value}").violations.field_violations] == ["yaml-tag"]
    assert "yaml-tag" in {
        v.reason for v in refusal(f"{value.split(maxsplit=1)[0]} description: x").violations.field_violations
    }


def test_aliases_are_read_and_cannot_multiply() -> None:
    text = "base_model: m\nsupervised_tuning_spec: {training_dataset_uri: &u gs://a/b, validation_dataset_uri: *u}"
    assert loads_spec(text, "yaml").supervised_tuning_spec.validation_dataset_uri == "gs://a/b"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    bomb = f"partner_model_tuning_spec: {{hyper_parameters: {{b: {{{', '.join(lines)}}}}}}}"
    assert "more than 100,000 values, aliases counted where they are used" in str(refusal(bomb))


def test_an_alias_of_itself_is_too_deep() -> None:
    assert "nested more than 100 levels deep" in str(
        refusal("partner_model_tuning_spec: {hyper_parameters: &a {b: {c: *a}}}")
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("partner_model_tuning_spec: {hyper_parameters: {a: " + "[" * 200 + "]" * 200 + "}}", "yaml"),
        ("a: " + "[" * 100_000, "yaml"),
        ("a: " + "{a: " * 900 + "}" * 900, "yaml"),
        ("a: " + "{a: " * 101 + "}" * 101, "yaml"),
        ("- " * 100_000 + "a", "yaml"),
        ("? " * 100_000 + "a", "yaml"),
        ("".join(" " * i + "a:\n" for i in range(1500)), "yaml"),
        ('{"a": ' * 100_000, "json"),
        ("[" * 100_000, "json"),
        ("supervised_tuning_spec {" * 100_000, "textproto"),
        (b"\x2a\x7f" * 2000, "binpb"),
    ],
)
def test_what_is_nested_too_deeply_is_refused_in_a_sentence(text: str | bytes, form: str) -> None:
    """On a small stack as on a large one: no parser may end the process."""
    errors: list[SpecFileError] = []

    def load() -> None:
        with pytest.raises(SpecFileError) as refusal:
            loads_spec(text, form)
        errors.append(refusal.value)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=load)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    load()
    assert str(errors[0]) == str(errors[1])


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_too_large_is_refused_before_it_is_read(form: str) -> None:
    with pytest.raises(SpecFileError, match="larger than 4 MiB, which no spec is; is it a dataset"):
        loads_spec(b" " * (MAX_BYTES + 1), form)


def test_a_file_full_of_mistakes_tells_the_first_hundred() -> None:
    assert len(refusal("".join(f"field_{i}: x\n" for i in range(5000))).findings) == 100


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(SpecFileError, match="larger than 4 MiB"):
        load_spec("/dev/zero", format="yaml")


# -- files that are not there -----------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for path, said in [
        (tmp_path / "none.yaml", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "none.toml", "cannot be read: No such file or directory"),
        ("a\0b.yaml", "cannot be read"),
    ]:
        with pytest.raises(SpecFileError, match=said):
            load_spec(path)


def test_an_ending_that_is_not_known_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text("a = 1")
    with pytest.raises(SpecFileError, match=r"not known from the ending \.toml; the endings are \.yaml"):
        load_spec(path)
    with pytest.raises(SpecFileError, match=r"not known from the ending .jsonl, which is a dataset's; the endings"):
        load_spec(path.rename(tmp_path / "train.jsonl"))
    with pytest.raises(SpecFileError, match="not known from a name without ending"):
        save_spec(good(), tmp_path / "spec")
    with pytest.raises(SpecFileError, match="'toml' is not a format of a spec; the formats are yaml, json"):
        loads_spec("", "toml")


def test_saving_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spec.yaml"
    save_spec(good(), path)

    def full(self: Path, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SpecFileError, match="cannot be written: No space left on device"):
        save_spec(gemtune.TuningJob(base_model="other"), path)
    assert load_spec(path) == good()
    assert [entry.name for entry in tmp_path.iterdir()] == ["spec.yaml"]


def test_saving_keeps_the_files_mode_and_a_link_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "spec.yaml", tmp_path / "link.yaml"
    save_spec(good(), path)
    path.chmod(0o640)
    link.symlink_to(path)
    save_spec(good(), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_takes_the_files_place_is_on_the_disk_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("fsync"), sync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append("replace"), replace(self, to))[1])
    save_spec(good(), tmp_path / "spec.yaml")
    assert done == ["fsync", "replace"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give a file to another user")
def test_saving_keeps_the_files_owner(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    save_spec(good(), path)
    path.chmod(0o660)
    os.chown(path, 12345, 23456)
    save_spec(good(), path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 23456, 0o660)


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    before = os.umask(0o022)
    try:
        save_spec(good(), path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_saving_where_there_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecFileError, match="cannot be written: No such file or directory"):
        save_spec(good(), tmp_path / "none" / "spec.yaml")


@pytest.mark.parametrize("form", ["yaml", "json", "textproto"])
def test_a_format_that_cannot_hold_the_job_says_so(form: str) -> None:
    from_a_newer_one = gemtune.TuningJob.FromString(good().SerializeToString() + b"\xc8\x3e\x01")
    of_a_newer_rank = changed(supervised_tuning_spec__hyper_parameters__adapter_size=99)
    for job in (from_a_newer_one, of_a_newer_rank):
        with pytest.raises(SpecFileError, match="does not know; only binpb can hold it"):
            dumps_spec(job, form)
        assert loads_spec(dumps_spec(job, "binpb"), "binpb") == job


def test_the_json_of_a_spec_has_its_labels_in_order() -> None:
    labels = {f"label-{i}": "" for i in range(50)}
    text = dumps_spec(gemtune.TuningJob(labels=labels), "json")
    assert [line.split('"')[1] for line in text.split("\n") if "label-" in line] == sorted(labels)


def test_importing_gemtune_loads_no_yaml() -> None:
    program = "import sys, gemtune.specs; assert 'yaml' not in sys.modules; gemtune.loads_spec('{}', 'json')"
    subprocess.run([sys.executable, "-c", program + "; assert 'yaml' not in sys.modules"], check=True)
