"""The committed stubs: fresh, importable from where they are installed, light."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import gemtune_pb.v1

ROOT = Path(__file__).parent.parent.parent
GENERATED = ROOT / "generated/gemtune_pb"


def _pinned() -> dict[str, str]:
    """The generators that made the committed stubs, with their versions: what another one writes may differ."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(pin.split("==") for pin in project["dependency-groups"]["gen"] if "==" in pin)


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _runs_generators(protobuf: str) -> bool:
    """mypy-protobuf's own stubs are of protobuf 6.32; what a user needs is less."""
    return tuple(map(int, protobuf.split(".")[:2])) >= (6, 32)


def test_the_generators_are_pinned():
    assert {"grpcio-tools", "mypy-protobuf"} <= _pinned().keys()


@pytest.mark.skipif(
    any(_installed(name) != version for name, version in _pinned().items())
    or not _runs_generators(_installed("protobuf")),
    reason="needs the generators that the dependency group `gen` pins, and a protobuf that they run on",
)
def test_generated_is_fresh():
    command = [sys.executable, "protos/generate.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_service_name_is_the_one_on_the_wire():
    stub = (GENERATED / "v1/tuning_service_pb2_grpc.py").read_text(encoding="utf-8")
    assert "'gemtune.v1.TuningService'" in stub
    assert "'/gemtune.v1.TuningService/CreateTuningJob'" in stub


@pytest.mark.parametrize("path", sorted(GENERATED.rglob("*.py*")), ids=lambda p: p.name)
def test_no_absolute_import(path):
    if path.suffix in {".py", ".pyi"}:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line.lstrip().startswith(("import gemtune", "from gemtune"))] == []


def test_classes_say_where_they_live():
    assert gemtune_pb.v1.TuningJob.__module__ == "gemtune_pb.v1.tuning_job_pb2"
    assert "TuningJob" in gemtune_pb.v1.__all__
    assert all(hasattr(gemtune_pb.v1, name) for name in gemtune_pb.v1.__all__)


def test_import_is_light():
    """Messages and service descriptors load neither grpc nor anything that talks to a network."""
    code = (
        "import sys, gemtune_pb.v1, gemtune_pb.v1.tuning_service_pb2;"
        "print([m for m in ('grpc', 'asyncio', 'requests', 'google.auth', 'ssl') if m in sys.modules])"
    )
    path = str(ROOT / "generated")
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_stubs_have_docstrings():
    text = (GENERATED / "v1/supervised_tuning_pb2.pyi").read_text(encoding="utf-8")
    assert "The NUMBER of a value is not its size" in text
