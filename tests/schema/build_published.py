"""Write what Google publishes about tuning jobs: the table `published.json`, and test vectors made by Google's classes.

    pip install google-cloud-aiplatform     # in an environment of its own; the tests do without it
    python tests/schema/build_published.py

Reads the descriptors in google-cloud-aiplatform and nothing of this project. The descriptors in there carry no options,
so field behaviour comes from the first words of its documentation ("Required.", "Output only. Identifier.") and the
HTTP rules from its REST transport.
"""

from __future__ import annotations

import importlib
import json
import re
import textwrap
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

HERE = Path(__file__).parent
PACKAGE = "google-cloud-aiplatform"
ROOTS = (
    "TuningJob",
    "CreateTuningJobRequest",
    "GetTuningJobRequest",
    "ListTuningJobsRequest",
    "ListTuningJobsResponse",
    "CancelTuningJobRequest",
    "RebaseTunedModelRequest",
    "RebaseTunedModelOperationMetadata",
    "CountTokensRequest",
    "CountTokensResponse",
)
# Published, but reached by a tuning job only through fields that v1beta1's REST documents have and no .proto does.
BEYOND = {"v1": (), "v1beta1": ("Tool", "AuthConfig", "ApiAuth")}
DEEP = 2  # a schema within a schema is enough
METHODS = ("CreateTuningJob", "GetTuningJob", "ListTuningJobs", "CancelTuningJob", "RebaseTunedModel")
OPERATIONS = ("GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation")
COUNTS = {"v1": ("llm_utility_service", "LlmUtility"), "v1beta1": ("prediction_service", "Prediction")}
"""Version -> where CountTokens is."""
BEHAVIORS = {
    "Required": "REQUIRED",
    "Optional": "OPTIONAL",
    "Output only": "OUTPUT_ONLY",
    "Identifier": "IDENTIFIER",
    "Immutable": "IMMUTABLE",
}
TYPES = {getattr(FieldDescriptor, n): n[5:].lower() for n in vars(FieldDescriptor) if n.startswith("TYPE_")}


