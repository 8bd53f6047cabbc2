"""Our descriptors against what Google publishes: `published.json` (from .proto) and `rest_only.json` (from REST)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from google.api import annotations_pb2, client_pb2, resource_pb2
from google.longrunning import operations_proto_pb2
from google.protobuf import descriptor_pb2, json_format, unknown_fields

from gemtune.schema.grpc_fields import published_in
from gemtune_pb.v1 import TuningJob
from tests.schema.ours import (
    ENUMS,
    FLAT,
    MESSAGES,
    OURS_FROM,
    PREDICTION,
    ROOT,
    SERVICE,
    bindings,
    files,
    is_map,
    row,
    short,
    type_name,
)

HERE = Path(__file__).parent
PUBLISHED = json.loads((HERE / "published.json").read_text(encoding="utf-8"))
REST = json.loads((HERE / "rest_only.json").read_text(encoding="utf-8"))
VERSIONS = ("v1", "v1beta1")
OF_V1BETA1 = {"ValidateReinforcementTuningReward", "OptimizePrompt"}
# The package does not have these for tuning jobs (of WaitOperation, /ui/ alone); tools/currency.py holds them.
IN_DISCOVERY = OF_V1BETA1 | {"DeleteOperation", "WaitOperation"}
JSON_ONLY = (*VERSIONS, "google-genai")

# In v1beta1 under another number, which is ours; over v1's gRPC it does not travel.
OTHER_NUMBER = ("v1", "EnterpriseWebSearch", "blocking_confidence")
# What a model of another kind is asked to count.
LEFT_OUT = {("CountTokensRequest", "instances")}

# Documented as optional in the .proto's annotation, but not in the words that build_published.py reads.
BEHAVIOR_NOT_IN_WORDS = {
    *(("Part", "thought"), ("Part", "thought_signature")),
    ("GenerationConfig.ThinkingConfig", "include_thoughts"),
    ("GoogleMaps", "enable_widget"),
}
# What one of the .protos, or a discovery document, marks; a deprecated field is one everywhere.
DEPRECATED = {
    *("SupervisedTuningDataStats.total_billable_character_count", "EvaluateDatasetRun.operation_name"),
    *("TuningJob.pipeline_job", "DistillationSpec.pipeline_root_directory", "DistillationSpec.student_model"),
    *(
        "DistillationSpec.training_dataset_uri",
        "GenerationConfig.response_mime_type",
        "GenerationConfig.response_schema",
    ),
    *("GenerationConfig.response_json_schema", "GenerationConfig.image_config", "GenerationConfig.model_config"),
    *("AudioTranscriptionConfig.adaptation_phrases", "AudioTranscriptionConfig.language_auto"),
    *(
        "AudioTranscriptionConfig.language_hints",
        "AudioTranscriptionConfig.LanguageHints.language_codes",
        "Tool.google_search_retrieval",
        "ExternalApi.api_auth",
    ),
    *("Tool.ParallelAiSearch.enable_data_retention", "GoogleMaps.enable_widget"),
}
REST_TYPES = {"boolean": "bool", "google-duration": "google.protobuf.Duration", "any": "google.protobuf.Value"}


# --- theirs -----------------------------------------------------------------------------------------------------------


def published_fields(version, *, beyond=False):
    table = PUBLISHED[version]["beyond" if beyond else "messages"]
    table = table["messages"] if beyond else table
    rows = {(m, f): r for m, fields in table.items() for f, r in fields.items() if (m, f) not in LEFT_OUT}
    return {key: row for key, row in rows.items() if (version, *key) != OTHER_NUMBER}


def published_values(version, *, beyond=False):
    table = PUBLISHED[version]["beyond"]["enums"] if beyond else PUBLISHED[version]["enums"]
    return {(e, name): number for e, values in table.items() for name, number in values.items()}


def all_published(read):
    """Both versions, beyond included."""
    return {k: v for version in VERSIONS for beyond in (True, False) for k, v in read(version, beyond=beyond).items()}


def rest_fields():
    """(our message, JSON name, type) of each field that some version has in REST only, or Google's SDK alone."""
    seen = {}
    for version in JSON_ONLY:
        for message, entry in REST[version].items():
            for name, rest_type in entry["fields"].items():
                seen[FLAT[message], name] = rest_type
    return [(m, n, t) for (m, n), t in seen.items()]


CASES = [(v, b, m, f) for v in VERSIONS for b in (False, True) for m, f in published_fields(v, beyond=b)]


def test_counts():
    """From TuningJob and the requests: what there is to hold, so that an empty table does not pass for a good one."""
    v1, beta = ({**published_fields(v), **published_values(v)} for v in VERSIONS)
    assert (len(published_fields("v1")), len(published_values("v1"))) == (342, 94)
    assert (len(published_fields("v1beta1")), len(published_values("v1beta1"))) == (418, 102)
    assert len(v1) == 436
    assert len({**v1, **beta}) == 543
    assert len(rest_fields()) == 354
    assert PUBLISHED["source"]["version"]


