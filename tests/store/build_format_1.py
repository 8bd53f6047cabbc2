"""Wrote data/format-1.db, with the gemtune whose store had format 1: a store as an older version leaves it.

It is kept to say what is in that file; it cannot make it again, since today's store writes a newer format.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import gemtune
from gemtune.store import SpecStore
from gemtune.store.tables import FORMAT

FILE = Path(__file__).parent / "data" / "format-1.db"

# Fields 8191 and 8190 of no schema, as a gemtune newer than the one that reads them may have put there.
UNKNOWN = b"\xfa\xff\x03\x02hi" + b"\xf0\xff\x03\x05"

assert FORMAT == 1, "today's store has another format; the file stays as it is"
with SpecStore(FILE, now=lambda: 1_790_000_000.0) as store:
    spec = gemtune.TuningJob(base_model="gemini-2.5-flash", labels={"team": "search"})
    spec.supervised_tuning_spec.training_dataset_uri = "gs://acme/train.jsonl"
    fingerprint = store.put(spec)
    job = gemtune.TuningJob(name="projects/7/locations/us-central1/tuningJobs/42", state="JOB_STATE_RUNNING")
    store.record("summaries-1", project="acme", location="us-central1", job=job)

database = sqlite3.connect(FILE)
newer = spec.SerializeToString(deterministic=True) + UNKNOWN
database.execute("INSERT INTO gemtune_specs VALUES (?, ?, ?)", ("sha256:" + "ab" * 32, newer, 1_790_000_100.0))
database.execute("UPDATE gemtune_submissions SET fingerprint = ?", (fingerprint,))
database.execute(
    "INSERT INTO gemtune_submissions (project, location, request_id, fingerprint, submitted_at) VALUES (?, ?, ?, ?, ?)",
    ("acme", "us-central1", "summaries-2", fingerprint, 1_790_000_200.0),
)
database.commit()
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
database.close()
