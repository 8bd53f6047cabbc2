"""The schema as a product: for protoc and buf, for tools that read descriptors, and for editors.

All of it is made from what the package carries: the descriptor set that protoc wrote of `protos/gemtune/`, with the
comments, the `.proto` files themselves, and Google's from googleapis-common-protos. docs/languages.md shows the use.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf import descriptor_pb2

import gemtune_pb
from gemtune.errors import ConfigurationError

__all__ = ["descriptor_set", "write_protos"]

# googleapis-common-protos has this schema under another name, one that no other language imports it by.
_RENAMED = {"google/longrunning/operations.proto": "google/longrunning/operations_proto.proto"}
_STUBS = Path(gemtune_pb.__file__).parent


def descriptor_set() -> bytes:
    """The schema and everything it imports, as a serialized `google.protobuf.FileDescriptorSet`.

    What `protoc --descriptor_set_in`, `buf`, `grpcurl -protoset` and libraries with dynamic messages read. Our own
    files carry their comments.
    """
    return (_STUBS / "gemtune.binpb").read_bytes()


def write_protos(folder: str | Path) -> list[Path]:
    """Writes the `.proto` files and Google's that they import, so that protoc needs no other include folder.

    `google/protobuf/*.proto` are left out: every protoc has its own.

    Args:
        folder: Where to; made if need be. Files that are there are overwritten, others left alone.

    Returns:
        The files, ours first, as paths below `folder`.

    Raises:
        ConfigurationError: The files cannot be written, or are missing from the installation.
    """
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file
    names = [file.name for file in files if not file.name.startswith("google/protobuf/")]
    written: list[Path] = []
    for name in sorted(names, key=lambda name: (name.startswith("google/"), name)):
        target = Path(folder, name)
        text = _source(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
        except OSError as error:
            raise ConfigurationError(f"cannot write {target}: {error.strerror or error}") from error
        written.append(target)
    return written


def _source(name: str) -> bytes:
    """The text of a `.proto` file by the name that others import it by."""
    if name.startswith("google/"):
        from google.api import annotations_pb2

        roots = [Path(str(annotations_pb2.__file__)).parents[2]]
    else:
        roots = [_STUBS / "protos", _STUBS.parents[1] / "protos"]  # installed; in a checkout
    for root in roots:
        path = root / _RENAMED.get(name, name)
        if path.exists():
            return path.read_bytes()
    package = "googleapis-common-protos" if name.startswith("google/") else "gemtune"
    raise ConfigurationError(f"{name} is missing from the installation: pip install --force-reinstall {package}")
