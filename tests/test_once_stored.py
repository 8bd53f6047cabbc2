"""Create exactly once, where a store decides which process sends: what a claim, its loss and a failing store mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemtune._client_base import METHODS
from gemtune.errors import InDoubt, NotFound, SpecInvalid
from gemtune.flows import create_once, find_jobs
from gemtune.flows.driver import Clock, Driver
from gemtune.flows.retry import Budget, Retry
from gemtune.flows.submission import Created, Submission
from gemtune.store import Claim, StoreError, SubmittedJob
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import LOST, SICK, Fate, World
from tests.support.fake_store import FINGERPRINT, Store

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
PARENT = "projects/p/locations/l"
HOUR = 3600.0
DEFAULT = Retry()
NOTHING = Fate(meets=LOST, acts=False)
"""An attempt in doubt of which nothing comes."""


def create(
    world: World,
    store: Store,
    *,
    timeout: float = 120,
    retry: Retry | None = DEFAULT,
    **options: Any,
) -> Created:
    fields: dict[str, Any] = {"known": False, "started": None, "resumed": 1000.0}
    budget, clock = options.pop("budget", Budget()), options.pop("clock", world.clock())
    which = Submission(
        request_id="id-1", fingerprint=FINGERPRINT, project="p", location="l", **fields | options
    )  # fmt: skip
    job = TuningJob(base_model="m")
    flow = create_once.create(RPCS, job, which, timeout=timeout, retry=retry, budget=budget, stored=True)
    created: Created = Driver(world, clock, store).run(flow)  # type: ignore[arg-type]
    return created


LABELS = {"gemtune-request": "id-1", "gemtune-spec": "ab" * 20}
OTHER_SPEC = {**LABELS, "gemtune-spec": "cd" * 20}


def made(world: World, name: str, labels: dict[str, str] = LABELS, *, ago: float = 0.0, visible: float = 0.0) -> None:
    """A job that another process made."""
    job = TuningJob(name=f"{PARENT}/tuningJobs/{name}", labels=labels)
    job.create_time.FromMilliseconds(int((world.now - ago) * 1000))
    world.jobs.append((visible, job))


def names(created: Created) -> list[str]:
    return [job.name.rpartition("/")[2] for job in (created.job, *created.doubles)]


def at_claim(store: Store, number: int, happens: Callable[[], object]) -> None:
    """Something happens before the store answers its so-many-th claim."""
    claim, asked = store.claim, iter(range(1, 100))

    def claimed(*args: Any, **options: Any) -> Claim:
        if next(asked) == number:
            happens()
        return claim(*args, **options)

    store.claim = claimed  # type: ignore[method-assign]


def fails() -> None:
    raise StoreError("the disk is full")


# -- a claim ----------------------------------------------------------------------------------------------------------


def test_a_create_that_is_answered_at_once_asks_for_nothing_else() -> None:
    world = World()
    assert names(create(world, Store(world))) == ["1"]
    assert [rpc for _, rpc in world.sent] == ["CreateTuningJob"]


def test_an_id_that_names_another_spec_in_the_store_is_refused() -> None:
    world = World()
    store = Store(world)
    store.fingerprint = "sha256:" + "cd" * 32
    with pytest.raises(SpecInvalid, match="'id-1' names a stored submission already, whose spec is sha256:cdcd"):
        create(world, store)
    assert not world.sent


def test_a_job_that_the_store_knows_is_the_answer_and_nothing_is_looked_for() -> None:
    world = World()
    store = Store(world)
    made(world, "7")
    store.jobs.append(f"{PARENT}/tuningJobs/7")
    assert names(create(world, store)) == ["7"]
    assert [rpc for _, rpc in world.sent] == ["GetTuningJob"]


def known_job(world: World, *, sick: int) -> Store:
    """A store that knows a job, which the service fails to show so many times."""
    store = Store(world)
    made(world, "7")
    store.jobs.append(f"{PARENT}/tuningJobs/7")
    real, left = world.GetTuningJob, iter(range(sick))

    def get(request: Any, deadline: float) -> Any:
        if next(left, None) is not None:
            raise SICK
        return real(request, deadline)

    world.GetTuningJob = get  # type: ignore[method-assign]
    return store


def test_a_job_that_the_store_knows_is_asked_for_again_as_long_as_time_and_the_budget_last() -> None:
    world = World()
    assert names(create(world, known_job(world, sick=1))) == ["7"]
    world = World()
    with pytest.raises(InDoubt):
        create(world, known_job(world, sick=1), budget=Budget(0))
    world = World()
    with pytest.raises(InDoubt):
        create(world, known_job(world, sick=10_000), timeout=30, budget=None)
    assert world.now <= 1030.1


def test_a_job_that_the_store_knows_and_the_service_does_not_is_not_found() -> None:
    world = World()
    store = Store(world)
    store.jobs.append(f"{PARENT}/tuningJobs/7")
    with pytest.raises(NotFound):
        create(world, store)


def test_the_time_of_the_first_claim_says_how_far_back_to_look() -> None:
    """The id is younger than the submission: it was resumed under the clock of another machine."""
    world = World(now=1e8, filters=False)
    store = Store(world)
    store.token, store.submitted_at = 1, world.now - 60 * HOUR
    made(world, "old", ago=50 * HOUR)
    for number in range(9):
        made(world, f"s{number}", {}, ago=-1)
    for number in range(9):
        made(world, f"t{number}", {}, ago=40 * HOUR)
    assert names(create(world, store, known=True, started=world.now, resumed=world.now)) == ["old"]
    assert not world.creates


def test_an_attempt_ends_with_the_claim_on_this_machines_clock() -> None:
    """The store took five seconds to answer; the clock on the wall has nothing to do with the attempt's deadline."""
    world = World()
    store = Store(world)
    deadlines: list[float] = []
    real = world.CreateTuningJob

    def late() -> None:
        world.now += 5

    def noted(request: Any, deadline: float) -> Any:
        deadlines.append(deadline)
        return real(request, deadline)

    at_claim(store, 1, late)
    world.CreateTuningJob = noted  # type: ignore[method-assign]
    clock = Clock(now=lambda: world.now, sleep=world._sleep, wall=lambda: world.now + 1e9)
    create(world, store, clock=clock)
    assert deadlines == [1020.0]


