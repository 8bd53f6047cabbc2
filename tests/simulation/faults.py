"""Faults seeded into the flow: each one has to be found by the simulation, or the simulation proves nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.flows import create_once, find_jobs, search
from gemtune.flows.create_once import ExactlyOnce
from gemtune.flows.effects import Flow, Now
from gemtune.flows.search import Search
from gemtune.flows.submission import Created
from gemtune.flows.windows import Windows
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob

__all__ = ["FAULTS"]

Seed = Callable[[pytest.MonkeyPatch], None]

FAULTS: dict[str, tuple[str, int, Seed]] = {}
"""What is wrong -> the scenario that shows it, with how many deviations, and how it is made so."""


def fault(what: str, scenario: str, deviations: int = 2) -> Callable[[Seed], Seed]:
    def note(seed: Seed) -> Seed:
        FAULTS[what] = scenario, deviations, seed
        return seed

    return note


@fault("it is sent again without waiting for the window", "a new id")
def _no_window(patch: pytest.MonkeyPatch) -> None:
    def window(self: ExactlyOnce, error: GemtuneError | None = None) -> Flow:
        yield Now()
        return 0.0

    patch.setattr(ExactlyOnce, "_window", window)


@fault("a 5xx is taken as proof that nothing happened", "a new id")
def _sick_as_proof(patch: pytest.MonkeyPatch) -> None:
    real = create_once.nothing_happened
    patch.setattr(
        create_once, "nothing_happened", lambda e: (isinstance(e, ApiError) and e.http_status == 503) or real(e)
    )


@fault("a lost connection is taken as proof that nothing happened", "a new id")
def _lost_as_proof(patch: pytest.MonkeyPatch) -> None:
    real = create_once.nothing_happened
    patch.setattr(create_once, "nothing_happened", lambda e: isinstance(e, TransportError) or real(e))


@fault("a conflict is taken as proof that nothing happened", "a new id")
def _conflict_as_proof(patch: pytest.MonkeyPatch) -> None:
    real = create_once.nothing_happened
    patch.setattr(create_once, "nothing_happened", lambda e: getattr(e, "http_status", 0) == 409 or real(e))


@fault("a claim is not renewed", "store, two processes")
def _no_renewal(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._claim

    def claim(self: ExactlyOnce) -> Flow:
        return (yield from real(self)) if self.token is None else True

    patch.setattr(ExactlyOnce, "_claim", claim)
    _late_leave(patch)


@fault("only the first page is read", "again after the window")
def _first_page(patch: pytest.MonkeyPatch) -> None:
    _lists(patch, lambda page: ListTuningJobsResponse(tuning_jobs=page.tuning_jobs))


@fault("a list that failed is taken as an empty one", "a new id", 3)
def _failed_is_empty(patch: pytest.MonkeyPatch) -> None:
    real = find_jobs.call

    def call(*args: Any, **options: Any) -> Flow:
        try:
            return (yield from real(*args, **options))
        except GemtuneError:
            return ListTuningJobsResponse()

    patch.setattr(find_jobs, "call", call)


@fault("the filter is trusted after a window", "a new id")
def _filter_trusted(patch: pytest.MonkeyPatch) -> None:
    _looks(patch, {"whole": "filtered"})


@fault("the filter is trusted before the first send", "again after the window")
def _filter_trusted_first(patch: pytest.MonkeyPatch) -> None:
    _looks(patch, {"surely": "filtered"})


@fault("the filter is trusted when another process is taken over from", "store, two processes")
def _filter_trusted_stored(patch: pytest.MonkeyPatch) -> None:
    _looks(patch, {"surely": "filtered"})


@fault("a look without a filter reads only what this run can have sent", "again after the window, blind filters")
def _reads_back_too_little(patch: pytest.MonkeyPatch) -> None:
    def back(self: Search, *, sent: int = 0) -> Flow:
        yield Now()
        return 0.0

    patch.setattr(Search, "_back", back)


@fault("the clock here says how far back a look reads", "a new id")
def _clock_trusted(patch: pytest.MonkeyPatch) -> None:
    from tests.simulation.world import BEGIN, JUMP

    # What the clock that is ahead showed at the beginning.
    patch.setattr(
        find_jobs, "_all_before", lambda _, jobs: all(find_jobs._made_at(j) < BEGIN + JUMP - 600 for j in jobs)
    )


@fault("a token that is not the next one is ignored", "store, two processes")
def _token_ignored(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._claim

    def claim(self: ExactlyOnce) -> Flow:
        renewed = self.token is not None
        claimed = yield from real(self)
        return True if renewed and claimed is False else claimed

    patch.setattr(ExactlyOnce, "_claim", claim)


@fault("whoever takes over does not look", "store, two processes")
def _no_look(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._claim

    def claim(self: ExactlyOnce) -> Flow:
        claimed = yield from real(self)
        return claimed if isinstance(claimed, Created) else True

    def before(self: ExactlyOnce) -> Flow:
        yield Now()

    patch.setattr(ExactlyOnce, "_claim", claim)
    patch.setattr(ExactlyOnce, "_before", before)


@fault("a note of one id drops those of others", "two ids")
def _pruned(patch: pytest.MonkeyPatch) -> None:
    real = Windows.note

    def note(self: Windows, key: Any, ends: float, now: float) -> float | None:
        for other in set(self.ends) - {key}:
            del self.ends[other]
        return real(self, key, ends, now)

    patch.setattr(Windows, "note", note)


@fault("what is in doubt is noted after the act", "one client")
def _noted_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Windows, "note", lambda self, key, ends, now: self.ends.get(key))
    patch.setattr(Windows, "interrupted", lambda *_: None)


@fault("calls of one client do not wait for each other", "one client")
def _no_turns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Windows, "enter", lambda *_: True)
    patch.setattr(Windows, "left", lambda *_: 0.0)


@fault("an attempt's deadline is taken after the claim", "store, two processes")
def _late_leave(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ExactlyOnce, "leaves", property(lambda _: (math.inf, math.inf), lambda *_: None), raising=False)


@fault("an attempt's deadline is of the monotonic clock alone", "store, two processes")
def _suspended(patch: pytest.MonkeyPatch) -> None:
    def put(self: Any, leaves: tuple[float, float]) -> None:
        self.__dict__["_leaves"] = (leaves[0], math.inf)

    patch.setattr(ExactlyOnce, "leaves", property(lambda self: self.__dict__["_leaves"], put), raising=False)


@fault("the store's answer to a record is ignored", "store, two processes")
def _record_ignored(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._recorded

    def recorded(self: ExactlyOnce, created: Created) -> Flow:
        yield from real(self, created)
        return created

    patch.setattr(ExactlyOnce, "_recorded", recorded)


@fault("an answer without a name is taken as a job", "a new id")
def _nameless(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._sent

    def sent(self: ExactlyOnce, attempt: int) -> Flow:
        outcome = yield from real(self, attempt)
        return TuningJob() if "no name" in str(outcome) else outcome

    patch.setattr(ExactlyOnce, "_sent", sent)


@fault("a refusal after an attempt in doubt is told as the outcome", "a new id")
def _doubt_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = ExactlyOnce._refused

    def refused(self: ExactlyOnce, error: GemtuneError, attempt: int, pauses: Any) -> Flow:
        self.doubts = 0
        return (yield from real(self, error, attempt, pauses))

    def settle(
        self: Search, *_: Any, **__: Any
    ) -> Flow:  # ... and nothing is looked for, so that there is a second one
        yield Now()
        return []

    patch.setattr(ExactlyOnce, "_refused", refused)
    patch.setattr(Search, "settle", settle)


def _lists(patch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> None:
    real = find_jobs.call

    def call(*args: Any, **options: Any) -> Flow:
        return change((yield from real(*args, **options)))

    patch.setattr(find_jobs, "call", call)


def _looks(patch: pytest.MonkeyPatch, instead: dict[str, str]) -> None:
    real = search.find

    def find(*args: Any, how: str, **options: Any) -> Flow:
        return real(*args, how=instead.get(how, how), **options)  # type: ignore[arg-type]

    patch.setattr(search, "find", find)
