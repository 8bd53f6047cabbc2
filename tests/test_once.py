"""Create exactly once: each rule by a scripted service, then any service at all."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from gemtune._client_base import METHODS
from gemtune.errors import (
    Aborted,
    AlreadyExists,
    GemtuneError,
    InDoubt,
    Internal,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    SpecInvalid,
    TransportError,
    Unauthenticated,
    Unavailable,
)
from gemtune.flows import create_once, find_jobs, submission as submission_of
from gemtune.flows.driver import Driver
from gemtune.flows.retry import Budget, Retry
from gemtune.store import Claim, StoreError
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import LOST, OK, REFUSED, SICK, Fate, World

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
JOB = TuningJob(base_model="m", labels={"team": "search"})
FINGERPRINT = "sha256:" + "ab" * 32


REFUSED_SPEC = InvalidArgument("m", http_status=400)

DEFAULT = Retry()


def submission(
    request_id: str = "id-1", *, known: bool = False, fingerprint: str = FINGERPRINT, resumed: float | None = None
) -> submission_of.Submission:
    return submission_of.Submission(
        request_id=request_id,
        fingerprint=fingerprint,
        project="p",
        location="l",
        known=known,
        started=1000.0,
        resumed=resumed,
    )


def submit(
    world: World, *, timeout: float = 120, retry: Retry | None = DEFAULT, **options: Any
) -> submission_of.Created:
    flow = create_once.create(RPCS, JOB, submission(**options), timeout=timeout, retry=retry, budget=Budget())
    created: submission_of.Created = world.drive(flow)
    return created


def settle(world: World, which: submission_of.Submission) -> Any:
    return world.drive(find_jobs.settle(RPCS, which, timeout=9, retry=None, budget=None))


class TestAnAnswer:
    def test_is_the_job_and_carries_both_labels(self) -> None:
        world = World()
        job = submit(world).job
        assert dict(job.labels) == {"team": "search", "gemtune-request": "id-1", "gemtune-spec": "ab" * 20}
        assert dict(JOB.labels) == {"team": "search"}, "the caller's message is not changed"
        assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"], "nothing is listed when nothing is in doubt"

    def test_the_caller_is_told_of_the_submission_before_it_is_sent(self) -> None:
        world, which = World(), submission()
        told: list[Any] = []
        flow = create_once.create(RPCS, JOB, which, timeout=9, retry=DEFAULT, budget=None)
        Driver(world, world.clock()).run(flow, lambda event: told.append((event, len(world.sent))))
        assert told == [(which, 0)]

    def test_gives_retries_back(self) -> None:
        budget = Budget(2)
        while budget.spend():
            pass
        World().drive(create_once.create(RPCS, JOB, submission(), timeout=9, retry=DEFAULT, budget=budget))
        assert budget.spend()
        flow = create_once.create(RPCS, JOB, submission(), timeout=9, retry=DEFAULT, budget=None)
        assert World().drive(flow).job.name.endswith("/1")


class TestInDoubt:
    @pytest.mark.parametrize("error", [LOST, SICK, Internal("m", http_status=500)])
    def test_a_job_that_was_made_is_found_and_nothing_is_sent_again(self, error: GemtuneError) -> None:
        world = World([Fate(meets=error, lag=3)])
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_nothing_is_sent_again_inside_the_window_and_once_after_it(self) -> None:
        world = World([Fate(meets=LOST, acts=False)])
        created = submit(world)
        first, second = world.creates
        assert second - first >= 30
        assert created.job.name.endswith("/2")
        assert not created.doubles

    def test_a_create_that_is_acted_on_late_is_found(self) -> None:
        world = World([Fate(meets=LOST, late=20, lag=9)])
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_what_the_window_cannot_cover_is_reported_with_both_names(self) -> None:
        world = World([Fate(meets=LOST, late=30.05)])
        created = submit(world)
        assert [job.name[-1] for job in (created.job, *created.doubles)] == ["1", "2"]

    def test_a_long_look_over_a_network_that_breaks_half_of_all_exchanges_ends(self) -> None:
        """Forty pages of other jobs, every second of them lost on its way: the page is asked for again, not the look."""
        others = [(0.0, TuningJob(name=f"other-{n}", create_time={"seconds": 1000})) for n in range(80)]
        world = World([Fate(meets=LOST, acts=False)], lists=itertools.cycle([SICK, None]), jobs=others)
        created = submit(world, timeout=600)
        assert len(world.creates) == 2
        assert not created.doubles

    def test_a_job_that_two_pages_show_is_one(self) -> None:
        """A job made between two pages moves the others down."""
        world = World([Fate(meets=LOST)])
        real = world.ListTuningJobs

        def moving(request: Any, deadline: float) -> Any:
            page = real(request, deadline)
            page.next_page_token = "" if request.page_token else "0"
            return page

        world.ListTuningJobs = moving  # type: ignore[method-assign]
        assert not submit(world).doubles

    def test_a_hook_cannot_hide_a_job_that_was_answered(self) -> None:
        def raises(_: Any) -> None:
            raise RuntimeError

        world = World(lists=[None, None, SICK, SICK])
        assert submit(world, known=True, retry=Retry(on_retry=raises)).job.name.endswith("/1")

    def test_another_call_under_the_id_waits_for_the_first_ones_window(self) -> None:
        windows: dict[tuple[str, str], float] = {}

        def again(timeout: float) -> Any:
            options: Any = {"timeout": timeout, "retry": DEFAULT, "budget": Budget(), "windows": windows}
            return world.drive(create_once.create(RPCS, JOB, submission(known=True), **options))

        world = World([Fate(meets=LOST, lag=20)])
        for _ in range(2):
            with pytest.raises(InDoubt):
                again(5)
        assert again(60).job.name.endswith("/1")
        assert len(world.creates) == 1

        world = World([Fate(meets=LOST, acts=False)])
        windows.clear()
        with pytest.raises(InDoubt):
            again(5)
        assert again(120).job.name.endswith("/2")
        assert world.creates[1] - world.creates[0] >= 30

    def test_resend_false_never_sends_again(self) -> None:
        world = World([Fate(meets=LOST, acts=False)])
        with pytest.raises(InDoubt) as doubt:
            submit(world, retry=Retry(resend=False))
        assert len(world.creates) == 1
        assert doubt.value.request_id == "id-1"
        assert doubt.value.error is LOST
        assert doubt.value.__cause__ is LOST
        assert "gemtune resume id-1 --project p --location l" in str(doubt.value)
        assert "client.settle('id-1', location='l')" in str(doubt.value)

    def test_a_deadline_before_the_windows_end_is_in_doubt(self) -> None:
        world = World([Fate(meets=LOST, acts=False)])
        with pytest.raises(InDoubt):
            submit(world, timeout=25)
        assert world.now - 1000 <= 25.1
        assert len(world.creates) == 1

    def test_each_attempt_in_doubt_has_a_window_of_its_own(self) -> None:
        world = World([Fate(meets=LOST, acts=False), Fate(meets=LOST, lag=25)])
        assert submit(world, timeout=1000).job.name.endswith("/2")
        assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(world.creates))

    def test_it_is_sent_again_after_each_window_until_the_deadline(self) -> None:
        world = World([Fate(meets=LOST, acts=False)] * 9)
        assert submit(world, timeout=400).job.name.endswith("/10")
        assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(world.creates))
        world = World([Fate(meets=LOST, acts=False)] * 99)
        with pytest.raises(InDoubt):
            submit(world, timeout=120)
        assert len(world.creates) == 4
        assert world.now - 1000 <= 120.5

    def test_the_service_is_left_alone_for_as_long_as_it_asks(self) -> None:
        world = World([Fate(meets=Unavailable("m", http_status=503, retry_after=100.0), acts=False)])
        submit(world, timeout=1000)
        first, second = world.creates
        assert second - first >= 100

    @pytest.mark.parametrize("status", [409, 408, 499, 500, 502, 503, 504])
    def test_the_http_status_decides_and_not_what_the_body_says(self, status: int) -> None:
        error = ResourceExhausted("m", http_status=status)
        world = World([Fate(meets=error, lag=3)])
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    @pytest.mark.parametrize("error", [Aborted("m"), AlreadyExists("m"), Aborted("m", http_status=409)])
    def test_a_conflict_proves_nothing(self, error: GemtuneError) -> None:
        world = World([Fate(meets=error, lag=3)])
        submit(world)
        assert len(world.creates) == 1

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 429, 501])
    def test_a_refusal_is_proof(self, status: int) -> None:
        world = World([Fate(meets=InvalidArgument("m", http_status=status), acts=False)])
        with pytest.raises(InvalidArgument):
            submit(world)
        assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"]

    def test_an_attempt_that_takes_too_long_is_in_doubt(self) -> None:
        world = World([Fate(takes=50)])
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_a_failing_list_is_no_proof_that_there_is_no_job(self) -> None:
        world = World([Fate(meets=LOST, lag=1)], lists=[SICK] * 12)
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_a_list_that_always_fails_ends_in_doubt(self) -> None:
        world = World([Fate(meets=LOST, acts=False)], lists=[SICK] * 1000)
        with pytest.raises(InDoubt):
            submit(world)
        assert len(world.creates) == 1

    def test_a_forbidden_list_is_in_doubt_at_once(self) -> None:
        error = PermissionDenied("m", http_status=403)
        world = World([Fate(meets=LOST)], lists=[error])
        with pytest.raises(InDoubt) as doubt:
            submit(world)
        assert doubt.value.error is error
        assert world.now < 1002

    def test_without_retry_one_attempt_is_made(self) -> None:
        world = World([Fate(meets=LOST)])
        with pytest.raises(InDoubt):
            submit(world, retry=None)
        assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"]

    def test_a_refusal_of_the_second_says_nothing_of_the_first(self) -> None:
        world = World([Fate(meets=LOST, acts=False), Fate(meets=InvalidArgument("bad"), acts=False)])
        with pytest.raises(InDoubt):
            submit(world)


class TestProofsThatNothingHappened:
    @pytest.mark.parametrize("error", [InvalidArgument("m", http_status=400), PermissionDenied("m", http_status=403)])
    def test_refusals_are_raised_at_once(self, error: GemtuneError) -> None:
        world = World([Fate(meets=error, acts=False)])
        with pytest.raises(type(error)):
            submit(world)
        assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"]

    def test_a_refused_token_is_replaced_once(self) -> None:
        expired = Fate(meets=Unauthenticated("expired", http_status=401), acts=False)
        assert submit(World([expired])).job.name.endswith("/2")
        with pytest.raises(Unauthenticated):
            submit(World([expired, expired]))

    @pytest.mark.parametrize("error", [REFUSED, ResourceExhausted("quota", http_status=429)])
    def test_what_may_pass_is_sent_again_without_looking(
        self, error: GemtuneError, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG", "gemtune")
        world = World([Fate(meets=error, acts=False)] * 2)
        assert submit(world).job.name.endswith("/3")
        assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"] * 3
        assert [record.attempt for record in caplog.records if hasattr(record, "attempt")] == [1, 2, 3]

    def test_after_a_window_the_attempts_are_counted_anew(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG", "gemtune")
        fates = [REFUSED, LOST, REFUSED]
        submit(World([Fate(meets=error, acts=False) for error in fates]))
        attempts = [r.attempt for r in caplog.records if getattr(r, "rpc", "") == "CreateTuningJob"]
        assert attempts == [1, 2, 1, 2]

    def test_it_is_raised_when_no_retries_are_left(self) -> None:
        world = World([Fate(meets=REFUSED, acts=False)])
        with pytest.raises(TransportError):
            world.drive(create_once.create(RPCS, JOB, submission(), timeout=60, retry=DEFAULT, budget=Budget(0)))
        assert len(world.creates) == 1

    def test_it_is_raised_when_time_runs_out(self) -> None:
        world = World([Fate(meets=REFUSED, acts=False)] * 10_000)
        with pytest.raises(TransportError) as error:
            submit(world, timeout=30)
        assert error.value is REFUSED
        assert world.now <= 1030


class TestTheCallersOwnId:
    def test_is_looked_for_before_anything_is_sent(self) -> None:
        world = World()
        first = submit(world, known=True).job
        assert submit(world, known=True).job == first
        assert len(world.creates) == 1

    def test_names_one_submission_whatever_became_of_it(self) -> None:
        world = World()
        first = submit(world).job
        first.state = 5  # failed
        assert submit(world, known=True).job == first

    def test_with_another_spec_is_refused_and_names_both(self) -> None:
        world = World()
        first = submit(world).job
        with pytest.raises(SpecInvalid) as refusal:
            submit(world, known=True, fingerprint="sha256:" + "cd" * 32)
        assert first.name in str(refusal.value)
        assert "ab" * 20 in str(refusal.value)
        assert "cd" * 20 in str(refusal.value)
        assert len(world.creates) == 1

    def test_a_forbidden_list_sends_nothing(self) -> None:
        world = World(lists=[PermissionDenied("m")])
        with pytest.raises(InDoubt):
            submit(world, known=True)
        assert not world.creates

    def test_an_id_that_is_no_label_value_is_hashed(self) -> None:
        assert submission_of.label_value("0191f3c2-7_a") == "0191f3c2-7_a"
        hashed = submission_of.label_value("Run 7/ü")
        assert hashed.startswith("sha256-")
        assert len(hashed) == 63
        assert hashed != submission_of.label_value("Run 7/u")
        world = World()
        assert (
            submit(world, request_id="Run 7/ü", known=True).job == submit(world, request_id="Run 7/ü", known=True).job
        )


class TestLooking:
    def test_every_page_and_only_jobs_with_the_label(self) -> None:
        world = World()
        for n in range(7):
            submit(world, request_id=f"id-{n}")
        world.filters = True
        assert (
            world.drive(find_jobs.settle(RPCS, submission("id-0"), timeout=9, retry=None, budget=None)).job.name[-1]
            == "1"
        )
        assert world.drive(find_jobs.settle(RPCS, submission("nobody"), timeout=9, retry=None, budget=None)) is None

    def test_a_refused_filter_falls_back_to_reading(self) -> None:
        world = World(filters=False)
        for n in range(7):
            submit(world, request_id=f"id-{n}")
        assert settle(world, submission("id-0")).job.name[-1] == "1"

    def test_the_fallback_stops_before_the_start(self) -> None:
        world = World(filters=False)
        for n in range(9):
            world.now += 0 if n == 8 else 100_000
            submit(world, request_id="other")
        late = submission_of.Submission(
            request_id="id-1", fingerprint=FINGERPRINT, project="p", location="l", known=False, started=world.now
        )
        world.sent.clear()
        assert settle(world, late) is None
        assert len(world.sent) == 3  # the refused filter, a page, and one of jobs that are all older

    def test_too_many_labels_are_told_before_sending(self) -> None:
        full = TuningJob(labels={f"l{n}": "" for n in range(63)})
        with pytest.raises(SpecInvalid, match="63 labels leave no room"):
            submission().marked(full)
        submission().marked(TuningJob(labels={f"l{n}": "" for n in range(62)}))


def test_a_new_id_is_a_label_value_and_knows_when_it_was_made() -> None:
    ids = [submission_of.new_request_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(submission_of.label_value(i) == i for i in ids)
    assert abs((submission_of.born(ids[0]) or 0) - time.time()) < 5
    assert submission_of.born("mine") is None


class FakeStore:
    """A store as the flow sees it: one id, one claimant, what was recorded. `time` is the world's."""

    def __init__(self, world: World, *, job: str = "", fails: bool = False) -> None:
        self.world, self.job, self.fails = world, job, fails
        self.token, self.until = 0, 0.0
        self.lasting: list[float] = []
        self.recorded: list[str] = []

    def claim(self, request_id: str, *, until: float, token: int | None, **_: Any) -> Claim:
        self.lasting.append(until - self.world.now)
        granted = not self.job and (self.token in (0, token) or self.until < self.world.now)
        if granted:
            self.token += 1
            self.until = self.world.now + self.lasting[-1]
        wait = max(0.0, self.until - self.world.now)
        return Claim(granted, self.token if granted else 0, self.until, wait, FINGERPRINT, self.job, 0.0)

    def release(self, request_id: str, *, token: int, **_: Any) -> None:
        assert token == self.token
        self.token, self.until = 0, 0.0

    def record(self, request_id: str, *, job: TuningJob, **_: Any) -> None:
        self.recorded.append(job.name[-1])

    def taken_by_another(self) -> None:
        self.token += 1
        self.until = self.world.now + 1000


