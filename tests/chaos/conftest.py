"""What the proofs share."""

from __future__ import annotations

import pytest

from tests.chaos.soak import Figures


@pytest.fixture
def figures(capsys: pytest.CaptureFixture[str]) -> Figures:
    return Figures(capsys)
