"""Jobs are on the disk when the storage says so, readable by their owner alone, under ids that never repeat."""

from __future__ import annotations

import itertools
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gemtune.emulator.storage import MEMORY, Record, Storage
from gemtune.emulator.timeline import Timeline
from gemtune.errors import ConfigurationError
from gemtune_pb.v1 import JobState

PLACE = ("123", "us-central1")
posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def making(job_ids: Callable[[], int], *, model: int | None = None) -> Callable[[], Record]:
    def make() -> Record:
        job_id = job_ids()
        return Record(
            id=job_id, project="123", location="us-central1", timeline=Timeline(1000, 100),
            model=job_id if model is None else model, version=1, api="v1", document=b"document",
        )  # fmt: skip

    return make


def test_every_commit_reaches_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "jobs.db")) as storage:
        assert storage._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert storage._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_job_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "jobs.db"
    with closing(Storage(path)) as storage:
        stored = storage.add(making(lambda: 7))
        storage.keep_stats(stored, b"stats")
        storage.cancel(stored, 1050)
    with closing(Storage(path)) as storage:
        record = storage.get(*PLACE, 7)
    assert record is not None
    assert record.document == b"document"
    assert record.stats == b"stats"
    assert record.timeline == Timeline(1000, 100, cancelled=1050)
    assert record.name == "projects/123/locations/us-central1/tuningJobs/7"


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Without a mask, what is made has all the permissions that it was made with."""
    old = os.umask(0)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.usefixtures("open_umask")
def test_only_its_owner_may_read_the_file_and_the_directories_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "state" / "jobs.db"
    with closing(Storage(path)) as storage:
        storage.add(making(lambda: 7))
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["jobs.db", "jobs.db-shm", "jobs.db-wal"]
        assert {mode(file) for file in files} == {0o600}
    assert {mode(tmp_path / made) for made in ("var", "var/lib", "var/lib/state")} == {0o700}


@posix
@pytest.mark.usefixtures("open_umask")
def test_an_empty_file_that_becomes_a_database_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.touch(mode=0o666)
    assert mode(path) == 0o666
    Storage(path).close()
    assert mode(path) == 0o600


@posix
def test_a_database_that_others_can_read_is_used_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "jobs.db"
    Storage(path).close()
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING, "gemtune.emulator"):
        Storage(path).close()
    assert mode(path) == 0o644
    assert caplog.messages == [
        f"the emulator's database {path} can be read by others (mode 644); chmod 600 keeps it to you"
    ]


def test_the_emulator_does_without_sqlalchemy() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; from gemtune.emulator.storage import Storage; Storage(':memory:')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_is_found_only_where_it_is() -> None:
    with closing(Storage(MEMORY)) as storage:
        storage.add(making(lambda: 7))
        assert storage.get("123", "europe-west4", 7) is None
        assert storage.get("124", "us-central1", 7) is None
        assert storage.get("123", "us-central1", 8) is None


def test_an_id_that_is_taken_is_not_given_twice() -> None:
    ids = itertools.chain([7, 7, 7], itertools.count(8)).__next__
    with closing(Storage(MEMORY)) as storage:
        assert storage.add(making(ids)).id == 7
        assert storage.add(making(ids)).id == 8


def test_when_no_free_id_is_found_the_database_says_so() -> None:
    with closing(Storage(MEMORY)) as storage:
        storage.add(making(lambda: 7))
        with pytest.raises(sqlite3.IntegrityError):
            storage.add(making(lambda: 7))


def test_threads_that_create_at_once_lose_nothing(tmp_path: Path) -> None:
    ids = itertools.count(1).__next__
    with closing(Storage(tmp_path / "jobs.db")) as storage:
        threads = [threading.Thread(target=lambda: [storage.add(making(ids)) for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        records = storage.page(*PLACE, before=None, limit=100)
    assert len({record.id for record in records}) == 40
    assert [record.sequence for record in records] == list(range(40, 0, -1))


def test_the_first_cancellation_is_the_one_that_counts() -> None:
    with closing(Storage(MEMORY)) as storage:
        record = storage.add(making(lambda: 7))
        storage.cancel(record, 1050)
        storage.cancel(record, 1060)
        found = storage.get(*PLACE, 7)
    assert found is not None
    assert found.timeline.cancelled == 1050


def test_a_file_that_is_something_else_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes, " * 100)
    with pytest.raises(ConfigurationError, match=r"notes\.txt is not a database of jobs .*name another file"):
        Storage(path)
    assert path.read_text().startswith("These are my notes")
    assert not caplog.messages


def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"the jobs cannot be kept in {tmp_path}"):
        Storage(tmp_path)


def test_a_file_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="of another version of the emulator"):
        Storage(path)


_OLDER = {
    1: ("", ""),
    2: ("outcome INTEGER NOT NULL DEFAULT 4,", "4,"),
}


@pytest.mark.parametrize("version", _OLDER)
def test_a_file_of_an_older_format_is_brought_to_todays_and_its_jobs_end_well(tmp_path: Path, version: int) -> None:
    path = tmp_path / "jobs.db"
    column, value = _OLDER[version]
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            f"""
            CREATE TABLE jobs (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE, project TEXT NOT NULL,
                location TEXT NOT NULL, created INTEGER NOT NULL, duration INTEGER NOT NULL, cancelled INTEGER,
                {column} model INTEGER NOT NULL, version INTEGER NOT NULL, operation INTEGER UNIQUE, api TEXT NOT NULL,
                document BLOB NOT NULL, stats BLOB
            );
            INSERT INTO jobs VALUES (1, 7, '123', 'us-central1', 1000, 100, NULL, {value} 9, 1, NULL, 'v1', x'', NULL);
            PRAGMA user_version = {version};
            """
        )
    for _ in range(2):  # and it stays so
        with closing(Storage(path)) as storage:
            found = storage.get("123", "us-central1", 7)
        assert found is not None
        assert not found.timeline.untrained
        assert JobState.Name(found.timeline.state(1100)) == "JOB_STATE_SUCCEEDED"
