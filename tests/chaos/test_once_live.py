"""Creates through networks that break and services that are late: the figures of the promise, printed.

Over REST a proxy on a socket breaks the exchanges; over gRPC, where one connection carries them all, the emulator's
faults do, a call at a time. The pauses are made short by parameters.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.emulator.faults import RetryTest
from gemtune.errors import DuplicateSubmission, InDoubt
from gemtune.flows.retry import Retry
from gemtune.testing import Emulator, emulator
from gemtune.transport.grpc import GrpcTransport
from gemtune.transport.rest import RestTransport
from tests.support.breaking_proxy import BreakingProxy
from tests.support.jobs import spec
from tests.support.metrics import Figures
from tests.support.stress import SOAK, named

MANY = 1000 if SOAK else 40
LATE_ONES = 1000 if SOAK else 8
DOUBLED = 200 if SOAK else 8  # each takes seconds, and a look over many more jobs as long as the service is late
QUICK = Retry(attempt=10, initial=0.01, maximum=0.05, settle=0.4)

# What half of all calls over gRPC meet; REST's proxy breaks exchanges in the same five ways.
BREAKS = (
    "return-reset-connection",
    "return-reset-connection-after",
    "truncated-body",
    "garbage-body",
    "return-503-after",
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Emulator]:
    with emulator(job_duration=3600, db=tmp_path / "emulator.db", grpc=True) as running:
        yield running


def submit(client: gemtune.TuningClient, request_id: str) -> gemtune.TuningJob:
    """Submits as a caller does: in doubt it asks again under the same id."""
    while True:
        with contextlib.suppress(InDoubt):
            return client.create_tuning_job(spec(), request_id=request_id)


def submit_all(client: gemtune.TuningClient, count: int) -> list[gemtune.TuningJob]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: submit(client, f"submission-{number}"), range(count)))


def made(service: Emulator) -> list[str]:
    return named(service.client().list_tuning_jobs(page_size=1000))


def script(count: int, words: tuple[str, ...], share: float) -> list[str]:
    """`share` of so many calls, drawn by chance, meet one of `words`."""
    chance = random.Random(1)
    return [chance.choice(words) if chance.random() < share else "pass" for _ in range(count)]


@contextlib.contextmanager
def breaking(service: Emulator, transport: str) -> Iterator[tuple[gemtune.TuningClient, Callable[[], Counter[str]]]]:
    """A client over a network that breaks half of all exchanges; and a count of what became of them."""
    options: dict[str, Any] = {"retry": QUICK, "timeout": 60}
    if transport == "rest":
        with (
            BreakingProxy(service.url, 0.5) as proxy,
            gemtune.TuningClient("demo", endpoint=proxy.url, **options) as client,
        ):
            yield client, lambda: proxy.fates
    else:
        test = service.faults({"*": script(MANY * 12, BREAKS, 0.5)}, everyone=True)
        yield service.client(transport="grpc", **options), lambda: Counter(hit.instruction for hit in test.hits)
        assert test.left, "the script was long enough"
        service._control.faults.remove(test.id)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_through_a_network_that_breaks_half_of_all_exchanges(
    service: Emulator, transport: str, figures: Figures
) -> None:
    with breaking(service, transport) as (client, count):
        jobs = submit_all(client, MANY)
        fates = count()
    names = made(service)
    broken = 1 - (fates["passed"] + fates["pass"]) / fates.total()
    figures(
        f"{transport}: {MANY} creates from 8 threads, {fates.total()} exchanges, {100 * broken:.0f} % broken: "
        f"{len(names)} jobs, {len(names) - len(set(named(jobs)))} unknown to their caller, "
        f"{MANY - len(set(named(jobs)))} doubled"
    )
    assert 0.4 < broken < 0.6
    assert names == named(jobs), "none twice, none forgotten; each is known to its caller, and to one only"


LATE = (
    "commit-after-0.3",
    "commit-after-0.2,list-lag-0.4",
    "list-lag-0.6,return-reset-connection-after",
    "list-lag-0.5,return-503-after",
    "list-lag-0.3,truncated-body",
    "return-503",
)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_service_that_is_late_inside_the_window_makes_one_job_each(
    service: Emulator, transport: str, figures: Figures
) -> None:
    """Creates are acted on up to 0.3 s after their connection broke, lists lag up to 0.6 s; the window is 0.8 s."""
    test = service.faults(
        {
            "CreateTuningJob": script(MANY * 4, LATE, 0.5),
            "ListTuningJobs": script(MANY * 20, ("return-503", "garbage-body"), 0.2),
        }
    )
    retry = Retry(attempt=10, initial=0.01, maximum=0.05, settle=0.8)
    jobs = submit_all(service.client(transport=transport, retry=retry, timeout=60), MANY)
    late = Counter(hit.instruction for hit in test.hits if hit.rpc == "CreateTuningJob")
    service._control.faults.remove(test.id)
    names = made(service)
    figures(
        f"{transport}: {MANY} creates, {late.total() - late['pass']} of {late.total()} attempts late or lost, lists lag "
        f"and fail: {len(names)} jobs, {len(names) - len(set(named(jobs)))} unknown to their caller, "
        f"{MANY - len(set(named(jobs)))} doubled"
    )
    assert names == named(jobs)


class Tagged:
    """A transport whose calls belong to a retry test."""

    def __init__(self, inner: Any, test: RetryTest) -> None:
        self._inner, self._test = inner, test

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        pairs = [*metadata, ("x-retry-test-id", self._test.id)]
        return self._inner.send(method, request, deadline=deadline, metadata=pairs)


@pytest.fixture(params=["rest", "grpc"])
def carrier(request: pytest.FixtureRequest, service: Emulator) -> Iterator[tuple[str, Any]]:
    inner: Any = RestTransport(service.url) if request.param == "rest" else GrpcTransport(f"http://{service.grpc}")
    with gemtune.TuningClient("demo", transport=inner) as client:
        list(client.list_tuning_jobs())  # one thread connects
    yield request.param, inner
    inner.close()


def each(
    service: Emulator,
    carrier: Any,
    count: int,
    words: list[str],
    retry: Retry,
    do: Callable[[gemtune.TuningClient, str], Any],
) -> list[Any]:
    """Does something for each of a few submissions, whose creates meet `words` one after the other."""

    def one(number: int) -> Any:
        test = service.faults({"CreateTuningJob": words}, everyone=False)
        client = gemtune.TuningClient("demo", transport=Tagged(carrier, test), retry=retry, timeout=60)
        return do(client, f"late-{number}")

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def test_beyond_the_window_without_resending_each_is_in_doubt_and_settled_later(
    service: Emulator, carrier: tuple[str, Any], figures: Figures
) -> None:
    transport, inner = carrier

    def doubtful(client: gemtune.TuningClient, request_id: str) -> InDoubt:
        with pytest.raises(InDoubt) as doubt:
            client.create_tuning_job(spec(), request_id=request_id)
        assert client.settle(request_id) is None
        return doubt.value

    doubts = each(service, inner, LATE_ONES, ["commit-after-3600"], Retry(settle=0.2, resend=False), doubtful)
    assert not made(service)
    service.advance(3600)
    client = service.client(transport=transport)
    settled = [client.settle(doubt.request_id) for doubt in doubts]
    names = made(service)
    figures(
        f"{transport}: {LATE_ONES} creates that are acted on after the window, resend=False: {len(doubts)} InDoubt, "
        f"{len(names)} jobs an hour later, {sum(job is not None for job in settled)} found by settle"
    )
    assert names == named(job for job in settled if job is not None)
    assert len(names) == LATE_ONES


def test_beyond_the_window_with_resending_both_jobs_are_reported(
    service: Emulator, carrier: tuple[str, Any], figures: Figures
) -> None:
    """The first create is acted on after the second was sent, and before that one's answer."""
    transport, inner = carrier
    told: list[str] = []
    lock = threading.Lock()

    def doubled(client: gemtune.TuningClient, request_id: str) -> str:
        return client.create_tuning_job(spec(), request_id=request_id).name

    def hear(message: Any, category: Any, *_: Any, **__: Any) -> None:
        assert category is DuplicateSubmission
        with lock:
            told.append(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = hear
        answers = each(
            service, inner, DOUBLED, ["commit-after-1.5", "stall-for-2"], Retry(settle=0.4, attempt=20), doubled
        )
    names = made(service)
    figures(
        f"{transport}: {DOUBLED} creates that are acted on after the window, sent again: {len(names)} jobs, {len(told)} "
        f"reports that name two"
    )
    assert len(names) == 2 * DOUBLED
    assert len(told) == DOUBLED
    in_reports = sorted(name for name in names for message in told if name in message)
    assert in_reports == names, "each job is named, in one report"
    assert set(answers) <= set(names)
    assert all(sum(name in message for name in names) == 2 for message in told)


def test_callers_that_race_for_an_id_through_a_store_meet_in_one_job(
    service: Emulator, tmp_path: Path, figures: Figures
) -> None:
    """Eight callers race for each id through a store, over a network that breaks half of all exchanges."""
    from gemtune.store import SpecStore

    ids = [f"raced-{number}" for number in range(MANY // 10)]
    with (
        BreakingProxy(service.url, 0.5) as proxy,
        SpecStore(tmp_path / "store.db") as store,
        gemtune.TuningClient("demo", endpoint=proxy.url, retry=QUICK, timeout=60, store=store) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda request_id: (request_id, submit(client, request_id).name), ids * 8))
    names = made(service)
    figures(
        f"rest, store: {len(ids)} ids, each submitted by 8 callers at once through a network that breaks half of all "
        f"exchanges: {len(names)} jobs"
    )
    by_id = {
        request_id: {name for _, name in group}
        for request_id, group in itertools.groupby(sorted(answers), lambda a: a[0])
    }
    assert all(len(seen) == 1 for seen in by_id.values())
    assert sorted(name for seen in by_id.values() for name in seen) == names
