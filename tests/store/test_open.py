"""Opening a store: where it is, who can read it, older and newer formats, and what is not a store."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, inspect

import gemtune
from gemtune import TuningJob, _private_file
from gemtune.store import SpecStore, StoreError, SubmittedJob, tables
from tests.support.frozen_clock import Time

OLD = Path(__file__).parent / "data" / "format-1.db"
SPEC = TuningJob(base_model="gemini-2.5-flash")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- where ------------------------------------------------------------------------------------------------------------


def test_without_a_url_it_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with SpecStore() as store:
        store.put(SPEC)
    assert (tmp_path / "data" / "gemtune" / "store.db").stat().st_size > 0


def test_without_that_variable_it_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    SpecStore().close()
    assert (tmp_path / ".local" / "share" / "gemtune" / "store.db").exists()


def test_a_path_is_a_url_too(tmp_path: Path) -> None:
    fingerprint = SpecStore(tmp_path / "a.db").put(SPEC)
    for same in (str(tmp_path / "a.db"), f"sqlite:///{tmp_path / 'a.db'}", f"sqlite+pysqlite:///{tmp_path / 'a.db'}"):
        assert SpecStore(same).get(fingerprint) == SPEC


def test_a_relative_path_stays_the_same_file_when_the_program_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = SpecStore("sqlite:///store.db")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put(SPEC)
    assert len(SpecStore(tmp_path / "store.db").find()) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory"])
def test_a_store_in_memory_is_refused_since_it_would_forget(url: str) -> None:
    with pytest.raises(gemtune.ConfigurationError, match="what is remembered in memory is forgotten"):
        SpecStore(url)


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "postgresql+asyncpg://u:secret@h/d", "redis://:secret@h"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(gemtune.ConfigurationError, match=r"a store cannot be in .*its URL is sqlite") as caught:
        SpecStore(url)
    assert "secret" not in str(caught.value)


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(gemtune.ConfigurationError, match="the URL of the store cannot be read") as caught:
        SpecStore("postgresql://u:secret@host:port/d")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(gemtune.ConfigurationError, match=r"the store cannot be in .*; name another file"):
        SpecStore(tmp_path / "file" / "store.db")


def test_some_other_file_is_no_store(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spec.yaml").write_text("base_model: gemini-2.5-flash\n" * 100)
    with pytest.raises(gemtune.ConfigurationError, match=r"spec\.yaml is not a store; name another file"):
        SpecStore(tmp_path / "spec.yaml")
    assert (tmp_path / "spec.yaml").read_text().startswith("base_model")
    assert not caplog.messages  # who may read some other file is no business of a store


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=r"does not answer: connection.* failed") as caught:
        SpecStore("postgresql://someone:secret@127.0.0.1:1/database?connect_timeout=5")
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_a_password_in_the_query_is_not_told_either(option: str) -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://someone@127.0.0.1:1/database?connect_timeout=5&{option}=s3cret"
    with pytest.raises(
        StoreError, match=r"the store postgresql\+psycopg://someone@127\.0\.0\.1:1/database does"
    ) as caught:
        SpecStore(url)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in str(error) + repr(error)
        error = error.__cause__ or error.__context__


def test_a_store_shows_where_it_is_and_no_password(postgresql: str) -> None:
    with SpecStore(postgresql.replace("gemtune@", "gemtune:secret@") + "&sslpassword=s3cret") as store:
        assert repr(store) == "SpecStore('postgresql+psycopg://gemtune:***@/postgres')"


# -- who can read it --------------------------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@posix
def test_a_file_that_is_made_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SpecStore(tmp_path / "over" / "sub" / "store.db")
        with store._database.writing() as db:  # while a transaction is open, the files beside it are there
            db.exec_driver_sql("DELETE FROM gemtune_specs")
            beside = sorted((tmp_path / "over" / "sub").iterdir())
            assert {path.name for path in beside} == {"store.db", "store.db-shm", "store.db-wal"}
            assert {mode(path) for path in beside} == {0o600}
    finally:
        os.umask(old)
    assert mode(tmp_path / "over") == mode(tmp_path / "over" / "sub") == 0o700


@posix
def test_an_empty_file_that_becomes_a_store_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch(mode=0o644)
    SpecStore(tmp_path / "store.db").close()
    assert mode(tmp_path / "store.db") == 0o600


@posix
def test_a_store_that_others_can_read_is_used_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "store.db"
    SpecStore(path).close()
    path.chmod(0o640)
    with caplog.at_level(logging.WARNING, "gemtune.store"):
        SpecStore(path).put(SPEC)
    assert mode(path) == 0o640
    assert caplog.messages == [f"the store {path} can be read by others (mode 640); chmod 600 keeps it to you"]


@posix
def test_a_link_to_a_file_that_is_not_there_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "store.db").symlink_to(tmp_path / "disk" / "real.db")
    SpecStore(tmp_path / "store.db").close()
    assert mode(tmp_path / "disk" / "real.db") == 0o600


@posix
def test_opening_a_store_again_leaves_the_locks_that_this_process_has_on_it(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("CREATE TABLE t (x)")
    database.execute("BEGIN EXCLUSIVE")
    path.chmod(0o600)
    _private_file.make_private(path)
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    other = subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True)
    database.close()
    assert "database is locked" in other.stderr


def test_a_directory_in_place_of_a_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        gemtune.ConfigurationError, match=r"the store cannot be in .*: Is a directory; name another file"
    ):
        SpecStore(tmp_path)


# -- formats ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path, clock: Time) -> SpecStore:
    shutil.copyfile(OLD, tmp_path / "old.db")
    (tmp_path / "old.db").chmod(0o600)
    return SpecStore(tmp_path / "old.db", now=clock)


def test_the_specs_of_an_older_store_are_there(old: SpecStore) -> None:
    spec = TuningJob(base_model="gemini-2.5-flash", labels={"team": "search"})
    spec.supervised_tuning_spec.training_dataset_uri = "gs://acme/train.jsonl"
    assert old.get(gemtune.fingerprint(spec)) == spec


def test_fields_that_no_schema_has_yet_outlive_the_change_of_format(old: SpecStore) -> None:
    kept = old.get("sha256:" + "ab" * 32)
    assert kept.base_model == "gemini-2.5-flash"
    assert kept.SerializeToString().endswith(b"\xfa\xff\x03\x02hi\xf0\xff\x03\x05")


def test_the_history_of_an_older_store_is_there(old: SpecStore) -> None:
    second, first = old.submissions()
    name = "projects/7/locations/us-central1/tuningJobs/42"
    assert first.jobs == (SubmittedJob(name, "RUNNING", 1_790_000_000.0),)
    assert (first.request_id, first.claims) == ("summaries-1", 1)
    assert (second.request_id, second.submitted_at, second.jobs) == ("summaries-2", 1_790_000_200.0, ())


def test_a_submission_of_an_older_store_is_taken_over_as_one_that_may_have_been_sent(old: SpecStore) -> None:
    spec = old.get(old.submissions(request_id="summaries-2")[0].fingerprint)
    made = old.claim("summaries-2", project="acme", location="us-central1", job=spec, until=1_790_000_500.0)
    assert (made.granted, made.token) == (True, 2)
    done = old.claim("summaries-1", project="acme", location="us-central1", job=spec, until=1_790_000_500.0)
    assert (done.granted, done.job_name) == (False, "projects/7/locations/us-central1/tuningJobs/42")


@pytest.mark.parametrize(
    ("versions", "what"), [((2, 7), r"several formats \(2, 7\)"), ((), "no format"), ((0,), "no format")]
)
def test_a_store_that_does_not_say_its_format_is_refused(tmp_path: Path, versions: tuple[int, ...], what: str) -> None:
    SpecStore(tmp_path / "store.db").close()
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("DELETE FROM gemtune_format")
        db.executemany("INSERT INTO gemtune_format VALUES (?)", [(version,) for version in versions])
    db.close()
    with pytest.raises(gemtune.ConfigurationError, match=rf"store\.db names {what} instead of one.*to fix it"):
        SpecStore(tmp_path / "store.db")


def test_a_store_that_was_opened_before_an_upgrade_is_no_longer_written_nor_read(url: str) -> None:
    store = SpecStore(url)
    fingerprint = store.put(SPEC)
    with store._database.writing() as db:
        db.exec_driver_sql(f"UPDATE gemtune_format SET version = {tables.FORMAT + 1}")
    place = {"project": "p", "location": "l"}
    for use in (
        lambda: store.put(TuningJob(base_model="other")),
        lambda: store.claim("r-1", **place, job=SPEC, until=1.0),
        lambda: store.record("r-1", **place, job=TuningJob(name="j")),
        lambda: store.release("r-1", **place, token=1),
        lambda: store.add_event("r-1", **place, kind="pinned", data={}),
        lambda: store.get(fingerprint),
        store.find,
        store.submissions,
    ):
        with pytest.raises(StoreError, match=r"is of format 4 now, and this process opened it in format 3: nothing"):
            use()
    with store._database._transaction(write=True) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM gemtune_specs").scalar() == 1
        assert db.exec_driver_sql("SELECT count(*) FROM gemtune_submissions").scalar() == 0


# -- damage -----------------------------------------------------------------------------------------------------------

WRONG = ["x'ff00fe'", "CAST(x'ff00fe' AS TEXT)", "'text'", "17", "9223372036854775807", "NULL", "1.5", "''"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with a few specs, submissions and jobs, whose file can hold any value anywhere."""
    path = tmp_path_factory.mktemp("whole") / "store.db"
    with SpecStore(path) as store:
        for number in range(4):
            spec = TuningJob(base_model=f"gemini-{number}", description="d" * 200)
            store.claim(f"r-{number}", project="p", location="l", job=spec, until=1.0)
            store.record(f"r-{number}", project="p", location="l", job=TuningJob(name=f"jobs/{number}"))
            store.add_event(f"r-{number}", project="p", location="l", kind="pinned", data={"objects": []})
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
    db.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    "column",
    [
        *(f"gemtune_specs.{name}" for name in ("fingerprint", "request", "spec", "stored_at")),
        *(f"gemtune_submissions.{name}" for name in ("fingerprint", "request_id", "submitted_at", "token", "until")),
        *(f"gemtune_jobs.{name}" for name in ("name", "state", "recorded_at")),
        *(f"gemtune_events.{name}" for name in ("submission", "kind", "at", "data")),
    ],
)
def test_a_value_of_any_type_in_a_damaged_store_gives_an_answer_or_a_gemtune_error(
    tmp_path: Path, whole: bytes, column: str
) -> None:
    table, _, name = column.partition(".")
    for number, value in enumerate(WRONG):
        path = tmp_path / f"{number}.db"
        path.write_bytes(whole)
        with sqlite3.connect(path) as db:
            db.execute(f"UPDATE {table} SET {name} = {value} WHERE rowid = 2")
        db.close()
        use_all(SpecStore(path))