def submit_stored(
    world: World, store: FakeStore, *, timeout: float = 120, retry: Retry | None = DEFAULT, **options: Any
) -> submission_of.Created:
    flow = create_once.create(
        RPCS, JOB, submission(**options), timeout=timeout, retry=retry, budget=Budget(), stored=True
    )
    created: submission_of.Created = world.drive(flow, store=store)
    return created


class TestWithAStore:
    def test_the_claim_is_renewed_when_looking_took_long(self) -> None:
        """Another process may have taken over while this one looked: it must not send."""
        world = World(lists=[SICK] * 8)
        store = FakeStore(world)
        flow = create_once.create(
            RPCS, JOB, submission(known=True), timeout=300, retry=DEFAULT, budget=Budget(), stored=True
        )
        real = world.ListTuningJobs

        def slow(request: Any, deadline: float) -> Any:
            world.now += 20
            if world.now > 1100 and store.token == 1:
                store.taken_by_another()
            return real(request, deadline)

        world.ListTuningJobs = slow  # type: ignore[method-assign]
        with pytest.raises(InDoubt, match="another process"):
            world.drive(flow, store=store)
        assert not world.creates

    def test_a_claim_lasts_as_long_as_what_is_sent_can_appear(self) -> None:
        for retry, timeout, least in [
            (DEFAULT, 120.0, 50.0),
            (None, 120.0, 150.0),
            (DEFAULT, 5.0, 35.0),
            (None, math.inf, 630.0),
        ]:
            world = World()
            store = FakeStore(world)
            submit_stored(world, store, retry=retry, timeout=timeout)
            assert store.lasting[0] == pytest.approx(least, abs=1)

    def test_an_attempt_without_a_retry_is_no_longer_than_its_claim(self) -> None:
        world = World([Fate(takes=10_000)])
        store = FakeStore(world)
        with pytest.raises(InDoubt):
            submit_stored(world, store, retry=None, timeout=math.inf)
        assert world.now <= store.until

    def test_a_claim_is_given_back_when_nothing_can_have_been_created(self) -> None:
        world = World([Fate(meets=REFUSED_SPEC, acts=False)])
        store = FakeStore(world)
        with pytest.raises(InvalidArgument):
            submit_stored(world, store)
        assert store.token == 0

    @pytest.mark.parametrize("others", [0, 1])
    def test_a_claim_is_kept_when_an_attempt_before_may_have_been_acted_on(self, others: int) -> None:
        """This run's own, or that of one who claimed the id before."""
        lost = [] if others else [Fate(meets=LOST, acts=False)]
        world = World([*lost, Fate(meets=REFUSED_SPEC, acts=False)])
        store = FakeStore(world)
        store.token = others
        with pytest.raises(InvalidArgument if others else InDoubt):
            submit_stored(world, store)
        assert store.token > others

    def test_resend_false_does_not_send_what_an_earlier_process_may_have_sent(self) -> None:
        world = World([Fate(meets=LOST, late=100)])
        store = FakeStore(world)
        for _ in range(2):
            with pytest.raises(InDoubt):
                submit_stored(world, store, known=True, retry=Retry(resend=False))
            world.now += 55
        assert submit_stored(world, store, known=True, retry=Retry(resend=False)).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_a_store_that_fails_in_between_is_the_error(self) -> None:
        world = World([Fate(meets=LOST, acts=False)])
        store = FakeStore(world)
        claim = store.claim

        def failing(*args: Any, **options: Any) -> Claim:
            if store.token:
                raise StoreError("the disk is full")
            return claim(*args, **options)

        store.claim = failing  # type: ignore[method-assign]
        with pytest.raises(InDoubt, match="the disk is full"):
            submit_stored(world, store)
        assert len(world.creates) == 1

    def test_doubles_are_recorded_too(self) -> None:
        world = World([Fate(meets=LOST, late=30.05)])
        store = FakeStore(world)
        submit_stored(world, store)
        assert store.recorded == ["1", "2"]

    def test_a_job_that_the_store_knows_and_nobody_can_read_is_in_doubt_and_not_failed(self) -> None:
        world = World()
        world.GetTuningJob = lambda *_: (_ for _ in ()).throw(PermissionDenied("m"))  # type: ignore[assignment,method-assign]
        with pytest.raises(InDoubt):
            submit_stored(world, FakeStore(world, job="projects/p/locations/l/tuningJobs/1"))
        assert not world.creates


