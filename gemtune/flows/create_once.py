"""Create exactly once: the flow that never sends again while the first may still appear.

The service has no idempotency key, so a submission carries its id in a label, `gemtune-request`, and an attempt whose
outcome is unknown is looked for by that label before anything else. `docs/exactly-once.md` has the rules; this module
is their one implementation, `search` makes the looks and `windows` remembers what may still appear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gemtune.errors import GemtuneError, NotFound, SpecInvalid, TransportError
from gemtune.flows.calls import Pauses, attempt_deadline, call
from gemtune.flows.effects import Flow, Notify, Now, Record, Send, Turn
from gemtune.flows.find_jobs import Rpcs, oldest, other_spec
from gemtune.flows.retry import Budget, Retry, asked_for, nothing_happened
from gemtune.flows.search import Search
from gemtune.flows.submission import Created, Submission, label_value
from gemtune.flows.windows import Key, Windows
from gemtune_pb.v1 import CreateTuningJobRequest, GetTuningJobRequest, TuningJob

__all__ = ["create"]

_OVERTAKEN = GemtuneError("another process is submitting under this id")
_UNSEEN = GemtuneError("it may have been sent before, no list shows its job, and resend=False forbids sending it again")
_BESIDE = GemtuneError("another call of this client is submitting under this id")

_LONGEST_ATTEMPT = 600.0
"""Seconds that an attempt without a `Retry` may take where a store is told how long it lasts."""

_TURN = 0.02
"""Seconds between looks at whether another call of this client has ended."""


def create(
    rpcs: Rpcs,
    job: TuningJob,
    submission: Submission,
    *,
    timeout: float,
    retry: Retry | None,
    budget: Budget | None,
    stored: bool = False,
    windows: Windows | dict[Key, float] | None = None,
) -> Flow:
    """Submits a spec so that it becomes one job.

    Args:
        rpcs: The methods to use.
        job: The spec; not changed.
        submission: Its id and place.
        timeout: Seconds for everything.
        retry: How to look and send again; None: one attempt, and `InDoubt` if its outcome is unknown.
        budget: How many retries are left.
        stored: Whether a store decides which process sends, and remembers that this one is about to.
        windows: What the calls of a client know of each other's creates; kept up to date here. A plain dictionary holds
            when each settle window ends, and nothing of whose turn it is.

    Returns:
        `Created`.

    Raises:
        InDoubt: The outcome could not be learnt.
        SpecInvalid: The id names another spec already.
        GemtuneError: Nothing was created, and this is why.
    """
    request = CreateTuningJobRequest(parent=submission.parent, tuning_job=submission.marked(job))
    yield Notify(submission)
    now: float = yield Now()
    once = ExactlyOnce(
        submission=submission,
        job=job,
        request=request,
        search=Search(rpcs=rpcs, submission=submission, began=now, deadline=now + timeout, retry=retry, budget=budget),
        retry=retry,
        budget=budget,
        stored=stored,
        windows=windows if isinstance(windows, Windows) else Windows(windows),
    )
    try:
        yield from once.turn()
        return (yield from once.run())
    finally:
        once.windows.leave(once.key, once)


@dataclass(kw_only=True, eq=False)
class ExactlyOnce:
    """One run of the flow: what its steps share.

    Attributes:
        doubts: How many attempts of this run ended without an outcome.
        token: The claim's; None: nothing is claimed yet.
        first: By the store: nobody else can have sent anything under this id.
        leaves: Until when an attempt may take under the claim: monotonic, and in seconds since 1970.
    """

    submission: Submission
    job: TuningJob
    request: CreateTuningJobRequest
    search: Search
    retry: Retry | None
    budget: Budget | None
    stored: bool
    windows: Windows
    doubts: int = 0
    token: int | None = None
    first: bool = False
    leaves: tuple[float, float] = (math.inf, math.inf)

    @property
    def key(self) -> Key:
        return self.submission.parent, label_value(self.submission.request_id)

    @property
    def _settle(self) -> float:
        return (self.retry or Retry()).settle

    def turn(self) -> Flow:
        """Waits until no other call of this client is submitting under the id: together they are one submission."""
        while not self.windows.enter(self.key, self):
            now: float = yield Turn(_TURN)
            if now >= self.search.deadline:
                raise self.search.in_doubt(_BESIDE) from _BESIDE

    def run(self) -> Flow:
        """Each round asks the store, looks where somebody else may have sent, and makes one attempt."""
        look = self.submission.known
        attempt, pauses = 0, self._pauses()
        while True:
            if self.stored:
                claimed = yield from self._claim()
                if isinstance(claimed, Created):
                    return (yield from self._recorded(claimed))
                look = look or not claimed
            if look:
                found = yield from self._before()
                if found:
                    return (yield from self._recorded(found))
                look = False
                if self.stored:
                    continue  # looking may have taken longer than the claim lasts
            attempt += 1
            outcome = yield from self._sent(attempt)
            if isinstance(outcome, TuningJob):
                return (yield from self._recorded((yield from self._answered(outcome))))
            if nothing_happened(outcome):
                yield from self._refused(outcome, attempt, pauses)
                continue
            self.doubts += 1
            found = yield from self.search.settle(outcome, (yield from self._window(outcome)), sent=self.doubts)
            if found:
                return (yield from self._recorded(self._made(found)))
            if not self._resends:
                raise self.search.in_doubt(outcome) from outcome
            attempt, pauses = 0, self._pauses()

    @property
    def _resends(self) -> bool:
        return self.retry is not None and self.retry.resend

    def _pauses(self) -> Pauses | None:
        if self.retry is None:
            return None
        rpcs, deadline = self.search.rpcs, self.search.deadline
        return Pauses(rpcs.create, deadline=deadline, retry=self.retry, budget=self.budget)

    # -- looking --------------------------------------------------------------------------------------------------

    def _before(self) -> Flow:
        """What others made under the id; None: nothing, and it may be sent."""
        now: float = yield Now()
        found = yield from self.search.before(self.windows.left(self.key, now))
        if found:
            return self._made(found) if self.doubts else oldest(found, self.submission)
        if self.stored and not self.first and not self._resends:
            raise self.search.in_doubt(_UNSEEN)
        return None

    def _made(self, found: list[TuningJob]) -> Created:
        """The answer that was found after something was sent."""
        try:
            return self.search.made(found)
        except SpecInvalid as error:  # others used the id for another spec; what became of this one is not known
            raise self.search.in_doubt(error) from error

    def _answered(self, job: TuningJob) -> Flow:
        # Under an id of the caller's another process may have sent as well, where no store decides.
        alone = not self.doubts and (self.stored or not self.submission.known)
        return Created(job) if alone else (yield from self.search.counted(job))

    # -- sending --------------------------------------------------------------------------------------------------

    def _sent(self, attempt: int) -> Flow:
        """One attempt: its job; or, as a value, the error that came instead.

        That something may appear is noted before it is sent, so that it stands whatever interrupts this flow.
        """
        now: float = yield Now()
        deadline, until = attempt_deadline(now, self.search.deadline, self.retry), math.inf
        if self.stored:
            deadline, until = min(deadline, self.leaves[0]), self.leaves[1]
        before = self.windows.note(self.key, min(deadline, now + _LONGEST_ATTEMPT) + self._settle, now)
        try:
            outcome = yield Send(self.search.rpcs.create, self.request, deadline, attempt, until)
        except BaseException:  # the flow is closed, since its driver was interrupted
            self.windows.interrupted(self.key, self._settle)
            raise
        if isinstance(outcome, TuningJob) and not outcome.name:  # `{}` reads as a job, and is the answer to nothing
            outcome = TransportError("the create was answered with a job that has no name", maybe_sent=True)
        if isinstance(outcome, GemtuneError) and nothing_happened(outcome):
            self.windows.restore(self.key, before)
        if isinstance(outcome, TuningJob):
            if self.budget is not None:
                self.budget.earn()
            yield from self._window()  # lists may not show it yet
        return outcome

    def _window(self, error: GemtuneError | None = None) -> Flow:
        """How long what was sent may still appear, from now; noted for later calls under the same id."""
        now: float = yield Now()
        window = max(self._settle, asked_for(error))
        self.windows.restore(self.key, now + window)
        return window

    def _refused(self, error: GemtuneError, attempt: int, pauses: Pauses | None) -> Flow:
        """Waits before the next attempt, after one that proved to have done nothing; raises where that cannot help."""
        try:
            if pauses is None:
                raise error
            yield from pauses.after(error, attempt)
        except GemtuneError as final:
            if self.doubts:
                # It proves that this attempt did nothing; about the one before it says nothing.
                raise self.search.in_doubt(final) from final
            if self.first:  # what is wrong may be the spec: once corrected, it may have the same id
                yield Record("release", self.submission, self.job, token=self.token)
            raise

    # -- the store ------------------------------------------------------------------------------------------------

    def _claim(self) -> Flow:
        """Claims the id, or renews the claim.

        Returns:
            `Created`: what another process made of it. Otherwise whether nobody else can have sent since this run
            looked last: no token lies between its own and the new one.
        """
        while True:
            now: float = yield Now()  # both times are from before it is asked: the answer may be late
            wall: float = yield Now(wall=True)
            longest = self.retry.attempt if self.retry is not None else _LONGEST_ATTEMPT
            attempt = max(0.0, min(longest, self.search.deadline - now))
            lasting = attempt + self._settle
            claim = yield Record("claim", self.submission, self.job, lasting=lasting, token=self.token)
            if isinstance(claim, GemtuneError):
                raise self._failed(claim) from claim.__cause__
            if claim.fingerprint != self.submission.fingerprint:
                raise self._failed(other_spec(self.submission, "a stored submission", claim.fingerprint))
            self.search.submitted_at = claim.submitted_at
            if claim.job_name:
                known = yield from self._known(claim.job_name)
                return (yield from self.search.counted(known)) if self.doubts else Created(known)
            if claim.granted:
                alone: bool = claim.token == (self.token or 0) + 1
                self.first = alone and (self.first or self.token is None)
                self.token = claim.token
                self.leaves = now + attempt, wall + attempt
                return alone
            found = yield from self.search.settle(_OVERTAKEN, claim.wait, sent=self.doubts, closing="filtered")
            if found:
                return self._made(found) if self.doubts else oldest(found, self.submission)

    def _failed(self, error: GemtuneError) -> GemtuneError:
        """What is raised where the store does not let this run go on."""
        if not self.doubts and (self.token is None or self.first):
            return error  # nothing was sent
        return self.search.in_doubt(error)

    def _known(self, name: str) -> Flow:
        """The job that the store says came of it. That it cannot be read now does not undo it."""
        now: float = yield Now()
        request, timeout = GetTuningJobRequest(name=name), self.search.deadline - now
        try:
            return (
                yield from call(self.search.rpcs.get, request, timeout=timeout, retry=self.retry, budget=self.budget)
            )
        except NotFound:
            raise
        except GemtuneError as error:
            raise self.search.in_doubt(error) from error

    def _recorded(self, created: Created) -> Flow:
        """Writes to the store what was made, and adds the jobs that it knows of, so that none stays unreported."""
        if not self.stored:
            return created
        failed = False
        others: dict[str, TuningJob] = {}
        for made in (created.job, *created.doubles):
            known = yield Record("record", self.submission, made)
            failed = failed or isinstance(known, GemtuneError)
            if known and not isinstance(known, GemtuneError):
                others |= {job.name: TuningJob(name=job.name) for job in known}
        if failed:  # a store that fails now costs no job: it is found by its label
            counted: Created = yield from self.search.counted(created.job)
            others |= {job.name: job for job in (counted.job, *counted.doubles)}
        for made in (created.job, *created.doubles):
            others.pop(made.name, None)
        return Created(created.job, (*created.doubles, *others.values()))
