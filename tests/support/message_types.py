"""The message types of protos/*.proto, in the default pool, as a process has the types that its user generated."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import (  # noqa: F401  what the protos import has to be in the pool
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

PROTOS = Path(__file__).parent / "protos"


@cache
def _load() -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = sorted(path.name for path in PROTOS.glob("*.proto"))
        out = Path(folder, "kinds.binpb")
        # A descriptor set, not modules: those would ask for a protobuf at least as new as the compiler.
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"--proto_path={PROTOS}",
                f"--descriptor_set_out={out}",
                *names,
            ],
            check=True,
        )
        for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
            descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


def kind(name: str) -> Any:
    """A message class: `kind("kinds3.Scalars")`."""
    _load()
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


FAST = (
    [kind(f"kinds3.{name}") for name in "Scalars Optionals Repeated Maps Choices WellKnown Tree Holder".split()]
    + [kind(f"kinds2.{name}") for name in "Everything Required Twins".split()]
    + [kind("kinds2023.Features")]
)
"""Types that the fast road takes both ways."""

SLOW = [kind(f"kinds3.{name}") for name in "Masks Boxed NumberedMessages FloatsByName Nulls Values".split()] + [
    kind(f"kinds2.{name}") for name in "Extendable AlikeNames".split()
]
"""Types that are left to json_format one way or both."""
