"""Makes the golden files of every vector from its `.textproto`: `python tests/vectors/build.py [--check]`.

| file | what it is |
|--|--|
| `NAME.textproto` | the source, written by hand (those of `RAW` below have none: they are bytes that text cannot say) |
| `NAME.json`, `NAME.snake.json` | the JSON form, in both spellings of names |
| `NAME.number.json` | the JSON form with enums by number, for some |
| `NAME.mixed.json` | other JSON of the same meaning, written by hand |
| `NAME.binpb` | the bytes |
| `NAME.canonical`, `NAME.fingerprint` | the text of docs/fingerprint.md and its hash, unless the spec is refused |

JSON and bytes are made by Google's published classes (google-cloud-aiplatform: v1 where it has the fields, else
v1beta1), in an environment of their own, and by gemtune's only where Google publishes a field for JSON alone;
`manifest.json` says which. So what the vectors hold gemtune to is not its own opinion.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format

HERE = Path(__file__).resolve().parent
GOOGLE = HERE.parent / "interop" / "google"  # has the environment with Google's clients
BY_NUMBER = ("adapter-size-", "veo", "unknown-enum-value")
"""Vectors that are written with enum numbers as well."""


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    text = b""
    while value > 0x7F:
        text += bytes([value & 0x7F | 0x80])
        value >>= 7
    return text + bytes([value])


_MINIMAL = _field(4, b"gemini-2.5-flash")
_TRAINING = _field(1, b"gs://bucket/train.jsonl")

RAW: Mapping[str, tuple[str, bytes]] = {
    "unknown-field": (
        "A field that the schema does not have: no fingerprint, and kept by whoever passes the bytes on.",
        _MINIMAL + _field(5, _TRAINING) + _field(99_999, b"later"),
    ),
    "unknown-field-nested": (
        "The same further down.",
        _MINIMAL + _field(5, _TRAINING + _field(3, _varint(1 << 3) + _varint(3) + _varint(999 << 3) + _varint(7))),
    ),
    "unknown-field-in-output": (
        "A field that the schema does not have, in what the service answers: it does not count; as `minimal`.",
        _MINIMAL + _field(5, _TRAINING) + _field(14, _field(1, b"model") + _field(99, b"later")),
    ),
    "unknown-enum-value": (
        "A number that the schema has no name for: no fingerprint.",
        _MINIMAL + _field(5, _TRAINING + _field(3, _varint(3 << 3) + _varint(99))),
    ),
    "bytes-in-another-order": (
        "As `labels`, its fields backwards, its spec in two pieces, an empty string and a zero written out.",
        b"".join(_field(12, _field(2, v) + _field(1, k)) for k, v in ((b"empty", b""), (b"cost-center", b"4711")))
        + _field(12, _field(1, b"team") + _field(2, b"summaries"))
        + _field(5, _field(1, b"gs://elsewhere"))
        + _field(5, _TRAINING + _varint(6 << 3) + _varint(0))
        + _field(3, b"")
        + _MINIMAL,
    ),
    "nan-of-other-bits": (
        "As `double-nan`, another of its many forms.",
        _MINIMAL + _field(5, _TRAINING + _field(3, _varint(2 << 3 | 1) + bytes.fromhex("010000000000f8ff"))),
    ),
}


def write(name: str, message: Any) -> dict[str, bytes]:
    """The files that any protobuf class can make of a message."""
    options: list[tuple[str, dict[str, Any]]] = [("json", {}), ("snake.json", {"preserving_proto_field_name": True})]
    if name.startswith(BY_NUMBER):
        options.append(("number.json", {"use_integers_for_enums": True}))
    files = {"binpb": message.SerializeToString(deterministic=True)}
    for suffix, option in options:
        text = json_format.MessageToJson(message, indent=2, ensure_ascii=False, sort_keys=True, **option)
        files[suffix] = (text + "\n").encode()
    return files


def make(name: str, source: bytes, classes: Mapping[str, Callable[[], Any]]) -> tuple[str, dict[str, bytes]] | None:
    """The name of the first class that has all of the source's fields, and the files; None where there is none."""
    for package, message_type in classes.items():
        try:
            message = text_format.Parse(source, message_type())
        except text_format.ParseError:
            continue
        return package, write(name, message)
    return None


