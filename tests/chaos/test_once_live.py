"""Creates through a network that breaks half of all exchanges: the figures of the promise, printed.

The numbers are small in an ordinary run; `make soak` runs them whole (GEMTUNE_SOAK=1).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import gemtune
from gemtune import emulator
from gemtune.errors import InDoubt
from gemtune.retry import Retry
from tests.chaos.proxy import BreakingProxy

SOAK = bool(os.environ.get("GEMTUNE_SOAK"))
MANY = 1000 if SOAK else 60
QUICK = Retry(attempt=10, initial=0.01, maximum=0.05, settle=0.4)


@pytest.fixture
def server(tmp_path: Any) -> Iterator[str]:
    with emulator.running(job_duration=3600, db=tmp_path / "emulator.db") as url:
        yield url


def spec() -> gemtune.TuningJob:
    return gemtune.TuningJob(
        base_model="gemini-2.5-flash",
        supervised_tuning_spec=gemtune.SupervisedTuningSpec(training_dataset_uri="gs://bucket/train.jsonl"),
    )


def submit_all(client: gemtune.TuningClient, count: int) -> list[gemtune.TuningJob]:
    def one(number: int) -> gemtune.TuningJob:
        request_id = f"submission-{number}"
        while True:
            try:
                return client.create_tuning_job(spec(), request_id=request_id)
            except InDoubt as doubt:
                request_id = doubt.request_id  # what a caller does: ask again under the same id

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def test_through_a_network_that_breaks_half_of_all_exchanges(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with (
        BreakingProxy(server, 0.5) as proxy,
        gemtune.TuningClient("demo", endpoint=proxy.url, retry=QUICK, timeout=60) as client,
    ):
        jobs = submit_all(client, MANY)
    with gemtune.TuningClient("demo", endpoint=server) as client:
        made = [job.name for job in client.list_tuning_jobs(page_size=100)]
    counts = Counter(made)
    with capsys.disabled():
        print(
            f"\n{MANY} creates, 8 threads, {sum(proxy.fates.values())} exchanges, "
            f"{100 * (1 - proxy.fates['passed'] / sum(proxy.fates.values())):.0f} % broken: {len(made)} jobs, "
            f"{len(made) - len({job.name for job in jobs})} unknown to their caller, "
            f"{MANY - len({job.name for job in jobs})} doubled, in {time.monotonic() - began:.0f} s"
        )
    assert len(made) == MANY, "none twice, none forgotten"
    assert sorted(made) == sorted(job.name for job in jobs), "each is known to its caller, and to one only"
    assert max(counts.values()) == 1
