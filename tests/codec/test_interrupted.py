"""What a signal's handler raises in the middle of a conversion reaches the program, whatever its class."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format

import gemtune
from gemtune import TuningJob

CLASSES = [ValueError, TypeError, TimeoutError, OSError, RuntimeError, KeyboardInterrupt]
JOB = TuningJob(name="n", create_time={"seconds": 1})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("module", "name", "convert"),
    [
        (json_format, "MessageToDict", lambda: gemtune.to_json(JOB)),
        (json_format, "ParseDict", lambda: gemtune.from_json('{"name":"n"}', TuningJob)),
        (json, "loads", lambda: gemtune.from_json('{"name":"n"}', TuningJob)),
    ],
    ids=["write", "read", "parse"],
)
def test_it_is_raised_as_it_is(
    module: Any, name: str, convert: Callable[[], Any], cls: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = cls("of a handler")

    def interrupted(*_: Any, **__: Any) -> Any:
        raise raised

    monkeypatch.setattr(module, name, interrupted)
    with pytest.raises(cls) as caught:
        convert()
    assert caught.value is raised
