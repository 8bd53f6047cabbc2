"""What an answer had that this version does not know: said once to the log, and names of states kept for whoever waits.

The service moves on. A field or a value that is new there must not break a client that is old, nor vanish in silence.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from google.protobuf.message import Message

from gemtune.states import remember_name
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob

__all__ = ["News"]

logger = logging.getLogger("gemtune")

_SHOWN = 200  # characters of a value, in the log
_MOST = 10_000  # a server that makes up names shall not fill the memory with them
_said: set[tuple[str, str]] = set()


class News:
    """What was passed over in one answer."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, Any]] = []

    def hear(self, path: str, value: Any) -> None:
        """Takes what the codec passed over."""
        self._heard.append((path, value))

    def tell(self, answer: Message) -> None:
        """Says what has not been said yet, and keeps the names of states for `gemtune.states.state_name`."""
        for path, value in self._heard:
            self._keep_state(answer, path, value)
            place = re.sub(r"\[[^\]]*\]", "[]", path)
            key = (answer.DESCRIPTOR.full_name, place)
            if key in _said or len(_said) >= _MOST:
                continue
            _said.add(key)
            shown = repr(value)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            logger.warning(
                "the service's %s has %s = %s, which this version of gemtune does not know; it is passed over",
                answer.DESCRIPTOR.name,
                place,
                shown,
            )

    def _keep_state(self, answer: Message, path: str, value: Any) -> None:
        found = re.fullmatch(r"(?:tuningJobs\[(\d+)\]\.)?state", path)
        if found is None or not isinstance(value, str):
            return
        if isinstance(answer, TuningJob) and found[1] is None:
            remember_name(answer, value)
        elif isinstance(answer, ListTuningJobsResponse) and found[1] is not None:
            remember_name(answer.tuning_jobs[int(found[1])], value)
