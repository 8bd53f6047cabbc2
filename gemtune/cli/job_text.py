"""A job in words: each thing that a screen, a line of progress or a table says about one, said in one place."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import code_pb2

from gemtune.cli.output import clean, one_line
from gemtune.rpc.states import has_ended, has_succeeded
from gemtune.rpc.unknown import kept, nameless, shown
from gemtune_pb.v1 import TuningJob

__all__ = [
    "adapter_label",
    "adapter_text",
    "base_model",
    "data_text",
    "failure",
    "hyper_parameters_of",
    "label_of",
    "number_text",
    "outcome_lines",
    "progress_text",
    "remedy_of",
    "scalar",
    "summary",
    "unknown_of",
]

LABELS: dict[str, str] = {
    "adapter_size": "rank",
    "epoch_count": "epochs",
    "learning_rate_multiplier": "rate",
    "learning_rate": "learning rate",
    "training_dataset_uri": "training data",
    "validation_dataset_uri": "validation data",
    "export_last_checkpoint_only": "last checkpoint only",
    "evaluation_config": "evaluation",
}
"""What a field is called on the screen; others by their own name with blanks."""


def base_model(job: TuningJob) -> str:
    """What the job starts from, shortly: the base model, or the id of a tuned one."""
    if job.HasField("pre_tuned_model"):
        return job.pre_tuned_model.tuned_model_name.rpartition("/")[2]
    return job.base_model.rpartition("/")[2] or job.custom_base_model


NOT_KNOWN = "unknown to this version"


def adapter_text(name: str) -> str:
    """An adapter size as rank and name, `4 (ADAPTER_SIZE_FOUR)`; one that is not known is not a rank."""
    from gemtune.specs.sizes import rank_of

    size = rank_of(name)
    return f"{size} ({name})" if size else name


def adapter_label(name: str) -> str:
    """What an adapter size is called: a rank, where it is known which."""
    return "adapter size" if NOT_KNOWN in name else label_of("adapter_size")


def summary(job: TuningJob) -> str:
    """The spec on a line: `gemini-3.5-flash · 4 epochs · rate × 1.0 · rank 4 (ADAPTER_SIZE_FOUR)`."""
    values = hyper_parameters_of(job)
    parts = [clean(base_model(job))]
    if epochs := values.get("epoch_count"):
        parts.append(f"{epochs} epoch{'' if epochs == 1 else 's'}")
    if rate := values.get("learning_rate_multiplier"):
        parts.append(f"rate × {rate}")
    if rate := values.get("learning_rate"):
        parts.append(f"learning rate {rate:g}")
    if size := values.get("adapter_size"):
        parts.append(f"{adapter_label(size)} {adapter_text(size)}")
    return " · ".join(part for part in parts if part)


def failure(job: TuningJob) -> str:
    """Why the job ended badly, in the service's words: `Failed to create endpoint. … (INTERNAL)`.

    Empty where it only says what the state says already: that the job was cancelled.
    """
    if not job.HasField("error"):
        return ""
    if job.error.code == code_pb2.CANCELLED and job.error.message.upper() in ("", "CANCELED", "CANCELLED"):
        return ""
    if job.error.code == code_pb2.OK:  # an error without a code is not a success
        return one_line(job.error.message) or "the service gave no reason"
    known = code_pb2.Code.DESCRIPTOR.values_by_number.get(job.error.code)
    return one_line(f"{job.error.message} ({known.name if known else job.error.code})")


def remedy_of(job: TuningJob) -> tuple[str, str] | None:
    """What a job's error means and what to do about it, where that is known."""
    if not job.HasField("error"):
        return None
    from gemtune.remedies import remedy_for_job

    return remedy_for_job(job.error, job=job.name.rpartition("/")[2] or "JOB")


def outcome_lines(job: TuningJob) -> list[tuple[str, str]]:
    """What to show below a job's end: its result, or its error."""
    lines: list[tuple[str, str]] = []
    if has_ended(job) and (not has_succeeded(job) or job.HasField("error")):  # a part may have failed
        lines.append(("error", failure(job)))
        if remedy := remedy_of(job):
            lines.append(("remedy", remedy[1]))
    lines += [("model", clean(job.tuned_model.model)), ("endpoint", clean(job.tuned_model.endpoint))]
    return [(label, value) for label, value in lines if value]


def data_text(job: TuningJob, *, human: bool = True) -> str:
    """The size of the training data: `500 examples · 30,000 billable tokens`; empty before the service knows it."""
    kind = job.tuning_data_stats.WhichOneof("tuning_data_stats")
    stats: Any = getattr(job.tuning_data_stats, kind) if kind else None
    examples = getattr(stats, "tuning_dataset_example_count", 0)
    tokens = getattr(stats, "total_billable_token_count", 0)
    parts = [f"{number_text(examples, human)} examples"] if examples else []
    parts += [f"{number_text(tokens, human)} billable tokens"] if tokens else []
    return " · ".join(parts)


def progress_text(job: TuningJob) -> str:
    """Steps and epochs that are done, where the service tells (v1beta1)."""
    done = job.tuning_job_metadata
    total = job.tuning_data_stats.supervised_tuning_data_stats.tuning_step_count
    parts: list[str] = []
    if done.completed_step_count:
        parts.append(f"step {done.completed_step_count}" + (f"/{total}" if total else ""))
    if done.completed_epoch_count:
        parts.append(f"epoch {done.completed_epoch_count}")
    return " · ".join(parts)


def hyper_parameters_of(job: TuningJob) -> dict[str, Any]:
    """The hyper-parameters that are set, by field name; enums by name; those that are not known as they came."""
    kind = job.WhichOneof("tuning_spec")
    spec = getattr(job, kind) if kind else None
    if spec is None or "hyper_parameters" not in spec.DESCRIPTOR.fields_by_name:
        return {}
    values = spec.hyper_parameters
    if not isinstance(values, Message):  # a partner model's: a map of its own names
        return {name: one_line(str(value)) for name, value in values.items()}
    fields = {f.json_name: f.name for f in values.DESCRIPTOR.fields}
    there = (spec.DESCRIPTOR.fields_by_name["hyper_parameters"].json_name,)
    above = (job.DESCRIPTOR.fields_by_name[str(kind)].json_name, *there)
    return {f.name: scalar(f, value) for f, value in values.ListFields() if f.message_type is None} | {
        fields.get(
            str(place[-1]), clean(str(place[-1]))
        ): f"{clean(value if isinstance(value, str) else shown(value))}, {NOT_KNOWN}"
        for place, value in kept(job)
        if place[:-1] == above
    }


def unknown_of(job: TuningJob) -> list[str]:
    """What the service sent and this version does not know, but for what is shown in its place."""
    named = [
        clean(str(found))
        for found in kept(job)
        if found.place != ("state",) and "hyperParameters" not in found.place[1:-1]
    ]
    return named + [clean(line) for line in nameless(job)]


def scalar(described: FieldDescriptor, value: Any) -> Any:
    """A field's value; an enum's by name."""
    if described.enum_type is not None:
        known = described.enum_type.values_by_number.get(value)
        return known.name if known else f"number {value}, {NOT_KNOWN}"
    return value


def label_of(name: str) -> str:
    """What a field is called on the screen."""
    return LABELS.get(name, name.replace("_", " "))


def number_text(value: float, human: bool) -> str:
    """A number, with separators for a person; a count of 0 says nothing."""
    if not value:
        return "0" if isinstance(value, float) else ""
    whole: float = int(value) if float(value).is_integer() else value
    return f"{whole:,}" if human else str(whole)
