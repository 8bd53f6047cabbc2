"""An answer's body as it comes: unpacked piece by piece, and refused beyond a limit before it fills the memory."""

from __future__ import annotations

import zlib

__all__ = ["MAX_ANSWER", "Body", "BodyError", "BodyTooLong"]

MAX_ANSWER = 64 * 2**20
"""Bytes that an answer may have, unpacked, unless told otherwise: a page of 1,000 jobs has less than three million."""

_EITHER, _RAW = 47, -15  # zlib's numbers for "gzip or zlib, as it begins", and for what has neither's head


class BodyError(Exception):
    """A body that cannot be unpacked."""


class BodyTooLong(BodyError):
    """A body that is longer than is borne."""


class Body:
    """Collects a body; for reading from a socket in either way."""

    REFUSAL = 2**20
    """Bytes of a refusal that are read: what is in them is a sentence, and some details."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Takes the Content-Encoding, which may be none, and how many bytes are borne."""
        encodings = [each.strip().lower() for each in encoding.split(",")]
        self._encodings = [each for each in encodings if each not in ("", "identity")]
        self._limit = limit
        self._came = 0
        self._data = bytearray()
        self._unpacker = zlib.decompressobj(_EITHER)
        self._begun = False

    def add(self, piece: bytes) -> None:
        """The next bytes as they came.

        Raises:
            BodyError: They cannot be unpacked, or are too many.
        """
        self._came += len(piece)
        if self._came > self._limit:  # packed ones count too: what unpacks to nothing may go on for ever
            self._refuse()
        if not self._encodings:
            self._data += piece
            return
        if self._encodings not in (["gzip"], ["x-gzip"], ["deflate"]):
            raise BodyError("it is packed in a way that was not asked for")
        while piece:
            if self._unpacker.eof:  # packed in several pieces; what follows and is not packed is ignored
                if not piece.startswith(b"\x1f"):
                    return
                self._unpacker = zlib.decompressobj(_EITHER)
            piece = self._unpack(piece)
            if len(self._data) > self._limit:
                self._refuse()

    def _unpack(self, piece: bytes) -> bytes:
        """Unpacks a piece, no further than to the limit; returns what has not been looked at."""
        room = self._limit + 1 - len(self._data)
        try:
            self._data += self._unpacker.decompress(piece, room)
        except zlib.error as error:
            if self._begun or self._encodings != ["deflate"]:
                raise BodyError("it cannot be unpacked") from error
            self._unpacker = zlib.decompressobj(_RAW)  # some servers call this deflate, too
            self._begun = True
            return piece
        self._begun = True
        return self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def _refuse(self) -> None:
        raise BodyTooLong(f"it is longer than {self._limit:,} bytes, which is what max_answer_bytes allows")

    def end(self) -> bytes:
        """The whole of it, at its end.

        Raises:
            BodyError: It was packed, and its end is missing.
        """
        if self._encodings and self._came and not self._unpacker.eof:
            raise BodyError("its end is missing")
        return self.so_far

    @property
    def so_far(self) -> bytes:
        """What came of it, unpacked."""
        return bytes(self._data)
