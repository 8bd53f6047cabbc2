"""What an answer has that this version does not know: kept in the message, and logged once.

The service gets new fields and values. They must not break an older client, and must not disappear without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import DecodeError, Message

from gemtune import safe_text
from gemtune.rpc.unknown import Unknown, keep, place_of
from gemtune.safe_text import without
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob

__all__ = ["keep_and_log"]

logger = safe_text.logger("gemtune")

_SHOWN = 200  # characters of a value, in the log
_MOST = 10_000  # a server that makes up names shall not fill the memory with them
_said: set[tuple[str, str]] = set()


def keep_and_log(answer: Message, ignored: Sequence[tuple[str, Any]], secrets: Sequence[str] = ()) -> None:
    """Keeps what was ignored in the jobs that it belongs to (`rpc.unknown`), and logs what was not logged before.

    Args:
        answer: The answer.
        ignored: What the codec ignored in it: each path and its JSON value.
        secrets: What the log does not show, though the answer may hold it.
    """
    _keep(answer, [Unknown(place_of(path), value) for path, value in ignored])
    for path, value in ignored:
        place = re.sub(r"\[[^\]]*\]", "[]", path)
        key = (answer.DESCRIPTOR.full_name, place)
        if key in _said or len(_said) >= _MOST:
            continue
        _said.add(key)
        logger.warning(
            "the service's %s has %s = %s, which this version of gemtune does not know; it is ignored",
            answer.DESCRIPTOR.name,
            without(place, secrets),
            _cut(without(repr(value), secrets)),
        )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _keep(answer: Message, found: list[Unknown]) -> None:
    if isinstance(answer, TuningJob):
        keep(answer, found)
    elif isinstance(answer, ListTuningJobsResponse):
        of_row: dict[int, list[Unknown]] = {}
        for place, value in found:
            if len(place) > 2 and place[0] == "tuningJobs" and isinstance(place[1], int):
                of_row.setdefault(place[1], []).append(Unknown(place[2:], value))
        for row, its in of_row.items():
            keep(answer.tuning_jobs[row], its)
    elif isinstance(answer, operations_pb2.Operation) and answer.response.type_url.endswith(".TuningJob"):
        try:
            job = TuningJob.FromString(answer.response.value)
        except DecodeError:  # what it holds could not be read, and stays as it came
            return
        keep(job, [Unknown(place[1:], value) for place, value in found if place[0] == "response" and len(place) > 1])
        answer.response.value = job.SerializeToString()
