"""Stable 64-bit hashes of texts, by which rows are compared."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["KIND", "hash_of", "hashes_of"]

try:
    from xxhash import xxh3_64_intdigest as _digest
except ImportError:
    KIND = "blake2b"

    def _digest(data: bytes) -> int:
        return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
else:
    KIND = "xxh3"


def hash_of(text: str) -> int:
    """The hash of a text, equal in every process: xxHash where the extra `dataset` is installed, else BLAKE2, which takes longer."""
    return _digest(text.encode())


def hashes_of(texts: Iterable[str]) -> array[int]:
    """The hashes of some texts."""
    return array("Q", [_digest(text.encode()) for text in texts])
