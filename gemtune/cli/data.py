"""The data of a submission: checked before it, pinned beside it, compared after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemtune.cli.phases import working
from gemtune.cli.session import Session
from gemtune.errors import GemtuneError
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from gemtune.store import SpecStore
    from gemtune_pb.v1 import CostEstimate

__all__ = ["add_events", "changes_since", "check_data_of", "estimate_of", "events_of", "tell_changes"]

ESTIMATE = "estimate"


def check_data_of(session: Session, job: TuningJob) -> None:
    """Checks the data where the spec says they are; an error of theirs ends the run, and nothing is sent."""
    from gemtune.cli.dataset import Progress
    from gemtune.dataset.folded import bytes_text, summary
    from gemtune.dataset.of_job import data_of, require_good
    from gemtune.errors import DatasetInvalid

    progress = Progress(session)
    try:
        report = require_good(job, on_progress=progress.add)
    except DatasetInvalid as error:
        data = data_of(job)
        if data is not None:
            more = f" --validation {data.validation}" if data.validation else ""
            kind = f" --job {data.job}" if data.job != "sft" else ""
            command = f"gemtune dataset check {data.training} --base-model {job.base_model}{more}{kind}"
            error.add_note(f"nothing was sent; to see all: {command}")
        raise
    finally:
        progress.end()
    if report is None:
        session.output.note("the data were not checked: they are not in Cloud Storage")
        return
    told = ", ".join(summary(report)) or "no problem found"
    what = f"{report.example_count:,} rows, {bytes_text(report.bytes_read)}: {told}"
    session.output.note(f"data are checked: {what}")


def events_of(
    session: Session, job: TuningJob, estimate: CostEstimate | None, *, pin: bool
) -> list[tuple[str, dict[str, Any]]]:
    """What is to be recorded beside a submission: its estimate, and its data as they are now.

    Args:
        session: The run.
        job: The spec.
        estimate: What it was estimated to cost; None: it was not.
        pin: Whether the data are recorded.
    """
    made: list[tuple[str, dict[str, Any]]] = []
    if estimate is not None:
        from gemtune.rpc.unknown import json_tree

        made.append((ESTIMATE, json_tree(estimate)))
    if pin:
        from gemtune.dataset.pins import KIND, pins

        with working(session.output, "looking at the data in Cloud Storage"):
            objects = pins(job)
        made.append((KIND, {"objects": objects}))
        session.output.note(f"pinned: {len(objects)} object{'' if len(objects) == 1 else 's'}")
    return made


def add_events(store: SpecStore | None, job: TuningJob, events: list[tuple[str, dict[str, Any]]]) -> None:
    """Records events beside the submission of a job; without a store nothing."""
    if store is None or not events:
        return
    for each in store.submissions(job_name=job.name, limit=1):
        known = {event.kind for event in each.events}  # of the run that submitted it, where this one found it
        for kind, data in events:
            if kind not in known:
                store.add_event(each.request_id, project=each.project, location=each.location, kind=kind, data=data)


def changes_since(store: SpecStore, job_name: str) -> list[str]:
    """What has changed in the data of a job since they were pinned, a sentence each."""
    from gemtune.dataset.pins import KIND, changes

    pinned = _event(store, job_name, KIND)
    return list(changes(pinned)) if pinned is not None else []


def tell_changes(session: Session, store: SpecStore | None, job_name: str) -> None:
    """Says what has changed in the data of a job that is not submitted again. That it cannot be seen is said, too."""
    if store is None:
        return
    try:
        changed = changes_since(store, job_name)
    except GemtuneError as error:
        session.output.note(f"warning: whether its data have changed is not known: {error}")
        return
    for sentence in changed:
        session.output.note(f"warning: {sentence}; without --once it is submitted again")


def estimate_of(store: SpecStore, job_name: str) -> CostEstimate | None:
    """What a job was estimated to cost when it was submitted; None: the store does not say."""
    import json

    from gemtune.rpc.codec import from_json
    from gemtune_pb.v1 import CostEstimate

    found = _event(store, job_name, ESTIMATE)
    return from_json(json.dumps(found), CostEstimate, ignore_unknown_fields=True) if found is not None else None


def _event(store: SpecStore, job_name: str, kind: str) -> dict[str, Any] | None:
    for each in store.submissions(job_name=job_name, limit=1):
        found = [event for event in each.events if event.kind == kind]
        if found:
            return dict(found[-1].data)
    return None
