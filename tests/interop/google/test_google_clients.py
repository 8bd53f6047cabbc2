"""Google's own clients, unmodified, against gemtune's emulator.

Each runs in an environment of its own (run.py makes it), so these tests need a package index on first use; they run
where GEMTUNE_INTEROP names the clients, `GEMTUNE_INTEROP=genai` or `all`, and are left out elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clients import CLIENTS, OVER_GRPC, OWN_STEPS

WANTED = os.environ.get("GEMTUNE_INTEROP", "").split(",")


@pytest.mark.parametrize("name", CLIENTS | OVER_GRPC | OWN_STEPS)
def test_client_works_against_the_emulator(name: str) -> None:
    if name not in WANTED and "all" not in WANTED:
        pytest.skip(f"set GEMTUNE_INTEROP={name} to install {name} and run it")
    run = Path(__file__).with_name("run.py")
    done = subprocess.run([sys.executable, run, name], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