class TestWhatAnAnswerIs:
    def test_a_job_without_a_name_is_no_answer(self) -> None:
        """An answer that was cut to `{}`, or that some other server gave, reads as an empty job."""
        world = World([Fate(nameless=True)])
        assert submit(world).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_the_callers_own_id_is_counted_afterwards(self) -> None:
        """Two processes without a store: both look, both find nothing, both send; the later one reports both."""
        world = World()
        other = TuningJob(name="projects/p/locations/l/tuningJobs/0", labels=submission().labels)
        other.create_time.FromSeconds(1000)
        create = world.CreateTuningJob

        def at_once(request: Any, deadline: float) -> TuningJob:
            world.jobs.append((world.now, other))
            return create(request, deadline)

        world.CreateTuningJob = at_once  # type: ignore[method-assign]
        created = submit(world, known=True)
        assert [job.name[-1] for job in (created.job, *created.doubles)] == ["0", "1"]

    def test_counting_does_not_outlast_the_deadline(self) -> None:
        world = World([Fate(meets=LOST, acts=False), Fate(takes=19)])
        real = world.ListTuningJobs

        def sick(request: Any, deadline: float) -> Any:
            if len(world.creates) > 1:
                raise SICK
            return real(request, deadline)

        world.ListTuningJobs = sick  # type: ignore[method-assign]
        assert submit(world, timeout=52).job.name.endswith("/2")
        assert world.now - 1000 <= 52.5

    def test_a_job_of_another_spec_that_appears_under_the_id_hides_none_of_ours(self) -> None:
        """Another process used the id for something else meanwhile; ours was sent, and is there."""
        other = TuningJob(
            name="projects/p/locations/l/tuningJobs/0", labels={"gemtune-request": "id-1", "gemtune-spec": "cd"}
        )
        other.create_time.FromSeconds(999)
        world = World([Fate(meets=LOST, lag=3)])
        world.jobs.append((1000.0, other))
        created = submit(world)
        assert [job.name[-1] for job in (created.job, *created.doubles)] == ["1", "0"]

    def test_a_job_of_another_spec_alone_leaves_this_one_in_doubt(self) -> None:
        other = TuningJob(
            name="projects/p/locations/l/tuningJobs/0", labels={"gemtune-request": "id-1", "gemtune-spec": "cd"}
        )
        other.create_time.FromSeconds(999)
        world = World([Fate(meets=LOST, acts=False)])
        world.jobs.append((1000.0, other))
        with pytest.raises(InDoubt, match="tuningJobs/0"):  # what became of this one is not known
            submit(world)
        assert world.now >= 1030
        assert len(world.creates) == 1


