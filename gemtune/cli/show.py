"""One job for a person to read: what was asked, where it stands, what came out, why it failed, what the data are like.

The content is made once, as sections of (label, value) lines; a terminal gets it in colour and wrapped, a pipe whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gemtune_pb.v1 import TuningJob
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import code_pb2

from gemtune.cli.output import STATE_STYLES, Output, ago, clean, one_line, seconds_of, took
from gemtune.states import has_ended, has_succeeded, state_name

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = [
    "Section",
    "adapter_text",
    "base_model",
    "data_text",
    "failure",
    "hyper_parameters_of",
    "job_sections",
    "outcome_lines",
    "print_job",
    "progress_text",
    "summary",
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

KINDS: dict[str, str] = {
    "supervised_tuning_spec": "supervised tuning",
    "preference_optimization_spec": "preference tuning",
    "distillation_spec": "distillation",
    "reinforcement_tuning_spec": "reinforcement tuning",
    "full_fine_tuning_spec": "full fine-tuning",
    "partner_model_tuning_spec": "partner model tuning",
    "veo_tuning_spec": "Veo tuning",
    "veo_lora_tuning_spec": "Veo LoRA tuning",
}

BARS = "▁▂▃▄▅▆▇█"


@dataclass
class Section:
    """A part of the screen: a title, and lines of label and value."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=lambda: [])

    def add(self, label: str, value: str) -> None:
        """Adds a line, if there is something to say."""
        if value:
            self.lines.append((label, value))


# -- words ----------------------------------------------------------------------------------------------------------


def base_model(job: TuningJob) -> str:
    """What the job starts from, shortly: the base model, or the id of a tuned one."""
    if job.HasField("pre_tuned_model"):
        return job.pre_tuned_model.tuned_model_name.rpartition("/")[2]
    return job.base_model.rpartition("/")[2] or job.custom_base_model


def adapter_text(name: str) -> str:
    """An adapter size as rank and name: `4 (ADAPTER_SIZE_FOUR)`."""
    from gemtune.specs.sizes import rank_of

    size = rank_of(name)
    return f"{size} ({name})" if size else name


def summary(job: TuningJob) -> str:
    """The spec on a line: `gemini-1.0-pro-002 · 4 epochs · rate × 1.0 · rank 4 (ADAPTER_SIZE_FOUR)`."""
    values = hyper_parameters_of(job)
    parts = [clean(base_model(job))]
    if epochs := values.get("epoch_count"):
        parts.append(f"{epochs} epoch{'' if epochs == 1 else 's'}")
    if rate := values.get("learning_rate_multiplier"):
        parts.append(f"rate × {rate}")
    if rate := values.get("learning_rate"):
        parts.append(f"learning rate {rate:g}")
    if size := values.get("adapter_size"):
        parts.append(f"rank {adapter_text(size)}")
    return " · ".join(part for part in parts if part)


def failure(job: TuningJob) -> str:
    """Why the job ended badly, in the service's words: `Failed to create endpoint. … (INTERNAL)`."""
    if not job.HasField("error"):
        return ""
    known = code_pb2.Code.DESCRIPTOR.values_by_number.get(job.error.code)
    return one_line(f"{job.error.message} ({known.name if known else job.error.code})")


def hyper_parameters_of(job: TuningJob) -> dict[str, Any]:
    """The hyper-parameters that are set, by field name; enums by name."""
    kind = job.WhichOneof("tuning_spec")
    spec = getattr(job, kind) if kind else None
    if spec is None or "hyper_parameters" not in spec.DESCRIPTOR.fields_by_name:
        return {}
    values = spec.hyper_parameters
    if not isinstance(values, Message):  # a partner model's: a map of its own names
        return {name: one_line(str(value)) for name, value in values.items()}
    return {f.name: _scalar(f, value) for f, value in values.ListFields() if f.message_type is None}


def _scalar(described: FieldDescriptor, value: Any) -> Any:
    if described.enum_type is not None:
        known = described.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    return value


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


# -- the sections ---------------------------------------------------------------------------------------------------


def job_sections(job: TuningJob, *, human: bool, symbol: Callable[[str, str], str]) -> Iterator[Section]:
    """The screen of a job.

    Args:
        job: The job.
        human: Whether a person reads it: times as they say them, numbers with separators, bars.
        symbol: Gives a symbol, or its replacement where it cannot be shown.
    """
    yield _asked(job)
    yield _standing(job, human)
    if job.HasField("error"):
        yield Section("why", [("error", failure(job))])
    yield _outcome(job)
    yield from _data(job, human, symbol)


