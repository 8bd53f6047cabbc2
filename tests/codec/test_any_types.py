"""Which type an `Any` holds: our own go first, and it does not matter what else a program imports."""

from __future__ import annotations

import subprocess
import sys

VALUES = {"FieldMask": '"a"', "Int64Value": '"5"', "Struct": '{"a":"b"}'}
TEXTS = [
    f'{{"@type":"type.googleapis.com/{name}"'
    + (f',"value":{VALUES[name.rpartition(".")[2]]}}}' if name.rpartition(".")[2] in VALUES else "}")
    for name in [
        "google.protobuf.FieldMask",
        "google.protobuf.Int64Value",
        "google.protobuf.Struct",
        "google.protobuf.Empty",
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.rpc.BadRequest",
        "gemtune.v1.TuningJob",
        "google.cloud.aiplatform.v1.TuningJob",
        "google.cloud.aiplatform.v1beta1.SupervisedTuningSpec",
        "google.cloud.aiplatform.v1.RebaseTunedModelOperationMetadata",
    ]
]

KNOWN = f"""
import gemtune
from google.protobuf import any_pb2
for text in {TEXTS!r}:
    print(gemtune.to_json(gemtune.from_json(text, any_pb2.Any)))
    gemtune.from_json(text, any_pb2.Any, ignore_unknown_fields=True, on_unknown=print)
"""


def ran(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return run.stdout


def test_known_types_are_known_without_an_import_of_theirs() -> None:
    assert ran(KNOWN).splitlines() == TEXTS


OPERATION = """
import sys
import gemtune
from google.longrunning import operations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
if {imported}:  # as google-cloud-aiplatform registers its TuningJob, which lacks what only JSON has
    file = descriptor_pb2.FileDescriptorProto(name="theirs.proto", package="google.cloud.aiplatform.v1", syntax="proto3")
    message = file.message_type.add(name="TuningJob")
    message.field.add(name="name", number=1, type=9, label=1)
    message.field.add(name="only_theirs", number=99, type=9, label=1)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    from google.protobuf import message_factory
    message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName("google.cloud.aiplatform.v1.TuningJob"))
text = '''{{"done":true,"response":{{"@type":"type.googleapis.com/google.cloud.aiplatform.v1.TuningJob","name":"n",
 "preferenceOptimizationSpec":{{"trainingDatasetUri":"gs://b/t.jsonl"}}}}}}'''
for lenient in (False, True):
    operation = gemtune.from_json(text, operations_pb2.Operation, ignore_unknown_fields=lenient, on_unknown=print)
    print(operation.response.value)
    print(gemtune.to_json(operation))
    print(gemtune.TuningJob.FromString(operation.response.value).preference_optimization_spec.training_dataset_uri)
"""


def test_our_own_types_go_before_those_of_the_same_name_that_somebody_imported() -> None:
    alone, beside = (ran(OPERATION.format(imported=imported)) for imported in (False, True))
    assert alone == beside
    assert alone.count("gs://b/t.jsonl\n") == 2
