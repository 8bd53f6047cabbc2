"""What the values of options look like: lengths of time, adapter sizes, labels, numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

__all__ = [
    "COUNT",
    "DURATION",
    "NUMBER",
    "SET",
    "STATES",
    "AdapterSizeType",
    "AdditionalType",
    "CountType",
    "DurationType",
    "LabelsType",
    "NumberType",
    "joined_filter",
]

if TYPE_CHECKING:  # click's types are generic for type checkers, and at run time only in its later versions
    _Float: TypeAlias = click.ParamType[float]
    _Int: TypeAlias = click.ParamType[int]
    _Labels: TypeAlias = click.ParamType[dict[str, str]]
    _Str: TypeAlias = click.ParamType[str]
    _Texts: TypeAlias = click.ParamType[tuple[str, ...]]

    from gemtune.rpc.additional import Place

    _Additional: TypeAlias = click.ParamType[tuple[Place, Any]]
else:
    _Additional = _Float = _Int = _Labels = _Str = _Texts = click.ParamType

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 366 * 86400.0  # beyond it, sleeps and dates stop working
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*")


class DurationType(_Float):
    """A length of time: `500ms`, `5s`, `2m`, `1h30m`; a bare number is seconds."""

    name = "duration"

    def __init__(self, *, least: float = 0.0) -> None:
        """Takes the shortest time that makes sense, in seconds."""
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        text = str(value).strip().lower()
        total, at, parts = 0.0, 0, 0
        while at < len(text):
            part = _PART.match(text, at)
            if part is None or (part[2] is None and (parts or part.end() < len(text))):
                break
            total += float(part[1]) * _UNITS[part[2] or "s"]
            at, parts = part.end(), parts + 1
        if not text or at < len(text):
            self.fail(f"{value!r} is not a length of time; write one like 500ms, 5s, 2m, 1h or 1h30m", param, ctx)
        if not self._least <= total <= _LONGEST:
            self.fail(f"{value!r} is not from {self._least:g}s to a year", param, ctx)
        return total


class NumberType(_Float):
    """A finite decimal number."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number; write one like 0.5 or 2", param, ctx)
        return number


class CountType(_Int):
    """A whole number, none below zero."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        text = str(value).strip()
        if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
            self.fail(f"{value!r} is not a whole number; write one like 4", param, ctx)
        return int(text)


class AdapterSizeType(_Str):
    """An adapter size: the size itself (`4`), or the name of the enum value; never the enum's number."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name of the enum value, such as `ADAPTER_SIZE_FOUR`."""
        from gemtune.specs.sizes import SIZES, size_meant

        text = str(value).strip().upper().removeprefix("ADAPTER_SIZE_")
        names = {name.removeprefix("ADAPTER_SIZE_"): name for name in SIZES.values()}
        name = names.get(text) or (SIZES.get(int(text)) if text.isascii() and text.isdigit() else None)
        if name is None:
            meant = size_meant(str(value))
            near = f"; did you mean {next(size for size in SIZES if SIZES[size] == meant)}?" if meant else ""
            allowed = ", ".join(map(str, SIZES))
            self.fail(f"{value!r} is not an adapter size{near or f'; the sizes are {allowed}'}", param, ctx)
        return name


class LabelsType(_Labels):
    """Labels: `key=value`, several of them separated by commas."""

    name = "k=v,.."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """The labels."""
        if isinstance(value, dict):
            return value
        labels: dict[str, str] = {}
        for part in str(value).split(","):
            key, equals, text = part.partition("=")
            if not key.strip() or not equals:
                self.fail(f"{part!r} is not a label; write key=value, several as k1=v1,k2=v2", param, ctx)
            labels[key.strip()] = text.strip()
        return labels


class AdditionalType(_Additional):
    """A field that the schema does not have, and its value: `PATH=JSON`."""

    name = "path=json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Place, Any]:
        """The place, with known names as JSON spells them, and the value."""
        from gemtune.rpc import additional, nesting

        if isinstance(value, tuple):
            return value
        path, equals, text = str(value).partition("=")
        if not path.strip() or not equals:
            self.fail(f"{value!r} is not PATH=JSON; write supervisedTuningSpec.newField=1", param, ctx)
        try:
            made = nesting.loads(text)
        except ValueError:
            self.fail(f"{text!r} is not JSON; a text has quotes: --set '{path}=\"{text}\"'", param, ctx)
        if not additional.is_exact(made):
            self.fail(f"{text} is too large or nests too deeply for a JSON value; write a text in quotes", param, ctx)
        return additional.spelled(path.strip()), made


class StatesType(_Texts):
    """States of jobs, separated by commas: `failed`, or the enum's name."""

    name = "state"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names of the enum values, such as `JOB_STATE_FAILED`."""
        if isinstance(value, tuple):
            return value
        return tuple(self._state(part, param, ctx) for part in str(value).split(","))

    def _state(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from gemtune_pb.v1 import JobState

        name = str(value).strip().upper().replace("-", "_").removeprefix("JOB_STATE_")
        states = [state.removeprefix("JOB_STATE_") for state in JobState.keys() if JobState.Value(state)]  # noqa: SIM118
        if name not in states:
            allowed = ", ".join(state.lower() for state in states)
            self.fail(f"{value!r} is not a state of a job; the states are {allowed}", param, ctx)
        return f"JOB_STATE_{name}"


COUNT = CountType()
SET = AdditionalType()
DURATION = DurationType()
NUMBER = NumberType()
STATES = StatesType()


def joined_filter(filters: Sequence[str], states: Sequence[str]) -> str:
    """One filter of the API: a job is in one of the states, and every filter holds."""
    wanted = " OR ".join(f'state="{state}"' for state in dict.fromkeys(states))
    parts = [part for part in (wanted, *filters) if part.strip()]
    return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)