def test_versions_do_not_collide():
    v1, beta = ({**published_fields(v), **published_values(v)} for v in VERSIONS)
    assert {k: (v1[k], beta[k]) for k in v1.keys() & beta.keys() if v1[k] != beta[k]} == {}


@pytest.mark.parametrize(("version", "beyond", "message", "field"), CASES, ids=[".".join(map(str, c)) for c in CASES])
def test_published_field(version, beyond, message, field):
    expected = published_fields(version, beyond=beyond)[message, field]
    ours = row(MESSAGES[message].fields_by_name[field])
    if (message, field) in BEHAVIOR_NOT_IN_WORDS:
        ours.pop("behavior")
    assert ours == expected


def test_the_field_of_two_numbers_is_ours_in_one_version():
    numbers = {v: PUBLISHED[v]["messages"]["EnterpriseWebSearch"]["blocking_confidence"]["number"] for v in VERSIONS}
    field = MESSAGES["EnterpriseWebSearch"].fields_by_name["blocking_confidence"]
    assert (numbers, field.number) == ({"v1": 2, "v1beta1": 4}, 4)
    assert published_in(field) == ("v1beta1",)


@pytest.mark.parametrize("version", VERSIONS)
def test_published_enum_values(version):
    values = {**published_values(version), **published_values(version, beyond=True)}
    assert {(e, n): ENUMS[e].values_by_name[n].number for e, n in values} == values


def test_deprecated():
    ours = {f"{m}.{f.name}" for m, d in MESSAGES.items() for f in d.fields if f.GetOptions().deprecated}
    assert ours >= DEPRECATED


@pytest.mark.parametrize(("message", "name", "rest_type"), rest_fields(), ids=lambda v: str(v)[:40])
def test_rest_only_field(message, name, rest_type):
    """There, under the number that a version of the .proto publishes, else under one of ours; and of the same type."""
    field = next(f for f in MESSAGES[message].fields if f.json_name == name)
    published = all_published(published_fields).get((message, field.name))
    if published:
        assert field.number == published["number"]
    else:
        assert field.number >= OURS_FROM
        repeated_or_message = field.is_repeated or field.message_type
        in_path = message.endswith("Request") and name == "parent"
        assert in_path or repeated_or_message or field.has_presence, "a JSON-only scalar keeps an explicit default"
    assert field.is_repeated == (rest_type.startswith("[") or is_map(field))
    element = rest_type.strip("[]")
    if element.startswith("enum{"):
        values = element.removeprefix("enum{").removesuffix("}").split(", ")
        assert {v.name for v in field.enum_type.values} >= set(values)
        assert field.enum_type.values[0].name == values[0]
    elif element == "map":
        assert is_map(field) or type_name(field) == "google.protobuf.Struct"
    elif element.startswith("google."):
        assert type_name(field) == element
    elif element[0].isupper():
        assert type_name(field) == FLAT[element]
    else:
        assert type_name(field) == REST_TYPES.get(element, element)


def test_nothing_else():
    """All we have is published or documented for REST, and a number of our own shows that it is one."""
    published = all_published(published_fields)
    rest = {(m, n) for m, n, _ in rest_fields()}
    for message, descriptor in MESSAGES.items():
        for field in descriptor.fields:
            if (message, field.name) == ("TuningJob", "additional_fields"):  # ours, and no part of the API
                continue
            known = (message, field.name) in published
            assert known != (field.number >= OURS_FROM), (message, field.name)
            assert known or (message, field.json_name) in rest, (message, field.name)
    values = all_published(published_values)
    for enum, descriptor in ENUMS.items():
        for value in descriptor.values:
            known = (enum, value.name) in values
            assert known or value.number == 0 or value.number > OURS_FROM, (enum, value.name)
    whole = {FLAT[m] for v in JSON_ONLY for m, entry in REST[v].items() if entry["whole"]}
    theirs = {m for v in VERSIONS for t in (PUBLISHED[v]["messages"], PUBLISHED[v]["beyond"]["messages"]) for m in t}
    assert MESSAGES.keys() == whole | theirs


def test_json_names_are_the_default_ones():
    """No json_name option anywhere: both spellings of every field follow from its name."""
    for descriptor in MESSAGES.values():
        for field in descriptor.fields:
            assert field.json_name == re.sub(r"_(\w)", lambda m: m[1].upper(), field.name), field.full_name