@pytest.mark.parametrize("seed", range(300 if os.environ.get("GEMTUNE_SOAK") else 30))
def test_bytes_of_a_store_that_were_changed_give_an_answer_or_a_gemtune_error(
    tmp_path: Path, whole: bytes, seed: int
) -> None:
    chance = random.Random(seed)
    data = bytearray(whole)
    places = [place for place, byte in enumerate(data) if byte]
    for _ in range(chance.choice([1, 3, 30, 300])):
        data[chance.choice(places)] = chance.randrange(256)
    (tmp_path / "store.db").write_bytes(data)
    try:
        store = SpecStore(tmp_path / "store.db")
    except gemtune.GemtuneError:
        return
    use_all(store)


def use_all(store: SpecStore) -> None:
    """Calls everything that a store can do. An exception that is no GemtuneError is a defect."""
    place = {"project": "p", "location": "l"}
    spec = TuningJob(base_model="gemini-1", description="d" * 200)
    for use in (
        lambda: [store.get(gemtune.fingerprint(spec)).base_model.upper()],
        lambda: [found.stored_at + 1 for found in store.find({"base_model": "gemini-1"})],
        lambda: [found.job.base_model.upper() for found in store.find(fingerprint="a")],
        lambda: [f"{made.submitted_at + made.claims:.1f} {made.fingerprint[:9]}" for made in store.submissions()],
        lambda: [job.name.upper() + job.state.upper() for made in store.submissions() for job in made.jobs],
        lambda: [
            f"{event.at + 1:.1f} {event.kind.upper()} {list(event.data)}"
            for made in store.submissions()
            for event in made.events
        ],
        lambda: store.add_event("r-1", **place, kind="estimate", data={}),
        lambda: store.claim("r-1", **place, job=spec, until=9.0).submitted_at + 1,
        lambda: [job.name.upper() for job in store.record("r-1", **place, job=TuningJob(name="jobs/99"))],
        lambda: store.release("r-1", **place, token=1),
        lambda: store.put(TuningJob(base_model="new")),
    ):
        with contextlib.suppress(gemtune.GemtuneError):
            use()


