"""The schema as a product: the descriptor set, the `.proto` files, the JSON Schema, and what may not change."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import gemtune
from gemtune import schema
from gemtune.cli import run
from tests.support import spec_document

ROOT = Path(__file__).parents[1]
VECTORS = Path(__file__).parent / "vectors"
SPEC: dict[str, Any] = {
    "baseModel": "gemini-2.5-flash",
    "supervisedTuningSpec": {
        "trainingDatasetUri": "gs://bucket/train.jsonl",
        "hyperParameters": {"epochCount": 4, "learningRateMultiplier": 1.0, "adapterSize": "ADAPTER_SIZE_FOUR"},
    },
    "labels": {"team": "search"},
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema.json_schema())


def changed(path: str, value: Any) -> dict[str, Any]:
    """The spec with something else in one place; `...` removes it."""
    spec = copy.deepcopy(SPEC)
    *parents, last = path.split(".")
    place = spec
    for name in parents:
        place = place.setdefault(name, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return spec


# -- JSON Schema: what it takes -------------------------------------------------------------------------------------


def test_it_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema.json_schema(gemtune.ListTuningJobsResponse, outputs=True))


def seed_bodies() -> Iterator[Any]:
    """The documents' request bodies as a YAML parser reads them, trailing commas and mixed spellings included."""
    values = {name: f"gs://bucket/{name.lower()}.jsonl" for name in spec_document.PLACEHOLDERS}
    values |= {"EPOCH_COUNT": "4", "LEARNING_RATE_MULTIPLIER": "1.0", "ADAPTER_SIZE": '"ADAPTER_SIZE_FOUR"'}
    for request in [*spec_document.curl_requests(), *spec_document.powershell_requests()]:
        body = spec_document.render(request, values).body
        syntax = request.title == spec_document.SECTIONS[0]  # a form to fill in, without the required URI
        if request.method == "POST" and body and body.strip() and not syntax:
            yield pytest.param(yaml.safe_load(body), id=f"{request.title}, {len(body)} characters")


@pytest.mark.parametrize("body", list(seed_bodies()))
def test_the_documents_requests_are_valid(validator: jsonschema.Draft202012Validator, body: Any) -> None:
    validator.validate(body)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_valid(validator: jsonschema.Draft202012Validator, path: Path) -> None:
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


COMPLETE = (
    *("minimal", "documented", "evaluation", "labels-unicode", "text-awkward", "int64-largest", "int64-smallest"),
    *("double-nan", "double-infinity", "double-5e-324", "distillation", "partner-model", "veo", "preference"),
    *("full-fine-tuning", "reinforcement", "adapter-size-thirty-two"),
)


@pytest.mark.parametrize("name", [f"{name}.{suffix}" for name in COMPLETE for suffix in ("json", "snake.json")])
def test_what_google_writes_is_valid(validator: jsonschema.Draft202012Validator, name: str) -> None:
    validator.validate(json.loads((VECTORS / name).read_text(encoding="utf-8")))


def test_an_answer_of_the_service_is_valid_with_outputs() -> None:
    job = json.loads((VECTORS / "finished-job.json").read_text(encoding="utf-8"))
    whole = schema.json_schema(outputs=True)
    jsonschema.Draft202012Validator(whole).validate(job)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("supervisedTuningSpec.hyperParameters.epochCount", "4"),
        ("supervisedTuningSpec.hyperParameters.epochCount", 9223372036854775807),
        ("supervisedTuningSpec.hyperParameters.learningRateMultiplier", 1),
        ("supervisedTuningSpec.hyperParameters.learningRateMultiplier", "1e-7"),
        ("supervisedTuningSpec.hyperParameters", ...),
        ("tuned_model_display_name", "größe"),
    ],
)
def test_other_ways_to_say_it_are_valid(validator: jsonschema.Draft202012Validator, path: str, value: Any) -> None:
    validator.validate(changed(path, value))


