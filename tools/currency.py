"""Hold the schema against what Google publishes: discovery documents, .proto descriptors, google-genai's types.

    make currency             the releases that pyproject.toml pins (dependency group `currency`)
    make currency NEWEST=1    the newest ones

All three come out of packages of PyPI, installed in an environment of their own. Gaps that are meant are listed in
currency_gaps.toml, each with the reason; any other one is printed, and ends this with status 1.
"""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "generated"), str(ROOT / "tests/schema")]

from google.api import annotations_pb2  # noqa: E402  after the path

from tests.schema import ours  # noqa: E402

GAPS = Path(__file__).with_name("currency_gaps.toml")
VERSIONS = ("v1", "v1beta1")
PACKAGES = ("google-api-python-client", "google-cloud-aiplatform", "google-genai")
REST_TYPES = {
    **{"boolean": "bool", "google-datetime": "google.protobuf.Timestamp", "any": "google.protobuf.Value"},
    **{"google-duration": "google.protobuf.Duration", "byte": "bytes"},
}
OPERATIONS = {f"{verb.capitalize()}Operation": verb for verb in ("get", "cancel", "delete", "wait")}


class Gap(NamedTuple):
    """Something that Google publishes and the schema has not, or has in another way.

    Attributes:
        source: `discovery v1`, `proto v1beta1`, `google-genai`, ...
        place: `Message.field`, `Enum.VALUE`, or a method.
        what: What is missing or different, in a few words.
    """

    source: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.source}: {self.place}: {self.what}"


# -- discovery documents -----------------------------------------------------------------------------------------------


class Discovery:
    """A version's REST document."""

    def __init__(self, api_version: str) -> None:
        self.name = f"discovery {api_version}"
        self.version = api_version
        self.prefix = f"GoogleCloudAiplatform{api_version.capitalize()}"
        folder = _folder("googleapiclient") / "discovery_cache/documents"
        document = json.loads((folder / f"aiplatform.{api_version}.json").read_text(encoding="utf-8"))
        self.revision: str = document["revision"]
        self.schemas: dict[str, Any] = document["schemas"]
        self.jobs = document["resources"]["projects"]["resources"]["locations"]["resources"]["tuningJobs"]
        self.seen: set[tuple[str, str]] = set()

    def gaps(self) -> Iterator[Gap]:
        """Methods, and what their requests and answers reach."""
        methods = [*self.jobs["methods"].values(), *self.jobs["resources"]["operations"]["methods"].values()]
        known = {
            (verb["method"], _bare(verb["uri"])): method
            for method in ours.SERVICE.methods
            for verb in ours.bindings(method.GetOptions().Extensions[annotations_pb2.http])
        }
        for method in methods:
            name = method["id"].partition(".tuningJobs.")[2]
            path = "/" + re.sub(r"\{\w+\}", "*", method["flatPath"])
            found = known.get((method["httpMethod"].lower(), path))
            if found is None:
                yield Gap(self.name, name, f"no rpc for {method['httpMethod']} {path}")
                continue
            body = found.GetOptions().Extensions[annotations_pb2.http].body
            request = found.input_type if body in ("", "*") else found.input_type.fields_by_name[body].message_type
            for shape, descriptor in ((method.get("request"), request), (method.get("response"), found.output_type)):
                if shape is not None:
                    yield from self.message(shape["$ref"], descriptor)

    def message(self, schema: str, descriptor: Any) -> Iterator[Gap]:
        """A schema against a message of ours, and what both reach."""
        if (schema, descriptor.full_name) in self.seen or not schema.startswith(self.prefix):
            return
        self.seen.add((schema, descriptor.full_name))
        by_json = {field.json_name: field for field in descriptor.fields}
        for name, shape in self.schemas[schema].get("properties", {}).items():
            place = f"{ours.short(descriptor)}.{name}"
            field = by_json.get(name)
            if field is None:
                yield Gap(self.name, place, "no such field")
                continue
            if shape.get("deprecated") and not field.GetOptions().deprecated:
                yield Gap(self.name, place, "not marked as deprecated")
            yield from self.field(shape, field, place)

    def field(self, shape: dict[str, Any], field: Any, place: str) -> Iterator[Gap]:
        """The type of a property against that of a field."""
        inner = field
        if "additionalProperties" in shape:
            if ours.type_name(field) in ("google.protobuf.Struct", "google.protobuf.Value"):
                return
            if not ours.is_map(field):
                yield Gap(self.name, place, f"a map there, {ours.type_name(field)} here")
                return
            shape, inner = shape["additionalProperties"], field.message_type.fields_by_name["value"]
        elif (shape.get("type") == "array") != field.is_repeated:
            yield Gap(self.name, place, "a list in one, and none in the other")
            return
        elif "items" in shape:
            shape = shape["items"]
        if "$ref" in shape:
            if inner.message_type is None:
                yield Gap(self.name, place, f"{shape['$ref']} there, {ours.type_name(inner)} here")
            else:
                yield from self.message(shape["$ref"], inner.message_type)
        elif "enum" in shape and inner.enum_type is not None:
            missing = [value for value in shape["enum"] if value not in inner.enum_type.values_by_name]
            yield from (Gap(self.name, f"{ours.short(inner.enum_type)}.{value}", "no such value") for value in missing)
        else:
            wanted = shape.get("format", shape.get("type", "any"))
            here = ours.type_name(inner)
            if REST_TYPES.get(wanted, wanted) != here and here != "google.protobuf.Value":
                yield Gap(self.name, place, f"{wanted} there, {here} here")


