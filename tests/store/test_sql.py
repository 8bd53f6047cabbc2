"""What other programs see in a store: times that are times, JSON that can be asked; and the SQL of the document."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

import gemtune
from gemtune import TuningJob
from gemtune.store import SpecStore
from gemtune.store.columns import EARLIEST, LATEST, time_text, whole_microseconds
from tests.docs.blocks import ROOT, blocks
from tests.store.old_formats import NEWER, UNKNOWN, rows
from tests.support.frozen_clock import Time

PLACE: dict[str, str] = {"project": "acme", "location": "us-central1"}
SQL = [block.code for block in blocks(ROOT / "docs" / "store.md") if block.language == "sql"]
BEGAN = datetime(2026, 9, 21, 14, 13, 20, 123456, UTC)
BEGAN_TEXT = "2026-09-21T14:13:20.123456Z"


def spec(model: str, rank: int | None) -> TuningJob:
    job = TuningJob(base_model=model)
    job.supervised_tuning_spec.training_dataset_uri = "gs://acme/train.jsonl"
    if rank:
        job.supervised_tuning_spec.hyper_parameters.adapter_size = gemtune.adapter_size(rank)
    return job


@pytest.fixture
def filled(store: SpecStore, clock: Time) -> SpecStore:
    """A submission with a job and an event, at BEGAN."""
    clock.seconds = BEGAN.timestamp()
    store.claim("r-1", **PLACE, job=spec("gemini-3.5-flash", 8), until=clock.seconds + 30)
    store.record("r-1", **PLACE, job=TuningJob(name="projects/7/locations/us-central1/tuningJobs/42"))
    store.add_event("r-1", **PLACE, kind="pinned", data=PINNED)
    return store


PINNED = {"objects": [{"uri": "gs://acme/train.jsonl", "generation": "17", "size": "71000000", "crc32c": "AAAAAA=="}]}


# -- rows ---------------------------------------------------------------------------------------------------------------


def test_other_programs_see_times(filled: SpecStore, url: str) -> None:
    times = [
        rows(url, f"SELECT {column} FROM gemtune_{table}")[0][0]
        for table, column in [("specs", "stored_at"), ("submissions", "submitted_at"), ("jobs", "recorded_at"), ("events", "at")]
    ]  # fmt: skip
    [(until,)] = rows(url, "SELECT until FROM gemtune_submissions")
    if url.startswith("sqlite"):
        assert times == [BEGAN_TEXT] * 4
        assert until == "2026-09-21T14:13:50.123456Z"
        assert rows(url, "SELECT DISTINCT typeof(stored_at), date(stored_at) FROM gemtune_specs") == [
            ("text", "2026-09-21")
        ]
    else:
        assert times == [BEGAN] * 4
        assert until == BEGAN.replace(second=50)
        assert all(moment.tzinfo is not None for moment in times)


def test_other_programs_see_json(filled: SpecStore, url: str) -> None:
    [(seen,)], [(data,)] = rows(url, "SELECT spec FROM gemtune_specs"), rows(url, "SELECT data FROM gemtune_events")
    said = {
        "baseModel": "gemini-3.5-flash",
        "supervisedTuningSpec": {
            "trainingDatasetUri": "gs://acme/train.jsonl",
            "hyperParameters": {"adapterSize": "ADAPTER_SIZE_EIGHT"},
        },
    }
    if url.startswith("sqlite"):
        assert isinstance(seen, str)
        assert isinstance(data, str)
        seen, data = json.loads(seen), json.loads(data)
    assert seen == said == json.loads(gemtune.to_json(spec("gemini-3.5-flash", 8)))
    assert data == PINNED


@pytest.mark.parametrize("text", ["NUL \0 and \\u0000 and \\\0", "Zürich 東京 🎛 \u2028 \"'", "a\\"])
def test_texts_of_every_script_are_in_the_json_but_for_nul(store: SpecStore, url: str, text: str) -> None:
    fingerprint = store.put(TuningJob(description=text, labels={f"l{text}": text}))
    [(seen,)] = rows(url, "SELECT CAST(spec AS TEXT) FROM gemtune_specs")
    shown = text.replace("\0", "\ufffd")
    assert json.loads(seen) == {"description": shown, "labels": {f"l{shown}": shown}}
    assert store.get(fingerprint).description == text


def test_the_bytes_are_the_truth_and_the_json_is_never_read(store: SpecStore) -> None:
    fingerprint = store.put(spec("gemini-3.5-flash", 8))
    for other in ("NULL", "'{}'"):
        with store._database.writing() as db:
            db.exec_driver_sql(f"UPDATE gemtune_specs SET spec = {other}")
        assert store.get(fingerprint) == store.find({"base_model": "gemini-3.5-flash"})[0].job
        assert store.put(spec("gemini-3.5-flash", 8)) == fingerprint


def test_fields_that_this_version_does_not_know_cost_nothing_that_can_be_said(store: SpecStore, url: str) -> None:
    newer = TuningJob.FromString(spec("gemini-3.5-flash", 8).SerializeToString() + UNKNOWN)
    with store._database.writing() as db:
        store._keep(db, NEWER, newer)
    [(seen,)] = rows(url, "SELECT CAST(spec AS TEXT) FROM gemtune_specs")
    assert json.loads(seen) == json.loads(gemtune.to_json(spec("gemini-3.5-flash", 8)))
    assert store.get(NEWER) == newer


# -- the SQL of the document --------------------------------------------------------------------------------------------

arrows = pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 38), reason="-> and ->> came with SQLite 3.38")


@arrows
def test_the_documented_sql_finds_specs_by_model_and_rank(store: SpecStore, clock: Time, url: str) -> None:
    [code] = [code for code in SQL if "ADAPTER_SIZE_EIGHT" in code]
    wanted = []
    for model, rank in [
        ("gemini-3.5-flash", 8), ("gemini-2.5-flash", 8), ("gemini-3.5-flash", 4), ("gemini-3.5-flash", None),
        ("gemini-3.5-flash-lite", 8),
    ]:  # fmt: skip
        clock.seconds += 1
        fingerprint = store.put(spec(model, rank))
        if model.startswith("gemini-3.5-") and rank == 8:
            wanted.append(fingerprint)
    assert [row[0] for row in rows(url, code)] == wanted


@arrows
def test_the_documented_sql_finds_what_was_pinned(filled: SpecStore, url: str) -> None:
    filled.add_event("r-1", **PLACE, kind="estimate", data={"tokens": 5})
    [code] = [code for code in SQL if "'pinned'" in code]
    [(request_id, at, uri)] = rows(url, code)
    assert (request_id, uri) == ("r-1", "gs://acme/train.jsonl")
    assert at == (BEGAN_TEXT if url.startswith("sqlite") else BEGAN)


def test_all_sql_of_the_document_is_tried_here() -> None:
    assert len(SQL) == 2


# -- times --------------------------------------------------------------------------------------------------------------


def test_a_time_is_text_of_one_length_that_sorts() -> None:
    assert time_text(0) == "1970-01-01T00:00:00.000000Z"
    assert time_text(1_790_000_000.1234564) == "2026-09-21T14:13:20.123456Z"
    assert time_text(1_790_000_000.1234564, up=True) == "2026-09-21T14:13:20.123457Z"
    assert time_text(1_790_000_000.7, up=True) == "2026-09-21T14:13:20.700000Z"
    assert time_text(math.inf).startswith("9987-")
    assert time_text(-math.inf).startswith("0005-")


@given(st.floats(EARLIEST, LATEST), st.floats(EARLIEST, LATEST))
def test_times_come_back_and_keep_their_order(one: float, other: float) -> None:
    for up in (False, True):
        seconds = whole_microseconds(one, up=up) / 1_000_000
        assert abs(seconds - one) <= (1e-6 if up else 0.5e-6) + math.ulp(one)
        assert seconds >= one or not up
        assert whole_microseconds(seconds, up=up) / 1_000_000 == seconds
        texts = sorted([(one, time_text(one, up=up)), (other, time_text(other, up=up))])
        assert texts[0][1] <= texts[1][1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", texts[0][1])


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_server_may_show_times_in_any_zone(schema: str, clock: Time, zone: str) -> None:
    with SpecStore(f"{schema}%20-ctimezone%3D{zone.replace('/', '%2F').replace('+', '%2B')}", now=clock) as store:
        for number, until in enumerate([math.inf, -math.inf, clock.seconds + 30.7]):
            made = store.claim(f"r-{number}", **PLACE, job=spec("m", None), until=until)
            again = store.claim(f"r-{number}", **PLACE, job=spec("n", None), until=until)
            assert made.until == again.until
        clock.seconds = LATEST + 1e9
        fingerprint = store.put(spec("late", None))
        assert store.find()[0].stored_at == LATEST
        assert store.find()[0].fingerprint == fingerprint


@pytest.mark.parametrize("moment", ["2026-11-30 10:00:02", "2026-11-30T10:00:02", "soon", "", "{}"])
def test_a_text_that_is_no_time_is_told(store: SpecStore, moment: str) -> None:
    if "postgresql" in repr(store):
        pytest.skip("PostgreSQL refuses it when it is written")
    store.put(spec("m", None))
    with store._database.writing() as db:
        db.exec_driver_sql("UPDATE gemtune_specs SET stored_at = ?", (moment,))
    with pytest.raises(gemtune.store.StoreError, match=r"holds unreadable data \(ValueError\): it is damaged"):
        store.find()
