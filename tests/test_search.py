"""The looks of a create: how closely it looks through a window, how far back it reads, and how long a look may take."""

from __future__ import annotations

from typing import Any

import pytest

from gemtune._client_base import METHODS
from gemtune.errors import InDoubt, InvalidArgument, SpecInvalid, TransportError, Unavailable
from gemtune.flows import create_once, find_jobs
from gemtune.flows.driver import Clock, Driver
from gemtune.flows.retry import Budget, Retry
from gemtune.flows.submission import Created, Submission
from gemtune.flows.windows import Windows
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import LOST, SICK, Fate, World

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
KEY = ("projects/p/locations/l", "id-1")
HOUR = 3600.0
DEFAULT = Retry()
NOTHING = Fate(meets=LOST, acts=False)
"""An attempt in doubt of which nothing comes."""


def submission(*, known: bool = True, **changes: Any) -> Submission:
    fields: dict[str, Any] = {"fingerprint": "sha256:" + "ab" * 32, "project": "p", "location": "l", "started": None}
    return Submission(request_id="id-1", known=known, **fields | changes)


LABELS = submission().labels


def create(which: Submission, *, timeout: float = 120, retry: Retry | None = DEFAULT, **options: Any) -> Any:
    options = {"budget": Budget()} | options
    return create_once.create(RPCS, TuningJob(base_model="m"), which, timeout=timeout, retry=retry, **options)


def names(created: Created) -> list[str]:
    return [job.name.rpartition("/")[2] for job in (created.job, *created.doubles)]