# -- JSON Schema: what it refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("supervisedTuningSpec.hyperParameters.learning_rate_multiplyer", 1, "learning_rate_multiplyer"),
        ("supervisedTuningSpec.hyperParameters.adapterSize", 4, "ADAPTER_SIZE_FOUR"),
        ("supervisedTuningSpec.hyperParameters.adapterSize", "4", "ADAPTER_SIZE_FOUR"),
        ("supervisedTuningSpec.hyperParameters.adapterSize", "ADAPTER_SIZE_THREE", "ADAPTER_SIZE_FOUR"),
        ("supervisedTuningSpec.hyperParameters.epochCount", 4.5, "4.5"),
        ("supervisedTuningSpec.hyperParameters.epochCount", "four", "four"),
        ("supervisedTuningSpec.hyperParameters.epochCount", 2**63, str(2**63)),
        ("supervisedTuningSpec.hyperParameters.learningRateMultiplier", True, "True"),
        ("supervisedTuningSpec.hyperParameters.learningRateMultiplier", "fast", "fast"),
        ("supervisedTuningSpec.exportLastCheckpointOnly", "yes", "boolean"),
        ("supervisedTuningSpec.trainingDatasetUri", ["gs://b/o"], "string"),
        ("supervisedTuningSpec.trainingDatasetUri", ..., "training_dataset_uri"),
        ("supervisedTuningSpec", "gs://b/o", "object"),
        ("labels", {"team": 1}, "string"),
        ("labels", ["team"], "object"),
        ("baseModel", None, "string"),
        ("base_model", "given twice", "base"),
        ("preTunedModel", {"tunedModelName": "a second source"}, "preTunedModel"),
        ("distillation_spec", {}, "supervisedTuningSpec"),
        ("state", "JOB_STATE_RUNNING", "state"),
        ("name", "projects/p/locations/l/tuningJobs/1", "name"),
        ("evaluationConfig", {}, "evaluationConfig"),
    ],
)
def test_a_mistake_is_refused(validator: jsonschema.Draft202012Validator, path: str, value: Any, says: str) -> None:
    validator.validate(SPEC)
    errors = list(validator.iter_errors(changed(path, value)))
    assert errors
    assert says in "\n".join(str(error) for error in errors)


def test_fields_and_values_carry_the_comments_of_the_schema() -> None:
    definitions = schema.json_schema()["$defs"]
    field = definitions["SupervisedTuningSpec"]["properties"]
    assert "gs://" in field["trainingDatasetUri"]["description"]
    assert field["training_dataset_uri"] == field["trainingDatasetUri"]
    sizes = {value["const"]: value for value in definitions["SupervisedHyperParameters.AdapterSize"]["oneOf"]}
    assert "4" in sizes["ADAPTER_SIZE_FOUR"]["description"]


def test_every_field_of_a_spec_is_described() -> None:
    definitions = schema.json_schema()["$defs"]
    silent = [
        f"{kind}.{name}"
        for kind, definition in definitions.items()
        for name, field in definition.get("properties", {}).items()
        if "description" not in field
    ]
    assert silent == []


def test_with_outputs_every_field_of_every_message_is_there_in_both_spellings() -> None:
    for name, definition in schema.json_schema(outputs=True)["$defs"].items():
        if "oneOf" in definition:
            continue
        pool = descriptor_pool.Default()
        fields = pool.FindMessageTypeByName(name if name.startswith("google.") else f"gemtune.v1.{name}").fields
        assert set(definition["properties"]) == {spelling for f in fields for spelling in (f.name, f.json_name)}


# -- JSON Schema: strict validators, and where it and the loader differ ----------------------------------------------

# Annotations and assertions of draft 2020-12; a validator in strict mode refuses all others.
KEYWORDS = frozenset(
    "$schema $ref $defs title description deprecated type properties additionalProperties required dependentSchemas allOf anyOf "
    "oneOf const items minimum maximum pattern contentEncoding".split()
)


