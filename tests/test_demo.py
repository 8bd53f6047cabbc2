"""The first command that anyone types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo_goes_from_a_spec_file_to_a_tuned_model(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "examples/demo.sh"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "RUNNING" in ran.stdout
    assert re.search(r"^The tuned model: projects/\d+/locations/us-central1/models/\d+@1$", ran.stdout, re.MULTILINE)
    assert not list(tmp_path.iterdir()), "nothing is left behind"
