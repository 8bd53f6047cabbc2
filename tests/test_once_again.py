"""Create exactly once, where calls are interrupted, run beside each other, come late, or meet a network that breaks."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import gemtune
from gemtune import AsyncTuningClient, TuningClient
from gemtune._client_base import METHODS
from gemtune.errors import (
    DuplicateSubmission,
    GemtuneError,
    InDoubt,
    InvalidArgument,
    PermissionDenied,
    SpecInvalid,
    TransportError,
)
from gemtune.flows import create_once, find_jobs
from gemtune.flows.driver import Clock, Driver
from gemtune.flows.effects import Send
from gemtune.flows.retry import Budget, Retry
from gemtune.flows.submission import Created, Submission
from gemtune.flows.windows import Windows
from gemtune.store import Claim
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import LOST, OK, SICK, Fate, World
from tests.support.fake_store import Store
from tests.support.jobs import spec

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
JOB = TuningJob(base_model="m")
FINGERPRINT = "sha256:" + "ab" * 32
KEY = ("projects/p/locations/l", "id-1")
HOUR = 3600.0


def submission(request_id: str = "id-1", *, known: bool = True, **changes: Any) -> Submission:
    fields: dict[str, Any] = {"fingerprint": FINGERPRINT, "project": "p", "location": "l", "started": None}
    return Submission(request_id=request_id, known=known, **fields | {"resumed": 1000.0} | changes)


def flow(which: Submission, *, timeout: float = 120, retry: Retry | None = Retry(), **options: Any) -> Any:  # noqa: B008
    return create_once.create(RPCS, JOB, which, timeout=timeout, retry=retry, budget=Budget(), **options)


def strangers(world: World, count: int, at: float) -> None:
    for number in range(count):
        job = TuningJob(name=f"projects/p/locations/l/tuningJobs/s{len(world.jobs)}-{number}")
        job.create_time.FromMilliseconds(int(at * 1000))
        world.jobs.append((0.0, job))


def blind(world: World) -> None:
    """No filter finds anything."""
    real = world.ListTuningJobs

    def lists(request: Any, deadline: float) -> Any:
        answer = real(request, deadline)
        return type(answer)() if request.filter else answer

    world.ListTuningJobs = lists  # type: ignore[method-assign]


def names(created: Created) -> list[str]:
    return [job.name.rpartition("/")[2] for job in (created.job, *created.doubles)]


# -- interrupted ------------------------------------------------------------------------------------------------------


class Alarm(BaseException):
    """What a signal handler raises."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Alarm, GeneratorExit, MemoryError])
@pytest.mark.parametrize("acts", [True, False])
def test_a_create_that_was_interrupted_is_waited_for_by_the_next_call(error: type[BaseException], acts: bool) -> None:
    world = World([Fate(acts=acts, lag=20)])
    windows = Windows(now=lambda: world.now)
    real = world.CreateTuningJob

    def interrupted(request: Any, deadline: float) -> Any:
        real(request, deadline)
        world.CreateTuningJob = real  # type: ignore[method-assign]
        raise error

    world.CreateTuningJob = interrupted  # type: ignore[method-assign]
    with pytest.raises(error):
        world.drive(flow(submission(), windows=windows))
    began = world.now
    created = world.drive(flow(submission(), windows=windows))
    assert len(world.creates) == (1 if acts else 2)
    assert world.now - began == pytest.approx(20 if acts else 30, abs=6), "the window counts from the interruption"
    assert not created.doubles


def by_hand(world: World, interrupted: Any, *, sends: int) -> None:
    """Drives a flow up to the effect after so many sends, and breaks it off there."""
    outcome: Any = None
    while sends:
        effect = interrupted.send(outcome)
        outcome = world.now
        if isinstance(effect, Send):
            sends -= 1
            try:
                outcome = world.send(effect.method, effect.request, deadline=effect.deadline)
            except GemtuneError as error:
                outcome = error
    interrupted.send(outcome)
    interrupted.close()