def unknown_keywords(place: Any) -> set[str]:
    if not isinstance(place, dict):
        return set()
    found = place.keys() - KEYWORDS
    for name in ("properties", "$defs", "dependentSchemas"):
        for part in place.get(name, {}).values():
            found |= unknown_keywords(part)
    for name in ("additionalProperties", "items"):
        found |= unknown_keywords(place.get(name))
    for name in ("allOf", "anyOf", "oneOf"):
        for part in place.get(name, []):
            found |= unknown_keywords(part)
    return found


@pytest.mark.parametrize("outputs", [False, True])
def test_every_keyword_is_the_drafts(outputs: bool) -> None:
    assert unknown_keywords(schema.json_schema(outputs=outputs)) == set()
    assert unknown_keywords(schema.json_schema(gemtune.ListTuningJobsResponse, outputs=outputs)) == set()


@pytest.mark.skipif("AJV" not in os.environ, reason="AJV names no folder with node_modules/ajv in it")
@pytest.mark.parametrize("outputs", [False, True])
def test_ajv_takes_it_in_strict_mode(outputs: bool, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema.json_schema(outputs=outputs)))
    code = (
        "const Ajv = require('ajv/dist/2020'); const say = m => { throw new Error(m) };"
        "for (const o of [{}, {strict: true}])"
        " new Ajv({...o, logger: {log: say, warn: say, error: say}}).compile(require(process.argv[1]));"
    )
    subprocess.run(["node", "-e", code, str(file)], check=True, cwd=os.environ["AJV"])


NUMBERS = "supervisedTuningSpec.hyperParameters."

# The value, whether the schema takes it, whether the loader does.
DIFFERENCES: list[tuple[str, Any, bool, bool]] = [
    (NUMBERS + "epochCount", "+3", True, True),
    (NUMBERS + "epochCount", "3.0", True, True),
    (NUMBERS + "epochCount", "3.", True, True),
    (NUMBERS + "epochCount", "-0", True, True),
    (NUMBERS + "epochCount", "03", False, False),
    (NUMBERS + "epochCount", " 3", False, False),
    (NUMBERS + "epochCount", "3_0", False, False),
    (NUMBERS + "epochCount", "3.5", False, False),
    (NUMBERS + "epochCount", "٣", False, False),
    (NUMBERS + "epochCount", "", False, False),
    (NUMBERS + "epochCount", "9223372036854775807", True, True),
    (NUMBERS + "epochCount", "99999999999999999999", False, False),
    (NUMBERS + "learningRateMultiplier", ".5", True, True),
    (NUMBERS + "learningRateMultiplier", "5.", True, True),
    (NUMBERS + "learningRateMultiplier", "+1", True, True),
    (NUMBERS + "learningRateMultiplier", "1e3", True, True),
    (NUMBERS + "learningRateMultiplier", "-Infinity", True, True),
    (NUMBERS + "learningRateMultiplier", "01", False, False),
    (NUMBERS + "learningRateMultiplier", ".", False, False),
    (NUMBERS + "learningRateMultiplier", "1_0", False, False),
    (NUMBERS + "learningRateMultiplier", " 1", False, False),
    (NUMBERS + "learningRateMultiplier", "٣", False, False),
    # stricter, as its documentation says
    (NUMBERS + "epochCount", "1e3", False, True),
    ("tunedModelDisplayName", None, False, True),
    ("state", "JOB_STATE_RUNNING", False, True),
    ("supervisedTuningSpec.evaluationConfig", {"metrics": [{"aggregationMetrics": [1]}]}, False, True),
    # looser
    (NUMBERS + "epochCount", "9999999999999999999", True, False),
    (NUMBERS + "learningRateMultiplier", "1e400", True, False),
]