def test_json_only_is_documented():
    """Each field and value with a number of ours says "JSON-only", by itself or through its message, enum or file."""
    for path in (ROOT / "protos/gemtune").rglob("*.proto"):
        marked = [("JSON-only as a whole" in path.read_text(encoding="utf-8").split("syntax", 1)[0])]
        comment = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            text = line.strip()
            if text.startswith("//"):
                comment += text.removeprefix("//")
                continue
            if text.endswith("{"):
                marked.append(marked[-1] or "JSON-only" in comment)
            elif text.startswith("}"):
                marked.pop()
            elif re.search(r"= 1\d{4}\b", text):
                assert marked[-1] or "JSON-only" in comment, f"{path.name}: {text}"
            comment = ""
        assert len(marked) == 1, path.name


# --- service and annotations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(SERVICE.methods), ids=lambda m: m.name)
def test_http_rules(method):
    rules = list(bindings(method.GetOptions().Extensions[annotations_pb2.http]))
    is_operations = method.name.removesuffix("s").endswith("Operation") and method.name != "DeleteOperation"
    versions = ["v1", "v1beta1", *(["ui"] if is_operations else [])]
    if method.name in OF_V1BETA1:
        versions = ["v1beta1"]
    assert [r["uri"].split("/")[1] for r in rules] == versions
    if len(rules) > 1:
        assert rules[1] == rules[0] | {"uri": rules[0]["uri"].replace("/v1/", "/v1beta1/", 1)}
    if method.name in IN_DISCOVERY:
        return
    assert rules[0] in PUBLISHED["v1"]["methods"][method.name]
    # For v1beta1 the package knows the operations' methods under /ui/ only, which is the last binding then.
    published = {(r["method"], r["uri"], r.get("body")) for r in PUBLISHED["v1beta1"]["methods"][method.name]}
    last = rules[-1]
    assert (last["method"], last["uri"], last.get("body")) in published


def test_count_tokens():
    """One path for an endpoint and one for a publisher's model, in each version, as Google's package asks there."""
    [method] = PREDICTION.methods
    options = method.GetOptions()
    rules = list(bindings(options.Extensions[annotations_pb2.http]))
    assert rules == [rule for version in VERSIONS for rule in PUBLISHED[version]["methods"]["CountTokens"]]
    assert len(rules) == 4
    assert (method.input_type.name, method.output_type.name) == ("CountTokensRequest", "CountTokensResponse")
    assert options.idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
    of_service = PREDICTION.GetOptions()
    assert of_service.Extensions[client_pb2.default_host] == "aiplatform.googleapis.com"
    assert of_service.Extensions[client_pb2.oauth_scopes] == "https://www.googleapis.com/auth/cloud-platform"


def test_methods():
    options = descriptor_pb2.MethodOptions
    read, idempotent = options.NO_SIDE_EFFECTS, options.IDEMPOTENT
    expected = {
        "CreateTuningJob": ("CreateTuningJobRequest", "TuningJob", "parent,tuning_job", options.IDEMPOTENCY_UNKNOWN),
        "GetTuningJob": ("GetTuningJobRequest", "TuningJob", "name", read),
        "ListTuningJobs": ("ListTuningJobsRequest", "ListTuningJobsResponse", "parent", read),
        "CancelTuningJob": ("CancelTuningJobRequest", "Empty", "name", idempotent),
        "RebaseTunedModel": (
            *("RebaseTunedModelRequest", "Operation"),
            *("parent,tuned_model_ref", options.IDEMPOTENCY_UNKNOWN),
        ),
        "ValidateReinforcementTuningReward": (
            *("ValidateReinforcementTuningRewardRequest", "ValidateReinforcementTuningRewardResponse"),
            *("parent,example,sample_response", read),
        ),
        "OptimizePrompt": ("OptimizePromptRequest", "OptimizePromptResponse", "parent,content", read),
        "ListOperations": ("ListOperationsRequest", "ListOperationsResponse", "name", read),
        "DeleteOperation": ("DeleteOperationRequest", "Empty", "name", idempotent),
        "WaitOperation": ("WaitOperationRequest", "Operation", "name", read),
        "GetOperation": ("GetOperationRequest", "Operation", "name", read),
        "CancelOperation": ("CancelOperationRequest", "Empty", "name", idempotent),
    }
    found = {
        m.name: (
            *(m.input_type.name, m.output_type.name),
            ",".join(m.GetOptions().Extensions[client_pb2.method_signature]),
            m.GetOptions().idempotency_level,
        )
        for m in SERVICE.methods
    }
    assert found == expected
    info = SERVICE.methods_by_name["RebaseTunedModel"].GetOptions().Extensions[operations_proto_pb2.operation_info]
    assert (info.response_type, info.metadata_type) == ("TuningJob", "RebaseTunedModelOperationMetadata")
    options = SERVICE.GetOptions()
    assert options.Extensions[client_pb2.default_host] == "aiplatform.googleapis.com"
    assert options.Extensions[client_pb2.oauth_scopes] == "https://www.googleapis.com/auth/cloud-platform"


