"""`SpecStore`: specs by fingerprint, and what was submitted when and as which job."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from sqlalchemy import Connection, Insert, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gemtune.errors import ConfigurationError, SpecInvalid, bad_request
from gemtune.rpc.states import state_name
from gemtune.specs.diff import Value
from gemtune.specs.fingerprint import fingerprint as fingerprint_of
from gemtune.specs.request import request_of
from gemtune.store.arguments import check_path, event_of, fits, key_of
from gemtune.store.columns import kept_time
from gemtune.store.database import Database, StoreError
from gemtune.store.json_text import spec_json
from gemtune.store.records import Claim, StoredSpec, Submission, SubmissionEvent, SubmittedJob
from gemtune.store.tables import events, jobs, specs, submissions
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SpecNotFound", "SpecStore", "SubmissionNotFound"]

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{0,64})")


class SpecNotFound(StoreError):
    """The store has no spec of that fingerprint."""


class SubmissionNotFound(StoreError):
    """The store has no submission of that id in that place."""


class SpecStore:
    """Specs and submissions in a database: SQLite for one machine, PostgreSQL for a team.

    May be shared by threads and by processes, also by one that forked. A context manager.
    """

    def __init__(self, url: str | os.PathLike[str] | None = None, *, now: Callable[[], float] = time.time) -> None:
        """Opens the store, makes it if there is none, and brings one of an older gemtune to today's format.

        Args:
            url: `sqlite:///PATH` or the path alone, or `postgresql://user@host/database`; None: `gemtune/store.db`
                below XDG_DATA_HOME (`~/.local/share`). A file that it makes is readable by its owner alone.
            now: The time in seconds since 1970, for tests.

        Raises:
            ConfigurationError: The URL cannot be a store's, or the store is of a newer gemtune.
            StoreError: The database does not answer.
        """
        self._database = Database(url)
        self._now = now
        self._insert: Callable[[Table], Any] = sqlite.insert if self._database.is_sqlite else postgresql.insert

    def __repr__(self) -> str:
        return f"SpecStore({self._database.where!r})"

    # -- specs ----------------------------------------------------------------------------------------------------

    def put(self, job: TuningJob) -> str:
        """Keeps what a job asks for. Twice the same is once, whoever puts it, and at the same time too.

        Args:
            job: A spec, or a job as the service shows it: what it set there is not kept.

        Returns:
            The fingerprint.

        Raises:
            SpecInvalid: The job holds fields that this version of gemtune does not know, and so has no fingerprint.
            StoreError: The database does not answer.
        """
        fingerprint = fingerprint_of(job)
        with self._database.writing() as db:
            self._keep(db, fingerprint, job)
        return fingerprint

    def get(self, fingerprint: str) -> TuningJob:
        """The spec of a fingerprint.

        Raises:
            SpecNotFound: There is none.
            ConfigurationError: That is not a fingerprint.
            StoreError: The database does not answer.
        """
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise ConfigurationError(
                f"{fingerprint!r} is not a fingerprint, which is sha256: and 64 hexadecimal digits; "
                "find(fingerprint=...) takes its beginning"
            )
        with self._database.reading() as db:
            request = db.scalar(select(specs.c.request).where(specs.c.fingerprint == fingerprint))
        if request is None:
            raise SpecNotFound(f"there is no spec {fingerprint} in the store {self._database.where}")
        return self._job(fingerprint, request)

    def find(
        self, where: Mapping[str, Value] | None = None, *, fingerprint: str = "", limit: int | None = None
    ) -> list[StoredSpec]:
        """The specs that fit, newest first. Each is looked into: thousands are a matter of a moment, millions are not.

        Args:
            where: Field path in proto spelling -> value, all of which must fit: `{"base_model": "gemini-3.5-flash",
                "labels.team": "search"}`; an enum by name; None: the field is not set.
            fingerprint: How the fingerprint begins, with or without `sha256:`.
            limit: How many, at most.

        Raises:
            SpecInvalid: There is no such field.
            ConfigurationError: No fingerprint begins like that.
            StoreError: The database does not answer.
        """
        for path in where or ():
            check_path(path)
        prefix = _PREFIX.fullmatch(fingerprint)
        if prefix is None:
            raise ConfigurationError(
                f"{fingerprint!r} is not the beginning of a fingerprint, which looks like sha256:9f2c41d0"
            )
        query = select(specs.c.fingerprint, specs.c.request, specs.c.stored_at)
        query = query.order_by(specs.c.stored_at.desc(), specs.c.fingerprint)
        if prefix[1]:
            query = query.where(specs.c.fingerprint.startswith(f"sha256:{prefix[1]}"))
        found: list[StoredSpec] = []
        with self._database.reading() as db:
            for row in db.execute(query):
                if limit is not None and len(found) >= limit:
                    break
                job = self._job(row.fingerprint, row.request)
                if not where or fits(job, where):
                    found.append(StoredSpec(row.fingerprint, job, row.stored_at))
        return found

    # -- submissions ------------------------------------------------------------------------------------------------

    def claim(
        self, request_id: str, *, project: str, location: str, job: TuningJob, until: float, token: int | None = None
    ) -> Claim:
        """Asks whether this process may send a submission. The spec and the intent are on the disk when it is granted.

        Of all processes that claim an id, one is granted it; another one only once the time of the first has run out,
        never when a job is known to have come of it, and never for another spec.

        Args:
            request_id: The submission's.
            project: Where it is to be sent. An id and a number of the same project are two.
            location: Where it is to be sent.
            job: What is to be sent.
            until: Up to when this process's request may still appear at the service, in seconds since 1970 by a clock
                that agrees with the store's. Until then nobody else is granted the id. Rounded up to the microsecond.
            token: The one of a claim that is to be renewed.

        Raises:
            SpecInvalid: The job has no fingerprint, or the id cannot be stored.
            StoreError: The database does not answer: it is not known whether the id was claimed.
        """
        key = key_of(request_id, project, location)
        fingerprint = fingerprint_of(job)
        asked = self._now()
        mine = select(submissions).filter_by(**key).with_for_update()  # SQLite's writer is alone anyway
        with self._database.writing() as db:
            row = db.execute(mine).one_or_none()
            now = self._now()
            # The lock may have been waited for: the claim shall last from its grant. And all see one end of it.
            until = kept_time(until + now - asked, up=True)
            if row is None:
                self._keep(db, fingerprint, job)
                first = {**key, "fingerprint": fingerprint, "submitted_at": now, "token": 1, "until": until}
                insert = self._insert(submissions).values(first).on_conflict_do_nothing()
                # What comes back is the proof; the number of rows is not, psycopg's is -1 here.
                if db.scalar(insert.returning(submissions.c.id)) is not None:
                    return Claim(True, 1, until, max(until - now, 0.0), fingerprint, "", kept_time(now))
                row = db.execute(mine).one()  # another process was faster
            of_it = select(jobs.c.name).where(jobs.c.submission == row.id).order_by(jobs.c.id).limit(1)
            job_name = db.scalar(of_it) or ""
            # A job that was found, and not sent from here, does not say of which spec it is; its labels do. And where
            # nothing was sent, the id names no spec yet.
            named = row.fingerprint if row.fingerprint and (row.token or job_name) else fingerprint
            granted = named == fingerprint and not job_name and (row.token == token or row.until < now)
            if granted:
                if named != row.fingerprint:
                    self._keep(db, fingerprint, job)
                change = {"token": row.token + 1, "until": until, "fingerprint": fingerprint}
                db.execute(update(submissions).where(submissions.c.id == row.id).values(change))
            ends = until if granted else row.until
            next_token = row.token + 1 if granted else 0
            return Claim(granted, next_token, ends, max(ends - now, 0.0), named, job_name, row.submitted_at)

    def release(self, request_id: str, *, project: str, location: str, token: int) -> None:
        """Gives a claim back: nothing was sent under the id, or nothing that the service acted on.

        The next one who asks is granted the id at once, with token 1, and for another spec too. Nothing happens where
        the claim was taken over or a job is known.

        Args:
            request_id: The submission's.
            project: Where it was to be sent.
            location: Where it was to be sent.
            token: The newest one of the claim.

        Raises:
            SpecInvalid: The id cannot be stored.
            StoreError: The database does not answer.
        """
        mine = (submissions.c.token == token) & submissions.c.id.not_in(select(jobs.c.submission))
        with self._database.writing() as db:
            statement = update(submissions).filter_by(**key_of(request_id, project, location)).where(mine)
            db.execute(statement.values(token=0, until=0))

    def record(self, request_id: str, *, project: str, location: str, job: TuningJob) -> tuple[SubmittedJob, ...]:
        """Remembers that a job came of a submission. The same again only brings its state up to date.

        A second job under the same id is remembered beside the first: that must not be forgotten.

        Args:
            request_id: The submission's.
            project: Where it was sent.
            location: Where it was sent.
            job: As the service shows it; its name and state are kept.

        Returns:
            All jobs that are known to have come of it, in the order in which they were recorded first. More than one:
            it was acted on more than once.

        Raises:
            SpecInvalid: The job has no name, or the id cannot be stored.
            StoreError: The database does not answer.
        """
        key = key_of(request_id, project, location)
        if not job.name:
            raise SpecInvalid(bad_request([("name", "the job has no name; record what the service returned")]))
        now = self._now()
        with self._database.writing() as db:
            seen = job.create_time.ToNanoseconds() / 1e9 if job.HasField("create_time") else now
            db.execute(self._insert(submissions).values(**key, submitted_at=seen).on_conflict_do_nothing())
            submission = db.scalar(select(submissions.c.id).filter_by(**key))
            state = state_name(job)
            row = {"submission": submission, "name": job.name, "state": state, "recorded_at": now}
            same = [jobs.c.submission, jobs.c.name]
            db.execute(self._insert(jobs).values(row).on_conflict_do_update(index_elements=same, set_={"state": state}))
            known = db.execute(select(jobs).where(jobs.c.submission == submission).order_by(jobs.c.id))
            return tuple(_submitted(row) for row in known)

    def add_event(self, request_id: str, *, project: str, location: str, kind: str, data: Mapping[str, Any]) -> None:
        """Notes something about a submission that is there. What was noted before stays, the same kind too.

        Args:
            request_id: The submission's.
            project: Where it was, or is to be, sent.
            location: Where it was, or is to be, sent.
            kind: What it is, in a word: `pinned`, `estimate`, or one of your own.
            data: What there is to say: an object of JSON.

        Raises:
            SubmissionNotFound: There is no such submission: claim it, or record its job, first.
            SpecInvalid: The kind or the data cannot be stored, or the id.
            StoreError: The database does not answer.
        """
        key = key_of(request_id, project, location)
        event = event_of(kind, data)
        with self._database.writing() as db:
            submission = db.scalar(select(submissions.c.id).filter_by(**key))
            if submission is None:
                raise SubmissionNotFound(
                    f"there is no submission {request_id} in {project}, {location} in the store "
                    f"{self._database.where}; claim it, or record its job, before you add an event"
                )
            db.execute(self._insert(events).values(submission=submission, at=self._now(), **event))

    def submissions(
        self,
        *,
        request_id: str | None = None,
        project: str | None = None,
        location: str | None = None,
        fingerprint: str | None = None,
        job_name: str | None = None,
        limit: int | None = None,
    ) -> list[Submission]:
        """What was submitted, newest first; all of it, or what fits.

        Args:
            request_id: The id of the submission.
            project: Where it was sent.
            location: Where it was sent.
            fingerprint: What was sent.
            job_name: The resource name of a job that came of it.
            limit: How many, at most.
        """
        wanted = {"request_id": request_id, "project": project, "location": location, "fingerprint": fingerprint}
        query = select(submissions).filter_by(**{name: value for name, value in wanted.items() if value is not None})
        if job_name is not None:
            query = query.where(submissions.c.id.in_(select(jobs.c.submission).where(jobs.c.name == job_name)))
        query = query.order_by(submissions.c.id.desc()).limit(limit)
        with self._database.reading() as db:
            rows = db.execute(query).all()
            made: dict[int, list[SubmittedJob]] = {row.id: [] for row in rows}
            for job in db.execute(select(jobs).where(jobs.c.submission.in_(made)).order_by(jobs.c.id)):
                made[job.submission].append(_submitted(job))
            noted: dict[int, list[SubmissionEvent]] = {row.id: [] for row in rows}
            for event in db.execute(select(events).where(events.c.submission.in_(noted)).order_by(events.c.id)):
                noted[event.submission].append(SubmissionEvent(event.kind, event.at, event.data))
        return [
            Submission(
                request_id=row.request_id,
                project=row.project,
                location=row.location,
                fingerprint=row.fingerprint or "",
                submitted_at=row.submitted_at,
                claims=row.token,
                jobs=tuple(made[row.id]),
                events=tuple(noted[row.id]),
            )
            for row in rows
        ]

    # -- plumbing -------------------------------------------------------------------------------------------------

    def _keep(self, db: Connection, fingerprint: str, job: TuningJob) -> None:
        request = request_of(job).SerializeToString(deterministic=True)
        row = {
            "fingerprint": fingerprint,
            "request": request,
            "spec": spec_json(request),
            "stored_at": self._now(),
        }
        statement: Insert = self._insert(specs).values(row).on_conflict_do_nothing()
        db.execute(statement)

    def _job(self, fingerprint: str, request: bytes) -> TuningJob:
        try:
            return TuningJob.FromString(request)
        except DecodeError as error:
            raise StoreError(f"the spec {fingerprint} in the store {self._database.where} is damaged") from error

    def close(self) -> None:
        """Lets go of the database. A later call opens it again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _submitted(row: Any) -> SubmittedJob:
    return SubmittedJob(row.name, row.state, row.recorded_at)
