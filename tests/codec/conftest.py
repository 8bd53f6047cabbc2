"""The roads that a conversion may take, counted and closed."""

from __future__ import annotations

import pytest

from gemtune.rpc import codec
from tests.support.codec_paths import Roads, count


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where protobuf-py is not installed, or is another version."""
    monkeypatch.setattr(codec, "reader", lambda descriptor: None)
    monkeypatch.setattr(codec, "writer", lambda descriptor, *, proto_names: None)


@pytest.fixture
def roads(monkeypatch: pytest.MonkeyPatch) -> Roads:
    """Counts the conversions of a test."""
    return count(monkeypatch)