def _bare(template: str) -> str:
    """`/v1/{name=projects/*}` as `/v1/projects/*`."""
    return re.sub(r"\{\w+=([^}]*)\}", r"\1", template)


# -- .proto descriptors ------------------------------------------------------------------------------------------------


def proto_gaps(api_version: str) -> Iterator[Gap]:
    """google-cloud-aiplatform's descriptors against ours: names, numbers, types, labels; and the service's methods."""
    source = f"proto {api_version}"
    build = _module(ROOT / "tests/schema/build_published.py")
    table = build.Published(api_version).table()
    for messages, enums in (
        (table["messages"], table["enums"]),
        (table["beyond"]["messages"], table["beyond"]["enums"]),
    ):
        for message, fields in messages.items():
            descriptor = ours.MESSAGES.get(message)
            if descriptor is None:
                yield Gap(source, message, "no such message")
                continue
            for name, wanted in fields.items():
                field = descriptor.fields_by_name.get(name)
                row = {} if field is None else ours.row(field)
                for key in wanted.keys() - {"behavior"}:
                    if row.get(key) != wanted[key]:
                        yield Gap(source, f"{message}.{name}", f"{key} is {wanted[key]} there, {row.get(key)} here")
        for enum, values in enums.items():
            here = ours.ENUMS[enum].values_by_name if enum in ours.ENUMS else {}
            for name, number in values.items():
                if name not in here or here[name].number != number:
                    yield Gap(source, f"{enum}.{name}", f"number {number} there")
    service = import_module(f"google.cloud.aiplatform_{api_version}.types.genai_tuning_service")
    named = {n.removesuffix("Request") for n in service.__all__ if n.endswith("Request")}
    yield from (Gap(source, name, "no rpc of that name") for name in named - set(ours.SERVICE.methods_by_name))


# -- google-genai ------------------------------------------------------------------------------------------------------


