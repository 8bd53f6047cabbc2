"""The emulator takes JSON's numbers and times, not Python's: what the real front end refuses makes no job here either."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtune.emulator.rest import answer
from gemtune.errors import InvalidArgument
from tests.support.frozen_service import PARENT, Emulated

JOBS = f"/v1/{PARENT}/tuningJobs"

# Where a value stands in a job: its JSON around it, and the field in the refusal.
HYPER = '"supervisedTuningSpec":{"trainingDatasetUri":"gs://b/t.jsonl","hyperParameters":{%s:HERE}}'
FLOAT = (HYPER % '"learningRateMultiplier"', "learning_rate_multiplier")
INT64 = (HYPER % '"epochCount"', "epoch_count")
ENUM = (HYPER % '"adapterSize"', "adapter_size")
SPEC = (
    '"supervisedTuningSpec":{"trainingDatasetUri":"gs://b/t.jsonl","evaluationConfig":{"metrics":[{"bleuSpec":{}}],%s}}'
)
ENUM_IN_A_LIST = (
    SPEC.replace('"bleuSpec":{}', '"aggregationMetrics":[HERE],"bleuSpec":{}') % '"outputConfig":{}',
    "aggregation_metrics",
)
TIME = ('"supervisedTuningSpec":{"trainingDatasetUri":"gs://b/t.jsonl"},"createTime":HERE', "create_time")

OF_PYTHON = [
    *((place, value) for place in (FLOAT, INT64) for value in [
        '"1_0"', '" 1"', '"1 "', '"1\\n"', '"\\t1"', "true", "false", '"+1"', '"01"', '"\\u0661"', '"\\u0967"', '"1e400"', "1e400",
        "-1e400", '"-1e400"', "NaN", "Infinity", "-Infinity", '"nan"', '"inf"', '"infinity"', '"1."', '".5"', '"0x1"', '""', "1" * 400,
        "[]", "{}", '["1"]',
    ]),
    *((place, value) for place in (ENUM, ENUM_IN_A_LIST) for value in [
        "true", "false", '" 1"', '"1 "', '"1_0"', '"+1"', '"01"', '"\\u0661"', "1.5", '"1.0"', "NaN", "[[]]", "{}", '"1\\n"',
    ]),
    *((TIME, f'"{text}"') for text in [
        "2024-1-1T0:0:0Z", "2024-01-01T0:00:00Z", "2024-01-01T00:00:00.5 Z", "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00+0530",
        "2024-01-01T00:00:00+00:60", "\u0662\u0660\u0662\u0664-01-01T00:00:00Z", "2024-01-01T00:00:00.Z", " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\\n", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01", "", "now",
    ]),
    *((TIME, value) for value in ["5", "true", "[]", "{}"]),
]  # fmt: skip

OF_JSON = [
    *((FLOAT, value) for value in ["1", "1.5", "1e0", '"1"', '"1.5"', '"1e-3"', "1E+1", "0.1"]),
    *((INT64, value) for value in ["3", "3.0", '"3"', "3e0"]),
    *((ENUM, value) for value in ['"ADAPTER_SIZE_FOUR"', "3", '"3"']),
    *((ENUM_IN_A_LIST, value) for value in ['"AVERAGE"', "1", '"1"']),
]


def sent(emulated: Emulated, place: str, value: str) -> Any:
    body = f'{{"baseModel":"gemini-2.5-flash",{place.replace("HERE", value)}}}'
    return json.loads(answer(emulated.service, "POST", JOBS, query=[], body=body.encode()))


@pytest.mark.parametrize(("place", "value"), OF_PYTHON, ids=lambda v: v[1] if isinstance(v, tuple) else ascii(v)[:30])
def test_what_only_python_takes_is_refused_with_its_place(
    emulated: Emulated, place: tuple[str, str], value: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        sent(emulated, place[0], value)
    words = caught.value.message
    is_no_json = value in ("NaN", "Infinity", "-Infinity")
    assert words.startswith("Invalid JSON payload received." if is_no_json else "Invalid value at 'tuning_job."), words
    assert is_no_json or place[1] in words
    assert list_of(emulated) == []


@pytest.mark.parametrize(("place", "value"), OF_JSON, ids=lambda v: v[1] if isinstance(v, tuple) else ascii(v)[:30])
def test_what_json_takes_makes_a_job(emulated: Emulated, place: tuple[str, str], value: str) -> None:
    try:
        sent(emulated, place[0], value)
    except InvalidArgument as error:
        refusal = error.message
    else:
        refusal = ""
    assert not refusal.startswith("Invalid ")  # the rules of jobs may refuse it, not JSON's
    assert len(list_of(emulated)) == (not refusal)


def test_a_number_that_python_takes_is_refused_beside_a_trailing_comma(emulated: Emulated) -> None:
    with pytest.raises(InvalidArgument, match="learning_rate_multiplier"):
        sent(emulated, FLOAT[0], '"1_0",')


@pytest.mark.parametrize("size", ["1_0", " 1", "1 ", "+1", "٣", "1.5", "true", "", "01", "1e400"])
def test_numbers_in_a_query_are_jsons_too(emulated: Emulated, size: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid value at 'page_size'"):
        answer(emulated.service, "GET", JOBS, query=[("pageSize", size)], body=b"")


def test_a_number_in_a_query_is_taken(emulated: Emulated) -> None:
    for size in ("1", "10", "0"):
        answer(emulated.service, "GET", JOBS, query=[("pageSize", size)], body=b"")


NOT_OBJECTS = ["[]", '""', '"abc"', "5", "true", "[{}]"]


@pytest.mark.parametrize("value", NOT_OBJECTS)
@pytest.mark.parametrize(
    "place", ["HERE", '{"supervisedTuningSpec":HERE}', '{"supervisedTuningSpec":{"hyperParameters":HERE}}']
)
def test_what_is_no_object_is_no_message(emulated: Emulated, place: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=r"Root element must be a message|Invalid value at 'tuning_job"):
        answer(emulated.service, "POST", JOBS, query=[], body=place.replace("HERE", value).encode())


def list_of(emulated: Emulated) -> list[Any]:
    listed: list[Any] = json.loads(answer(emulated.service, "GET", JOBS, query=[], body=b"")).get("tuningJobs", [])
    return listed