def google(folder: Path) -> None:
    """In Google's environment: prints a JSON object of what its classes make of every source in the folder."""
    from google.cloud.aiplatform_v1.types import TuningJob as V1
    from google.cloud.aiplatform_v1beta1.types import TuningJob as V1Beta1

    classes = {job.pb().DESCRIPTOR.file.package: as_published(job.pb().DESCRIPTOR) for job in (V1, V1Beta1)}
    made = {path.stem: make(path.stem, path.read_bytes(), classes) for path in sorted(folder.glob("*.textproto"))}
    coded = {
        name: [result[0], {suffix: base64.b64encode(data).decode() for suffix, data in result[1].items()}]
        for name, result in made.items()
        if result
    }
    print(json.dumps(coded))


def as_published(descriptor: Any) -> Callable[[], Any]:
    """Google's class with the field names of its .proto: its Python package has `type_` and `min_` for `type`, `min`."""
    pool = descriptor_pool.DescriptorPool()
    seen: set[str] = set()

    def restore(message: descriptor_pb2.DescriptorProto) -> None:
        for field in message.field:
            field.name = field.name.rstrip("_")
            field.ClearField("json_name")
        for nested in message.nested_type:
            restore(nested)

    def add(file: Any) -> None:
        if file.name not in seen:
            seen.add(file.name)
            for dependency in file.dependencies:
                add(dependency)
            proto = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
            for message in proto.message_type if proto.package.startswith("google.cloud.aiplatform.") else ():
                restore(message)
            pool.Add(proto)

    add(descriptor.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(descriptor.full_name))


def by_google() -> dict[str, tuple[str, dict[str, bytes]]]:
    """What Google's classes make of the sources, by name."""
    sys.path.insert(0, str(GOOGLE))
    from environment import interpreter

    command = [interpreter(["google-cloud-aiplatform"]), "-W", "ignore", __file__, "--google"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return {
        name: (package, {suffix: base64.b64decode(data) for suffix, data in files.items()})
        for name, (package, files) in json.loads(output).items()
    }


def build(out: Path) -> None:
    """Writes every file that is made, and the manifest."""
    import gemtune
    from gemtune.specs.fingerprint import canonical, fingerprint

    published = by_google()
    ours = {"gemtune.v1": gemtune.TuningJob}
    rows: list[dict[str, Any]] = []
    sources = {path.stem: path.read_bytes() for path in HERE.glob("*.textproto")}
    for name in sorted({*sources, *RAW}):
        if name in RAW:
            why, data = RAW[name]
            package, files = "these bytes", {"binpb": data}
            if name == "unknown-enum-value":
                files = write(name, gemtune.TuningJob.FromString(data)) | files
        else:
            comments = [line[2:] for line in sources[name].decode().splitlines() if line.startswith("# ")]
            why = comments[2]  # after the two lines that say which message it is
            made = published.get(name) or make(name, sources[name], ours)
            if made is None:
                text_format.Parse(sources[name], gemtune.TuningJob())  # raises, and says where
                raise SystemExit(f"{name}.textproto: no class can read it")
            package, files = made
        try:
            job = gemtune.TuningJob.FromString(files["binpb"])
            files |= {"canonical": f"{canonical(job)}\n".encode(), "fingerprint": f"{fingerprint(job)}\n".encode()}
            identity = fingerprint(job)
        except gemtune.SpecInvalid:
            identity = None
        for suffix, content in files.items():
            (out / f"{name}.{suffix}").write_bytes(content)
        by_hand = [path.name for path in HERE.glob(f"{name}.mixed.json")]
        inputs = sorted([f"{name}.{suffix}" for suffix in files if suffix.endswith(("json", "binpb"))] + by_hand)
        rows.append({"name": name, "why": why, "made by": package, "files": inputs, "fingerprint": identity})
    text = json.dumps({"vectors": rows}, indent=2, ensure_ascii=False)
    (out / "manifest.json").write_text(text + "\n", encoding="utf-8")


def stale(made: Path) -> list[str]:
    """The names of files that are not what would be made now, or that nothing makes any more."""
    expected = {path.name: path.read_bytes() for path in made.iterdir()}
    written = {path.name: path.read_bytes() for path in HERE.iterdir() if path.is_file()}
    by_hand = {name for name in written if name.endswith((".textproto", ".mixed.json", ".py"))}
    return sorted(name for name in {*expected, *written} - by_hand if expected.get(name) != written.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare instead of writing")
    action.add_argument("--google", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.google:
        google(HERE)
        return 0
    if not arguments.check:
        build(HERE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        names = stale(Path(folder))
    for name in names:
        print(f"stale: tests/vectors/{name}", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    raise SystemExit(main())
