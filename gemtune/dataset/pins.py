"""Which objects a submission's data were: recorded beside the submission, and compared later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gemtune.dataset.cloud import stat
from gemtune.dataset.of_job import data_of
from gemtune.errors import DatasetError
from gemtune_pb.v1 import TuningJob

__all__ = ["KIND", "changes", "pins"]

KIND = "pinned"
"""The kind of a store's event that has pins."""


def pins(job: TuningJob, *, credentials: Any = None) -> list[dict[str, Any]]:
    """The objects in Cloud Storage that a spec names, as they are now: uri, generation, size, crc32c.

    Args:
        job: The spec.
        credentials: For Cloud Storage; None: Application Default Credentials.

    Raises:
        DatasetError: One is not there, or may not be read.
        TransportError: Cloud Storage did not answer.
    """
    data = data_of(job)
    made: list[dict[str, Any]] = []
    for uri in data.uris if data is not None else ():
        found = stat(uri, credentials)
        # A generation has more digits than some readers of JSON keep in a number.
        made.append({"uri": uri, "generation": str(found.generation), "size": found.size, "crc32c": found.crc32c})
    return made


def changes(pinned: Mapping[str, Any], *, credentials: Any = None) -> Iterator[str]:
    """What has changed since objects were pinned, a sentence each; an object that was only written anew is not one.

    Args:
        pinned: The data of an event of this kind.
        credentials: As of `pins`.

    Raises:
        TransportError: Cloud Storage did not answer.
    """
    for old in pinned.get("objects", ()):
        uri = old["uri"]
        try:
            now = stat(uri, credentials)
        except DatasetError as error:
            yield f"{uri} was there then: {error}"
            continue
        if (now.size, now.crc32c) != (old["size"], old["crc32c"]):
            sizes = f"{old['size']:,} bytes then, {now.size:,} now" if now.size != old["size"] else "of the same size"
            yield f"{uri} has changed since ({sizes}; generation {old['generation']} then, {now.generation} now)"