@pytest.mark.parametrize("error", [LOST, None])
def test_an_interruption_right_after_an_attempt_leaves_its_window_open(error: GemtuneError | None) -> None:
    world, windows = World([Fate(meets=error)]), Windows()
    by_hand(world, flow(submission(known=False), windows=windows), sends=1)
    assert windows.left(KEY, world.now) >= 30


def test_a_flow_takes_no_job_without_a_name_for_an_answer_whatever_drives_it() -> None:
    """The drivers refuse such an answer before a flow gets it."""
    world = World([Fate(nameless=True)])
    with pytest.raises(InDoubt) as doubt:
        by_hand(world, flow(submission(known=False), retry=None), sends=2)
    assert str(doubt.value.error) == "the create was answered with a job that has no name"


def test_a_refusal_leaves_no_window_open() -> None:
    world, windows = World([Fate(meets=InvalidArgument("no", http_status=400), acts=False)]), Windows()
    with pytest.raises(InvalidArgument):
        world.drive(flow(submission(), windows=windows))
    assert windows.ends == {}


def test_without_a_clock_an_interrupted_create_counts_as_under_way_up_to_its_deadline() -> None:
    world = World([Fate(acts=False)])
    windows: dict[tuple[str, str], float] = {}
    interrupted = flow(submission(), windows=windows)
    outcome: Any = None
    while (effect := interrupted.send(outcome)).__class__.__name__ != "Send" or effect.method.name[0] != "C":
        outcome = world.now if not hasattr(effect, "method") else world.send(effect.method, effect.request, deadline=0)
    interrupted.close()
    assert list(windows.values()) == [pytest.approx(1050, abs=1)]


def test_a_task_that_is_cancelled_while_its_create_is_under_way_is_waited_for() -> None:
    world = World([Fate(lag=20)])

    class Hanging:
        async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            answer = world.send(method, request, deadline=deadline)
            if method.name == "CreateTuningJob":
                await asyncio.Event().wait()
            return answer

    async def moves(seconds: float) -> None:
        world.now += seconds

    async def twice() -> TuningJob:
        clock = Clock(now=lambda: world.now, asleep=moves, wall=lambda: world.now)
        client = AsyncTuningClient("p", transport=Hanging(), clock=clock)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.create_tuning_job(spec(), request_id="my-id"), 0.05)
        return await client.create_tuning_job(spec(), request_id="my-id")

    assert asyncio.run(twice()).name.endswith("/1")
    assert len(world.creates) == 1


def test_after_an_answer_the_next_call_waits_until_lists_may_be_expected_to_show_it() -> None:
    world = World([Fate(lag=20)])
    windows = Windows(now=lambda: world.now)
    first = world.drive(flow(submission(), windows=windows))
    again = world.drive(flow(submission(), windows=windows))
    assert again.job == first.job
    assert len(world.creates) == 1


def test_two_ids_in_doubt_at_once_keep_a_window_each() -> None:
    world = World([Fate(meets=LOST, late=20), Fate(meets=LOST, acts=False), OK])
    windows: dict[tuple[str, str], float] = {}
    for request_id in ("a", "b"):
        with pytest.raises(InDoubt):
            world.drive(flow(submission(request_id), timeout=5, retry=Retry(resend=False), windows=windows))
    assert {label for _, label in windows} == {"a", "b"}
    assert windows["projects/p/locations/l", "a"] > world.now
    created = world.drive(flow(submission("a"), retry=Retry(resend=False), windows=windows))
    assert names(created) == ["1"]
    assert len(world.creates) == 2


def test_windows_that_have_ended_are_forgotten() -> None:
    windows = Windows()
    for number in range(1000):
        windows.note(("p", str(number)), number + 30.0, float(number))
    assert len(windows.ends) < 40


# -- calls of one client ----------------------------------------------------------------------------------------------


