"""What a store is asked, checked before its database is: the names of submissions, paths into specs, events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from gemtune.descriptors import is_map
from gemtune.errors import SpecInvalid, bad_request
from gemtune.specs.diff import Value, leaves
from gemtune.specs.suggest import nearest
from gemtune.store.json_text import event_json
from gemtune_pb.v1 import TuningJob

__all__ = ["check_path", "event_of", "fits", "key_of"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def key_of(request_id: str, project: str, location: str) -> dict[str, str]:
    """The columns that name a submission."""
    key = {"project": project, "location": location, "request_id": request_id}
    for name, value in key.items():
        if not value or _UNSTORABLE.search(value):
            what = "holds characters that a database refuses (NUL, or half of a pair)" if value else "is empty"
            raise SpecInvalid(bad_request([(name, f"{name} {what}; give one such as a UUID")]))
    return key


def event_of(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say what an event is."""
    if not kind or _UNSTORABLE.search(kind):
        what = "holds characters that a database refuses (NUL, or half of a pair)" if kind else "is empty"
        raise SpecInvalid(bad_request([("kind", f"kind {what}; give a word such as pinned")]))
    return {"kind": kind, "data": event_json(data)}


def fits(job: TuningJob, where: Mapping[str, Value]) -> bool:
    """Whether a spec has these values at these paths."""
    asked = leaves(job)
    return all(asked.get(path) == value for path, value in where.items())


def check_path(path: str) -> None:
    """Refuses a path that no spec can have: it would find nothing, or everything."""
    descriptor: Descriptor | None = TuningJob.DESCRIPTOR
    for name in re.split(r"[.\[]", path):
        if name.endswith("]"):  # the index of a list
            continue
        fields = descriptor.fields_by_name if descriptor is not None else {}
        if name not in fields:
            near = nearest(name, fields)
            hint = f"did you mean {near}?" if near else "a path looks like supervised_tuning_spec.training_dataset_uri"
            raise SpecInvalid(bad_request([(path, f"{name}: no such field; {hint}")]))
        if is_map(fields[name]):
            return
        descriptor = fields[name].message_type
    if descriptor is not None:
        some = ", ".join(list(descriptor.fields_by_name)[:3])
        raise SpecInvalid(bad_request([(path, f"a message, which is found by a field in it, such as {some}")]))