class Published:
    """One version of the API as the installed package has it."""

    def __init__(self, api_version: str) -> None:
        self.api_version = api_version
        self.prefix = f"google.cloud.aiplatform.{api_version}."
        self.types = importlib.import_module(f"google.cloud.aiplatform_{api_version}.types")

    def table(self) -> dict[str, Any]:
        """Everything the tests compare with."""
        messages, enums = self.walk(ROOTS, {}, {})
        all_messages, all_enums = self.walk(BEYOND[self.api_version], dict(messages), dict(enums))
        return {
            "messages": {self.short(d): self.fields(d) for d in messages.values()},
            "enums": {self.short(e): self.values(e) for e in enums.values()},
            "beyond": {
                "messages": {self.short(d): self.fields(d) for n, d in all_messages.items() if n not in messages},
                "enums": {self.short(e): self.values(e) for n, e in all_enums.items() if n not in enums},
            },
            "methods": self.methods(),
        }

    def walk(
        self, roots: tuple[str, ...], messages: dict[str, Descriptor], enums: dict[str, EnumDescriptor]
    ) -> tuple[dict[str, Descriptor], dict[str, EnumDescriptor]]:
        """Follow message and enum fields from the roots, within Google's package."""

        def visit(descriptor: Descriptor) -> None:
            if descriptor.full_name in messages or not descriptor.full_name.startswith(self.prefix):
                return
            messages[descriptor.full_name] = descriptor
            for field in descriptor.fields:
                inner = value_type(field)
                if inner.message_type:
                    visit(inner.message_type)
                if inner.enum_type and inner.enum_type.full_name.startswith(self.prefix):
                    enums.setdefault(inner.enum_type.full_name, inner.enum_type)

        for root in roots:
            visit(getattr(self.types, root).pb().DESCRIPTOR)
        return messages, enums

    def short(self, descriptor: Descriptor | EnumDescriptor) -> str:
        return descriptor.full_name.removeprefix(self.prefix)

    def type_name(self, field: FieldDescriptor) -> str:
        target = field.message_type or field.enum_type
        return self.short(target) if target else TYPES[field.type]

    def fields(self, descriptor: Descriptor) -> dict[str, dict[str, Any]]:
        """Describe each field; keys that say nothing are left out."""
        docs = self.docs(descriptor)
        table = {}
        for field in sorted(descriptor.fields, key=lambda f: f.number):
            row: dict[str, Any] = {"number": field.number, "json": field.json_name, "type": self.type_name(field)}
            if is_map(field):
                key, value = (field.message_type.fields_by_name[n] for n in ("key", "value"))
                row["type"] = f"map<{self.type_name(key)}, {self.type_name(value)}>"
            elif is_repeated(field):
                row["label"] = "repeated"
            elif field.containing_oneof and field.containing_oneof.name.startswith("_"):
                row["label"] = "optional"  # the one-member oneof is how `optional` is compiled
            elif field.containing_oneof:
                row["oneof"] = field.containing_oneof.name
            if behavior := behaviors(docs.get(field.name, "")):
                row["behavior"] = behavior
            # proto-plus appends an underscore to names that Python has taken, such as `type`
            table[field.name.removesuffix("_")] = row
        return table

    def values(self, enum: EnumDescriptor) -> dict[str, int]:
        return {v.name: v.number for v in enum.values}

    def docs(self, descriptor: Descriptor) -> dict[str, str]:
        """Field name -> documentation, from the class's docstring."""
        cls = self.types
        for part in self.short(descriptor).split("."):
            cls = getattr(cls, part)
        first, _, rest = (cls.__doc__ or "").partition("\n")
        text = first + "\n" + textwrap.dedent(rest)
        _, _, attributes = text.partition("Attributes:\n")
        entries = re.finditer(r"^ {4}(\w+) \(.*?\):\n((?: {8}.*\n|\s*\n)*)", attributes + "\n", re.MULTILINE)
        return {m[1]: " ".join(m[2].split()) for m in entries}

    def methods(self) -> dict[str, Any]:
        """HTTP rules of the services."""
        transport = self.transport("gen_ai_tuning_service", "GenAiTuning")
        table = {}
        for name in METHODS + OPERATIONS:
            rules = getattr(transport, f"_Base{name}")._get_http_options()
            # the operations mixin serves every resource of the API; ours is the tuning job
            table[name] = [r for r in rules if "/tuningJobs" in r["uri"]]
        rules = self.transport(*COUNTS[self.api_version])._BaseCountTokens._get_http_options()
        # without a project: of keys of the express mode, which tunes nothing
        table["CountTokens"] = [r for r in rules if "=projects/" in r["uri"]]
        return table

    def transport(self, module: str, service: str) -> Any:
        """The REST transport of a service, which has its HTTP rules."""
        place = f"google.cloud.aiplatform_{self.api_version}.services.{module}.transports.rest_base"
        return getattr(importlib.import_module(place), f"_Base{service}ServiceRestTransport")


def is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def is_map(field: FieldDescriptor) -> bool:
    return is_repeated(field) and field.message_type is not None and field.message_type.GetOptions().map_entry


def value_type(field: FieldDescriptor) -> FieldDescriptor:
    """The field that carries the values: of a map, the one in its entry."""
    return field.message_type.fields_by_name["value"] if is_map(field) else field


def behaviors(doc: str) -> list[str]:
    """Read "Output only. Identifier. Resource name of ..." as OUTPUT_ONLY and IDENTIFIER."""
    found = []
    while match := re.match(rf"({'|'.join(BEHAVIORS)})\. ?", doc):
        found.append(BEHAVIORS[match[1]])
        doc = doc[match.end() :]
    return sorted(found)


