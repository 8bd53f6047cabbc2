"""protobuf's conformance suite as a test. It needs a runner: see run.py."""

from __future__ import annotations

import pytest

from tests.conformance.run import RELEASE, Runner, find, run

RUNNER = find()  # before the tests' environment is cleaned


@pytest.fixture
def runner() -> Runner:
    if RUNNER is None:
        pytest.skip("no conformance runner: python tests/conformance/run.py --fetch")
    return RUNNER


def test_every_case_with_json_in_it_passes(runner: Runner) -> None:
    verdict = run(runner)
    assert verdict.failed == ()
    assert verdict.passed >= 2812, f"the suite of {RELEASE} has that many, to edition 2023"
