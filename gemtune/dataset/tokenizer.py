"""Counting with a tokenizer's own file: a SentencePiece `tokenizer.model`, or a `tokenizer.json`.

The files are their owners' and no part of gemtune. Google publishes one for Gemma, by which its SDK counts for Gemini.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemtune.errors import ConfigurationError

__all__ = ["load_tokenizer"]


def load_tokenizer(path: str | os.PathLike[str]) -> Callable[[str], int]:
    """A function that counts the tokens of a text, without marks for its beginning and end.

    Args:
        path: `tokenizer.json` of the library tokenizers, or else a model of SentencePiece.

    Raises:
        ConfigurationError: The file cannot be read, it is no tokenizer, or the library for it is not installed.
    """
    name = os.fspath(path)
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the tokenizer {name} cannot be read: {error.strerror or error}") from error
    is_json = data.lstrip()[:1] == b"{"
    try:
        return _of_json(data) if is_json else _of_model(data)
    except ImportError as error:
        library = "tokenizers" if is_json else "sentencepiece"
        raise ConfigurationError(f"the tokenizer {name} needs {library}: pip install 'gemtune[tokenizer]'") from error
    except Exception as error:  # the libraries raise Exception itself, RuntimeError and their own
        raise ConfigurationError(
            f"{name} is no tokenizer: give a tokenizer.json, or a tokenizer.model of SentencePiece ({error})"
        ) from error


def _of_json(data: bytes) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(data)

    def count(text: str) -> int:
        return len(tokenizer.encode(_sound(text), add_special_tokens=False))

    return count


def _of_model(data: bytes) -> Callable[[str], int]:
    from sentencepiece import SentencePieceProcessor

    if not data:
        raise ValueError("it is empty")
    processor: Any = SentencePieceProcessor()
    processor.LoadFromSerializedProto(data)

    def count(text: str) -> int:
        return len(processor.EncodeAsIds(_sound(text)))

    return count


def _sound(text: str) -> str:
    """The text, half surrogate pairs replaced: JSON can hold them, UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