class Filler:
    """Fills messages: every field once, and of a oneof the next member each time it is met."""

    def __init__(self) -> None:
        self.count = 0
        self.met: Counter[str] = Counter()

    def fill(self, message: Message, path: tuple[str, ...] = ()) -> None:
        """Set the fields of a message; a type within itself (Schema) goes one level deep."""
        path = (*path, message.DESCRIPTOR.full_name)
        chosen = set()
        for oneof in message.DESCRIPTOR.oneofs:
            chosen.add(oneof.fields[self.met[oneof.full_name] % len(oneof.fields)].number)
            self.met[oneof.full_name] += 1
        for field in message.DESCRIPTOR.fields:
            if field.containing_oneof is None or field.number in chosen:
                self.fill_field(message, field, path)

    def fill_field(self, message: Message, field: FieldDescriptor, path: tuple[str, ...]) -> None:
        value = value_type(field)
        inner = value.message_type
        if inner and path.count(inner.full_name) >= DEEP:
            return
        target = getattr(message, field.name)
        if is_map(field):
            for key in ("a", "b"):
                if inner:
                    self.fill_message(target[key], path)
                else:
                    target[key] = self.scalar(value)
        elif inner and is_repeated(field):
            for _ in range(max((len(o.fields) for o in inner.oneofs), default=1)):
                self.fill_message(target.add(), path)
        elif inner:
            target.SetInParent()
            self.fill_message(target, path)
        elif is_repeated(field):
            values = field.enum_type.values if field.enum_type else ()
            target.extend([v.number for v in values] or [self.scalar(value) for _ in range(2)])
        else:
            setattr(message, field.name, self.scalar(value))

    def fill_message(self, message: Message, path: tuple[str, ...]) -> None:
        self.count += 1
        match message.DESCRIPTOR.full_name:
            case "google.protobuf.Timestamp":
                message.FromSeconds(1_700_000_000 + self.count)  # type: ignore[attr-defined]
            case "google.protobuf.Duration":
                message.FromMilliseconds(1500 * self.count)  # type: ignore[attr-defined]
            case "google.protobuf.Struct" | "google.protobuf.Value":
                json_format.ParseDict({"k": [self.count, "ä", None, True]}, message)
            case "google.rpc.Status":
                message.code, message.message = 13, f"m{self.count}"  # type: ignore[attr-defined]
            case _:
                self.fill(message, path)

    def scalar(self, field: FieldDescriptor) -> Any:
        self.count += 1
        if field.enum_type:
            values = field.enum_type.values
            return values[self.count % len(values)].number
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                return b"\x00\xff%d" % self.count if field.type == FieldDescriptor.TYPE_BYTES else f"é{self.count}"
            case FieldDescriptor.CPPTYPE_BOOL:
                return True
            case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
                return self.count + 0.5
            case FieldDescriptor.CPPTYPE_INT64:
                return 2**53 + self.count  # past what a JSON number holds
            case _:
                return self.count


def touched(message: Message) -> set[tuple[str, str]]:
    """Collect the fields of Google's that a message sets, nested ones included."""
    seen = set()
    for field, value in message.ListFields():
        seen.add((message.DESCRIPTOR.full_name, field.name))
        if value_type(field).message_type:
            inner = value.values() if is_map(field) else value if is_repeated(field) else [value]
            seen |= {entry for one in inner for entry in touched(one)}
    return seen


def vectors(types: Any) -> list[Message]:
    """Make rich tuning jobs, one after the other, until they have every field between them."""
    filler, cls = Filler(), types.TuningJob.pb()
    jobs: list[Message] = []
    seen: set[tuple[str, str]] = set()
    for _ in range(12):  # no oneof has more members
        job = cls()
        filler.fill(job)
        if new := touched(job) - seen:
            seen |= new
            jobs.append(job)
    return jobs


def dump(value: Any, depth: int = 0, flat: int = 3) -> str:
    """Like json.dumps with an indent, but with a line for a field, so that differences read well."""
    if not isinstance(value, dict) or (depth >= flat and not any(isinstance(v, dict) for v in value.values())):
        return json.dumps(value, ensure_ascii=False)
    pad = " " * (depth + 1)
    rows = (f"{pad}{json.dumps(k)}: {dump(v, depth + 1, flat)}" for k, v in value.items())
    return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"


def main() -> None:
    """Write the table and the vectors."""
    table: dict[str, Any] = {"source": {"package": PACKAGE, "version": version(PACKAGE)}}
    folder = HERE / "vectors"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for api_version in ("v1", "v1beta1"):
        published = Published(api_version)
        table[api_version] = published.table()
        for i, job in enumerate(vectors(published.types)):
            (folder / f"{api_version}-{i:02}.binpb").write_bytes(job.SerializeToString(deterministic=True))
            text = json_format.MessageToJson(job, indent=None, ensure_ascii=False)
            (folder / f"{api_version}-{i:02}.json").write_text(text + "\n", encoding="utf-8")
    (HERE / "published.json").write_text(dump(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
