"""When a base model comes and goes, and what one kind of tuning takes of it.

Dates are ISO dates, months or years, as text. They are compared as text: a month or a year begins with its first day,
so that what is known only by the month is warned of from its beginning.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from gemtune.specs.finding import key_path
from gemtune_pb.v1 import BaseModel, Lifecycle, TuningJob, TuningLimits

__all__ = [
    "KINDS",
    "Lifecycle",
    "Stage",
    "date_mistakes",
    "kind_of_tuning",
    "lifecycle_of",
    "limits_for",
    "served_from",
    "stage_of",
    "today_in_utc",
]

KINDS = ("supervised", "preference", "reinforcement", "continuous")
"""The kinds of tuning that the catalogue tells apart."""

_SPECS = {
    "supervised_tuning_spec": "supervised",
    "preference_optimization_spec": "preference",
    "reinforcement_tuning_spec": "reinforcement",
}


class Stage(StrEnum):
    """Where in its life a base model is: announced to close, closed to those who did not use it, or gone for all."""

    OFFERED = "offered"
    CLOSING = "closing"
    CLOSED = "closed to new projects"
    RETIRED = "retired"


def today_in_utc() -> date:
    """The day it is, by the clock of the machine; where dates are judged, it can be given instead."""
    return datetime.now(UTC).date()


def kind_of_tuning(job: TuningJob) -> str:
    """The kind of tuning that a job asks for, one of `KINDS`; "" for a kind that the catalogue does not tell apart.

    A supervised job that goes on from a tuned model is `continuous`.
    """
    kind = _SPECS.get(job.WhichOneof("tuning_spec") or "", "")
    return "continuous" if kind == "supervised" and job.HasField("pre_tuned_model") else kind


def limits_for(model: BaseModel, kind: str) -> BaseModel:
    """A base model with the limits of one kind of tuning over its own; dates are not among them (`lifecycle_of`).

    Args:
        model: The entry of the catalogue; not changed.
        kind: One of `KINDS`; "": none of them.

    Returns:
        The entry itself where that kind has no limits of its own, else a copy.
    """
    own = model.tuning[kind] if kind in model.tuning else TuningLimits()
    names = [field.name for field, _ in own.ListFields() if field.name in _LIMITS]
    if not names:
        return model
    result = BaseModel()
    result.CopyFrom(model)
    if own.regions:
        result.regions_complete = False  # what is said of the model's own list
    for name in (*names, *(name for name in ("source", "date") if getattr(own, name))):
        value: Any = getattr(own, name)
        if isinstance(value, str | int | float):
            setattr(result, name, value)
        else:
            getattr(result, name)[:] = value
    return result


_LIMITS = {field.name for field in TuningLimits.DESCRIPTOR.fields} & {
    field.name for field in BaseModel.DESCRIPTOR.fields
} - {"lifecycle", "source", "date"}


def lifecycle_of(model: BaseModel, kind: str = "") -> Lifecycle:
    """When a base model comes and goes for a kind of tuning; an entry that says `retired` has its end there."""
    found = Lifecycle()
    found.CopyFrom(model.lifecycle)
    if kind in model.tuning:
        found.MergeFrom(model.tuning[kind].lifecycle)
    if not found.shutdown:
        found.shutdown = model.retired
    return found


def stage_of(model: BaseModel, today: date, kind: str = "") -> Stage:
    """Where in its life a base model is on a day. What is `retired` is so whatever the day."""
    life, own = model.lifecycle, model.tuning[kind].lifecycle if kind in model.tuning else _NO_LIFE
    closed, shutdown = own.closed or life.closed, own.shutdown or life.shutdown
    if model.retired or _reached(shutdown, today):
        return Stage.RETIRED
    if _reached(closed, today):
        return Stage.CLOSED
    return Stage.CLOSING if closed or shutdown else Stage.OFFERED


_NO_LIFE = Lifecycle()


def _reached(day: str, today: date) -> bool:
    return bool(day) and day <= today.isoformat()


def served_from(model: BaseModel, region: str) -> str:
    """Where a model that was tuned in a region answers: of `us` and `eu` the one that the region lies in.

    The region itself where the catalogue names no other place for it.
    """
    return next((place for place in model.served_from if region.startswith(place)), region)


# -- dates in a file ---------------------------------------------------------------------------------------------------

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_ORDER = ("released", "closed", "shutdown")


def date_mistakes(model: BaseModel, at: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the dates of an entry of the catalogue, each with its path in the file.

    Args:
        model: The entry.
        at: Its path.
    """
    for name in ("retired", "date"):
        yield from _not_a_date(getattr(model, name), f"{at}.{name}")
    yield from _of_life(model.lifecycle, f"{at}.lifecycle")
    for kind, own in model.tuning.items():
        path = key_path(f"{at}.tuning", kind)
        if kind not in KINDS:
            yield path, f"{path}: no such kind of tuning; the kinds are {', '.join(KINDS)}"
        yield from _not_a_date(own.date, f"{path}.date")
        yield from _of_life(own.lifecycle, f"{path}.lifecycle")


def _of_life(life: Lifecycle, at: str) -> Iterator[tuple[str, str]]:
    for name in (*_ORDER, "shutdown_not_before", "date"):
        yield from _not_a_date(getattr(life, name), f"{at}.{name}")
    given = [(name, getattr(life, name)) for name in _ORDER if getattr(life, name)]
    for (earlier, first), (later, then) in itertools.pairwise(given):
        shorter = min(len(first), len(then))  # a day is neither before nor after its own month
        if then[:shorter] < first[:shorter]:
            yield f"{at}.{later}", f"{at}.{later}: {then} is before {earlier}, {first}"


def _not_a_date(text: str, at: str) -> Iterator[tuple[str, str]]:
    if text and not _is_date(text):
        yield at, f"{at}: {text!r} is not a date; write 2026-10-20, 2026-10 or 2026"


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None or not text.isascii():
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True
