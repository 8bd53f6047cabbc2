"""The example of a user's test suite runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "test_with_emulator.py"


def test_the_example_of_a_test_suite_passes(tmp_path: Path) -> None:
    file = tmp_path / EXAMPLE.name
    file.write_text(EXAMPLE.read_text())  # away from this project's settings, as a user has it
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(file)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 passed" in run.stdout
