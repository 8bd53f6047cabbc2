"""Regenerate `generated/gemtune_pb` from `protos/gemtune`.

python protos/generate.py            rewrite generated/
python protos/generate.py --check    exit 1 if generated/ is stale
python protos/generate.py --lint     buf lint, and the layout that buf format would give
"""

from __future__ import annotations

import argparse
import copy
import filecmp
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS.parent / "generated" / "gemtune_pb"
COMMON = Path(sysconfig.get_path("purelib"))  # where googleapis-common-protos puts google/api/*.proto

# protoc derives Python imports from the .proto path (gemtune/v1/...), but the stubs are
# installed as gemtune_pb/v1. Imports between them become relative, and the module name
# recorded on each class is corrected. The quoted service name 'gemtune.v1.TuningService'
# must stay, it is the name on the wire: hence the `_pb2` at the end of both patterns.
IMPORT = re.compile(r"^from gemtune\.v1 import (\w+_pb2)", re.MULTILINE)
MODULE = re.compile(r"'gemtune\.v1\.(\w+_pb2)'")
# google.longrunning.operations_pb2 is a switch that imports grpc where grpc is installed, and has no
# .pyi; the module behind it has neither trait and registers the same descriptor.
OPERATIONS = re.compile(r"^from google\.longrunning import operations_pb2\b", re.MULTILINE)
ABSOLUTE = re.compile(r"^\s*(?:from|import) gemtune\b", re.MULTILINE)


def generate(out: Path) -> None:
    """Write the stub package to `out`, replacing what is there only on success."""
    with tempfile.TemporaryDirectory() as tmp:
        protoc(
            f"--python_out={tmp}",
            f"--mypy_out=quiet:{tmp}",
            f"--grpc_python_out={tmp}",
            f"--mypy_grpc_out=quiet:{tmp}",
            "--include_source_info",
            f"--descriptor_set_out={tmp}/gemtune.binpb",
        )
        package = Path(tmp, "gemtune")
        shutil.move(Path(tmp, "gemtune.binpb"), package)
        keep_comments(package / "gemtune.binpb")
        for path in list(package.rglob("*_pb2_grpc.py")):
            if "class " not in path.read_text(encoding="utf-8"):  # no service in that file
                path.unlink()
                path.with_suffix(".pyi").unlink(missing_ok=True)
        for path in package.rglob("*_pb2*.py*"):
            text = IMPORT.sub(r"from . import \1", path.read_text(encoding="utf-8"))
            text = MODULE.sub(r"'gemtune_pb.v1.\1'", text)
            text = OPERATIONS.sub("from google.longrunning import operations_proto_pb2", text)
            if ABSOLUTE.search(text):
                raise SystemExit(f"{path.name}: absolute import of gemtune left in place")
            path.write_text(text, encoding="utf-8", newline="\n")
        write_inits(package)
        (package / "py.typed").touch()
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(package, out)


def protoc(*outputs: str) -> None:
    """Compile every .proto of ours, imports from Google's own package."""
    sources = sorted(p.relative_to(PROTOS).as_posix() for p in (PROTOS / "gemtune").rglob("*.proto"))
    scripts = str(Path(sys.executable).parent)  # finds protoc-gen-mypy without activating the venv
    with tempfile.TemporaryDirectory() as include:
        # The package ships this schema under a name that the gencode could not import again.
        target = Path(include, "google/longrunning/operations.proto")
        target.parent.mkdir(parents=True)
        shutil.copy(COMMON / "google/longrunning/operations_proto.proto", target)
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", "--include_imports"),
                *("--proto_path=.", f"--proto_path={include}", f"--proto_path={COMMON}"),
                *outputs,
                *sources,
            ],
            check=True,
            cwd=PROTOS,
            env={**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]},
        )


def write_inits(package: Path) -> None:
    """Write `v1/__init__.py`, which re-exports every message and enum of the API, and the package's own."""
    files = descriptor_pb2.FileDescriptorSet.FromString((package / "gemtune.binpb").read_bytes()).file
    lines = ['"""Messages and enums of `package gemtune.v1`. Generated; do not edit."""', ""]
    exported: list[str] = []
    ours = (f for f in files if f.package == "gemtune.v1" and not f.name.endswith("/annotations.proto"))
    for file in sorted(ours, key=lambda f: f.name):
        names = sorted([m.name for m in file.message_type] + [e.name for e in file.enum_type])
        exported += names
        lines += [f"from .{Path(file.name).stem}_pb2 import {name} as {name}" for name in names]
    lines += ["", "__all__ = [", *(f'    "{name}",' for name in sorted(exported)), "]", ""]
    (package / "v1" / "__init__.py").write_text("\n".join(lines), encoding="utf-8", newline="\n")
    (package / "__init__.py").write_text('"""Protobuf stubs for gemtune. Generated; do not edit."""\n', newline="\n")


def keep_comments(descriptor_set: Path) -> None:
    """Leave of the source info only what the JSON Schema's descriptions need: comments, and those of our own files."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set.read_bytes())
    for file in files.file:
        kept = [copy.copy(place) for place in file.source_code_info.location if place.leading_comments]
        file.ClearField("source_code_info")
        if file.package == "gemtune.v1":
            file.source_code_info.location.extend(kept)
    descriptor_set.write_bytes(files.SerializeToString(deterministic=True))


def differences(a: Path, b: Path) -> list[str]:
    """Name the files in which two trees differ, byte code left out."""

    def files(root: Path) -> set[str]:
        return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc"}

    changed = {n for n in files(a) & files(b) if not filecmp.cmp(a / n, b / n, shallow=False)}
    return sorted(changed | (files(a) ^ files(b)))


def check() -> int:
    """Compare what would be generated with what is there."""
    with tempfile.TemporaryDirectory() as tmp:
        generate(Path(tmp, "gemtune_pb"))
        stale = differences(Path(tmp, "gemtune_pb"), GENERATED)
    for name in stale:
        print(f"stale: generated/gemtune_pb/{name}", file=sys.stderr)
    return 1 if stale else 0


def lint() -> int:
    """Run buf on a descriptor set, so that no copy of Google's .proto files has to be kept for it."""
    buf = shutil.which("buf", path=str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"])
    if buf is None:
        raise SystemExit("buf is not installed: pip install buf-bin")
    with tempfile.TemporaryDirectory() as tmp:
        image = f"{tmp}/image.binpb"
        protoc("--include_source_info", f"--descriptor_set_out={image}")
        linted = subprocess.run([buf, "lint", image, "--config", "buf.yaml"], cwd=PROTOS, check=False).returncode
    layout = subprocess.run([buf, "format", "--diff", "--exit-code"], cwd=PROTOS, check=False).returncode
    return linted or layout


def main() -> int:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description="Regenerate the protobuf stubs.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare instead of writing")
    action.add_argument("--lint", action="store_true", help="lint the .proto files instead of writing")
    args = parser.parse_args()
    if args.check:
        return check()
    if args.lint:
        return lint()
    generate(GENERATED)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