def _asked(job: TuningJob) -> Section:
    section = Section("asked for")
    kind = job.WhichOneof("tuning_spec")
    if job.HasField("pre_tuned_model"):
        checkpoint = f" · checkpoint {job.pre_tuned_model.checkpoint_id}" if job.pre_tuned_model.checkpoint_id else ""
        section.add("tuned model", clean(job.pre_tuned_model.tuned_model_name) + checkpoint)
        section.add("base model", clean(job.pre_tuned_model.base_model))
    else:
        section.add("base model", clean(job.base_model or job.custom_base_model))
    if kind:
        section.add("method", KINDS.get(kind, _label(kind)))
        for described, value in getattr(job, kind).ListFields():
            if described.name == "hyper_parameters":
                for name, set_to in hyper_parameters_of(job).items():
                    section.add(_label(name), _hyper_text(name, set_to))
            elif described.message_type is not None:
                section.add(_label(described.name), "set (-o yaml shows it)")
            else:
                section.add(_label(described.name), _value_text(_scalar(described, value)))
    section.add("description", one_line(job.description))
    section.add("labels", ", ".join(clean(f"{key}={value}") for key, value in sorted(job.labels.items())))
    section.add("service account", clean(job.service_account))
    section.add("key", clean(job.encryption_spec.kms_key_name))
    section.add("output", clean(job.output_uri))
    return section


def _hyper_text(name: str, value: Any) -> str:
    if name == "adapter_size":
        return adapter_text(value)
    return f"× {value}" if name == "learning_rate_multiplier" else _value_text(value)


def _value_text(value: Any) -> str:
    return "yes" if value is True else clean(str(value))


def _standing(job: TuningJob, human: bool) -> Section:
    section = Section("where it stands")
    detail = ""
    if job.HasField("tuning_job_state"):
        name: str = _scalar(job.DESCRIPTOR.fields_by_name["tuning_job_state"], job.tuning_job_state)
        detail = name.removeprefix("TUNING_JOB_STATE_").replace("_", " ").lower()
    section.add("state", f"{state_name(job)} · {detail}" if detail else state_name(job))
    section.add("progress", progress_text(job))
    section.add("created", _moment(job, "create_time", human))
    if human and job.HasField("end_time"):
        section.add("took", took(job.start_time if job.HasField("start_time") else job.create_time, job.end_time))
        section.add("ended", _moment(job, "end_time", human))
    else:
        section.add("started", _moment(job, "start_time", human))
        section.add("ended", _moment(job, "end_time", human))
    return section


def _moment(job: TuningJob, name: str, human: bool) -> str:
    if not job.HasField(name):  # type: ignore[arg-type]
        return ""
    moment: Timestamp = getattr(job, name)
    if not human:
        return moment.ToJsonString()
    from datetime import datetime

    local = datetime.fromtimestamp(seconds_of(moment)).astimezone()
    return f"{ago(moment)} ago · {local:%Y-%m-%d %H:%M:%S %Z}"


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


def _outcome(job: TuningJob) -> Section:
    section = Section("came out")
    section.add("model", clean(job.tuned_model.model))
    section.add("endpoint", clean(job.tuned_model.endpoint))
    for checkpoint in job.tuned_model.checkpoints:
        place = f"epoch {checkpoint.epoch} · step {checkpoint.step}"
        where = f" · {clean(checkpoint.endpoint)}" if checkpoint.endpoint else ""
        section.add(f"checkpoint {clean(checkpoint.checkpoint_id)}", place + where)
    section.add("experiment", clean(job.experiment))
    section.add("pipeline job", clean(job.pipeline_job))
    section.add("metrics", clean(job.gcs_metrics_uri))
    return section


# -- statistics -----------------------------------------------------------------------------------------------------


def _data(job: TuningJob, human: bool, symbol: Callable[[str, str], str]) -> Iterator[Section]:
    kind = job.tuning_data_stats.WhichOneof("tuning_data_stats")
    if kind is None:
        return
    stats: Any = getattr(job.tuning_data_stats, kind)
    if kind == "distillation_data_stats":
        stats = stats.training_dataset_stats
    section = Section("training data")
    section.add("examples", data_text(job, human=human))
    dropped = list(getattr(stats, "dropped_example_reasons", ()))
    truncated = getattr(stats, "total_truncated_example_count", 0)
    section.add("left out", f"{_number(truncated, human)} examples" if truncated else "")
    for reason in dropped[:3]:
        section.add("reason", one_line(reason))
    section.add("steps", _number(getattr(stats, "tuning_step_count", 0), human))
    distributions = [
        (described.name, value)
        for described, value in stats.ListFields()
        if described.message_type is not None and not described.is_repeated and hasattr(value, "buckets")
    ]
    if distributions:
        section.lines += _distributions(distributions, human, symbol)
    yield section


