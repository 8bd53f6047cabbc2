"""Create exactly once: the flow that never sends again while the first may still appear.

The service has no idempotency key, so a submission carries its id in a label, `gemtune-request`, and an attempt whose
outcome is unknown is looked for by that label before anything else. `docs/exactly-once.md` has the rules; this module
is their one implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from gemtune.errors import (
    GemtuneError,
    InDoubt,
    NotFound,
    SpecInvalid,
    TransportError,
)
from gemtune.flows import Flow, Pauses, Record, Send, Sleep, attempt_deadline, call
from gemtune.lookup import Rpcs, find, of_spec, oldest, other_spec, ours
from gemtune.retry import Budget, Retry, asked_for, may_pass, nothing_happened
from gemtune.submission import Created, Submission, label_value
from gemtune_pb.v1 import CreateTuningJobRequest, GetTuningJobRequest, TuningJob

__all__ = ["create"]

_OVERTAKEN = GemtuneError("another process is submitting under this id")
_UNSEEN = GemtuneError("it may have been sent before, no list shows its job, and resend=False forbids sending it again")
_BEFORE = GemtuneError("an earlier call under this id may still be acted on")

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between looks for a job in doubt, growing from the one to the other; shorter where the window is short."""
_SHORTEST_LOOK = 0.02  # however short the window: a sick service is not asked without pause

_LONGEST_ATTEMPT = 600.0
"""Seconds that an attempt without a `Retry` may take where a store is told how long it lasts."""