class Slow:
    """A world's transport that takes a moment of real time, so that threads meet."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = threading.Lock()

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        if method.name == "CreateTuningJob":
            time.sleep(0.05)
        with self.lock:
            return self.world.send(method, request, deadline=deadline)


def side_by_side(world: World, **options: Any) -> list[Any]:
    """What eight threads of one client are told under one id."""
    client = TuningClient("p", transport=Slow(world), clock=world.clock(), **options)
    barrier = threading.Barrier(8)
    told: list[Any] = []

    def submit() -> None:
        barrier.wait(30)
        try:
            told.append(client.create_tuning_job(spec(), request_id="mine").name)
        except GemtuneError as error:
            told.append(error)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not client._windows._turns, "nobody's turn lasts longer than the call"
    return told


def test_threads_of_one_client_under_one_id_are_one_submission() -> None:
    world = World([Fate(lag=3)])
    told = side_by_side(world)
    assert told == [world.jobs[0][1].name] * 8
    assert len(world.creates) == 1


def test_a_first_one_that_is_refused_does_not_refuse_the_others() -> None:
    world = World([Fate(meets=InvalidArgument("no", http_status=400), acts=False)])
    told = side_by_side(world)
    assert sum(isinstance(one, InvalidArgument) for one in told) == 1
    assert {one for one in told if isinstance(one, str)} == {world.jobs[0][1].name}
    assert len(world.jobs) == 1


def test_tasks_of_one_client_under_one_id_are_one_submission() -> None:
    world = World([Fate(meets=LOST, acts=False)])

    class Beside:
        async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            await asyncio.sleep(0.001)
            return world.send(method, request, deadline=deadline)

    async def moves(seconds: float) -> None:
        world.now += seconds
        await asyncio.sleep(0)

    async def all_at_once() -> list[TuningJob]:
        clock = Clock(now=lambda: world.now, asleep=moves, wall=lambda: world.now)
        client = AsyncTuningClient("p", transport=Beside(), clock=clock)
        return await asyncio.gather(*(client.create_tuning_job(spec(), request_id="mine") for _ in range(8)))

    assert {job.name for job in asyncio.run(all_at_once())} == {world.jobs[0][1].name}
    assert len(world.jobs) == 1


def test_whoever_waits_for_its_turn_waits_no_longer_than_its_deadline() -> None:
    world, windows, owner = World(), Windows(), Windows()
    assert windows.enter(("projects/p/locations/l", "id-1"), owner)
    clock = Clock(now=itertools.count().__next__, sleep=lambda _: None, wall=lambda: 0.0)
    with pytest.raises(InDoubt, match="another call of this client"):
        Driver(world, clock).run(flow(submission(), timeout=5, windows=windows))
    assert not world.sent


def test_a_turn_ends_with_the_call_also_where_its_error_is_kept() -> None:
    """As Python's prompt keeps the last one: its traceback keeps all objects of the call alive."""
    windows = Windows()
    interrupted = flow(submission(), windows=windows)
    outcome: Any = None
    while not windows._turns:
        interrupted.send(outcome)
        outcome = 1000.0
    with pytest.raises(KeyboardInterrupt) as kept:
        interrupted.throw(KeyboardInterrupt())
    assert windows.enter(KEY, windows)
    assert kept.value


def test_a_turn_ends_with_the_object_that_has_it() -> None:
    """An exception of a signal handler may come between any two lines, also before a turn is given back."""
    windows = Windows()
    assert windows.enter(("p", "a"), Windows())
    assert windows.enter(("p", "a"), windows)


# -- with a store -----------------------------------------------------------------------------------------------------


def stored(world: World, store: Store, clock: Clock | None = None, **options: Any) -> Created:
    made: Created = Driver(world, clock or world.clock(), store).run(flow(submission(**options), stored=True))  # type: ignore[arg-type]
    return made


def overtaken(world: World, store: Store, seconds: float) -> Any:
    """Time passes, and meanwhile another process takes the claim over and makes a job."""

    def happens() -> None:
        world.now += seconds
        store.token, store.until = store.token + 1, world.now - 1
        world.jobs.append((world.now, TuningJob(name="projects/p/locations/l/tuningJobs/other", labels=LABELS)))

    return happens


LABELS = submission().labels


