"""JSON that both databases hold: that of a spec, for people who ask in SQL, and that of an event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from gemtune.errors import JsonError, SpecInvalid, bad_request
from gemtune.rpc.codec import to_json
from gemtune_pb.v1 import TuningJob

__all__ = ["event_json", "spec_json"]

# An escape behind an even number of backslashes; an odd one is a backslash in the text, and "u0000" behind it.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def spec_json(request: bytes) -> dict[str, Any] | None:
    """A spec's JSON, protobuf's mapping, as far as it can be said: its bytes stay the truth.

    Fields that this version does not know have no name, and are not in it. NUL, which jsonb refuses, is U+FFFD there.

    Args:
        request: A serialised TuningJob of what is asked for.

    Returns:
        None: The bytes cannot be read, or have no JSON form.
    """
    try:
        text = to_json(TuningJob.FromString(request))
    except (DecodeError, JsonError):
        return None
    made: dict[str, Any] = json.loads(_NUL.sub(r"\1\\ufffd", text))
    return made


def event_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event, as they will be read.

    Raises:
        SpecInvalid: They have no JSON form, or hold what a database refuses.
    """
    try:
        text = json.dumps(dict(data), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecInvalid(bad_request([("data", f"the data of an event are a JSON object: {error}")])) from error
    if _NUL.search(text) or _HALF_PAIR.search(text):
        what = "data holds characters that a database refuses (NUL, or half of a pair); give it as base64, say"
        raise SpecInvalid(bad_request([("data", what)]))
    kept: dict[str, Any] = json.loads(text)
    return kept