@pytest.mark.parametrize(("path", "value", "schema_takes", "loader_takes"), DIFFERENCES)
def test_it_takes_what_the_loader_takes_but_where_it_says_so(
    validator: jsonschema.Draft202012Validator, path: str, value: Any, schema_takes: bool, loader_takes: bool
) -> None:
    spec = changed(path, value)
    assert validator.is_valid(spec) == schema_takes
    try:
        gemtune.loads_spec(json.dumps(spec), "json")
    except gemtune.GemtuneError:
        loaded = False
    else:
        loaded = True
    assert loaded == loader_takes


# -- descriptors and protos -----------------------------------------------------------------------------------------


def test_the_descriptor_set_is_complete_in_itself() -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(schema.descriptor_set()).file:
        pool.Add(file)
    job = message_factory.GetMessageClass(pool.FindMessageTypeByName("gemtune.v1.TuningJob"))
    assert [field.name for field in job.DESCRIPTOR.fields] == [f.name for f in gemtune.TuningJob.DESCRIPTOR.fields]


def test_the_written_protos_compile_by_themselves(tmp_path: Path) -> None:
    written = schema.write_protos(tmp_path / "protos")
    names = [path.relative_to(tmp_path / "protos").as_posix() for path in written]
    assert "gemtune/v1/tuning_job.proto" in names
    assert "google/longrunning/operations.proto" in names
    assert not any(name.startswith("google/protobuf/") for name in names)
    out = tmp_path / "set.binpb"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{tmp_path / 'protos'}", f"--descriptor_set_out={out}", *names],
        check=True,
    )
    compiled = {file.name for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file}
    assert compiled == set(names)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(gemtune.ConfigurationError, match="cannot write"):
        schema.write_protos(tmp_path / "taken")


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--json-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema.json_schema()


def test_the_command_writes_the_protos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--protos", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "gemtune" / "v1" / "tuning_service.proto").exists()
    out, err = capsys.readouterr()
    assert out == ""
    assert "files written" in err


def test_the_command_writes_the_descriptor_set(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["schema", "--descriptor-set"]) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == schema.descriptor_set()


@pytest.mark.parametrize("args", [[], ["--json-schema", "--descriptor-set"]])
def test_the_command_wants_one_thing(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", *args]) == 2
    assert "give one of --json-schema, --protos DIR and --descriptor-set" in capsys.readouterr().err


# -- what was released stays -----------------------------------------------------------------------------------------


@pytest.fixture
def breaking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """protos/breaking.py of a copy of the schema, which a test may change."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    monkeypatch.syspath_prepend(str(tmp_path / "protos"))
    monkeypatch.delitem(sys.modules, "generate", raising=False)
    location = importlib.util.spec_from_file_location("breaking", tmp_path / "protos" / "breaking.py")
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    yield module
    sys.modules.pop("generate", None)


def edit(breaking: ModuleType, file: str, old: str, new: str) -> None:
    path = Path(breaking.PROTOS) / "gemtune" / "v1" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_nothing_that_was_released_has_changed(breaking: ModuleType) -> None:
    assert breaking.compare() == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int64 epoch_count = 1 ", "int64 epochs = 1 "),
        ("int64 epoch_count = 1 ", "int64 epoch_count = 11 "),
        ("int64 epoch_count = 1 ", "int32 epoch_count = 1 "),
        ("ADAPTER_SIZE_TWO = 6", "ADAPTER_SIZE_TWO = 7"),
    ],
)
def test_a_change_of_a_name_a_number_or_a_type_is_found(
    breaking: ModuleType, old: str, new: str, capfd: pytest.CaptureFixture[str]
) -> None:
    edit(breaking, "supervised_tuning.proto", old, new)
    assert breaking.compare() != 0
    assert "supervised_tuning.proto" in "".join(capfd.readouterr())


def test_a_new_field_breaks_nothing(breaking: ModuleType) -> None:
    edit(
        breaking,
        "supervised_tuning.proto",
        "int64 epoch_count = 1 ",
        "// New.\n  int64 warmup = 77;\n\n  int64 epoch_count = 1 ",
    )
    assert breaking.compare() == 0
