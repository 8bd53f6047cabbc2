"""Adapter sizes by their size.

The numbers of the AdapterSize enum are not its sizes: ADAPTER_SIZE_SIXTEEN is number 4. A size is therefore never taken
for an enum number, nor the other way round.
"""

from __future__ import annotations

from gemtune.errors import SpecInvalid, bad_request
from gemtune_pb.v1 import SupervisedHyperParameters

__all__ = ["SIZES", "adapter_size", "rank_of"]

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
        allowed = ", ".join(f"{known} ({name})" for known, name in SIZES.items())
        raise SpecInvalid(bad_request([("adapter_size", f"{size!r} is not an adapter size; the sizes are {allowed}")]))
    return SupervisedHyperParameters.AdapterSize.Value(SIZES[size])


def rank_of(name: str) -> int | None:
    """The rank that the name of an enum value stands for; None for ADAPTER_SIZE_UNSPECIFIED and unknown names."""
    return _BY_NAME.get(name)


_BY_NAME = {name: size for size, name in SIZES.items()}