class Genai:
    """google-genai's types, read without importing them."""

    name = "google-genai"

    def __init__(self) -> None:
        folder = _folder("google.genai")
        trees = {
            name: ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
            for name in ("types", "tunings", "models")
        }
        self.classes = {node.name: node for node in trees["types"].body if isinstance(node, ast.ClassDef)}
        functions = [n for name in ("models", "tunings") for n in trees[name].body if isinstance(n, ast.FunctionDef)]
        self.to_vertex = {f.name: f for f in functions if f.name.endswith("_to_vertex")}
        self.seen: set[tuple[str, str]] = set()

    def gaps(self) -> Iterator[Gap]:
        """What a job reaches, what its converter writes, and what the reward's trial sends."""
        yield from self.message("TuningJob", ours.MESSAGES["TuningJob"])
        for name, message in (("ValidateReward", "ValidateReinforcementTuningReward"),):
            if f"_{name}Parameters" in self.classes:
                yield from self.message(f"_{name}Parameters", ours.MESSAGES[f"{message}Request"])
                yield from self.message(f"{name}Response", ours.MESSAGES[f"{message}Response"])
        for path in sorted(self.written("_CreateTuningJobConfig_to_vertex")):
            yield from self.path(path)

    def message(self, name: str, descriptor: Any) -> Iterator[Gap]:
        """A class against a message of ours, and what both reach."""
        if (name, descriptor.full_name) in self.seen:
            return
        self.seen.add((name, descriptor.full_name))
        refused = self.refused(name)
        by_json = {field.json_name: field for field in descriptor.fields}
        for attribute, annotation, about in _attributes(self.classes[name]):
            if (
                attribute in ("sdk_http_response", "config")
                or attribute in refused
                or "not supported in Vertex" in about
            ):
                continue
            json_name = re.sub(r"_(\w)", lambda match: match[1].upper(), attribute)
            place = f"{ours.short(descriptor)}.{json_name}"
            field = by_json.get(json_name)
            if field is None:
                yield Gap(self.name, place, "no such field")
                continue
            inner = field.message_type.fields_by_name["value"] if ours.is_map(field) else field
            for part in re.findall(r"\w+", annotation):
                if part not in self.classes:
                    continue
                if inner.message_type is not None and inner.message_type.full_name.startswith("gemtune."):
                    yield from self.message(part, inner.message_type)
                elif inner.enum_type is not None:
                    values = {value for value, _, _ in _values(self.classes[part])} - {*inner.enum_type.values_by_name}
                    yield from (Gap(self.name, f"{ours.short(inner.enum_type)}.{v}", "no such value") for v in values)

    def refused(self, name: str) -> set[str]:
        """The attributes that the library refuses to send to Vertex AI: `if getv(...) is not None: raise`."""
        function = self.to_vertex.get(f"_{name}_to_vertex")
        tests = [n for n in ast.walk(function) if isinstance(n, ast.If)] if function else []
        raising = [n for n in tests if isinstance(n.body[0], ast.Raise)]
        return {text for n in raising for text in re.findall(r"\['(\w+)'\]", ast.unparse(n.test))}

    def written(self, function: str) -> set[tuple[str, ...]]:
        """The paths of a job that a converter sets."""
        calls = [n for n in ast.walk(self.to_vertex[function]) if isinstance(n, ast.Call)]
        setting = [
            n for n in calls if ast.unparse(n.func).endswith("setv") and ast.unparse(n.args[0]) == "parent_object"
        ]
        return {tuple(ast.literal_eval(n.args[1])) for n in setting}

    def path(self, path: tuple[str, ...]) -> Iterator[Gap]:
        """Whether a job of ours has a field at a path."""
        descriptor = ours.MESSAGES["TuningJob"]
        for name in path:
            found = next((f for f in descriptor.fields if f.json_name == name), None) if descriptor else None
            if found is None:
                yield Gap(self.name, f"TuningJob.{'.'.join(path)}", "no such field, and the library writes it")
                return
            descriptor = found.message_type


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id, ast.unparse(line.annotation), ast.unparse(line.value) if line.value else ""


def _values(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            yield line.targets[0].id, "", ""


# -- all of it ---------------------------------------------------------------------------------------------------------


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec else []
    rest = package.split(".")[1:]
    found = next((p for p in (Path(place, *rest) for place in places) if p.is_dir()), None)
    if found is None:
        raise SystemExit(f"{package} is not installed here; run make currency")
    return found


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sort_out(gaps: list[Gap], known: list[dict[str, str]]) -> tuple[list[Gap], list[dict[str, str]]]:
    """The gaps that no entry explains, and the entries that explain none."""

    def explains(entry: dict[str, str], gap: Gap) -> bool:
        return fnmatch.fnmatchcase(gap.source, entry["source"]) and fnmatch.fnmatchcase(gap.place, entry["place"])

    new = [gap for gap in gaps if not any(explains(entry, gap) for entry in known)]
    return new, [entry for entry in known if not any(explains(entry, gap) for gap in gaps)]


def main() -> int:
    """Print what is new; 1 if anything is."""
    documents = [Discovery(v) for v in VERSIONS]
    found = [*(gap for document in documents for gap in document.gaps()), *(g for v in VERSIONS for g in proto_gaps(v))]
    found += Genai().gaps()
    gaps = sorted(set(found))
    new, gone = sort_out(gaps, tomllib.loads(GAPS.read_text(encoding="utf-8")).get("gap", []))
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{packages}; discovery revision {documents[0].revision}: {len(gaps)} gaps, {len(gaps) - len(new)} known")
    for entry in gone:
        print(f"no longer a gap: {entry['source']}: {entry['place']} (take it out of {GAPS.name})")
    for gap in new:
        print(f"new: {gap}")
    if new:
        print(f"fill these, or give the reason in {GAPS.relative_to(ROOT)}")
    return 1 if new else 0


if __name__ == "__main__":
    raise SystemExit(main())
