"""A message is the same text each time: the entries of maps are in the order of their keys."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
from typing import Any

import pytest
import yaml
from google.protobuf import any_pb2, json_format, struct_pb2
from google.rpc import error_details_pb2
from hypothesis import given

import gemtune
from gemtune.testing import messages
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob
from tests.support.message_types import kind

pytestmark = pytest.mark.usefixtures("either_way")

KEYS = [
    "",
    "a",
    "ab",
    "abc",
    "b",
    "B",
    "10",
    "9",
    "é",
    "z",
    "😀",
    "\uffff",
    "label-1",
    "label-10",
    "label-2",
    "a b",
    "a\n",
]
MAPS, HOLDER, MANY = kind("kinds3.Maps"), kind("kinds3.Holder"), kind("kinds3.ManyHolders")


def shuffled(keys: list[Any]) -> list[Any]:
    return random.Random(1).sample(keys, len(keys))


def written(message: Any, **options: Any) -> Any:
    """The JSON with objects as lists of pairs, the same compact and not."""
    compact = json.loads(gemtune.to_json(message, **options), object_pairs_hook=list)
    assert json.loads(gemtune.to_json(message, indent=2, **options), object_pairs_hook=list) == compact
    return compact


@pytest.mark.parametrize("proto_names", [False, True])
def test_texts_are_in_the_order_of_their_characters(proto_names: bool) -> None:
    maps = MAPS(by_string=dict.fromkeys(shuffled(KEYS), "x"))
    [(_, entries)] = written(maps, preserving_proto_field_name=proto_names)
    assert [key for key, _ in entries] == sorted(KEYS)


def test_numbers_are_in_the_order_of_their_size_and_false_goes_before_true() -> None:
    numbers = [-(2**31), -10, -9, -1, 0, 1, 2, 9, 10, 11, 100, 2**31 - 1]
    maps = MAPS(
        by_int32=dict.fromkeys(shuffled(numbers), 0.5),
        by_uint64=dict.fromkeys(shuffled([0, 2, 10, 2**64 - 1]), b""),
        by_sint64=dict.fromkeys(shuffled([-(2**63), -2, 3, 20]), True),
        by_bool={True: 1, False: 2},
    )
    entries = dict(written(maps))
    assert [int(key) for key, _ in entries["byInt32"]] == numbers
    assert [int(key) for key, _ in entries["byUint64"]] == [0, 2, 10, 2**64 - 1]
    assert [int(key) for key, _ in entries["bySint64"]] == [-(2**63), -2, 3, 20]
    assert [key for key, _ in entries["byBool"]] == ["false", "true"]


def test_maps_are_in_order_wherever_they_stand() -> None:
    labels = dict.fromkeys(shuffled(KEYS[1:]), "x")
    info = error_details_pb2.ErrorInfo(metadata=labels)
    job = TuningJob(labels=labels)
    job.error.details.add().Pack(info)
    page = ListTuningJobsResponse(tuning_jobs=[TuningJob(), job, job])
    inner = any_pb2.Any()
    inner.Pack(page)
    outer = HOLDER()
    outer.more_anys.add().Pack(inner)
    outer.more_anys.add(type_url="not.known", value=b"\x08\x01")
    many = MANY(by_name={"b": outer, "a": HOLDER()})
    text = gemtune.to_json(many)
    found: list[list[str]] = []

    def look(pairs: list[Any]) -> None:
        names = [name for name, _ in pairs]
        if "label-1" in names:
            found.append(names)

    json.loads(text, object_pairs_hook=look)
    assert found == [sorted(labels)] * 4


def test_structs_are_in_order_too() -> None:
    struct = struct_pb2.Struct()
    struct.update({key: {"b": [{"z": 1, "a": 2}], "a": 0} for key in shuffled(KEYS)})
    text = gemtune.to_json(struct)
    assert text == json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@given(messages(TuningJob, any_of=[TuningJob, struct_pb2.Struct]))
def test_in_order_it_means_the_same(job: TuningJob) -> None:
    def no_order(tree: Any) -> Any:
        return json.dumps(tree, sort_keys=True)

    expected = json_format.MessageToDict(job)
    text = gemtune.to_json(job)
    assert no_order(json.loads(text)) == no_order(expected)
    copy = TuningJob.FromString(job.SerializeToString())
    assert gemtune.to_json(copy) == text


def test_processes_write_the_same() -> None:
    labels = {random.Random(i).choice(string.ascii_letters) * (i % 7 + 1): "" for i in range(60)}
    code = f"""
import json, gemtune
job = gemtune.TuningJob(labels={labels!r})
print(gemtune.to_json(job), gemtune.dumps_spec(job, "json"), gemtune.dumps_spec(job, "yaml"))
"""
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(outputs) == 1


def test_specs_are_in_order_in_json_and_yaml() -> None:
    job = TuningJob(base_model="m", labels=dict.fromkeys(shuffled(KEYS[1:]), "x"))
    assert list(json.loads(gemtune.dumps_spec(job, "json"))["labels"]) == sorted(KEYS[1:])
    assert list(yaml.safe_load(gemtune.dumps_spec(job, "yaml"))["labels"]) == sorted(KEYS[1:])
