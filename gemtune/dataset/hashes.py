"""Stable 64-bit hashes of texts, by which rows are compared."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from hashlib import blake2b

__all__ = ["KIND", "hash_of", "hashes_of"]


def _blake(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


_digest: Callable[[bytes], int] = _blake
KIND = "blake2b"
"""The hash that is used: reports of parts can be merged where it is the same."""
try:
    import xxhash
except ImportError:  # the extra `dataset` is not installed
    pass
else:
    _digest, KIND = xxhash.xxh3_64_intdigest, "xxh3"


def hash_of(text: str) -> int:
    """The hash of a text, equal in every process.

    It is xxHash where the extra `dataset` is installed, else BLAKE2, which takes longer.
    """
    return _digest(text.encode())


def hashes_of(texts: Iterable[str]) -> array[int]:
    """The hashes of some texts."""
    return array("Q", [_digest(text.encode()) for text in texts])