class Service(World):
    """A world that notes what each list asked for, and whose lists can be slow.

    Attributes:
        asked: The filter of each list, "" where there was none.
        takes: Seconds for each list; one that would outlast its deadline ends there, without an answer.
        blind: Whether no filter finds anything.
    """

    def __init__(self, *args: Any, takes: float = 0.01, blind: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: list[str] = []
        self.takes, self.blind = takes, blind

    def ListTuningJobs(self, request: Any, deadline: float) -> Any:
        self.asked.append(request.filter)
        if self.now + self.takes > deadline:
            self.now = deadline
            raise TransportError("no answer in time", maybe_sent=True)
        self.now += self.takes - 0.01
        answer = super().ListTuningJobs(request, deadline)
        return type(answer)() if request.filter and self.blind else answer

    def job(self, name: str, made: float, labels: dict[str, str] | None = None) -> None:
        """A job that is there from the beginning."""
        job = TuningJob(name=f"{KEY[0]}/tuningJobs/{name}", labels=labels or {})
        job.create_time.FromMilliseconds(int(made * 1000))
        self.jobs.append((0.0, job))


def other_spec(service: Service) -> None:
    service.job("other", service.now, {**LABELS, "gemtune-spec": "cd" * 20})


# -- through a window -------------------------------------------------------------------------------------------------


def test_a_short_window_is_looked_through_as_often_as_a_long_one() -> None:
    service = Service([NOTHING])
    service.drive(create(submission(known=False), retry=Retry(settle=6)))
    assert service.slept[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@pytest.mark.parametrize("settle", [0.0, 6.0])
def test_after_the_window_a_service_that_wants_to_be_left_alone_is_asked_every_few_seconds(settle: float) -> None:
    service = Service([NOTHING], [Unavailable("m", http_status=503, retry_after=1000.0)] * 10_000)
    with pytest.raises(InDoubt):
        service.drive(create(submission(known=False), retry=Retry(settle=settle)))
    assert max(service.slept) == 5.0
    assert len(service.asked) < 60


def test_the_last_look_may_take_longer_than_one_attempt() -> None:
    """Forty pages of one second each: a look that ended after the 20 s of an attempt would never end with an answer."""
    service = Service([NOTHING], takes=1.0)
    for number in range(80):
        service.job(f"s{number}", 1000)
    service.drive(create(submission(known=False), timeout=600))
    assert len(service.creates) == 2


def test_a_look_that_hangs_ends_with_the_deadline() -> None:
    service = Service([NOTHING], takes=1e9)
    with pytest.raises(InDoubt):
        service.drive(create(submission(known=False), timeout=25))
    assert service.now <= 1025.1


def test_before_a_send_a_job_of_another_spec_is_refused_without_waiting_for_the_window() -> None:
    service = Service()
    other_spec(service)
    with pytest.raises(SpecInvalid):
        service.drive(create(submission(), windows={KEY: service.now + 30}))
    assert service.now < 1001


# -- how far back -----------------------------------------------------------------------------------------------------


def history(service: Service) -> None:
    """Other people's jobs, one each 1,000 s."""
    for number in range(40):
        service.job(f"s{number}", service.now - 1000 * number)


def pages(service: Service) -> int:
    """How many pages were read without a filter."""
    return service.asked.count("")


LOOK = 2
"""Pages of a look without a filter that goes back for minutes: the newest one, and the one that is too old."""


@pytest.mark.parametrize("known", [False, True])
def test_what_this_run_sent_is_not_looked_for_among_older_jobs(known: bool) -> None:
    service = Service([NOTHING], now=1e8)
    history(service)
    which = submission(known=known, started=service.now - 50_000, resumed=service.now)
    service.drive(create(which))
    before = 20 if known else 0  # an id that may have been used before is looked for in all of them, once
    assert pages(service) == before + 2 * LOOK, "at the end of the window, and to count what there is"


def test_where_filters_are_refused_no_look_reads_all_jobs() -> None:
    service = Service([NOTHING], now=1e8, filters=False)
    history(service)
    service.drive(create(submission(known=False, resumed=service.now)))
    refused = len(service.asked) - pages(service)
    assert refused > 5
    assert pages(service) == (refused + 2) * LOOK


def test_an_id_that_says_when_it_was_made_is_not_looked_for_among_jobs_that_are_days_older() -> None:
    service = Service(now=1e8)
    for number in range(40):
        service.job(f"s{number}", service.now - 24 * HOUR * number)
    service.drive(create(submission(started=service.now - 60, resumed=service.now)))
    assert pages(service) == 2 * LOOK, "before it is sent, and to count what there is"


def test_a_suspended_machine_counts_the_time_on_the_wall() -> None:
    """Its monotonic clock stood for two hours, in which others made more jobs than a page holds."""
    service = Service([Fate(meets=LOST)], now=1e8, blind=True)
    asleep = [0.0]
    real = service.CreateTuningJob

    def suspended(request: Any, deadline: float) -> Any:
        try:
            return real(request, deadline)
        finally:
            asleep[0] = 2 * HOUR
            for number in range(8):
                service.job(f"s{number}", service.now + HOUR * (2 if number < 4 else 1))

    service.CreateTuningJob = suspended  # type: ignore[method-assign]
    clock = Clock(now=lambda: service.now, sleep=service._sleep, wall=lambda: service.now + asleep[0])
    made = Driver(service, clock).run(create(submission(known=False, resumed=service.now)))
    assert names(made) == ["1"]
    assert len(service.creates) == 1


# -- before anything is sent ------------------------------------------------------------------------------------------


def test_a_job_that_the_filter_shows_is_found_with_one_list() -> None:
    service = Service()
    service.job("mine", 900, LABELS)
    history(service)
    assert names(service.drive(create(submission(started=900.0)))) == ["mine"]
    assert len(service.asked) == 1


def test_a_look_before_the_first_send_ends_with_the_deadline() -> None:
    service = Service(lists=[SICK] * 10_000)
    with pytest.raises(InDoubt):
        service.drive(create(submission(), timeout=30, budget=None))
    assert service.now <= 1030.1
    assert not service.creates


def test_a_look_before_the_first_send_is_asked_for_again_as_long_as_the_budget_lasts() -> None:
    assert names(Service(lists=[SICK]).drive(create(submission()))) == ["1"]
    service = Service(lists=[SICK])
    with pytest.raises(InDoubt):
        service.drive(create(submission(), budget=Budget(0)))
    assert len(service.asked) == 1


def test_without_retries_an_earlier_call_in_doubt_is_looked_for_once() -> None:
    service = Service()
    windows = {KEY: service.now + 30}
    with pytest.raises(InDoubt, match="an earlier call under this id may still be acted on"):
        service.drive(create(submission(), retry=None, windows=windows))
    assert not service.creates
    service.job("mine", 999, LABELS)
    assert names(service.drive(create(submission(), retry=None, windows=windows))) == ["mine"]


# -- counting afterwards ----------------------------------------------------------------------------------------------


def with_a_double(**options: Any) -> Service:
    """While the create is under way, another process makes a job under the same id."""
    service = Service(**options)
    real = service.CreateTuningJob

    def both(request: Any, deadline: float) -> Any:
        service.job("0", service.now - 1, LABELS)
        return real(request, deadline)

    service.CreateTuningJob = both  # type: ignore[method-assign]
    return service


@pytest.mark.parametrize("retry", [Retry(), None])
def test_the_count_does_without_a_filter(retry: Retry | None) -> None:
    assert names(with_a_double(blind=True).drive(create(submission(), retry=retry))) == ["0", "1"]


def test_the_count_is_asked_for_again_and_told_to_nobody() -> None:
    heard: list[Any] = []
    service = with_a_double(lists=[None, None, SICK])
    assert names(service.drive(create(submission(), retry=Retry(on_retry=heard.append)))) == ["0", "1"]
    assert not heard


@pytest.mark.parametrize(("retry", "longest"), [(Retry(attempt=3.0), 3.0), (Retry(), 20.0), (None, 10.0)])
def test_a_count_that_hangs_keeps_nobody_longer_than_an_attempt(retry: Retry | None, longest: float) -> None:
    service = Service()
    real = service.CreateTuningJob

    def then_slow(request: Any, deadline: float) -> Any:
        service.takes = 1e9
        return real(request, deadline)

    service.CreateTuningJob = then_slow  # type: ignore[method-assign]
    assert names(service.drive(create(submission(), retry=retry))) == ["1"]
    assert service.now - service.creates[0] == pytest.approx(longest, abs=0.2)


# -- settle and same_spec ---------------------------------------------------------------------------------------------


def ask(flow: Any, service: Service, **options: Any) -> Any:
    options = {"timeout": 9, "retry": Retry(), "budget": Budget()} | options
    return service.drive(flow(RPCS, submission(), **options))


@pytest.mark.parametrize("flow", [find_jobs.settle, find_jobs.same_spec])
def test_a_single_look_is_asked_for_again_as_long_as_the_budget_lasts(flow: Any) -> None:
    service = Service(lists=[SICK])
    assert ask(flow, service) is None
    assert len(service.asked) == 3
    with pytest.raises(Unavailable):
        ask(flow, Service(lists=[SICK]), budget=Budget(0))


def test_a_look_for_what_began_long_ago_goes_by_the_time_on_the_wall() -> None:
    """The monotonic clock of most machines began when they did."""
    service = Service(now=100.0, blind=True)
    service.job("mine", 1e9 - 40 * HOUR, LABELS)
    for number in range(8):
        service.job(f"s{number}", 1e9 - HOUR * (0 if number < 4 else 35))
    which = submission(started=1e9 - 40 * HOUR)
    clock = Clock(now=lambda: service.now, sleep=service._sleep, wall=lambda: 1e9)
    found = Driver(service, clock).run(find_jobs.settle(RPCS, which, timeout=9, retry=None, budget=None))
    assert names(found) == ["mine"]


def test_a_refusal_of_an_id_shows_as_much_of_both_specs() -> None:
    service = Service()
    other_spec(service)
    with pytest.raises(SpecInvalid, match=r"request_id: 'id-1' names .*/other already, whose spec is") as refusal:
        ask(find_jobs.settle, service)
    assert f"sha256:{'cd' * 20}; this spec is sha256:{'ab' * 20}: an id" in str(refusal.value)


def test_a_list_that_is_refused_is_not_asked_for_without_end() -> None:
    service = Service(lists=[InvalidArgument("m")] * 2)
    with pytest.raises(InvalidArgument):
        ask(find_jobs.settle, service)
    assert len(service.asked) == 2


def test_windows_of_its_own_owner_may_be_passed() -> None:
    service, windows = Service(), Windows()
    service.drive(create(submission(known=False), windows=windows))
    assert windows.left(KEY, service.now) == pytest.approx(30, abs=0.1)
