"""Figures that a test has counted: shown at once where output is not captured (`-s`), and else under all tests.

They travel with the test's report, so that they also arrive from tests that run in several processes.
"""

from __future__ import annotations

import time

import pytest

__all__ = ["Figures", "reported"]

_NAME = "figure"


class Figures:
    """Takes a test's figures, a line each."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties
        self._at_once = request.config.getoption("capture") == "no"
        self._began = time.monotonic()

    def __call__(self, line: object) -> None:
        text = f"{line}, in {time.monotonic() - self._began:.0f} s"
        self._properties.append((_NAME, text))
        if self._at_once:
            print(f"\n{text}", flush=True)


def reported(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """All figures of a run."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    return sorted(
        text for report in reports if report.when == "call" for name, text in report.user_properties if name == _NAME
    )
