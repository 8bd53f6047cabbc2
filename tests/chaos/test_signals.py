"""An exception out of a signal handler, at any moment of a create: nothing hangs, and the client goes on being usable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gemtune.testing import emulator
from tests.support.metrics import Figures
from tests.support.stress import SOAK

CREATES = 5000 if SOAK else 200
PROGRAM = Path(__file__).with_name("interrupted.py")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timers that interrupt")
@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize("seed", [1, 2, 3] if SOAK else [1])
def test_a_signal_at_any_moment_hangs_nothing(transport: str, seed: int, figures: Figures) -> None:
    with emulator(job_duration=3600, grpc=True) as service:
        endpoint = service.url if transport == "rest" else f"http://{service.grpc}"
        command = [sys.executable, str(PROGRAM), endpoint, transport, str(CREATES), str(seed)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    came = json.loads(ran.stdout)
    assert came["created"] + came["interrupted"] == CREATES
    assert came["interrupted"] > CREATES // 10
    figures(
        f"{transport}, seed {seed}: {CREATES} creates with a signal at a random moment, {came['interrupted']} of them "
        f"interrupted, {came['gets']} gets of two other threads meanwhile: none hung"
    )
