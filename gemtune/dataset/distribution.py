"""How a count is spread over the examples, in the form in which the service gives it.

The form was read off the statistics of two real jobs: six equal buckets over the range of the values, empty ones left
out; the median cut to an integer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate, pairwise

from gemtune_pb.v1 import SupervisedTuningDatasetDistribution

__all__ = ["distribution"]

_BUCKETS = 6


def distribution(counted: Mapping[int, int]) -> SupervisedTuningDatasetDistribution:
    """The distribution of some counts.

    Args:
        counted: How many examples have each value; none gives an empty distribution.
    """
    result = SupervisedTuningDatasetDistribution()
    if not counted:
        return result
    values = sorted(counted)
    until = list(accumulate(counted[value] for value in values))  # examples up to and with each value
    count, low, high = until[-1], values[0], values[-1]

    def at(rank: int) -> int:
        return values[bisect_right(until, rank)]

    result.sum = sum(value * many for value, many in counted.items())
    result.min, result.max = low, high
    result.mean = result.sum / count
    result.median = (at((count - 1) // 2) + at(count // 2)) // 2
    # One past the nearest rank: of 500 rows, the service's p95 is not the one that numpy's "nearest" takes.
    result.p5, result.p95 = at(count * 5 // 100), at(count * 95 // 100)
    width = high - low + 1
    # Bucket k covers ceil(low + k * width/6) to ceil(low + (k+1) * width/6) - 1, in whole numbers throughout; a range
    # of one value is one bucket.
    edges = [low + -(-k * width // _BUCKETS) for k in range(_BUCKETS + 1)]
    for left, right in pairwise(edges):
        inside = sum(
            counted[value] for value in values[bisect_right(values, left - 1) : bisect_right(values, right - 1)]
        )
        if inside:
            result.buckets.add(count=inside, left=left, right=right - 1)
    return result
