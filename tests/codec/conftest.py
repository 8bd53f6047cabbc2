"""The bridge to protobuf-py, forced on and off: which of the two reads or writes must not matter."""

from __future__ import annotations

import pytest

from gemtune.rpc import fast_json


@pytest.fixture
def bridge_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has converted much JSON."""
    monkeypatch.setattr(fast_json, "PAYS_FROM", 0)


@pytest.fixture
def bridge_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has converted little, or where the bridge does not pass its check."""
    monkeypatch.setattr(fast_json, "PAYS_FROM", float("inf"))


@pytest.fixture(params=["bridge on", "bridge off"])
def either_way(request: pytest.FixtureRequest) -> None:
    """Runs a test with the bridge, and without it."""
    request.getfixturevalue(request.param.replace(" ", "_"))
