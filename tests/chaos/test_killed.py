"""kill -9, of the process that submits and of the emulator: what was begun is found, what was answered is there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.errors import GemtuneError, NotFound
from gemtune.testing import Emulator, emulator
from tests.support.jobs import spec
from tests.support.metrics import Figures
from tests.support.stress import SOAK, named

ROOT = Path(__file__).parents[2]
TIMES = 25 if SOAK else 2
KILLS = 50 if SOAK else 3


class Submitter:
    """A process that forks for each submission."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.chaos.submitter"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def begin(self, **order: Any) -> int:
        """Starts a submission and returns the child's process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"point": None, "test": None, **order}) + "\n")
        return int(self._read()["pid"])

    def end(self) -> dict[str, Any]:
        """What became of it."""
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def submitters() -> Iterator[list[Submitter]]:
    started = [Submitter() for _ in range(4 if SOAK else 2)]
    yield started
    for submitter in started:
        submitter.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Emulator]:
    with emulator(job_duration=3600, db=tmp_path / "emulator.db") as running:
        yield running


def killed_in_flight(service: Emulator, submitter: Submitter, order: dict[str, Any], fault: str) -> dict[str, Any]:
    """Kills the child when the service has its create and has not answered."""
    test = service.faults({"CreateTuningJob": [fault]}, everyone=False)
    child = submitter.begin(**order, test=test.id)
    while not test.hits:
        time.sleep(0.002)  # processes of their own: there is no clock to move
    os.kill(child, signal.SIGKILL)
    return submitter.end()


def until_it_is_listed(service: Emulator, request_id: str) -> None:
    """Waits as whoever resumes without a store has to: nothing there says that something is under way."""
    client = service.client()
    while not list(client.list_tuning_jobs(filter=f'labels.gemtune-request="{request_id}"')):
        time.sleep(0.01)


POINTS = ("before the intent", "after the intent", "before the send", "after the send", "before the answer is stored")


@pytest.mark.parametrize("stored", [True, False], ids=["with a store", "without a store"])
def test_a_submission_whose_process_was_killed_is_resumed_as_one_job(
    service: Emulator, submitters: list[Submitter], tmp_path: Path, stored: bool, figures: Figures
) -> None:
    """With a store the service may even act late, after the kill; without one, whoever resumes has to wait for that."""
    store = str(tmp_path / "store.db") if stored else None
    points = [point for point in POINTS if stored or point != "after the intent"]
    late = ["stall-for-60", "commit-after-0.5", "commit-after-0.3,list-lag-0.3"] if stored else ["stall-for-60"]
    orders = [
        {
            "id": f"{point.replace(' ', '-')}-{n}",
            "endpoint": service.url,
            "store": store,
            "at": point,
            "late": late[n % len(late)],
        }
        for point in points
        for n in range(TIMES)
    ]

    def run(submitter: Submitter, mine: list[dict[str, Any]]) -> list[tuple[str, str]]:
        resumed: list[tuple[str, str]] = []
        for order in mine:
            point, fault = order.pop("at"), order.pop("late")
            if point == "after the send":
                ended = killed_in_flight(service, submitter, order, fault)
                if not stored:
                    until_it_is_listed(service, order["id"])
            else:
                submitter.begin(**order, point=point)
                ended = submitter.end()
            assert ended == {"signal": signal.SIGKILL}, (point, ended)
            submitter.begin(**order)
            again = submitter.end()
            assert "job" in again, (point, again)
            resumed.append((point, again["job"]))
        return resumed

    with ThreadPoolExecutor(len(submitters)) as pool:
        shares = [orders[n :: len(submitters)] for n in range(len(submitters))]
        resumed = [pair for share in pool.map(run, submitters, shares) for pair in share]
    made = service.client().list_tuning_jobs(page_size=1000)
    names = named(made)
    counts = ", ".join(f"{sum(p == point for p, _ in resumed)} {point}" for point in points)
    figures(
        f"kill -9 of the submitting process {'with' if stored else 'without'} a store ({counts}), then the same id "
        f"again: {len(orders)} submissions, {len(names)} jobs"
    )
    assert sorted(name for _, name in resumed) == names, "no job twice, none forgotten"
    assert len({job.labels["gemtune-request"] for job in service.client().list_tuning_jobs()}) == len(orders)


@pytest.mark.parametrize("point", ["after the intent", "after the send"])
def test_gemtune_resume_ends_what_a_killed_process_began(
    service: Emulator, submitters: list[Submitter], tmp_path: Path, point: str
) -> None:
    """The store remembers the spec: the one command is enough, whether or not anything was sent."""
    store = str(tmp_path / "store.db")
    order = {"id": "began", "endpoint": service.url, "store": store}
    if point == "after the send":
        killed_in_flight(service, submitters[0], order, "stall-for-60")
    else:
        submitters[0].begin(**order, point=point)
        submitters[0].end()
    command = [sys.executable, "-m", "gemtune.cli", "resume", "began", "--store", store]
    env = os.environ | service.environment
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stderr
    assert [run.stdout.strip()] == named(service.client().list_tuning_jobs())


# -- the emulator -----------------------------------------------------------------------------------------------------


@contextmanager
def emulator_process(db: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [
        sys.executable,
        "-m",
        "gemtune.cli",
        "emulator",
        "-q",
        "--port",
        "0",
        "--db",
        str(db),
        "--job-duration",
        "1h",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready rest="), process.stderr.read() if process.stderr else ""
        try:
            yield line.split()[1].removeprefix("rest="), process
        finally:
            process.kill()
            process.communicate()


def test_what_the_emulator_acknowledged_outlives_its_being_killed(tmp_path: Path, figures: Figures) -> None:
    chance = random.Random(1)
    acknowledged: list[str] = []
    lost = 0
    for _ in range(KILLS):
        with emulator_process(tmp_path / "jobs.db") as (url, process):
            stop, first = threading.Event(), threading.Event()

            def load(url: str = url, stop: threading.Event = stop, first: threading.Event = first) -> list[str]:
                names: list[str] = []
                with gemtune.TuningClient("demo", endpoint=url, retry=None, timeout=5) as client:
                    while not stop.is_set():
                        try:
                            names.append(client.create_tuning_job(spec(), validate=False).name)
                            first.set()
                        except GemtuneError:
                            return names
                return names

            with ThreadPoolExecutor(4) as pool:
                loads = [pool.submit(load) for _ in range(4)]
                assert first.wait(60), "the load has begun, however busy this machine is"
                time.sleep(chance.uniform(0.3, 1.0))  # a real process, under a real load
                process.kill()
                stop.set()
                acknowledged += [name for under_load in loads for name in under_load.result()]
    with (
        emulator_process(tmp_path / "jobs.db") as (url, _),
        gemtune.TuningClient("demo", endpoint=url) as client,
    ):
        there = {job.name for job in client.list_tuning_jobs(page_size=1000)}
        for name in acknowledged:
            try:
                assert client.get_tuning_job(name).name in there
            except NotFound:
                lost += 1
    figures(
        f"kill -9 of the emulator under load, {KILLS} times: {len(acknowledged)} creates acknowledged, {lost} of them "
        f"lost, {len(there) - len(acknowledged)} made whose answer was lost"
    )
    assert len(acknowledged) >= KILLS
    assert set(acknowledged) <= there
    assert lost == 0