class TestTheLastLook:
    def test_a_filter_that_finds_too_little_costs_no_second_job(self) -> None:
        """Filters of this API are thinly documented: what if one finds nothing at all?"""
        world = World([Fate(meets=LOST, lag=3)])
        real = world.ListTuningJobs

        def blind(request: Any, deadline: float) -> Any:
            answer = real(request, deadline)
            return type(answer)() if request.filter else answer

        world.ListTuningJobs = blind  # type: ignore[method-assign]
        assert submit(world, resumed=1000.0).job.name.endswith("/1")
        assert len(world.creates) == 1

    def test_it_reads_no_further_than_this_run_can_have_sent(self) -> None:
        world = World([Fate(meets=LOST, acts=False)])
        for n in range(40):
            job = TuningJob(name=f"projects/p/locations/l/tuningJobs/x{n}")
            job.create_time.FromSeconds(100 - 1000 * n)
            world.jobs.append((0.0, job))
        submit(world, resumed=1000.0)
        lists = [rpc for _, rpc in world.sent if rpc == "ListTuningJobs"]
        assert len(lists) < 20

    def test_a_token_that_a_look_is_refused_with_is_replaced_once(self) -> None:
        expired = Unauthenticated("expired", http_status=401)
        world = World([Fate(meets=LOST, lag=0.2)], lists=[expired])
        assert submit(world).job.name.endswith("/1")
        world = World([Fate(meets=LOST, lag=0.2)], lists=[expired, expired])
        with pytest.raises(InDoubt):
            submit(world)

    def test_without_a_window_a_sick_service_is_not_asked_without_pause(self) -> None:
        world = World([Fate(meets=LOST, acts=False)], lists=[SICK] * 100_000)
        with pytest.raises(InDoubt):
            submit(world, retry=Retry(settle=0))
        assert len(world.sent) < 100