@pytest.mark.parametrize("which", [0, 1])
def test_a_claim_whose_answer_comes_late_sends_nothing(which: int) -> None:
    world = World()
    store = Store(world)
    store.before = iter([lambda: None] * which + [overtaken(world, store, 60)])
    assert names(stored(world, store, known=bool(which))) == ["other"]
    assert not world.creates


def test_a_machine_that_was_suspended_after_its_claim_sends_nothing() -> None:
    """Its monotonic clock stood, and the one on the wall went on."""
    world = World()
    store = Store(world)
    asleep = [0.0]

    def suspended() -> None:
        overtaken(world, store, 0)()
        asleep[0] = 60.0

    store.before = iter([suspended])
    clock = Clock(now=lambda: world.now, sleep=world._sleep, wall=lambda: world.now + asleep[0])
    assert names(stored(world, store, clock, known=False)) == ["other"]
    assert not world.creates


def test_a_renewed_token_that_is_not_the_next_one_means_that_somebody_may_have_sent() -> None:
    world = World([Fate(meets=LOST, acts=False)])
    store = Store(world)
    happens, claim = overtaken(world, store, 0), store.claim

    def claimed(*args: Any, **options: Any) -> Claim:
        if store.token == 1:
            happens()
        return claim(*args, **options)

    store.claim = claimed  # type: ignore[method-assign]
    assert names(stored(world, store, known=False)) == ["other"]
    assert len(world.creates) == 1


def test_a_job_that_the_store_knows_beside_ones_own_is_reported() -> None:
    world = World()
    store = Store(world)
    store.before = iter([lambda: store.jobs.append("projects/p/locations/l/tuningJobs/7")])
    assert names(stored(world, store, known=False)) == ["1", "7"]


def test_jobs_that_a_store_knows_are_reported_by_every_call_under_the_id() -> None:
    world = World()
    store = Store(world)
    first = stored(world, store)
    store.jobs.append("projects/p/locations/l/tuningJobs/7")
    assert names(stored(world, store)) == ["1", "7"]
    assert names(first) == ["1"]


def test_a_store_that_fails_now_has_the_jobs_counted_at_the_service() -> None:
    world = World()
    store = Store(world)
    store.down = True
    world.jobs.append((1000.05, TuningJob(name="projects/p/locations/l/tuningJobs/7", labels=LABELS)))
    assert names(stored(world, store, known=False)) in (["7", "1"], ["1", "7"])


def test_the_client_warns_of_a_second_job_that_only_the_store_knows() -> None:
    world = World()
    store = Store(world)
    store.before = iter([lambda: store.jobs.append("projects/p/locations/l/tuningJobs/7")])
    store.fingerprint = gemtune.fingerprint(spec())
    client = TuningClient("p", transport=world, clock=world.clock(), store=store)  # type: ignore[arg-type]
    with pytest.warns(DuplicateSubmission, match="tuningJobs/7"):
        client.create_tuning_job(spec())


# -- looks without a filter -------------------------------------------------------------------------------------------


def made_before(world: World, *, ago: float) -> None:
    """A job under the id that another run made."""
    job = TuningJob(name="projects/p/locations/l/tuningJobs/1", labels=LABELS)
    job.create_time.FromMilliseconds(int((world.now - ago) * 1000))
    world.jobs.append((0.0, job))
    strangers(world, 9, world.now - ago / 2)


@pytest.mark.parametrize("ago", [60.0, 90 * 24 * HOUR])
def test_a_filter_that_finds_nothing_before_the_first_send_costs_no_second_job(ago: float) -> None:
    world = World(now=1e8)
    blind(world)
    made_before(world, ago=ago)
    assert names(world.drive(flow(submission(resumed=world.now)))) == ["1"]
    assert not world.creates


def test_nor_where_a_store_was_taken_over_from() -> None:
    world = World(now=1e8)
    blind(world)
    made_before(world, ago=6 * HOUR)
    store = Store(world)
    store.token, store.submitted_at = 1, world.now - 6 * HOUR
    assert names(stored(world, store, resumed=world.now)) == ["1"]
    assert not world.creates


