"""Several processes and threads with one store: of all who claim at once one is granted, and what is granted is kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gemtune import TuningJob
from gemtune.store import Claim, SpecStore

PROCESSES, ROUNDS = 3, 25 if os.environ.get("CI") else 10
FAR = 4e9  # the year 2096: no claim of a test runs out by itself


def spec(number: int) -> TuningJob:
    return TuningJob(base_model="gemini-2.5-flash", description=str(number))


def claim(store: SpecStore, number: int, **changes: Any) -> Claim:
    return store.claim(f"r-{number}", project="p", location="l", job=spec(number), until=FAR, **changes)


# -- processes ----------------------------------------------------------------------------------------------------------


def contend(urls: list[str], barrier: Any, results: Any) -> None:
    """Opens each store at the same moment as the other processes do, claims, puts, and tells what came of it."""
    try:
        for number, url in enumerate(urls):
            barrier.wait(60)
            with SpecStore(url) as store:
                made = claim(store, number)
                again = claim(store, number, token=made.token) if made.granted else None
                fingerprint = store.put(spec(-number - 1))
            results.put((number, made.granted, made.token, again.granted if again else None, fingerprint))
    except BaseException as error:  # the other processes must not wait for this one
        barrier.abort()
        results.put((-1, False, 0, None, f"{type(error).__name__}: {error}"))


def contended(urls: list[str]) -> list[tuple[int, bool, int, bool | None, str]]:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=contend, args=(urls, barrier, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    rows = []
    for _ in range(PROCESSES * len(urls)):
        rows.append(results.get(timeout=120))
        assert rows[-1][0] >= 0, rows[-1][-1]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
        process.close()
    results.close()
    results.join_thread()
    return rows


def test_of_processes_that_claim_at_once_exactly_one_is_granted(url: str) -> None:
    SpecStore(url).close()
    rows = contended([url] * ROUNDS)
    granted = Counter(number for number, granted, *_ in rows if granted)
    assert granted == dict.fromkeys(range(ROUNDS), 1)
    assert {token for _, granted, token, *_ in rows if granted} == {1}
    assert all(renewed for _, granted, _, renewed, _ in rows if granted)
    with SpecStore(url) as store:
        assert len(store.find()) == 2 * ROUNDS  # each spec once, claimed and put, by whichever process
        assert len(store.submissions()) == ROUNDS


def test_processes_that_make_a_file_at_once_make_one_store(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / 'new' / f'{number}.db'}" for number in range(ROUNDS)]
    assert Counter(granted for _, granted, *_ in contended(urls)) == {True: ROUNDS, False: ROUNDS * (PROCESSES - 1)}


def test_processes_that_make_the_tables_at_once_make_them_once(postgresql: str) -> None:
    import psycopg

    rounds = ROUNDS // 5
    with psycopg.connect(postgresql) as connection:
        for number in range(rounds):
            connection.execute(f"CREATE SCHEMA at_once_{number}")
    urls = [f"{postgresql}&options=-csearch_path%3Dat_once_{number}" for number in range(rounds)]
    assert Counter(granted for _, granted, *_ in contended(urls)) == {True: rounds, False: rounds * (PROCESSES - 1)}


# -- processes that are killed --------------------------------------------------------------------------------------------

CLAIM_AND_WAIT = """
import sys, time
sys.path.insert(0, {folder!r})
from test_processes import SpecStore, claim
store = SpecStore({url!r})
made = claim(store, 0)
with store._database.writing() as db:
    store._keep(db, "sha256:" + "0" * 64, __import__("gemtune").TuningJob())
    print(made.token, flush=True)  # granted, and in the middle of the next transaction
    time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_claim_outlives_its_process_being_killed_and_a_half_transaction_does_not(url: str) -> None:
    code = CLAIM_AND_WAIT.format(folder=str(Path(__file__).parent), url=url)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        process.send_signal(signal.SIGKILL)
    with SpecStore(url) as store:
        assert not claim(store, 0).granted
        assert [stored.job for stored in store.find()] == [spec(0)]
        assert claim(store, 1).granted  # nobody holds the lock any more


FORK = """
import os, sys
sys.path.insert(0, {folder!r})
from test_processes import SpecStore, spec
store = SpecStore({url!r})
store.put(spec(0))
child = os.fork()
for number in range(20):
    store.put(spec(number))
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(store.find()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_store_goes_on_in_a_process_that_forked(url: str) -> None:
    code = FORK.format(folder=str(Path(__file__).parent), url=url)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120).stdout
    assert said == "20\n"


# -- threads ------------------------------------------------------------------------------------------------------------


def test_of_threads_that_claim_at_once_exactly_one_is_granted(store: SpecStore) -> None:
    barrier = threading.Barrier(6)
    granted: list[int] = []

    def work() -> None:
        for number in range(5):
            barrier.wait(60)
            if claim(store, number).granted:
                granted.append(number)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(granted) == list(range(5))


def test_nothing_is_left_open_by_a_store_that_nobody_closed(url: str) -> None:
    SpecStore(url).put(spec(0))  # a connection that is left open would be a ResourceWarning, and so an error
    if not url.startswith("sqlite"):
        return
    assert sorted(path.name for path in Path(url.removeprefix("sqlite:///")).parent.iterdir()) == ["store.db"]