# -- any service at all -----------------------------------------------------------------------------------------------

WINDOW = 30.0
FATES = st.builds(
    Fate,
    meets=st.sampled_from([None, LOST, SICK, REFUSED, ResourceExhausted("q", http_status=429), InvalidArgument("m")]),
    acts=st.booleans(),
    late=st.sampled_from([0.0, 0.0, 1.0, 14.0]),
    lag=st.sampled_from([0.0, 0.0, 2.0, 14.0]),
    takes=st.sampled_from([0.1, 5.0, 25.0]),
).map(
    # What an error proves, the service keeps to: it did not act.
    lambda f: (
        Fate(f.meets, acts=True, late=0, lag=f.lag, takes=f.takes)
        if f.meets is None
        else Fate(f.meets, acts=f.acts and f.meets in (LOST, SICK), late=f.late, lag=f.lag, takes=0.1)
    )
)
LISTS = st.lists(st.sampled_from([None, None, SICK, LOST]), max_size=30)


@given(st.lists(FATES, max_size=6), LISTS, st.sampled_from([10.0, 60.0, 120.0, 300.0]), st.booleans(), st.booleans())
@example([Fate(meets=LOST, late=14, lag=14)], [SICK] * 20, 120.0, True, False)
def test_no_job_is_made_twice_and_none_is_unknown(
    fates: list[Fate], lists: list[Any], timeout: float, resend: bool, known: bool
) -> None:
    """Whatever the service does, as long as a job appears inside the window."""
    world = World([*fates, *[OK] * 100], lists)
    try:
        created = submit(world, timeout=timeout, retry=Retry(settle=WINDOW, resend=resend), known=known)
    except InDoubt:
        assert len(world.jobs) <= 1
    except GemtuneError:
        assert not world.jobs, "an error that is not InDoubt says that nothing was created"
    else:
        assert [job.name for _, job in world.jobs] == [created.job.name]
        assert not created.doubles
    for n, (sent, again) in enumerate(itertools.pairwise(world.creates)):
        fate = fates[n] if n < len(fates) else OK
        if fate.meets in (LOST, SICK) or fate.takes > 20:
            assert again - sent >= WINDOW, "sent again inside the window of an attempt in doubt"
    assert world.now - 1000 <= timeout + 0.5


class TestTheSameSpec:
    def same(self, world: World, fingerprint: str = FINGERPRINT) -> TuningJob | None:
        flow = find_jobs.same_spec(RPCS, submission("x", fingerprint=fingerprint), timeout=9, retry=None, budget=None)
        found: TuningJob | None = world.drive(flow)
        return found

    def test_is_the_newest_job_that_lives_or_succeeded(self) -> None:
        world = World()
        submit(world, request_id="a")
        second = submit(world, request_id="b").job
        assert self.same(world) == second
        second.state = 5  # failed
        assert self.same(world) == world.jobs[0][1]

    def test_is_none_where_another_spec_was_asked_for(self) -> None:
        world = World()
        submit(world)
        assert self.same(world, "sha256:" + "cd" * 32) is None
