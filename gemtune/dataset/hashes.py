"""Stable 64-bit hashes of texts, by which rows are compared."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from hashlib import blake2b

__all__ = ["KIND", "hash_of", "hashes_of"]


def _blake(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def _chosen() -> tuple[str, Callable[[bytes], int]]:
    try:
        import xxhash
    except ImportError:  # the extra `dataset` is not installed
        return "blake2b", _blake
    return "xxh3", xxhash.xxh3_64_intdigest


KIND, _digest = _chosen()
"""The hash that is used: reports of parts can be merged where it is the same."""


def hash_of(text: str) -> int:
    """The hash of a text, equal in every process.

    It is xxHash where the extra `dataset` is installed, else BLAKE2, which takes longer.
    """
    return _digest(text.encode())


def hashes_of(texts: Iterable[str]) -> array[int]:
    """The hashes of some texts."""
    return array("Q", [_digest(text.encode()) for text in texts])
