"""Properties: whatever a job is, every format gives it back; whatever a text is, it is read or refused in a sentence."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, strategies as st

import gemtune
from gemtune.errors import SpecFileError
from gemtune.specs import check, check_request, dumps_spec, loads_spec, read_specs
from gemtune.specs.read.document import FORMATS

F = FieldDescriptor
TEXTS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["no", "1e3", "~", "null", "", "- a", "a: b", "2024-01-01", "0x1", " x ", "a\nb\n", "\t", "'", '"', "#"]
    ),
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    F.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    F.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    F.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    F.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False),
    F.CPPTYPE_BOOL: st.booleans(),
}


def values(field: Any) -> st.SearchStrategy[Any]:
    if field.cpp_type == F.CPPTYPE_STRING:
        return st.binary(max_size=10) if field.type == F.TYPE_BYTES else TEXTS
    if field.cpp_type == F.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return SCALARS[field.cpp_type]


@st.composite
def messages(draw: st.DrawFn, kind: Any, depth: int = 0) -> Any:
    """A message of a class with some of its fields set, a few levels deep."""
    made = kind()
    fields = [f for f in kind.DESCRIPTOR.fields if depth < 4 or f.message_type is None]
    for field in draw(st.lists(st.sampled_from(fields), max_size=4, unique_by=lambda f: f.name)) if fields else []:
        inner = field.message_type
        if inner is not None and (inner.full_name.startswith("google.") or _holds_google(inner)):
            continue
        if inner is not None and inner.GetOptions().map_entry:
            value = inner.fields_by_name["value"]
            for key in draw(st.lists(TEXTS, max_size=3)):
                if value.message_type is None:
                    getattr(made, field.name)[key] = draw(values(value))
        elif inner is not None:
            target = getattr(made, field.name)
            part = draw(messages(inner._concrete_class, depth + 1))
            target.add().CopyFrom(part) if field.is_repeated else target.CopyFrom(part)
        elif field.is_repeated:
            getattr(made, field.name).extend(draw(st.lists(values(field), max_size=3)))
        else:
            setattr(made, field.name, draw(values(field)))
    return made


def _holds_google(inner: Any) -> bool:
    return bool(inner.GetOptions().map_entry) and inner.fields_by_name["value"].message_type is not None


JOBS = messages(gemtune.TuningJob)


VECTORS = sorted((Path(__file__).parent.parent / "vectors").glob("*.binpb"))
ONLY_BYTES = {"unknown-enum-value", "unknown-field", "unknown-field-nested", "unknown-field-in-output"}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["yaml", "json", "textproto"])
def test_the_vectors_of_every_language_go_through_every_format(form: str, path: Path) -> None:
    job = gemtune.TuningJob.FromString(path.read_bytes())
    if path.stem in ONLY_BYTES:
        with pytest.raises(SpecFileError, match="only binpb can hold it"):
            dumps_spec(job, form)
    else:
        read = loads_spec(dumps_spec(job, form), form)
        assert read == job or gemtune.fingerprint(read) == gemtune.fingerprint(job)  # a NaN equals nothing


RECORDED = sorted((Path(__file__).parent.parent / "data" / "recorded").glob("*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_googles_own_clients_send_is_refused_only_where_the_service_refuses(path: Path) -> None:
    refused: set[str] = set()
    for exchange in json.loads(path.read_text())["exchanges"]:
        if exchange["asks"]["rpc"] == "CreateTuningJob":
            request = exchange["asks"]["request"]
            job = json_format.ParseDict(request["tuningJob"], gemtune.TuningJob())
            findings = check_request(request["parent"], job, api_version="v1beta1")
            if any(finding.severity == "error" for finding in findings):
                refused.add(exchange["step"])
    assert refused == {"create_without_dataset", "create_local_file"}


@pytest.mark.parametrize("form", FORMATS)
@given(job=JOBS)
def test_what_is_dumped_is_loaded_as_it_was(form: str, job: gemtune.TuningJob) -> None:
    assert loads_spec(dumps_spec(job, form), form) == job


@pytest.mark.parametrize("value", [3.4028234663852886e38, -3.4028234663852886e38, 3.4028232635611926e38, -0.0, 1e-45])
def test_the_largest_numbers_are_read_by_strict_readers(value: float) -> None:
    import yaml

    job = gemtune.TuningJob()
    job.supervised_tuning_spec.hyper_parameters.learning_rate_multiplier = 1.5
    job.supervised_tuning_spec.evaluation_config.autorater_config.generation_config.temperature = value
    assert json_format.ParseDict(yaml.safe_load(dumps_spec(job, "yaml")), gemtune.TuningJob()) == job


@given(job=JOBS)
def test_dumped_yaml_means_the_same_to_any_yaml_reader(job: gemtune.TuningJob) -> None:
    import yaml

    read = yaml.safe_load(dumps_spec(job, "yaml")) or {}
    assert json_format.ParseDict(read, gemtune.TuningJob()) == job


@pytest.mark.parametrize("proto_names", [True, False])
@given(job=JOBS)
def test_json_of_either_spelling_is_read_as_json_format_reads_it(proto_names: bool, job: gemtune.TuningJob) -> None:
    text = json_format.MessageToJson(job, preserving_proto_field_name=proto_names)
    assert loads_spec(text, "json") == job


@given(job=JOBS)
def test_checks_end_without_a_traceback_and_change_nothing(job: gemtune.TuningJob) -> None:
    before = job.SerializeToString(deterministic=True)
    for finding in check(job, location="us-central1", project="p"):
        assert finding.message
    assert job.SerializeToString(deterministic=True) == before


@given(job=JOBS, form=st.sampled_from(["yaml", "json", "textproto"]))
def test_every_finding_has_a_place_in_the_text_it_was_read_from(job: gemtune.TuningJob, form: str) -> None:
    text = dumps_spec(job, form)
    spec = read_specs(io.StringIO(text or "{}"), format=form if text else "yaml")[0]
    lines = spec.text.split("\n")
    for finding in spec.check():
        assert finding.position is not None
        assert 1 <= finding.position.line <= len(lines)


WORDS = [
    "base_model",
    "baseModel",
    "labels",
    "supervised_tuning_spec",
    "epoch_count",
    "adapter_size",
    "4",
    "0",
    "~",
    "x",
]
TOKENS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "\n",
    "  ",
    '"',
    "'",
    "#",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "---\n",
    "//",
    "/*",
    "*/",
    "<",
    ">",
]


def read_or_refused(text: str | bytes, form: str) -> None:
    """Anything but a SpecFileError fails the test."""
    with contextlib.suppress(SpecFileError):
        assert isinstance(loads_spec(text, form), gemtune.TuningJob)


@pytest.mark.parametrize("form", ["yaml", "json", "textproto"])
@given(text=st.lists(st.sampled_from(WORDS + TOKENS), max_size=30).map("".join) | st.text(max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(form: str, text: str) -> None:
    read_or_refused(text, form)


@given(data=st.binary(max_size=60), form=st.sampled_from(FORMATS))
def test_any_bytes_are_read_or_refused_in_a_sentence(data: bytes, form: str) -> None:
    read_or_refused(data, form)