def layout(url: str) -> dict[str, Any]:
    """The tables of a store, the order of their columns left out."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    found = inspect(engine)

    def column(of: Any) -> tuple[str, bool, Any]:
        kind = str(of["type"]).split()[0].replace("REAL", "DOUBLE")  # the same to SQLite
        return kind, of["nullable"], of["default"]

    return {
        table: (
            {of["name"]: column(of) for of in found.get_columns(table)},
            sorted(str(index["name"]) for index in found.get_indexes(table)),
            sorted(tuple(of["column_names"]) for of in found.get_unique_constraints(table)),
        )
        for table in found.get_table_names()
    }


def test_an_older_store_becomes_what_a_new_one_is(old: SpecStore, tmp_path: Path) -> None:
    SpecStore(tmp_path / "new.db").close()
    assert layout(f"sqlite:///{tmp_path}/old.db") == layout(f"sqlite:///{tmp_path}/new.db")


def test_the_committed_store_is_of_the_first_format(tmp_path: Path) -> None:
    shutil.copyfile(OLD, tmp_path / "old.db")
    database = sqlite3.connect(tmp_path / "old.db")
    assert database.execute("SELECT version FROM gemtune_format").fetchall() == [(1,)]
    database.close()


def test_a_store_of_a_newer_gemtune_is_left_alone(url: str) -> None:
    with SpecStore(url) as store, store._database.writing() as db:
        db.exec_driver_sql(f"UPDATE gemtune_format SET version = {tables.FORMAT + 1}")
    sentence = rf"written by a newer gemtune \(format {tables.FORMAT + 1}; .*\): upgrade gemtune here too"
    with pytest.raises(gemtune.ConfigurationError, match=sentence):
        SpecStore(url)


def test_every_format_has_its_migration() -> None:
    assert list(tables.MIGRATIONS) == list(range(2, tables.FORMAT + 1))


def test_a_change_of_format_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    shutil.copyfile(OLD, path)
    before = layout(f"sqlite:///{path}")
    failing = (*tables.MIGRATIONS[2], "ALTER TABLE nowhere ADD COLUMN x INTEGER")
    monkeypatch.setattr(tables, "MIGRATIONS", {2: failing})
    with pytest.raises(StoreError, match="no such table: nowhere"):
        SpecStore(path)
    assert layout(f"sqlite:///{path}") == before


# -- damage and installation ------------------------------------------------------------------------------------------


def test_a_damaged_spec_is_told_by_its_fingerprint(store: SpecStore) -> None:
    fingerprint = store.put(SPEC)
    with store._database.writing() as db:
        broken = "'\\xff'::bytea" if "postgresql" in repr(store) else "x'ff'"
        db.exec_driver_sql(f"UPDATE gemtune_specs SET request = {broken}")
    with pytest.raises(StoreError, match=f"the spec {fingerprint} in the store .* is damaged"):
        store.get(fingerprint)


def test_without_sqlalchemy_one_sentence_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\nimport gemtune\n"
        "try:\n from gemtune.store import SpecStore\nexcept gemtune.ConfigurationError as e:\n print(e)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "stored specs need SQLAlchemy: pip install 'gemtune[store]'\n"


def test_without_psycopg_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(gemtune.ConfigurationError, match=r"needs psycopg 3: pip install 'gemtune\[store\]'"):
        SpecStore("postgresql://h/d")


# -- what is committed is on the disk ---------------------------------------------------------------------------------


def test_sqlite_writes_ahead_and_through(tmp_path: Path) -> None:
    with SpecStore(tmp_path / "store.db")._database.writing() as db:
        pragmas = [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]  # 2 is FULL


@pytest.mark.parametrize(("server", "writing"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_postgresql_answers_a_commit_no_sooner_than_it_is_on_the_disk(schema: str, server: str, writing: str) -> None:
    with SpecStore(f"{schema}%20-csynchronous_commit%3D{server}") as store:
        with store._database.writing() as db:
            assert db.exec_driver_sql("SHOW synchronous_commit").scalar() == writing
        with store._database.reading() as db:
            assert db.exec_driver_sql("SHOW synchronous_commit").scalar() == server