# -- a store that fails -----------------------------------------------------------------------------------------------


def test_before_anything_was_sent_its_failure_is_the_error(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    store = Store(world)
    at_claim(store, 1, fails)
    with pytest.raises(StoreError, match="the disk is full"):
        create(world, store)
    assert not caplog.records, "nothing was made that could be lost"
    store = Store(world)
    at_claim(store, 2, fails)  # renewed after the look; nobody else has had a claim
    with pytest.raises(StoreError, match="the disk is full"):
        create(world, store, known=True)
    assert not world.creates


def test_where_others_may_have_sent_its_failure_leaves_the_create_in_doubt() -> None:
    world = World()
    store = Store(world)
    store.token = 1
    at_claim(store, 2, fails)
    with pytest.raises(InDoubt, match="the disk is full"):
        create(world, store)
    assert not world.creates


def test_what_it_knew_and_what_the_service_shows_are_both_reported_when_it_fails_between_two_records() -> None:
    world = World([Fate(meets=LOST, late=30.05)])
    store = Store(world)
    answers = iter([(SubmittedJob(f"{PARENT}/tuningJobs/7", "PENDING", 0.0),)])

    def record(*_: Any, **__: Any) -> Any:
        return next(answers, None) or fails()

    store.record = record  # type: ignore[method-assign]
    assert sorted(names(create(world, store))) == ["1", "2", "7"]


# -- overtaken by another process -------------------------------------------------------------------------------------


def overtaken(world: World, store: Store, *, lasting: float = 50.0) -> Callable[[], None]:
    """Another process takes the claim over."""

    def happens() -> None:
        store.token, store.until = store.token + 1, world.now + lasting

    return happens


def test_while_another_process_has_the_claim_its_job_is_looked_for_by_filter() -> None:
    """Nothing is sent without a claim, so a look that finds too little costs no second job."""
    world = World()
    store = Store(world)
    overtaken(world, store, lasting=10.0)()
    at_claim(store, 2, overtaken(world, store, lasting=1000.0))
    real = world.ListTuningJobs

    def filtered(request: Any, deadline: float) -> Any:
        assert request.filter
        return real(request, deadline)

    world.ListTuningJobs = filtered  # type: ignore[method-assign]
    with pytest.raises(InDoubt, match="another process is submitting under this id"):
        create(world, store, timeout=20)
    made(world, "other")
    assert names(create(world, store)) == ["other"]
    assert not world.creates


def test_its_job_of_another_spec_refuses_the_id_as_long_as_nothing_was_sent() -> None:
    world = World()
    store = Store(world)
    overtaken(world, store)()
    made(world, "other", OTHER_SPEC)
    with pytest.raises(SpecInvalid, match="tuningJobs/other"):
        create(world, store)


def test_its_job_of_another_spec_hides_none_that_this_run_may_have_made() -> None:
    """It is looked at as long as something may appear, and it is a double then."""
    world = World([Fate(meets=LOST, lag=45)])
    store = Store(world)
    made(world, "other", OTHER_SPEC, ago=500, visible=1031)
    at_claim(store, 2, overtaken(world, store))
    created = create(world, store)
    assert names(created) == ["1", "other"]
    assert len(world.creates) == 1


def test_its_job_of_another_spec_leaves_this_run_in_doubt_when_it_looks_again() -> None:
    world = World([NOTHING])
    store = Store(world)

    def happens() -> None:
        overtaken(world, store, lasting=-1.0)()
        made(world, "other", OTHER_SPEC)

    at_claim(store, 2, happens)
    with pytest.raises(InDoubt, match="tuningJobs/other"):
        create(world, store)
    assert len(world.creates) == 1


def test_its_job_is_reported_beside_the_one_that_this_run_made_too_late() -> None:
    world = World([Fate(meets=LOST, lag=35)])
    store = Store(world)

    def happens() -> None:
        world.now += 10
        made(world, "7")
        store.jobs.append(f"{PARENT}/tuningJobs/7")

    at_claim(store, 2, happens)
    assert names(create(world, store)) == ["1", "7"]
    assert len(world.creates) == 1
