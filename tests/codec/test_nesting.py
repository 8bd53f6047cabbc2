"""One bound on nesting, held before any parser sees a text, whatever the stack; and the same for specs in all formats."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import gemtune
from gemtune.rpc import nesting
from gemtune_pb.v1 import TuningJob
from tests.support.message_types import kind

OPENINGS = ["[", '{"a":', "[{},", '["]",', r'{"\\\"[":', '[{"labels":', "[ {\n", '{"error":{"details":[']


@pytest.mark.parametrize("depth", [1, 16, 17, nesting.LEVELS - 1, nesting.LEVELS])
def test_what_is_within_the_bound_is_let_through(depth: int) -> None:
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        nesting.check(text)
        nesting.check(f'["[[[", {text[1:-1] or 1}]' * 1)
        nesting.check("[" * (depth - 1) + "[]," * 500 + "1" + "]" * (depth - 1))


@pytest.mark.parametrize("depth", [nesting.LEVELS + 1, nesting.LEVELS + 300, 100_000])
@pytest.mark.parametrize("opening", OPENINGS)
def test_what_is_beyond_is_refused_in_our_words(opening: str, depth: int) -> None:
    for text in (opening * depth, opening * depth + "1" + "]" * depth, f'{{"x":{opening * depth}'):
        for data in (text, text.encode()):
            for lenient in (True, False):
                with pytest.raises(gemtune.JsonError) as caught:
                    gemtune.from_json(data, TuningJob, ignore_unknown_fields=lenient)
                assert str(caught.value) == "the JSON nests more than 204 levels deep, which is more than is read"


@pytest.mark.parametrize(
    "text", ['"' + "[" * 9999 + '"', r'{"a":"\"' + "[{" * 9999 + r'\\"}', '["[","]"]' * 400, "[]" * 9999]
)
def test_brackets_in_texts_and_side_by_side_do_not_count(text: str) -> None:
    nesting.check(text)


@pytest.mark.parametrize(
    "text", ["[" * 2**22, "[]" * 2**21, "[" * 200 + "]" * 200 + "[]" * 2**21, '"[' * 2**21], ids=len
)
def test_nothing_takes_long_to_count(text: str) -> None:
    with contextlib.suppress(gemtune.JsonError):
        nesting.check(text)  # milliseconds when linear; when not, this test never ends


def test_no_stack_is_too_small(tmp_path: Any) -> None:
    """A parser in C ends the process where the stack ends, so this is tried in one of its own."""
    code = f"""
import threading, gemtune
from gemtune.rpc import fast_json, status
from gemtune.emulator.json_errors import explain
fast_json.PAYS_FROM = 0
def read():
    for opening in {OPENINGS!r}:
        for depth in (50, 99, 150, 199, 203, 204, 205, 1_000, 4_000, 100_000):
            closing = opening.replace("[", "]").replace("{{", "}}")[::-1]
            for text in (opening * depth, '{{"name":' + opening * depth, opening * depth + "1" + "]" * depth):
                for lenient in (True, False):
                    try:
                        gemtune.from_json(text, gemtune.TuningJob, ignore_unknown_fields=lenient)
                    except gemtune.JsonError:
                        pass
                for format in ("yaml", "json", "textproto", "binpb"):
                    try:
                        gemtune.loads_spec(text.encode() if format == "binpb" else text, format)
                    except gemtune.GemtuneError:
                        pass
                status.error_from_http(400, text.encode())
                explain(text.encode(), gemtune.TuningJob.DESCRIPTOR, path="", package="p")
    for text in ("- " * 5_000, "".join(" " * i + "a:\\n" for i in range(1_000)), "? " * 5_000, "{{a: " * 5_000, "[" * 300):
        try:
            gemtune.loads_spec(text, "yaml")
        except gemtune.GemtuneError:
            pass
