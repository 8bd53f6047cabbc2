"""Stores of older formats, with rows, become today's: in both databases, whole, and damaged."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import sqlite3
import threading
from pathlib import Path

import pytest

import gemtune
from gemtune import TuningJob
from gemtune.store import SpecStore, StoreError, SubmittedJob, tables
from tests.store import old_formats
from tests.store.old_formats import FINGERPRINT, JOB, NEWER, SPEC, UNKNOWN, UNTIL, build, execute, rows
from tests.store.test_open import WRONG, layout, use_all
from tests.support.frozen_clock import Time

PLACE: dict[str, str] = {"project": "acme", "location": "us-central1"}


@pytest.fixture(params=[1, 2])
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def old(url: str, version: int) -> str:
    build(url, version)
    return url


# -- what was there is there ------------------------------------------------------------------------------------------


def test_specs_outlive_the_change_with_their_times_and_fields_that_nobody_knows_yet(old: str) -> None:
    with SpecStore(old) as store:
        assert store.get(FINGERPRINT) == SPEC
        assert store.get(NEWER).SerializeToString(deterministic=True).endswith(UNKNOWN)
        assert [(found.fingerprint, found.stored_at) for found in store.find({"labels.team": "search"})] == [
            (NEWER, 1_790_000_100.123456),
            (FINGERPRINT, 1_790_000_000.25),
        ]


def test_the_history_outlives_the_change(old: str, version: int) -> None:
    with SpecStore(old) as store:
        found, second, first = store.submissions()
    assert (found.request_id, found.fingerprint, found.submitted_at) == ("found", "", 1_700_000_000.0)
    assert found.jobs == (SubmittedJob(f"{JOB}1", "FAILED", 1_790_000_002.0),)
    assert [(one.request_id, one.submitted_at) for one in (first, second)] == old_formats.SUBMITTED
    assert first.jobs == (SubmittedJob(JOB, "RUNNING", 1_790_000_001.5),)
    assert {one.claims for one in (first, second)} == {3 if version == 2 else 1}
    assert {one.events for one in (found, second, first)} == {()}


def test_a_claim_outlives_the_change_and_ends_no_sooner(url: str, clock: Time) -> None:
    build(url, 2)
    clock.seconds = UNTIL
    with SpecStore(url, now=clock) as store:
        held = store.claim("summaries-2", **PLACE, job=SPEC, until=clock.seconds + 30)
        assert (held.granted, held.until) == (False, pytest.approx(UNTIL, abs=2e-6))
        assert held.until >= UNTIL
        clock.seconds = held.until + 0.000001
        taken = store.claim("summaries-2", **PLACE, job=SPEC, until=clock.seconds + 30)
        assert (taken.granted, taken.token) == (True, 4)


def test_a_submission_of_the_first_format_can_be_taken_over(url: str, clock: Time) -> None:
    build(url, 1)
    with SpecStore(url, now=clock) as store:
        taken = store.claim("summaries-2", **PLACE, job=SPEC, until=clock.seconds + 30)
        done = store.claim("summaries-1", **PLACE, job=SPEC, until=clock.seconds + 30)
    assert (taken.granted, taken.token) == (True, 2)
    assert (done.granted, done.job_name) == (False, JOB)


def test_the_tables_become_what_new_ones_are(old: str) -> None:
    SpecStore(old).close()
    migrated = layout(old)
    with old_formats.raw(old) as connection:
        for table in ("events", "jobs", "submissions", "specs", "format"):
            connection.execute(f"DROP TABLE gemtune_{table}")
    SpecStore(old).close()
    assert migrated == layout(old)
    assert rows(old, "SELECT version FROM gemtune_format") == [(tables.FORMAT,)]


def test_new_rows_follow_old_ones(old: str, clock: Time) -> None:
    with SpecStore(old, now=clock) as store:
        store.claim("new", **PLACE, job=TuningJob(base_model="other"), until=clock.seconds + 30)
        store.record("new", **PLACE, job=TuningJob(name=f"{JOB}2"))
        store.add_event("summaries-1", **PLACE, kind="pinned", data={"objects": []})
        assert [made.request_id for made in store.submissions()] == ["new", "found", "summaries-2", "summaries-1"]
        with pytest.raises(StoreError), store._database.writing() as db:  # foreign keys are held again
            db.exec_driver_sql("UPDATE gemtune_jobs SET submission = 99")


def test_the_json_of_specs_is_there_as_far_as_it_can_be_said(old: str) -> None:
    SpecStore(old).close()
    texts = [row[0] for row in rows(old, "SELECT CAST(spec AS TEXT) FROM gemtune_specs ORDER BY stored_at")]
    said = {
        "baseModel": "gemini-2.5-flash",
        "description": "Zürich\ufffd東京 \\u0000",
        "labels": {"team": "search"},
    }
    assert [json.loads(text) for text in texts] == [said, said]


def test_more_specs_than_are_brought_over_at_a_time(url: str) -> None:
    build(url, 2)
    many = [(f"sha256:{number:064x}", b'"\x01m', float(number)) for number in range(1203)]
    execute(url, "INSERT INTO gemtune_specs VALUES (?, ?, ?)", many)
    SpecStore(url).close()
    found = rows(url, "SELECT count(*), count(spec) FROM gemtune_specs WHERE stored_at < '2000-01-01T00:00:00Z'")
    assert found == [(1203, 1203)]


def test_a_change_that_fails_at_its_end_changes_nothing(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = layout(old), rows(old, "SELECT * FROM gemtune_submissions")
    steps = (*tables.MIGRATIONS[3], "ALTER TABLE nowhere ADD COLUMN x INTEGER")
    monkeypatch.setattr(tables, "MIGRATIONS", {**tables.MIGRATIONS, 3: steps})
    with pytest.raises(StoreError):
        SpecStore(old)
    assert (layout(old), rows(old, "SELECT * FROM gemtune_submissions")) == before


def test_a_process_of_the_old_format_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build(url, 2)
    with monkeypatch.context() as old_gemtune:
        old_gemtune.setattr(tables, "FORMAT", 2)
        store = SpecStore(url)
        SpecStore.get(store, FINGERPRINT)
        old_gemtune.undo()
        SpecStore(url).close()
        old_gemtune.setattr(tables, "FORMAT", 2)
        with pytest.raises(StoreError, match="is of format 3 now, and this process opened it in format 2: nothing"):
            store.get(FINGERPRINT)
        with pytest.raises(gemtune.ConfigurationError, match=r"by a newer gemtune \(format 3; .* up to 2\): upgrade"):
            SpecStore(url)


def test_an_old_store_that_several_open_at_once_is_changed_once(old: str) -> None:
    barrier = threading.Barrier(4)
    got: list[TuningJob] = []

    def work() -> None:
        barrier.wait(60)
        with SpecStore(old) as store:
            got.append(store.get(FINGERPRINT))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [SPEC] * 4
    assert rows(old, "SELECT version FROM gemtune_format") == [(tables.FORMAT,)]


# -- what people have put beside the tables -----------------------------------------------------------------------------


def test_a_view_in_sqlite_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    build(url, 2)
    execute(url, "CREATE VIEW mine AS SELECT s.request_id, j.name FROM gemtune_submissions s JOIN gemtune_jobs j "
                 "ON j.submission = s.id")  # fmt: skip
    SpecStore(url).close()
    assert rows(url, "SELECT * FROM mine ORDER BY 1") == [("found", f"{JOB}1"), ("summaries-1", JOB)]


def test_what_is_granted_in_postgresql_stays(schema: str) -> None:
    build(schema, 2)
    execute(schema, "GRANT SELECT ON gemtune_specs TO PUBLIC")
    SpecStore(schema).close()
    assert rows(schema, "SELECT relacl::text LIKE '%,=r/%' FROM pg_class WHERE oid = 'gemtune_specs'::regclass") == [
        (True,)
    ]


def test_a_view_in_postgresql_that_is_in_the_way_is_told(schema: str) -> None:
    build(schema, 2)
    execute(schema, "CREATE VIEW mine AS SELECT stored_at FROM gemtune_specs")
    with pytest.raises(StoreError, match=r"a change of format cannot while a view of yours shows a time \(0A000\)"):
        SpecStore(schema)
    execute(schema, "DROP VIEW mine")
    with SpecStore(schema) as store:
        assert store.get(FINGERPRINT) == SPEC


# -- damage -------------------------------------------------------------------------------------------------------------


def test_a_spec_that_cannot_be_read_costs_no_other_one(old: str) -> None:
    execute(old, "UPDATE gemtune_specs SET request = ? WHERE fingerprint = ?", [(b"\xff", NEWER)])
    with SpecStore(old) as store:
        assert store.get(FINGERPRINT) == SPEC
        assert len(store.submissions()) == 3
        with pytest.raises(StoreError, match=f"the spec {NEWER} in the store .* is damaged"):
            store.get(NEWER)
    assert rows(old, "SELECT request FROM gemtune_specs WHERE spec IS NULL") == [(b"\xff",)]


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, 1e300, -1e18])
def test_times_that_no_calendar_has_become_the_nearest(old: str, seconds: float, version: int) -> None:
    execute(old, "UPDATE gemtune_specs SET stored_at = ?", [(seconds,)])
    if version == 2:
        execute(old, "UPDATE gemtune_submissions SET until = ? WHERE request_id = 'summaries-2'", [(seconds,)])
    with SpecStore(old, now=Time()) as store:
        nearest = 253_000_000_000.0 if seconds > 0 else -62_000_000_000.0
        assert {found.stored_at for found in store.find()} == {nearest}
        made = store.claim("summaries-2", **PLACE, job=SPEC, until=1.0)
        assert made.granted == (seconds < 0 or version == 1)


def test_an_end_of_a_claim_that_is_no_number_never_comes(schema: str) -> None:
    build(schema, 2)
    execute(schema, "UPDATE gemtune_submissions SET until = 'NaN'")
    with SpecStore(schema, now=Time()) as store:
        assert not store.claim("summaries-2", **PLACE, job=SPEC, until=1.0).granted


OLD_TABLES = ("gemtune_specs", "gemtune_submissions", "gemtune_jobs")
COLUMNS = [
    *(f"gemtune_specs.{name}" for name in ("fingerprint", "request", "stored_at")),
    *(f"gemtune_submissions.{name}" for name in ("project", "fingerprint", "request_id", "submitted_at")),
    *(f"gemtune_submissions.{name}" for name in ("token", "until")),
    *(f"gemtune_jobs.{name}" for name in ("submission", "name", "state", "recorded_at")),
]


def damage(path: Path, statement: str) -> list[tuple[int]]:
    """Changes a file that can hold any value anywhere from now on; gives the numbers of its rows."""
    for changes in (
        ("PRAGMA writable_schema = ON", "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')"),
        (statement,),
    ):
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            for change in changes:
                db.execute(change)
    return counted(path)


def counted(path: Path) -> list[tuple[int]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone() for table in OLD_TABLES]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_damaged_row_of_an_old_file_is_brought_over_and_costs_no_other_one(tmp_path: Path, column: str) -> None:
    table, _, name = column.partition(".")
    for number, value in enumerate(WRONG):
        path = tmp_path / f"{number}.db"
        build(f"sqlite:///{path}", 2)
        before = damage(path, f"UPDATE {table} SET {name} = {value} WHERE rowid = 2")
        with SpecStore(path, now=Time()) as store:
            assert counted(path) == before
            assert store.get(FINGERPRINT) == SPEC
            held = store.claim("summaries-1", **PLACE, job=SPEC, until=1.0)
            assert (held.granted, held.job_name) == (False, JOB)
            assert [made.name for made in store.record("summaries-1", **PLACE, job=TuningJob(name=JOB))] == [JOB]
            use_all(store)


@pytest.mark.parametrize("name", ["token", "until", "submitted_at"])
@pytest.mark.parametrize("value", ["x'ff00fe'", "'text'", "NULL"])
def test_an_intent_that_cannot_be_read_is_never_taken_for_none(tmp_path: Path, name: str, value: str) -> None:
    """A claim that was granted on what is left of the row could send a second time."""
    build(f"sqlite:///{tmp_path / 'store.db'}", 2)
    damage(tmp_path / "store.db", f"UPDATE gemtune_submissions SET {name} = {value} WHERE request_id = 'summaries-2'")
    with SpecStore(tmp_path / "store.db") as store, pytest.raises(StoreError, match="holds unreadable data"):
        store.claim("summaries-2", **PLACE, job=SPEC, until=1.0)


@pytest.mark.parametrize("seed", range(300 if os.environ.get("GEMTUNE_SOAK") else 30))
def test_an_old_file_whose_bytes_were_changed_becomes_todays_or_stays_as_it_is(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "store.db", random.Random(seed)
    build(f"sqlite:///{path}", 2)
    data = bytearray(path.read_bytes())
    places = [place for place, byte in enumerate(data) if byte]
    for _ in range(chance.choice([1, 3, 30, 300])):
        data[chance.choice(places)] = chance.randrange(256)
    path.write_bytes(data)
    try:
        store = SpecStore(path)
    except gemtune.GemtuneError:
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError), contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT version FROM gemtune_format").fetchall() != [(tables.FORMAT,)]
    else:
        use_all(store)