def test_nor_where_it_is_settled_or_looked_for_by_its_spec() -> None:
    world = World(now=1e8)
    blind(world)
    made_before(world, ago=HOUR)
    options: dict[str, Any] = {"timeout": 9, "retry": None, "budget": None}
    settled = world.drive(find_jobs.settle(RPCS, submission(), **options))
    assert names(settled) == ["1"]
    assert world.drive(find_jobs.same_spec(RPCS, submission("other"), **options)).name.endswith("/1")


@pytest.mark.parametrize("ahead", [0.0, HOUR, 14 * HOUR, -HOUR, -14 * HOUR])
@pytest.mark.parametrize("known", [True, False])
def test_a_clock_that_is_wrong_does_not_stop_a_look_at_the_first_page(ahead: float, known: bool) -> None:
    """Other people's newer jobs fill the first pages, and all of them seem to be from before this run began."""
    world = World([Fate(meets=LOST, lag=3)], now=1e8)
    blind(world)
    real = world.CreateTuningJob

    def busy(request: Any, deadline: float) -> Any:
        try:
            return real(request, deadline)
        finally:
            strangers(world, 9, world.now + 1)

    world.CreateTuningJob = busy  # type: ignore[method-assign]
    clock = Clock(now=lambda: world.now, sleep=world._sleep, wall=lambda: world.now + ahead)
    which = submission(known=known, started=None if known else clock.wall(), resumed=clock.wall())
    assert names(Driver(world, clock).run(flow(which))) == ["1"]
    assert len(world.creates) == 1


def test_an_id_that_says_when_it_was_made_by_a_clock_that_was_wrong_is_found() -> None:
    for zone in (-14 * HOUR, 0.0, 12 * HOUR):
        world = World(now=1e8)
        blind(world)
        made_before(world, ago=5 * HOUR)
        strangers(world, 9, world.now)
        which = submission(started=world.now - 5 * HOUR + zone, resumed=world.now)
        assert names(world.drive(flow(which))) == ["1"]


def test_a_job_that_does_not_say_when_it_was_made_ends_no_look() -> None:
    world = World(now=1e8)
    blind(world)
    world.jobs += [(0.0, TuningJob(name=f"projects/p/locations/l/tuningJobs/s{n}")) for n in range(9)]
    made_before(world, ago=60)
    assert names(world.drive(flow(submission(started=world.now - 60)))) == ["1"]


# -- sent again -------------------------------------------------------------------------------------------------------


def test_a_second_attempt_in_doubt_is_counted_when_its_window_has_ended() -> None:
    """Both are acted on after their windows, or late in them: one job that is found does not end the looking."""
    world = World([Fate(meets=LOST, late=30.5), Fate(meets=LOST, late=20)])
    assert names(world.drive(flow(submission(known=False)))) == ["1", "2"]
    world = World([Fate(meets=LOST, late=30.5), Fate(meets=LOST, acts=False)])
    assert names(world.drive(flow(submission(known=False)))) == ["1"]


def test_what_was_found_is_told_when_looking_for_more_meets_its_end() -> None:
    world = World([Fate(meets=LOST, late=30.5), Fate(meets=LOST, late=20)])
    assert names(world.drive(flow(submission(known=False), timeout=35))) == ["1"]
    forbidden = PermissionDenied("no", http_status=403)
    world = World([Fate(meets=LOST, late=30.5), Fate(meets=LOST, late=20)])
    real = world.ListTuningJobs

    def lists(request: Any, deadline: float) -> Any:
        if world.now > 1036:
            raise forbidden
        return real(request, deadline)

    world.ListTuningJobs = lists  # type: ignore[method-assign]
    assert names(world.drive(flow(submission(known=False)))) == ["1"]


LOST_ON_THE_WAY = Fate(meets=LOST, acts=False)
BROKEN = [LOST_ON_THE_WAY, *[Fate(meets=met) for met in (LOST, TransportError("cut", maybe_sent=True), LOST, SICK)]]
"""How an exchange breaks: before the service saw it; after it acted, inside its answer, as garbage, as a 503."""


