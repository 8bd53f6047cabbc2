"""The emulator as a server: on a thread of a test, and as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from gemtune.emulator import default_db, running, server
from gemtune.errors import ConfigurationError

JOBS = "v1/projects/demo/locations/us-central1/tuningJobs"
BODY = {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": "gs://bucket/train.jsonl"}}


def create(url: str) -> str:
    answer = requests.post(f"{url}/{JOBS}", json=BODY, timeout=10)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["name"])


def can_connect(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, int(port))) == 0


# -- on a thread --------------------------------------------------------------------------------------------------


def test_an_emulator_in_this_process_starts_and_leaves_nothing() -> None:
    before = threading.active_count()
    with running():  # what is only slow the first time
        pass
    with running() as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        create(url)
    assert threading.active_count() == before
    assert not can_connect(url)


def test_it_ends_though_a_client_keeps_its_connection_open() -> None:
    with requests.Session() as session:
        with running() as url:
            assert session.get(f"{url}/{JOBS}", timeout=10).status_code == 200
            begin = time.perf_counter()
        assert time.perf_counter() - begin < 2


def test_it_ends_when_the_test_fails() -> None:
    with pytest.raises(RuntimeError, match="the test"), running() as url:
        raise RuntimeError("the test")
    assert not can_connect(url)


def test_two_emulators_do_not_know_each_others_jobs() -> None:
    with running() as one, running() as two:
        create(one)
        assert requests.get(f"{two}/{JOBS}", timeout=10).json() == {}


def test_jobs_in_a_file_are_there_the_next_time(tmp_path: Path) -> None:
    with running(db=tmp_path / "jobs.db") as url:
        name = create(url)
    with running(db=tmp_path / "jobs.db") as url:
        assert requests.get(f"{url}/v1/{name}", timeout=10).json()["name"] == name


def test_a_port_that_is_taken_is_named() -> None:
    with running() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1 port {port}: Address already"):
            running(port=port).__enter__()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"port": 70_000}, "port 70000"),
        ({"port": -1}, "port -1"),
        ({"host": "no.such.host.invalid"}, "cannot listen on no.such.host.invalid"),
        ({"gcs_root": "/no/such/directory"}, "/no/such/directory is not a directory"),
        ({"job_duration": -1}, "a job cannot take -1 seconds"),
        ({"job_duration": float("nan")}, "a job cannot take nan seconds"),
        ({"db": "/dev/null/jobs.db"}, "the jobs cannot be kept in /dev/null/jobs.db"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        running(**options).__enter__()  # type: ignore[arg-type]


def test_an_ipv6_address_is_bracketed() -> None:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with running(host="::1") as url:
        assert re.fullmatch(r"http://\[::1\]:\d+", url)
        create(url)


def test_many_threads_are_served_at_once(tmp_path: Path) -> None:
    names: list[str] = []
    with running(db=tmp_path / "jobs.db") as url:
        threads = [threading.Thread(target=lambda: names.extend(create(url) for _ in range(5))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listed = requests.get(f"{url}/{JOBS}", timeout=10).json()["tuningJobs"]
    assert len(set(names)) == 40
    assert {job["name"] for job in listed} == set(names)


# -- as a process -------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from gemtune.emulator import serve
serve(sys.argv[1], 0, db=sys.argv[2] or None, job_duration=5, ready=lambda url: print(url, flush=True))
"""


@contextmanager
def process(host: str = "127.0.0.1", db: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, host, db]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    with process(db=str(tmp_path / "jobs.db")) as (emulator, url):
        create(url)
        emulator.send_signal(number)
        _, talk = emulator.communicate(timeout=10)
    assert emulator.returncode == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d POST /v1/…/tuningJobs 200 \d+ ms  python-requests/[\d.]+\n", talk)
    assert [file.name for file in tmp_path.iterdir()] == ["jobs.db"]  # the log was folded in: a clean end


def test_what_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    with process(db=str(tmp_path / "jobs.db")) as (emulator, url):
        names = [create(url) for _ in range(10)]
        emulator.kill()
    with running(db=tmp_path / "jobs.db") as url:
        listed = requests.get(f"{url}/{JOBS}", timeout=10).json()["tuningJobs"]
    assert [job["name"] for job in listed] == names[::-1]


def test_without_a_file_named_the_jobs_are_in_the_users_state_directory() -> None:
    with process() as (_, url):
        create(url)
        assert default_db() == Path(os.environ["XDG_STATE_HOME"]) / "gemtune" / "emulator.db"
        assert default_db().is_file()


def test_the_state_directory_is_below_home_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_db() == Path.home() / ".local" / "state" / "gemtune" / "emulator.db"


def test_an_address_that_others_can_reach_is_warned_of(tmp_path: Path) -> None:
    with process("0.0.0.0", str(tmp_path / "jobs.db")) as (emulator, url):
        assert url.startswith("http://0.0.0.0:")
        emulator.send_signal(signal.SIGTERM)
        _, talk = emulator.communicate(timeout=10)
    assert talk.startswith("warning: 0.0.0.0 is reachable from other machines")
    assert "--token" in talk


def test_loopback_is_not_warned_of() -> None:
    for host in ("127.0.0.1", "127.9.9.9"):
        with closing(server._listen(host, 0)) as listener:
            assert server._is_loopback(listener)


def test_without_the_extra_the_import_says_what_to_install() -> None:
    program = "import sys; sys.modules['uvicorn'] = None\nimport gemtune.emulator"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("ConfigurationError: the emulator needs uvicorn: pip install 'gemtune[emulator]'")