def test_resources():
    resource = TuningJob.DESCRIPTOR.GetOptions().Extensions[resource_pb2.resource]
    assert resource.type == "aiplatform.googleapis.com/TuningJob"
    assert list(resource.pattern) == ["projects/{project}/locations/{location}/tuningJobs/{tuning_job}"]
    references = {
        f"{m}.{f.name}": f.GetOptions().Extensions[resource_pb2.resource_reference].type
        for m, d in MESSAGES.items()
        for f in d.fields
        if f.GetOptions().HasExtension(resource_pb2.resource_reference)
    }
    assert references["CreateTuningJobRequest.parent"] == "locations.googleapis.com/Location"
    assert references["GetTuningJobRequest.name"] == "aiplatform.googleapis.com/TuningJob"
    assert references["TunedModel.endpoint"] == "aiplatform.googleapis.com/Endpoint"
    assert references["TunedModelRef.pipeline_job"] == "aiplatform.googleapis.com/PipelineJob"


@pytest.mark.parametrize("file", [f for f in files() if f.package == "gemtune.v1"], ids=lambda f: f.name)
def test_options_for_other_languages(file):
    assert file.syntax == "proto3"
    options = file.options
    assert options.java_multiple_files
    assert options.java_outer_classname.endswith("Proto")
    assert (options.java_package, options.csharp_namespace) == ("com.gemtune.v1", "Gemtune.V1")
    assert (options.ruby_package, options.php_namespace) == ("Gemtune::V1", "Gemtune\\V1")
    assert options.go_package.endswith("/gemtune/v1;gemtunev1")


# --- interchange ------------------------------------------------------------------------------------------------------


def unknown(message):
    """Count fields that a message carries without knowing them, nested ones included."""
    count = len(unknown_fields.UnknownFieldSet(message))
    for field, value in message.ListFields():
        inner = field.message_type
        if inner is None:
            continue
        if is_map(field):
            values = list(value.values()) if inner.fields_by_name["value"].message_type else []
        else:
            values = list(value) if field.is_repeated else [value]
        count += sum(unknown(v) for v in values)
    return count


def touched(message, seen):
    """Collect the fields that a message sets, nested ones included."""
    for field, value in message.ListFields():
        if not message.DESCRIPTOR.full_name.startswith("gemtune.v1."):
            return
        seen.add((short(message.DESCRIPTOR), field.name))
        inner = field.message_type
        if inner is None:
            continue
        if is_map(field):
            values = list(value.values()) if inner.fields_by_name["value"].message_type else []
        else:
            values = list(value) if field.is_repeated else [value]
        for v in values:
            touched(v, seen)


VECTORS = sorted((HERE / "vectors").glob("*.binpb"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_vectors_of_googles_classes(path):
    """Bytes and JSON written by google-cloud-aiplatform are read by ours, and written again the same."""
    data, text = path.read_bytes(), path.with_suffix(".json").read_text(encoding="utf-8")
    job = TuningJob.FromString(data)
    assert unknown(job) == 0
    assert json_format.MessageToDict(job) == json.loads(text)
    assert job.SerializeToString(deterministic=True) == data
    assert json_format.Parse(text, TuningJob()) == job


@pytest.mark.parametrize("version", VERSIONS)
def test_vectors_touch_every_field(version):
    seen = set()
    for path in VECTORS:
        if path.stem.startswith(f"{version}-"):
            touched(TuningJob.FromString(path.read_bytes()), seen)
    reachable, queue = set(), ["TuningJob"]
    while queue:
        name = queue.pop()
        if name in reachable or name not in PUBLISHED[version]["messages"]:
            continue
        reachable.add(name)
        for field in PUBLISHED[version]["messages"][name].values():
            queue += re.findall(r"[A-Z][\w.]+", field["type"])
    assert {(m, f) for m, f in published_fields(version) if m in reachable} - seen == set()


@pytest.mark.parametrize("path", sorted((ROOT / "tests/data/answers").glob("*.json")), ids=lambda p: p.stem)
def test_answers_of_the_service(path):
    """A whole answer is read strictly, and comes out with every field it had."""
    answer = json.loads(path.read_text(encoding="utf-8"))
    job = json_format.ParseDict(answer, TuningJob())
    assert json_format.MessageToDict(job) == answer


def test_json_only_fields_keep_explicit_defaults():
    answer = {"satisfiesPzs": False, "gcsMetricsUri": "", "tuningJobMetadata": {"completedStepCount": "0"}}
    assert json_format.MessageToDict(json_format.ParseDict(answer, TuningJob())) == answer
