"""How many tokens a text has, by a rule."""

from __future__ import annotations

__all__ = ["at_least", "at_most", "media_tokens", "text_tokens", "tokens_of"]


def text_tokens(text: str) -> int:
    """The likely number of tokens of a text."""
    return -(-len(text) // 4)


def tokens_of(texts: list[str], together: str, lengths: list[int]) -> list[int]:
    """The likely number of tokens of each of some texts.

    Args:
        texts: The texts.
        together: All of them as one.
        lengths: Characters of each.
    """
    if together.isascii():
        return [(length + 3) >> 2 for length in lengths]
    return list(map(text_tokens, texts))


def media_tokens(modality: str, resolution: str) -> int:
    """The likely number of tokens of a file."""
    return 258


def at_least(tokens: int) -> int:
    """The low end of what a likely number of tokens may be."""
    return tokens * 3 // 4


def at_most(tokens: int) -> int:
    """The high end of it."""
    return tokens * 4 // 3