def create(
    rpcs: Rpcs,
    job: TuningJob,
    submission: Submission,
    *,
    timeout: float,
    retry: Retry | None,
    budget: Budget | None,
    stored: bool = False,
    windows: dict[tuple[str, str], float] | None = None,
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
        windows: Parent and request label of each create that is in doubt -> when its settle window ends. Shared by the
            calls of a client, and kept up to date here.

    Returns:
        `Created`.

    Raises:
        InDoubt: The outcome could not be learnt.
        SpecInvalid: The id names another spec already.
        GemtuneError: Nothing was created, and this is why.
    """
    request = CreateTuningJobRequest(parent=submission.parent, tuning_job=submission.marked(job))
    now: float = yield Sleep(0, why=submission)
    once = _Once(
        rpcs=rpcs,
        submission=submission,
        request=request,
        deadline=now + timeout,
        retry=retry,
        budget=budget,
        stored=stored,
        windows={} if windows is None else windows,
    )
    created = yield from once.run(job)
    if stored:
        for made in (created.job, *created.doubles):
            yield Record("record", submission, made)  # a store that fails now costs no job: it is found by its label
    return created


@dataclass(kw_only=True)
class _Once:
    """One run of the flow: what its steps share."""

    rpcs: Rpcs
    submission: Submission
    request: CreateTuningJobRequest
    deadline: float
    retry: Retry | None
    budget: Budget | None
    stored: bool
    windows: dict[tuple[str, str], float]
    token: int | None = None
    first: bool = False  # by the store: nobody has sent anything under this id

    def run(self, job: TuningJob) -> Flow:
        look_first = self.submission.known
        if self.stored:
            claimed = yield from self._claim(job)
            if isinstance(claimed, Created):
                return claimed
            look_first = look_first or claimed
        if look_first:
            found = yield from self._look()
            if found:
                return oldest(found, self.submission)
            if self.stored and not self.first and not self._resends:
                raise self._in_doubt(_UNSEEN)
            yield from self._renew(job, _OVERTAKEN)  # looking may have taken longer than the claim lasts
        doubt: GemtuneError | None = None
        while True:
            outcome = yield from self._sent(job, doubt)
            if isinstance(outcome, TuningJob):
                # Under an id of the caller's another process may have sent as well, where no store decides.
                alone = doubt is None and (self.stored or not self.submission.known)
                return Created(outcome) if alone else (yield from self._counted(outcome))
            window = yield from self._window(outcome)
            found = yield from self._settle(outcome, window, sent=True)
            if found:
                return self._made(found)
            if doubt is not None or not self._resends:
                raise self._in_doubt(outcome) from outcome
            yield from self._renew(job, outcome)
            doubt = outcome

    def _made(self, found: Sequence[TuningJob]) -> Created:
        """The answer that was found after something was sent."""
        try:
            return ours(found, self.submission)
        except SpecInvalid as error:  # others used the id for another spec; what became of this one is not known
            raise self._in_doubt(error) from error

    @property
    def _resends(self) -> bool:
        return self.retry is not None and self.retry.resend

    @property
    def _key(self) -> tuple[str, str]:
        return self.submission.parent, label_value(self.submission.request_id)

    def _window(self, error: GemtuneError) -> Flow:
        """How long what was sent may still appear, from now; noted for later calls under the same id."""
        now: float = yield Sleep(0)
        window = max((self.retry or Retry()).settle, asked_for(error))
        for key, ends in list(self.windows.items()):  # a copy: other threads note theirs
            if ends < now:
                self.windows.pop(key, None)
        self.windows[self._key] = now + window
        return window

    def _counted(self, job: TuningJob) -> Flow:
        """The answer to a create that may not be the only one: its job, and what else there is under the id."""
        now: float = yield Sleep(0)
        try:
            timeout = min(self.deadline - now, self._left_for_a_look)
            # There is a job, whatever this look meets: a hook that raises may not hide it.
            quiet = replace(self.retry, on_retry=None) if self.retry is not None else None
            found = yield from find(self.rpcs, self.submission, timeout=timeout, retry=quiet)
        except GemtuneError:
            found = []
        return ours([job, *(other for other in found if other.name != job.name)], self.submission)

    # -- sending --------------------------------------------------------------------------------------------------

    def _sent(self, job: TuningJob, doubt: GemtuneError | None) -> Flow:
        """What `_send` gives, after an attempt that is in doubt or after none."""
        try:
            return (yield from self._send(job))
        except InDoubt:
            raise
        except GemtuneError as error:
            if doubt is not None:
                # It proves that this attempt did nothing; about the one before it says nothing.
                raise self._in_doubt(error) from error
            if self.first:  # what is wrong may be the spec: mended, it may have the same id
                yield Record("release", self.submission, job, token=self.token)
            raise

    def _send(self, job: TuningJob) -> Flow:
        """The job; or, as a value, the error after which the service may have acted.

        Raises:
            GemtuneError: Nothing happened, and sending again cannot help.
        """
        now: float = yield Sleep(0)
        pauses = None
        if self.retry is not None:
            pauses = Pauses(self.rpcs.create, deadline=self.deadline, retry=self.retry, budget=self.budget)
        for attempt in count(1):
            deadline = attempt_deadline(now, self.deadline, self.retry)
            if self.stored and self.retry is None:
                deadline = min(deadline, now + _LONGEST_ATTEMPT)
            outcome = yield Send(self.rpcs.create, self.request, deadline, attempt)
            if isinstance(outcome, TuningJob) and not outcome.name:  # `{}` reads as a job, and is the answer to nothing
                outcome = TransportError("the create was answered with a job that has no name", maybe_sent=True)
            if not isinstance(outcome, GemtuneError):
                if self.budget is not None:
                    self.budget.earn()
                return outcome
            error = outcome
            if not nothing_happened(error):
                return error
            if pauses is None:
                raise error
            now = yield from pauses.after(error, attempt)
            yield from self._renew(job, error)
        raise AssertionError("unreachable")

    # -- looking --------------------------------------------------------------------------------------------------

    def _look(self) -> Flow:
        """The jobs under the id, before anything is sent. That they cannot be seen leaves everything in doubt."""
        now: float = yield Sleep(0)
        if self.windows.get(self._key, now) > now:
            return (yield from self._settle(_BEFORE, self.windows[self._key] - now))
        try:
            return (
                yield from find(
                    self.rpcs, self.submission, timeout=self.deadline - now, retry=self.retry, budget=self.budget
                )
            )
        except GemtuneError as error:
            raise self._in_doubt(error) from error

    def _settle(self, doubt: GemtuneError, window: float, *, sent: bool = False) -> Flow:
        """The jobs under the id, looked for until the window has ended; [] when it ended without one.

        Where this run has sent something, a job of another spec is not what is looked for; and the last look, after
        which it may be sent again, does without a filter: one that finds too little must not cost a second job.

        Raises:
            InDoubt: The deadline came first, or the jobs cannot be listed.
        """
        if self.retry is None:
            raise self._in_doubt(doubt) from doubt
        now: float = yield Sleep(0)
        ends = now + window
        seconds = max(min(_FIRST_LOOK, self.retry.settle / 60), _SHORTEST_LOOK)
        longest = max(min(_LONGEST_LOOK, self.retry.settle / 6), _SHORTEST_LOOK)
        while True:
            began = now
            last = began >= ends
            try:
                # A look goes over many pages: were each of them not asked for again, few looks would come to an end.
                timeout = self.deadline - now if last else min(self.deadline - now, self.retry.attempt)
                found = yield from find(
                    self.rpcs, self.submission, timeout=timeout, retry=self.retry, filtered=not (last and sent)
                )
            except GemtuneError as error:
                if not may_pass(error):
                    raise self._in_doubt(error) from error
            else:
                # Only a look that began after the window, and saw everything, says that there is no such job.
                if last or (of_spec(found, self.submission) if sent else found):
                    return found
            now = yield Sleep(0)
            if now >= self.deadline:
                raise self._in_doubt(doubt) from doubt
            until_end = ends - now if ends > now else seconds
            now = yield Sleep(min(seconds, until_end, self.deadline - now))
            seconds = min(seconds * 2, longest if now < ends else _LONGEST_LOOK)

    @property
    def _left_for_a_look(self) -> float:
        return 10.0 if self.retry is None else self.retry.attempt

    # -- the store ------------------------------------------------------------------------------------------------

    def _lasting(self) -> Flow:
        """How long what this process sends may still appear at the service, counted from now."""
        now: float = yield Sleep(0)
        attempt = self.retry.attempt if self.retry is not None else _LONGEST_ATTEMPT
        settle = (self.retry or Retry()).settle
        return max(0.0, min(attempt, self.deadline - now)) + settle

    def _claim(self, job: TuningJob) -> Flow:
        """Asks the store who sends. Returns what another process made of it, or whether one may have sent already."""
        while True:
            lasting = yield from self._lasting()
            claim = yield Record("claim", self.submission, job, lasting=lasting)
            if isinstance(claim, GemtuneError):
                raise claim  # nothing was sent
            if claim.fingerprint != self.submission.fingerprint:
                raise other_spec(self.submission, "a stored submission", claim.fingerprint)
            if claim.job_name:
                return Created((yield from self._known(claim.job_name)))
            if claim.granted:
                self.token = claim.token
                self.first = claim.token == 1
                return not self.first
            found = yield from self._settle(_OVERTAKEN, window=claim.wait)
            if found:
                return oldest(found, self.submission)

    def _known(self, name: str) -> Flow:
        """The job that the store says came of it. That it cannot be read now does not undo it."""
        now: float = yield Sleep(0)
        request = GetTuningJobRequest(name=name)
        try:
            return (
                yield from call(
                    self.rpcs.get, request, timeout=self.deadline - now, retry=self.retry, budget=self.budget
                )
            )
        except NotFound:
            raise
        except GemtuneError as error:
            raise self._in_doubt(error) from error

    def _renew(self, job: TuningJob, before: GemtuneError) -> Flow:
        """Makes sure that this process may still send.

        Raises:
            InDoubt: Another one may have taken over. It carries `before`, or what the store met.
        """
        if not self.stored:
            return
        lasting = yield from self._lasting()
        claim = yield Record("claim", self.submission, job, lasting=lasting, token=self.token)
        if isinstance(claim, GemtuneError) or not claim.granted:
            error = claim if isinstance(claim, GemtuneError) else before
            raise self._in_doubt(error) from error
        self.token = claim.token

    def _in_doubt(self, error: GemtuneError) -> InDoubt:
        s = self.submission
        return InDoubt(s.request_id, project=s.project, location=s.location, error=error)