def half_broken(seed: int) -> tuple[list[Fate], Iterator[GemtuneError | None]]:
    """What becomes of the creates and of the lists of one submission, where half of all exchanges break."""
    chance = random.Random(seed)
    fates = [chance.choice(BROKEN) if chance.random() < 0.5 else OK for _ in range(40)]
    lists = random.Random(-seed)
    return fates, iter(lambda: LOST if lists.random() < 0.5 else None, "never")


@pytest.mark.parametrize("windows", [10, 4])
def test_through_a_network_that_breaks_half_of_all_exchanges_as_many_return_as_windows_allow(windows: int) -> None:
    """With ten windows all do. With the default deadline those are in doubt whose every attempt was lost on its way."""
    retry = Retry()
    timeout = 10 * retry.settle if windows == 10 else 120.0
    random.seed(1)
    in_doubt, lost = set(), set()
    for seed in range(300):
        fates, lists = half_broken(seed)
        world = World(fates, lists)
        attempts = fates[: int(timeout // (retry.settle + 1))]
        if all(fate is LOST_ON_THE_WAY for fate in attempts):
            lost.add(seed)
        try:
            created = world.drive(flow(submission(known=False, started=1000.0), timeout=timeout, retry=retry))
        except InDoubt:
            in_doubt.add(seed)
            assert len(world.jobs) <= 1
            if world.jobs:  # it is found by whoever asks later
                world.lists = ()
                world._lists = iter(())
                found = world.drive(find_jobs.settle(RPCS, submission(), timeout=60, retry=retry, budget=None))
                assert found.job.name == world.jobs[0][1].name
        else:
            assert [job.name for _, job in world.jobs] == [created.job.name], "none twice, and none that nobody knows"
            assert not created.doubles
    assert in_doubt <= lost
    if windows == 10:
        assert not in_doubt


def test_resend_false_is_in_doubt_after_the_first_window() -> None:
    world = World([LOST_ON_THE_WAY] * 9)
    with pytest.raises(InDoubt):
        world.drive(flow(submission(known=False), timeout=10_000, retry=Retry(resend=False)))
    assert len(world.creates) == 1


def test_a_job_of_another_spec_under_the_id_is_refused_before_anything_is_sent_without_a_filter_too() -> None:
    world = World(now=1e8)
    blind(world)
    made_before(world, ago=60)
    with pytest.raises(SpecInvalid):
        world.drive(flow(submission(fingerprint="sha256:" + "cd" * 32)))
    assert not world.creates


def other_peoples_jobs(world: World) -> None:
    """Newer ones and older ones, whole pages of each: a look that ends too soon ends between them."""
    strangers(world, 4, world.now - 60)
    for n in range(4):
        job = TuningJob(name=f"projects/p/locations/l/tuningJobs/t{n}")
        job.create_time.FromMilliseconds(int((world.now - 2 * HOUR) * 1000))
        world.jobs.append((0.0, job))


@pytest.mark.parametrize("with_store", [False, True])
def test_a_look_before_the_first_send_reads_past_the_jobs_of_this_run(with_store: bool) -> None:
    world = World(now=1e8)
    blind(world)
    job = TuningJob(name="projects/p/locations/l/tuningJobs/1", labels=LABELS)
    job.create_time.FromMilliseconds(int((world.now - 6 * HOUR) * 1000))
    world.jobs.append((0.0, job))
    other_peoples_jobs(world)
    store = Store(world)
    store.token, store.submitted_at = 1, world.now - 6 * HOUR
    made = stored(world, store, resumed=world.now) if with_store else world.drive(flow(submission(resumed=world.now)))
    assert names(made) == ["1"]
    assert not world.creates


def test_an_answer_without_a_name_may_have_made_a_job_and_is_looked_for() -> None:
    world = World([Fate(nameless=True)])
    assert names(world.drive(flow(submission(known=False)))) == ["1"]
    assert len(world.creates) == 1
