"""`gemtune.JobState`: protobuf's enum that is Python's too, so that `JobState(job.state).name` works.

The generated enum is a wrapper with `Value()`, `Name()` and `items()`, whose values are plain ints: they have no name
and cannot be made by a call. This one has the same methods, and its values are members of an `IntEnum`: they equal the
ints of the generated one, and messages take them.
"""

from __future__ import annotations

from enum import EnumMeta, IntEnum
from typing import TYPE_CHECKING, Any, cast

from gemtune_pb.v1 import JobState as GeneratedJobState

__all__ = ["JobState", "named_state"]

if TYPE_CHECKING:

    class JobState(GeneratedJobState, int):
        """What type checkers see: the generated enum, which can be called as well.

        They see its values as the generated ones, which messages take; `JobState(value).name` is right everywhere.
        """

        name: str
        value: int

        def __new__(cls, value: int) -> JobState: ...  # noqa: D102
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

else:

    class _ProtobufMethods(EnumMeta):
        """The methods of protobuf's enums, beside those of Python's."""

        DESCRIPTOR = GeneratedJobState.DESCRIPTOR
        ValueType = int

        def Name(cls, number: int) -> str:  # noqa: N802  protobuf's name
            """The name of a number; a ValueError when there is none."""
            return GeneratedJobState.Name(number)

        def Value(cls, name: str) -> JobState:  # noqa: N802  protobuf's name
            """The value of a name; a ValueError when there is none."""
            return cls(GeneratedJobState.Value(name))

        def keys(cls) -> list[str]:
            """The names."""
            return GeneratedJobState.keys()

        def values(cls) -> list[JobState]:
            """The values."""
            return list(cls)

        def items(cls) -> list[tuple[str, JobState]]:
            """Names and values."""
            return [(state.name, state) for state in cls]

    class _Numbered(IntEnum, metaclass=_ProtobufMethods):
        """Where a job stands."""

        @classmethod
        def _missing_(cls, value: object) -> Any:
            # A number that this version has no name for may come from a newer service; it is its own name.
            return named_state(value, str(int(value))) if isinstance(value, int) else None

    JobState = _Numbered("JobState", GeneratedJobState.items(), module=__name__)


def named_state(number: int, name: str) -> JobState:
    """A state that this version does not know: it is not a member of the enum, and has the name that it came with."""
    state: Any = int.__new__(cast("Any", JobState), number)
    state._name_, state._value_ = name, int(number)
    return state
