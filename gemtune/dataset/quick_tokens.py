"""The tokens that the check of a dataset counts: fast, and near enough for statistics. An estimate counts anew.

An ASCII text has a token for every four characters here: on English within a percent of the fitted rule (tokens.py),
too few on program text. Other texts are counted by the fitted rule.
"""

from __future__ import annotations

from gemtune.dataset.tokens import text_tokens

__all__ = ["FAR", "quick_tokens", "quick_tokens_of"]

FAR = 2
"""A row with fewer tokens than a limit divided by this is within it, whatever it holds; others are counted closely."""


def quick_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return (len(text) + 3) >> 2 if text.isascii() else text_tokens(text)


def quick_tokens_of(texts: list[str], together: str, lengths: list[int]) -> list[int]:
    """`quick_tokens` of each of some texts.

    Args:
        texts: The texts.
        together: All of them as one.
        lengths: Characters of each.
    """
    if together.isascii():
        return [(length + 3) >> 2 for length in lengths]
    return list(map(quick_tokens, texts))
