"""Adapter sizes by their size.

The numbers of the AdapterSize enum are not its sizes: ADAPTER_SIZE_SIXTEEN is number 4. A size is therefore never taken
for an enum number, nor the other way round.
"""

from __future__ import annotations

import re

from gemtune.errors import SpecInvalid, bad_request
from gemtune.specs.suggest import nearest
from gemtune_pb.v1 import SupervisedHyperParameters

__all__ = ["SIZES", "adapter_size", "rank_of", "size_meant", "sizes_text"]

SIZES: dict[int, str] = {
    1: "ADAPTER_SIZE_ONE",
    2: "ADAPTER_SIZE_TWO",
    4: "ADAPTER_SIZE_FOUR",
    8: "ADAPTER_SIZE_EIGHT",
    16: "ADAPTER_SIZE_SIXTEEN",
    32: "ADAPTER_SIZE_THIRTY_TWO",
}
"""Size (the rank of the adapter) -> name of the enum value."""


def adapter_size(size: int) -> SupervisedHyperParameters.AdapterSize.ValueType:
    """The AdapterSize of a size: 4 gives ADAPTER_SIZE_FOUR.

    Args:
        size: 1, 2, 4, 8, 16 or 32.

    Raises:
        SpecInvalid: Anything else.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size not in SIZES:
        message = f"{size!r} is not an adapter size; the sizes are {sizes_text()}"
        raise SpecInvalid(bad_request([("adapter_size", message)]))
    return SupervisedHyperParameters.AdapterSize.Value(SIZES[size])


def rank_of(name: str) -> int | None:
    """The rank that the name of an enum value stands for; None for ADAPTER_SIZE_UNSPECIFIED and unknown names."""
    return _BY_NAME.get(name)


def sizes_text() -> str:
    """The sizes, to be listed in a sentence: `1 (ADAPTER_SIZE_ONE), 2 (ADAPTER_SIZE_TWO), ...`."""
    return ", ".join(f"{size} ({name})" for size, name in SIZES.items())


def size_meant(text: str) -> str | None:
    """The name of the size that a text was meant for; None where it is none: a number is never taken for another one.

    `ADAPTER_SIZE_4`, `rank 4`, `FOUR` and `four` are ADAPTER_SIZE_FOUR; `ADAPTER_SIZE_SIXTY_FOUR` is not a size.
    """
    letters = re.sub(r"[^A-Z0-9]", "", text.upper())
    rest = re.sub(r"^(?:ADAPTER)?(?:SIZE|RANK|R(?=\d))?", "", letters)
    if re.fullmatch(r"\d+", rest):
        return SIZES.get(int(rest[:9]))
    if _is_number(rest) or not rest:
        return _BY_WORD.get(rest)
    return _BY_WORD.get(nearest(rest, _BY_WORD) or "")


def _is_number(word: str) -> bool:
    """Whether a word, in capitals and without blanks, is a number's name."""
    return re.fullmatch(_NUMBER, word) is not None


_BY_NAME = {name: size for size, name in SIZES.items()}
_BY_WORD = {name.removeprefix("ADAPTER_SIZE_").replace("_", ""): name for name in SIZES.values()}
_UNITS = "ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE"
_TEENS = "TEN|ELEVEN|TWELVE|(?:THIR|FOUR|FIF|SIX|SEVEN|EIGH|NINE)TEEN"
_TENS = "(?:TWEN|THIR|FOR|FIF|SIX|SEVEN|EIGH|NINE)TY"
_NUMBER = rf"(?:ZERO|HUNDRED|THOUSAND|AND|{_TENS}|{_TEENS}|{_UNITS})+"
