"""Which road conversions take: all that the service and this project's own files hold goes the fast one, both ways."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from gemtune.rpc import _codec_native, _codec_tree, _codec_types, codec
from gemtune_pb.v1 import GetTuningJobRequest, ListTuningJobsResponse, TuningJob
from tests.support.codec_paths import Roads, needs_the_library
from tests.support.json_format_oracle import assert_read_alike, assert_written_alike
from tests.support.message_types import FAST, SLOW
from tests.support.metrics import Figures

ROOT = Path(__file__).parent.parent
VECTORS = sorted(p for p in (ROOT / "vectors").glob("*.json") if p.name != "manifest.json")
ANSWERS = sorted((ROOT / "data" / "answers").glob("*.json"))
TEXTS = [*VECTORS, *ANSWERS]


def name_of(path: Path) -> str:
    return path.name.removesuffix(".json")


@needs_the_library
@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
def test_every_vector_and_every_answer_goes_the_fast_road(roads: Roads, lenient: bool, figures: Figures) -> None:
    for path in TEXTS:
        refused = "unknown-enum-value" in path.name and not path.name.endswith("number.json") and not lenient
        try:
            message = codec.from_json(path.read_bytes(), TuningJob, ignore_unknown_fields=lenient)
        except codec.JsonError:
            assert refused, path.name
            roads.taken["read"].pop()  # the refusal is json_format's to word
            continue
        codec.to_json(message)
        codec.to_json(message, preserving_proto_field_name=True)
    figures(f"vectors and answers, {'lenient' if lenient else 'strict'}: {roads}")
    assert len(roads.taken["read"]) > 100
    assert (roads.share("read"), roads.share("written")) == (1, 1)


@needs_the_library
def test_every_binary_vector_is_written_fast(roads: Roads, figures: Figures) -> None:
    for path in sorted((ROOT / "vectors").glob("*.binpb")):
        codec.to_json(TuningJob.FromString(path.read_bytes()))
    figures(f"binary vectors: {roads}")
    assert roads.share("written") == 1


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_vectors_and_answers_mean_what_json_format_says(path: Path) -> None:
    text = path.read_text()
    for lenient in (False, True):
        assert_read_alike(text, TuningJob, lenient=lenient)
    assert_written_alike(codec.from_json(text, TuningJob, ignore_unknown_fields=True))


OPERATION = {
    "name": "projects/1/locations/us-central1/tuningJobs/2/operations/3",
    "metadata": {
        "@type": "type.googleapis.com/google.cloud.aiplatform.v1.RebaseTunedModelOperationMetadata",
        "genericMetadata": {"createTime": "2024-11-03T21:08:07.734198Z"},
    },
    "done": True,
    "response": {
        "@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob",
        "name": "projects/1/locations/us-central1/tuningJobs/4",
        "createTime": "2024-11-03T21:08:07.734198Z",
        "error": {
            "code": 1,
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"}],
        },
    },
}
OTHERS: list[tuple[Any, Any]] = [
    (operations_pb2.Operation, OPERATION),
    (ListTuningJobsResponse, {"tuningJobs": [{"name": "a"}, {}], "nextPageToken": "t"}),
    (ListTuningJobsResponse, {}),
    (GetTuningJobRequest, {"name": "projects/1/locations/x/tuningJobs/2"}),
    (
        status_pb2.Status,
        {"code": 3, "details": [{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}]},
    ),
    (error_details_pb2.BadRequest, {"fieldViolations": [{"field": "a.b", "description": "no"}]}),
    (TuningJob, {"createTime": "2024-11-03T23:08:07+02:00", "labels": {"é": "\n+"}}),
]


@needs_the_library
@pytest.mark.parametrize(("message_type", "tree"), OTHERS, ids=lambda value: getattr(value, "__name__", ""))
def test_operations_pages_and_errors_go_the_fast_road_too(roads: Roads, message_type: Any, tree: Any) -> None:
    text = json.dumps(tree, ensure_ascii=False)
    message = codec.from_json(text, message_type)
    codec.to_json(message)
    assert (roads.share("read"), roads.share("written")) == (1, 1)
    assert_read_alike(text, message_type)
    assert_written_alike(message)


@needs_the_library
@pytest.mark.parametrize("message_type", FAST, ids=lambda t: t.DESCRIPTOR.full_name)
def test_the_fast_road_is_open_to_ordinary_types(message_type: Any) -> None:
    assert _codec_native.reader(message_type.DESCRIPTOR)
    assert _codec_native.writer(message_type.DESCRIPTOR)


@needs_the_library
@pytest.mark.parametrize("message_type", SLOW, ids=lambda t: t.DESCRIPTOR.full_name)
def test_it_is_closed_where_the_library_means_something_else(message_type: Any) -> None:
    roads = _codec_native.reader(message_type.DESCRIPTOR), _codec_native.writer(message_type.DESCRIPTOR)
    assert None in roads


@needs_the_library
def test_it_is_closed_to_another_version_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _codec_types.library() is not None
    monkeypatch.setattr(_codec_types, "VERSION", "0.7.1")
    assert _codec_types.library.__wrapped__() is None


@needs_the_library
def test_types_are_made_right_however_many_threads_ask_first() -> None:
    for made in (_codec_native.reader, _codec_native.writer, _codec_types.types_to_read, _codec_types.types_to_write):
        made.cache_clear()
    _codec_tree._object.cache_clear()
    text = json.dumps({"base_model": "m", "state": "JOB_STATE_FAILED", "tunedModel": {"model": "x"}, "new": 1})
    together = threading.Barrier(8)

    def convert(message_type: Any) -> str:
        together.wait()
        return codec.to_json(codec.from_json(text, message_type, ignore_unknown_fields=True))

    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(convert, [TuningJob, TuningJob, status_pb2.Status, ListTuningJobsResponse] * 2))
    assert set(written[::4] + written[1::4]) == {
        '{"baseModel":"m","state":"JOB_STATE_FAILED","tunedModel":{"model":"x"}}'
    }
    assert set(written[2::4] + written[3::4]) == {"{}"}


@needs_the_library
def test_types_whose_names_differ_in_a_dot_are_not_confused() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="dots.proto", package="dots", syntax="proto3")
    outer = file.message_type.add(name="Bar")
    nested, twin = outer.nested_type.add(name="Baz"), file.message_type.add(name="Bar_Baz")
    for message, number in ((nested, 1), (twin, 2)):
        message.field.add(name="a", number=number, type=5, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"dots.{n}")) for n in ("Bar.Baz", "Bar_Baz")]
    assert [codec.from_json('{"a":1}', cls).SerializeToString() for cls in classes] == [b"\x08\x01", b"\x10\x01"]


def test_a_first_use_that_fails_leaves_nothing_half_made() -> None:
    """As near the limit of recursion, or at Ctrl-C."""
    text = json.dumps({"base_model": "m", "new": 1, "supervisedTuningSpec": {"hyperParameters": {"epochCount": "1"}}})

    def deep(frames: int) -> None:
        if frames:
            return deep(frames - 1)
        _codec_tree._object.cache_clear()
        codec.from_json(text, TuningJob, ignore_unknown_fields=True)
        return None

    limit = sys.getrecursionlimit()
    for frames in range(limit - 150, limit - 20):
        with contextlib.suppress(codec.JsonError, RecursionError):
            deep(frames)
        assert codec.from_json(text, TuningJob, ignore_unknown_fields=True).base_model == "m"


def test_it_is_closed_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "protobuf", None)
    assert _codec_types.library.__wrapped__() is None


@pytest.mark.usefixtures("without_the_library")
@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_without_the_library_it_is_the_same_only_slower(path: Path, roads: Roads) -> None:
    text = path.read_text()
    assert_read_alike(text, TuningJob, lenient=True)
    assert_written_alike(codec.from_json(text, TuningJob, ignore_unknown_fields=True))
    assert (roads.share("read"), roads.share("written")) == (0, 0)


def test_json_is_written_alike_on_every_road(monkeypatch: pytest.MonkeyPatch) -> None:
    job = TuningJob(name="é", labels={"a": "b"}, create_time=timestamp_pb2.Timestamp(seconds=1))
    fast = [codec.to_json(job), codec.to_json(job, indent=2), codec.to_json(job, preserving_proto_field_name=True)]
    monkeypatch.setattr(codec, "writer", lambda descriptor, *, proto_names: None)
    slow = [codec.to_json(job), codec.to_json(job, indent=2), codec.to_json(job, preserving_proto_field_name=True)]
    assert fast == slow
    assert fast[0] == '{"name":"é","createTime":"1970-01-01T00:00:01Z","labels":{"a":"b"}}'


def test_neither_json_format_nor_the_library_is_loaded_by_importing_us() -> None:
    code = "import sys, gemtune, gemtune.rpc.codec; print('google.protobuf.json_format' in sys.modules, 'protobuf' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )


def test_a_message_that_has_no_json_form_is_refused_in_json_formats_words() -> None:
    with pytest.raises(codec.JsonError, match=r"has no JSON form: .*[Ss]econds"):
        codec.to_json(duration_pb2.Duration(seconds=10**12))
