"""Waiting for many jobs: how many calls it takes, and what happens when some of them fail. Flows, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from gemtune import JobState, ListTuningJobsRequest, ListTuningJobsResponse, TuningJob, WaitTimeout
from gemtune.errors import GemtuneError, NotFound, PermissionDenied, Unavailable
from gemtune.flows.effects import Notify, Now, Sleep
from gemtune.flows.retry import Retrying
from gemtune.flows.wait_many import PAGE, WaitMany

PARENT = "projects/p/locations/us-central1"


class Jobs:
    """The service: jobs by id, newest first, with the state that each has; `failures` are met first."""

    def __init__(self, *ids: str) -> None:
        self.states = dict.fromkeys(ids, JobState.JOB_STATE_RUNNING)
        self.hidden: set[str] = set()
        self.failures: list[GemtuneError] = []
        self.calls: list[str] = []

    def call(self, method: str, request: Any) -> Any:
        """What stands in for the flow of one call."""
        self.calls.append(method)
        if self.failures:
            raise self.failures.pop(0)
        if method == "GetTuningJob":
            return self._job(request.name)
        return self._page(request)
        yield  # a flow, though it has nothing to wait for

    def _job(self, name: str) -> TuningJob:
        job_id = name.rpartition("/")[2]
        if job_id not in self.states:
            raise NotFound("no such job")
        return TuningJob(name=name, state=self.states[job_id])

    def _page(self, request: ListTuningJobsRequest) -> ListTuningJobsResponse:
        shown = [job_id for job_id in self.states if job_id not in self.hidden]
        assert request.parent, "each page is asked for in its location"
        start = int(request.page_token or 0)
        page = ListTuningJobsResponse()
        for job_id in shown[start : start + request.page_size]:
            # The service names projects by their number, whatever was asked for.
            page.tuning_jobs.add(name=f"projects/12345/locations/l/tuningJobs/{job_id}", state=self.states[job_id])
        if start + request.page_size < len(shown):
            page.next_page_token = str(start + request.page_size)
        return page


class Driver:
    """Runs rounds on a clock that only sleeps move."""

    def __init__(self, sweep: WaitMany) -> None:
        self.sweep = sweep
        self.now = 0.0
        self.slept: list[float] = []
        self.told: list[str] = []
        self.retries: list[Retrying] = []

    def round(self) -> list[str]:
        flow = self.sweep.round()
        outcome = None
        while True:
            try:
                effect = flow.send(outcome)  # type: ignore[arg-type]
            except StopIteration as stop:
                return [job.name.rpartition("/")[2] for job in stop.value]
            if isinstance(effect, Notify):
                if isinstance(effect.event, Retrying):
                    self.retries.append(effect.event)
                    continue
                self.told.append(effect.event.name.rpartition("/")[2])
                continue
            assert isinstance(effect, Now | Sleep)
            if isinstance(effect, Sleep):
                self.slept.append(effect.seconds)
                self.now += effect.seconds
            outcome = self.now


def sweeping(jobs: Jobs, *ids: str, **options: Any) -> Driver:
    return Driver(WaitMany([f"{PARENT}/tuningJobs/{job_id}" for job_id in ids], jobs.call, **options))


def test_jobs_of_one_location_share_a_list_call() -> None:
    jobs = Jobs("1", "2", "3")
    driver = sweeping(jobs, "1", "2", "3")
    assert driver.round() == []
    assert jobs.calls == ["ListTuningJobs"]
    jobs.states["2"] = JobState.JOB_STATE_FAILED
    assert driver.round() == ["2"]
    assert driver.told == ["1", "2", "3"] * 2


def test_one_job_is_asked_for_by_its_name() -> None:
    jobs = Jobs("1", "2")
    sweeping(jobs, "1").round()
    assert jobs.calls == ["GetTuningJob"]


def test_each_location_is_swept_on_its_own() -> None:
    jobs = Jobs("1", "2", "3", "4")
    names = [f"projects/p/locations/{place}/tuningJobs/{n}" for place, n in (("a", 1), ("a", 2), ("b", 3), ("b", 4))]
    Driver(WaitMany(names, jobs.call)).round()
    assert jobs.calls == ["ListTuningJobs", "ListTuningJobs"]


def test_a_sweep_does_not_read_on_for_a_single_job() -> None:
    jobs = Jobs(*map(str, range(10 * PAGE)))
    sweeping(jobs, "0", "1", str(PAGE)).round()
    assert jobs.calls == ["ListTuningJobs", "GetTuningJob"]  # one is left: its get costs no more than a page


def test_jobs_that_lie_deep_in_a_long_list_are_asked_for_by_name() -> None:
    jobs = Jobs(*map(str, range(100 * PAGE)))
    deep = [str(99 * PAGE + i) for i in range(3)]
    sweeping(jobs, *deep).round()
    assert jobs.calls == ["ListTuningJobs"] * 3 + ["GetTuningJob"] * 3  # never more than twice the cheapest way


def test_a_job_that_the_list_does_not_show_yet_is_asked_for_by_name() -> None:
    jobs = Jobs("1", "2", "3")
    jobs.hidden = {"2"}
    driver = sweeping(jobs, "1", "2", "3")
    driver.round()
    assert jobs.calls == ["ListTuningJobs", "GetTuningJob"]
    assert sorted(driver.told) == ["1", "2", "3"]


def test_rounds_begin_close_together_and_then_leave_the_service_alone() -> None:
    driver = sweeping(Jobs("1"), "1")
    for _ in range(20):
        driver.round()
    assert driver.slept[:4] == pytest.approx([0.5, 0.75, 1.125, 1.6875])
    assert driver.slept[-1] == 30.0


def test_an_interval_that_is_given_is_kept_and_counts_from_the_end_of_a_round() -> None:
    driver = sweeping(Jobs("1"), "1", poll_interval=10)
    driver.round()
    driver.now += 4  # what the caller does with the jobs of a round
    driver.round()
    driver.now += 40
    driver.round()
    assert driver.slept == [6.0]
    driver.round()
    assert driver.slept == [6.0, 10.0]


def test_a_timeout_ends_the_wait_after_at_least_one_look() -> None:
    driver = sweeping(Jobs("1", "2"), "1", "2", timeout=0)
    assert driver.round() == []
    with pytest.raises(WaitTimeout, match="2 of the jobs waited for have not ended after 0 s; they go on") as caught:
        driver.round()
    assert caught.value.job.name


def test_the_last_pause_does_not_outlast_the_timeout() -> None:
    driver = sweeping(Jobs("1"), "1", timeout=12, poll_interval=10)
    driver.round()
    driver.round()
    with pytest.raises(WaitTimeout):
        driver.round()
    assert driver.slept == [10.0, 2.0]


def test_an_outage_only_puts_the_look_off() -> None:
    jobs = Jobs("1", "2")
    driver = sweeping(jobs, "1", "2")
    jobs.failures = [Unavailable("down"), Unavailable("down")]
    assert [driver.round() for _ in range(2)] == [[], []]
    jobs.states = dict.fromkeys(jobs.states, JobState.JOB_STATE_SUCCEEDED)
    assert driver.round() == ["1", "2"]


def test_each_round_that_was_put_off_is_told_before_the_pause() -> None:
    jobs = Jobs("1", "2")
    driver = sweeping(jobs, "1", "2", poll_interval=10, on_retry=print)
    jobs.failures = [Unavailable("down"), down := Unavailable("still down")]
    driver.round()
    driver.round()
    driver.now += 40
    driver.round()
    assert driver.retries[1] == Retrying("ListTuningJobs", 2, down, 0.0, print), "the next one is overdue"
    assert [(each.attempt, each.pause) for each in driver.retries] == [(1, 10.0), (2, 0.0)]
    driver.round()
    assert len(driver.retries) == 2, "a round that was answered is not put off"


def test_a_silence_of_the_whole_wait_ends_with_an_empty_job() -> None:
    jobs = Jobs("1", "2")
    jobs.failures = [Unavailable("down")] * 2
    driver = sweeping(jobs, "1", "2", timeout=10, poll_interval=6)
    driver.round()
    driver.round()
    with pytest.raises(WaitTimeout, match="no answer about 2 of the jobs waited for came in 10 s") as caught:
        driver.round()
    assert caught.value.job == TuningJob()


def test_without_retries_an_outage_is_one_as_long_as_time_is_left() -> None:
    jobs = Jobs("1", "2")
    driver = sweeping(jobs, "1", "2", patient=False, timeout=10, poll_interval=9.5)
    driver.round()
    jobs.failures = [Unavailable("down")]
    with pytest.raises(Unavailable):
        driver.round()


def test_what_was_seen_before_an_outage_counts() -> None:
    jobs = Jobs("1", "2", "3")
    jobs.states["1"] = jobs.states["3"] = JobState.JOB_STATE_SUCCEEDED
    jobs.hidden = {"2"}
    driver = sweeping(jobs, "1", "2", "3")
    original = jobs.call

    def failing(method: str, request: Any) -> Any:
        if method == "GetTuningJob":
            raise Unavailable("down")
        return original(method, request)

    driver.sweep = WaitMany([f"{PARENT}/tuningJobs/{n}" for n in (1, 2, 3)], failing)
    assert driver.round() == ["1", "3"]


@pytest.mark.parametrize("error", [PermissionDenied("no"), NotFound("gone")])
def test_a_refusal_ends_the_wait(error: GemtuneError) -> None:
    jobs = Jobs("1", "2")
    jobs.failures = [error]
    with pytest.raises(type(error)):
        sweeping(jobs, "1", "2").round()


def test_without_retries_an_outage_ends_the_wait() -> None:
    jobs = Jobs("1", "2")
    jobs.failures = [Unavailable("down")]
    with pytest.raises(Unavailable):
        sweeping(jobs, "1", "2", patient=False).round()


def test_nothing_is_pending_when_all_have_ended() -> None:
    jobs = Jobs("1", "2")
    jobs.states = dict.fromkeys(jobs.states, JobState.JOB_STATE_SUCCEEDED)
    driver = sweeping(jobs, "1", "2", "2")
    assert driver.round() == ["1", "2"]
    assert driver.sweep.pending == {}
