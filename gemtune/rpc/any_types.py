"""What an `Any` holds: its type, and what is done with one that nobody here can read.

Types are looked for among our own first, so that what an `Any` means does not depend on what else a program imports.
The service's operations hold an `Any` of `google.cloud.aiplatform.v1.TuningJob`, a name that our schema must not
register (it would clash with google-cloud-aiplatform's), so Google's names are looked up as ours.

An `Any` of an answer that cannot be read keeps its type URL, and as its value its JSON, behind a byte that begins no
message: `to_json` writes it as it came, and who takes it for a message is told that it is none.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
from typing import Any, Final, cast

from google.protobuf import descriptor_pool, field_mask_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool

from gemtune.rpc import nesting

__all__ = ["ANY", "ANY_TYPES", "find_type", "kept", "kept_json", "raw_of", "raw_tree"]

ANY: Final = "google.protobuf.Any"

# -- types ---------------------------------------------------------------------------------------------------------

_KNOWN_TO_ALL: Final = (field_mask_pb2, wrappers_pb2)
"""Protobuf's own types, which nothing else here needs: known, whether or not a program imports them."""

_OURS = "gemtune.v1"
_GOOGLE = ("google.cloud.aiplatform.v1", "google.cloud.aiplatform.v1beta1")


class _AnyTypes:
    """What json_format asks for the type of an `Any`; stands for a descriptor pool."""

    def FindMessageTypeByName(self, name: str) -> Descriptor:  # noqa: N802  protobuf's name
        pool = descriptor_pool.Default()
        for package in (_OURS, *_GOOGLE):
            if name.startswith(package + "."):
                importlib.import_module("gemtune_pb.v1")  # registers them
                try:
                    return pool.FindMessageTypeByName(_OURS + name.removeprefix(package))
                except KeyError:
                    break  # a type that our schema lacks, and perhaps somebody else's module has
        return pool.FindMessageTypeByName(name)


ANY_TYPES = cast("DescriptorPool", _AnyTypes())


def find_type(type_url: str, pool: DescriptorPool | None = None) -> Descriptor | None:
    """The type that a type URL names; None when this process does not know it.

    Args:
        type_url: The URL.
        pool: Where to look after all others: the pool of the message that the `Any` stands in.
    """
    for types in (ANY_TYPES, pool):
        try:
            if types is not None:
                return types.FindMessageTypeByName(type_url.rpartition("/")[2])
        except (KeyError, TypeError, UnicodeError):  # half a surrogate pair is not a name to the pool
            continue
    return None


# -- the forms of one that cannot be read --------------------------------------------------------------------------

_KEPT = b"\x07JSON:"
"""What is in front of JSON that was kept. The first byte would be the tag of a field 0 of no known kind."""


def kept(tree: Any) -> bytes:
    """The value of an `Any` whose JSON cannot be read."""
    return _KEPT + json.dumps(tree).encode()


def kept_json(value: bytes) -> Any:
    """The JSON that was kept in the value of an `Any`.

    Raises:
        ValueError: There is none.
    """
    if not value.startswith(_KEPT):
        raise ValueError
    return nesting.loads(value.removeprefix(_KEPT))


def raw_tree(any_: Any) -> dict[str, str]:
    """The JSON of an `Any` whose bytes cannot be read: `@value` is not a field's name, so nobody takes it for one."""
    return {"@type": any_.type_url, "@value": base64.b64encode(any_.value).decode()}


def raw_of(tree: Any) -> bytes | None:
    """The bytes in what `raw_tree` gave; None when it is something else."""
    if not isinstance(tree, dict) or tree.keys() != {"@type", "@value"}:
        return None
    try:
        return base64.b64decode(tree["@value"], validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None