threading.stack_size(256 * 1024)
thread = threading.Thread(target=read)
thread.start()
thread.join()
print("alive")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.stdout == "alive\n", run.stderr[-2000:]


# -- specs ----------------------------------------------------------------------------------------------------------


def schema_of(job: TuningJob) -> Any:
    metric = job.supervised_tuning_spec.evaluation_config.metrics.add()
    return metric.llm_based_metric_spec.judge_autorater_config.generation_config


def items(depth: int) -> TuningJob:
    return nested(depth, lambda schema: schema.items)


def any_of(depth: int) -> TuningJob:
    return nested(depth, lambda schema: schema.any_of.add())


def properties(depth: int) -> TuningJob:
    return nested(depth, lambda schema: schema.properties["p"])


def nested(depth: int, step: Callable[[Any], Any]) -> TuningJob:
    job = TuningJob(base_model="m")
    schema = schema_of(job).response_schema
    for _ in range(depth):
        schema = step(schema)
    schema.title = "innermost"
    return job


def struct(depth: int) -> TuningJob:
    return value(depth, lambda value: value.struct_value.fields["a"])


def listed(depth: int) -> TuningJob:
    return value(depth, lambda value: value.list_value.values.add())


def value(depth: int, step: Callable[[Any], Any]) -> TuningJob:
    job = TuningJob(base_model="m")
    value = schema_of(job).response_json_schema
    for _ in range(depth):
        value = step(value)
    value.bool_value = True
    return job


@pytest.mark.parametrize(("made", "deepest"), [(items, 92), (any_of, 92), (properties, 46), (struct, 30), (listed, 46)])
def test_a_spec_loads_in_all_formats_or_in_none(made: Callable[[int], TuningJob], deepest: int) -> None:
    for depth in {
        1,
        20,
        29,
        30,
        31,
        32,
        33,
        35,
        45,
        46,
        47,
        50,
        52,
        deepest - 1,
        deepest,
        deepest + 1,
        93,
        94,
        99,
        105,
        150,
    }:
        job = made(depth)
        loaded: dict[str, bool] = {}
        for format in ("yaml", "json", "textproto", "binpb"):  # noqa: A001
            try:
                text = gemtune.dumps_spec(job, format)
            except gemtune.SpecFileError:
                loaded[format] = False
                continue
            assert depth <= deepest, "what cannot be read is not written"
            assert gemtune.loads_spec(text, format) == job
            loaded[format] = True
        assert set(loaded.values()) == {depth <= deepest}, (depth, loaded)
        if depth <= deepest:
            assert gemtune.from_json(gemtune.to_json(job), TuningJob) == job
            assert TuningJob.FromString(job.SerializeToString()) == job


def test_texts_that_nest_deeper_are_refused_in_all_formats_in_the_same_words() -> None:
    depth = 47
    job = properties(depth)
    from google.protobuf import text_format

    where = '{"supervisedTuningSpec":{"evaluationConfig":{"metrics":[{"llmBasedMetricSpec":{"judgeAutoraterConfig":' + (
        '{"generationConfig":{"responseSchema":'
    )
    text = where + '{"properties":{"p":' * depth + "{}" + "}}" * depth + "}}}}]}}}"
    texts = {
        "json": text,
        "yaml": text,
        "textproto": text_format.MessageToString(job),
        "binpb": job.SerializeToString(),
    }
    for format, data in texts.items():  # noqa: A001
        with pytest.raises(gemtune.GemtuneError) as caught:
            gemtune.loads_spec(data, format)
        words = "more than 100 levels deep" if format != "binpb" else "at most 100 levels"
        assert words in str(caught.value), (format, str(caught.value))


def test_trees_of_other_types_nest_as_deep_as_protobuf_reads_them() -> None:
    text = '{"moreTrees":[' * 99 + "{}" + "]}" * 99
    assert nesting.messages_deep(gemtune.from_json(text, kind("kinds3.Tree"))) == nesting.MESSAGES
