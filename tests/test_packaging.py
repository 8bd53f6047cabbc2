"""The wheel: what it puts into site-packages, and what type checkers see of it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytest.importorskip("hatchling", reason="the wheel is built by hatchling, which the group `test` installs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_it_installs_two_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gemtune", "gemtune_pb"}


def test_the_protos_are_in_it(wheel: zipfile.ZipFile) -> None:
    ours = {p.relative_to(ROOT / "protos").as_posix() for p in (ROOT / "protos" / "gemtune").rglob("*.proto")}
    assert len(ours) > 10
    assert {f"gemtune_pb/protos/{path}" for path in ours} <= set(wheel.namelist())
    assert "gemtune_pb/gemtune.binpb" in wheel.namelist()


def test_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {"gemtune/py.typed", "gemtune_pb/py.typed", "gemtune_pb/v1/tuning_job_pb2.pyi"} <= set(wheel.namelist())


def test_data_files_come_along(wheel: zipfile.ZipFile) -> None:
    data = {p.relative_to(ROOT).as_posix() for p in (ROOT / "gemtune").rglob("*.yaml")}
    assert data
    assert data <= set(wheel.namelist())


def test_the_core_needs_no_more_than_it_says(wheel: zipfile.ZipFile) -> None:
    metadata = wheel.read(next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))).decode()
    core = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert not [line for line in core if "grpc" in line or "sqlalchemy" in line.lower() or "uvicorn" in line]