def data_text(job: TuningJob, *, human: bool = True) -> str:
    """The size of the training data: `500 examples · 30,000 billable tokens`; empty before the service knows it."""
    kind = job.tuning_data_stats.WhichOneof("tuning_data_stats")
    stats: Any = getattr(job.tuning_data_stats, kind) if kind else None
    examples = getattr(stats, "tuning_dataset_example_count", 0)
    tokens = getattr(stats, "total_billable_token_count", 0)
    parts = [f"{_number(examples, human)} examples"] if examples else []
    parts += [f"{_number(tokens, human)} billable tokens"] if tokens else []
    return " · ".join(parts)


def _distributions(
    distributions: list[tuple[str, Any]], human: bool, symbol: Callable[[str, str], str]
) -> Iterator[tuple[str, str]]:
    """A small table: one line a distribution, with a bar for each bucket."""
    columns = ["min", "median", "mean", "p95", "max"]
    rows = [[_number(round(getattr(value, column), 1), human) for column in columns] for _, value in distributions]
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    yield "", "  ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True))
    for (name, value), row in zip(distributions, rows, strict=True):
        bars = f"  {_bars(value)}" if human and symbol("█", "") else ""
        label = name.removeprefix("user_").removesuffix("_distribution").removesuffix("_per_example")
        plural = label.replace("_", " ") + ("" if label.endswith("s") else "s")
        yield plural, "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + bars


def _bars(distribution: Any) -> str:
    """The buckets as bars, each where it lies between min and max: the service leaves empty ones out."""
    buckets = [bucket for bucket in distribution.buckets if bucket.count > 0]
    highest = max((bucket.count for bucket in buckets), default=0)
    if not highest:
        return ""
    width = max(
        (distribution.max - distribution.min + 1) / 6, 1e-9
    )  # six of equal width, see the answers of the service
    bars = [" "] * 6
    for bucket in buckets:
        place = min(max(int((bucket.left - distribution.min) / width + 0.5), 0), 5)
        bars[place] = BARS[min(int(bucket.count / highest * len(BARS)), len(BARS) - 1)]
    return "".join(bars).rstrip()


def _number(value: float, human: bool) -> str:
    if not value:
        return "0" if isinstance(value, float) else ""
    whole: float = int(value) if float(value).is_integer() else value
    return f"{whole:,}" if human else str(whole)


# -- printing -------------------------------------------------------------------------------------------------------


def print_job(output: Output, job: TuningJob, *, link: str | None = None, advice: str | None = None) -> None:
    """Writes the screen of a job to stdout.

    Args:
        output: The streams.
        job: The job.
        link: Its page in the console.
        advice: What to do about a failure, or how to follow the job.
    """
    sections = [s for s in job_sections(job, human=output.human, symbol=output.symbol) if s.lines]
    name = one_line(job.tuned_model_display_name)
    width = max((len(label) for section in sections for label, _ in section.lines), default=0)
    if not output.human:
        output.data(f"{'name':<{width}}  {clean(job.name)}")
        if name:
            output.data(f"{'display name':<{width}}  {name}")
        for section in sections:
            for label, value in section.lines:
                output.data(f"{label:<{width}}  {value}".rstrip())
        return
    from rich.table import Table
    from rich.text import Text

    console = output.console()
    state = state_name(job)
    console.print(Text.assemble((name or base_model(job), "bold"), "  ", (state, STATE_STYLES.get(state, ""))))
    console.print(Text(clean(job.name), style="dim"), soft_wrap=True)
    if link:
        console.print(Text(link, style=f"dim link {link}"), soft_wrap=True)
    for section in sections:
        console.print()
        console.print(Text(section.title, style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=width + 2, no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in section.lines:
            grid.add_row(Text(f"  {label}", style="dim"), Text(value, style=_style(label, value)))
        console.print(grid)
    if advice:
        console.print()
        console.print(Text(advice, style="dim"), soft_wrap=True)


def _style(label: str, value: str) -> str:
    if label == "state":
        return STATE_STYLES.get(value.partition(" ")[0], "")
    return "red" if label == "error" else ""


def outcome_lines(job: TuningJob) -> list[tuple[str, str]]:
    """What to show below a job's end: what came out, or why nothing did."""
    lines = [] if has_succeeded(job) or not has_ended(job) else [("why", failure(job))]
    lines += [("model", clean(job.tuned_model.model)), ("endpoint", clean(job.tuned_model.endpoint))]
    return [(label, value) for label, value in lines if value]
