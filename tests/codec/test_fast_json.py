"""The bridge to protobuf-py: when it is taken, what goes over it, and that a release that means something else is not."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import protobuf
import pytest
from google.longrunning import operations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.internal import api_implementation
from hypothesis import given
from protobuf import _file_registry, _native_message

import gemtune
from gemtune.rpc import fast_json
from gemtune.testing import messages
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob
from tests.support.json_format_oracle import assert_read_alike, assert_written_alike

ROOT = Path(__file__).parent.parent
TEXTS = [
    *(path for path in sorted((ROOT / "vectors").glob("*.json")) if path.name != "manifest.json"),
    *sorted((ROOT / "data" / "answers").glob("*.json")),
]
needs_the_bridge = pytest.mark.skipif(
    api_implementation.Type() == "python" or _native_message.NativeMessageClass is None,
    reason="protobuf or protobuf-py without its native part",
)
JOB = {"name": "a", "state": "JOB_STATE_FAILED", "labels": {"b": "1", "a": "2"}, "createTime": "2026-11-01T10:30:00Z"}


@pytest.fixture
def nothing_loaded(bridge_on: None) -> Any:
    """As in a process that is about to use the bridge for the first time."""
    for cached in (fast_json._type, fast_json._load, fast_json._float_names, fast_json._schema):
        cached.cache_clear()
    yield
    for cached in (fast_json._type, fast_json._load, fast_json._float_names, fast_json._schema):
        cached.cache_clear()


@pytest.fixture
def without_json_format(monkeypatch: pytest.MonkeyPatch, bridge_on: None) -> None:
    """json_format, of which nothing is asked."""
    gemtune.from_json('{"name":"a"}', TuningJob, ignore_unknown_fields=True)  # the check has been made

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("json_format was asked")

    for name in ("Parse", "ParseDict", "MessageToDict", "MessageToJson"):
        monkeypatch.setattr(json_format, name, refuse)


def read(tree: Any, message_type: Any = TuningJob) -> tuple[Any, list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []
    message = gemtune.from_json(
        json.dumps(tree),
        message_type,
        ignore_unknown_fields=True,
        on_unknown=lambda path, value: heard.append((path, value)),
    )
    return message, heard


# -- when it is taken -------------------------------------------------------------------------------------------------


def loaded_after(code: str) -> bool:
    code = f"import sys, json, gemtune\n{code}\nprint('protobuf' in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


PAGE = 'json.dumps({"tuningJobs": [{"name": "a" * 200}] * 10})'
READ = f"gemtune.from_json({PAGE}, gemtune.ListTuningJobsResponse, ignore_unknown_fields=True)"


def test_a_small_command_loads_neither_it_nor_with_import_alone_json_format() -> None:
    assert not loaded_after(f"assert 'google.protobuf.json_format' not in sys.modules\n{READ}")


@needs_the_bridge
def test_a_process_that_has_read_much_loads_it() -> None:
    assert loaded_after(f"from gemtune.rpc import fast_json\nfast_json.count(fast_json.PAYS_FROM)\n{READ}")
    assert loaded_after(READ.replace("* 10", "* 11_000")), "one large answer is as good as many"


def test_strict_reading_and_other_types_do_not_go_over_it(monkeypatch: pytest.MonkeyPatch, bridge_on: None) -> None:
    monkeypatch.setattr(fast_json, "_read", lambda *args: pytest.fail("read over the bridge"))
    assert gemtune.from_json('{"name":"a"}', TuningJob).name == "a"
    operation, _ = read({"code": 3, "message": "m"}, message_factory.GetMessageClass(_status()))
    assert operation.code == 3


def _status() -> Any:
    return operations_pb2.Operation.DESCRIPTOR.fields_by_name["error"].message_type


def test_a_type_of_our_name_in_another_pool_does_not_go_over_it(bridge_on: None) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="twin.proto", package="gemtune.v1", syntax="proto3")
    file.message_type.add(name="TuningJob").field.add(name="name", number=7, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    twin = message_factory.GetMessageClass(pool.FindMessageTypeByName("gemtune.v1.TuningJob"))
    message, _ = read({"name": "a"}, twin)
    assert message.SerializeToString() == b"\x3a\x01a"
    assert gemtune.to_json(message) == '{"name":"a"}'


# -- what goes over it ------------------------------------------------------------------------------------------------


@needs_the_bridge
@pytest.mark.usefixtures("without_json_format")
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_vector_and_every_answer_goes_over_it(path: Path) -> None:
    message, _ = read(json.loads(path.read_text()))
    if not any(name in path.read_text() for name in fast_json._float_names()) and not message.error.details:
        gemtune.to_json(message)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_vectors_and_answers_mean_what_json_format_says(path: Path) -> None:
    for lenient in (False, True):
        assert_read_alike(path.read_text(), TuningJob, lenient=lenient)
    assert_written_alike(gemtune.from_json(path.read_text(), TuningJob, ignore_unknown_fields=True))


@given(messages(ListTuningJobsResponse, any_of=[TuningJob]))
def test_right_json_is_read_and_written_alike(page: ListTuningJobsResponse) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fast_json, "PAYS_FROM", 0)
        assert_written_alike(page)
        assert_read_alike(gemtune.to_json(page), ListTuningJobsResponse, lenient=True)


@given(messages(TuningJob))
def test_a_message_is_the_same_text_with_it_and_without(job: TuningJob) -> None:
    with pytest.MonkeyPatch.context() as patched:
        texts = []
        for pays_from in (0, float("inf")):
            patched.setattr(fast_json, "PAYS_FROM", pays_from)
            texts.append([gemtune.to_json(job), gemtune.to_json(job, indent=2)])
    assert texts[0] == texts[1]


@needs_the_bridge
@pytest.mark.usefixtures("without_json_format")
def test_news_in_rows_keeps_a_page_on_it() -> None:
    rows: list[Any] = [{**JOB, "name": str(i)} for i in range(12)]
    rows[3] |= {"newField": {"x": 1}, "state": "JOB_STATE_DREAMING"}
    rows[4]["tunedModel"] = {"model": "m", "size": 7}
    rows[5]["tunedModel"] = {"model": "m", "size": 8}
    rows[9]["base_model"] = "m"
    rows[10]["error"] = {"details": [{"@type": "x.Y", "z": 1}, {}]}
    page, heard = read({"tuningJobs": rows, "total": 12}, ListTuningJobsResponse)
    assert [job.name for job in page.tuning_jobs] == [str(i) for i in range(12)]
    assert (page.tuning_jobs[3].state, page.tuning_jobs[4].tuned_model.model, page.tuning_jobs[9].base_model) == (
        0,
        "m",
        "m",
    )
    assert page.tuning_jobs[10].error.details[0].type_url == "x.Y"
    assert sorted(heard, key=str) == [
        ("total", 12),
        ("tuningJobs[10].error.details[0]", {"@type": "x.Y", "z": 1}),
        ("tuningJobs[3].newField", {"x": 1}),
        ("tuningJobs[3].state", "JOB_STATE_DREAMING"),
        ("tuningJobs[4].tunedModel.size", 7),
        ("tuningJobs[5].tunedModel.size", 8),
    ]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    "wrong",
    [
        {"createTime": "soon"},
        {"baseModel": "a", "base_model": "b"},
        {"supervisedTuningSpec": {}, "distillationSpec": {}},
        {"tunedModel": []},
        {"state": True},
        {"error": {"code": True}},
        {"labels": {"a": None}},
        {"supervisedTuningSpec": {"hyperParameters": {"learningRateMultiplier": True}}},
        "{}",
        None,
        [],
    ],
    ids=json.dumps,
)
def test_a_row_that_is_wrong_is_refused(wrong: Any) -> None:
    row = {**JOB, **wrong} if isinstance(wrong, dict) else wrong
    for news in ({}, {"newField": 1}):
        with pytest.raises(gemtune.JsonError):
            read({"tuningJobs": [{**JOB, **news}, row, JOB]}, ListTuningJobsResponse)
    with pytest.raises(gemtune.JsonError):
        read(row)


# -- which releases are used ------------------------------------------------------------------------------------------


def types_that(**changes: Callable[[Any], Callable[..., Any]]) -> Callable[[Any], Any]:
    """What makes of the registry one whose types have other methods; each change is given the type."""

    class Changed:
        def __init__(self, type_: Any) -> None:
            self._type = type_

        def __getattr__(self, name: str) -> Any:
            return changes[name](self._type) if name in changes else getattr(self._type, name)

    class Registry:
        def __init__(self, registry: Any) -> None:
            self._registry = registry

        def message(self, name: str) -> Any:
            found = self._registry.message(name)
            return found and type("Found", (), {"type": Changed(found.type)})

    return Registry


def passing_over(type_: Any) -> Any:
    return lambda data: type_.from_json(data, ignore_unknown_fields=True)


def taking_lists(type_: Any) -> Any:
    return lambda data: type_() if data in ("[]", b"[]") else type_.from_json(data)


def losing_digits(type_: Any) -> Any:
    return lambda data: type_.from_json(
        data.replace(*((b"740993", b"740992") if isinstance(data, bytes) else ("740993", "740992")))
    )


def losing_entries(type_: Any) -> Any:
    return lambda data: type_.from_json(data.replace('"b":"",', "") if isinstance(data, str) else data)


def emptying_anys(type_: Any) -> Any:
    return lambda data: type_.from_json('{"error":{"details":[{}]}}' if "@type" in str(data) else data)


def misreading_trees(type_: Any) -> Any:
    return lambda tree: type_._from_json_value({**tree, "description": "x"} if isinstance(tree, dict) else tree)


def writing_nothing(type_: Any) -> Any:
    return lambda data: type_()


RELEASES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "unknown fields are passed over": (types_that(from_json=passing_over), "reads"),
    "a list is an empty message": (types_that(from_json=taking_lists), "takes []"),
    "64 bits lose digits": (types_that(from_json=losing_digits), "reads"),
    "maps lose entries": (types_that(from_json=losing_entries), "reads"),
    "an Any is passed over": (types_that(from_json=emptying_anys), "takes"),
    "trees are read otherwise": (types_that(_from_json_value=misreading_trees), "reads"),
    "writing is another": (types_that(from_binary=writing_nothing), "writes"),
}


def assert_it_is_off(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """The bridge is off, said once, and JSON means what it means."""
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            job, heard = read({**JOB, "new": 1})
            assert (job.name, heard) == ("a", [("new", 1)])
            assert json.loads(gemtune.to_json(job)) == JOB
            with pytest.raises(gemtune.JsonError):
                read([])
    (record,) = [record for record in caplog.records if "json_format" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert words in record.getMessage()
    assert fast_json._type(TuningJob.DESCRIPTOR) is None


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize(("release", "words"), RELEASES.values(), ids=RELEASES)
def test_a_release_that_means_something_else_is_not_used(
    release: Callable[[Any], Any], words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = fast_json._registry()
    monkeypatch.setattr(fast_json, "_registry", lambda: release(registry))
    monkeypatch.setattr(fast_json, "_LIBRARIES", ("google", "protobuf", __name__.partition(".")[0]))
    assert_it_is_off(caplog, words)


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
def test_the_stub_of_a_release_without_a_change_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = fast_json._registry()
    monkeypatch.setattr(fast_json, "_registry", lambda: types_that()(registry))
    assert fast_json._type(TuningJob.DESCRIPTOR) is not None


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
def test_without_its_native_part_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_native_message, "NativeMessageClass", None)
    assert_it_is_off(caplog, "native part")


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize(
    ("owner", "name"), [(_file_registry, "add_file"), (protobuf, "_file_registry"), (protobuf, "Registry")]
)
def test_where_what_it_needs_is_gone_it_is_not_used(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(owner, name)
    monkeypatch.setitem(sys.modules, f"{owner.__name__}.{name}", None)
    assert_it_is_off(caplog, name)


@pytest.mark.usefixtures("nothing_loaded")
def test_where_the_library_is_gone_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "protobuf", None)
    assert_it_is_off(caplog, "pure Python" if api_implementation.Type() == "python" else "protobuf")


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
def test_it_is_loaded_once_however_many_threads_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    registry = fast_json._registry
    monkeypatch.setattr(fast_json, "_registry", lambda: made.append(1) or registry())
    together = threading.Barrier(8)

    def convert(_: int) -> str:
        together.wait()
        return gemtune.to_json(read(JOB)[0])

    with ThreadPoolExecutor(8) as threads:
        assert [json.loads(text) for text in threads.map(convert, range(8))] == [JOB] * 8
    assert made == [1]


@needs_the_bridge
@pytest.mark.usefixtures("nothing_loaded")
def test_the_check_takes_a_few_milliseconds() -> None:
    import time

    registry = fast_json._registry()
    fast_json._checked(registry)  # types are made the first time
    begun = time.thread_time()
    fast_json._checked(registry)
    assert time.thread_time() - begun < 0.05
