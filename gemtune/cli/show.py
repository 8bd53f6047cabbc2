"""One job for a person to read: its request, status, error, result and training data.

The content is made once, as sections of (label, value) lines; a terminal gets it in colour and wrapped, a pipe whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gemtune.cli.job_text import (
    NOT_KNOWN,
    adapter_label,
    adapter_text,
    base_model,
    data_text,
    failure,
    hyper_parameters_of,
    label_of,
    number_text,
    progress_text,
    remedy_of,
    scalar,
    unknown_of,
)
from gemtune.cli.output import STATE_STYLES, Output, ago, clean, command_line, one_line, seconds_of, took
from gemtune.names import OWN_LABELS, REQUEST_LABEL
from gemtune.rpc.states import state_name
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console

__all__ = ["Section", "bars", "job_sections", "print_job", "print_lines"]

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
        yield _why(job)
    yield _outcome(job, human)
    yield from _data(job, human, symbol)
    unknown = Section(NOT_KNOWN.capitalize())
    for line in unknown_of(job):
        unknown.add("unknown", line)
    yield unknown


def _asked(job: TuningJob) -> Section:
    section = Section("Request")
    kind = job.WhichOneof("tuning_spec")
    if job.HasField("pre_tuned_model"):
        checkpoint = f" · checkpoint {job.pre_tuned_model.checkpoint_id}" if job.pre_tuned_model.checkpoint_id else ""
        section.add("tuned model", clean(job.pre_tuned_model.tuned_model_name) + checkpoint)
        section.add("base model", clean(job.pre_tuned_model.base_model))
    else:
        section.add("base model", clean(job.base_model or job.custom_base_model))
    if kind:
        section.add("method", KINDS.get(kind, label_of(kind)))
        for described, value in getattr(job, kind).ListFields():
            if described.name == "hyper_parameters":
                for name, set_to in hyper_parameters_of(job).items():
                    label = adapter_label(set_to) if name == "adapter_size" else label_of(name)
                    section.add(label, _hyper_text(name, set_to))
            elif described.message_type is not None:
                section.add(label_of(described.name), "set (-o yaml shows it)")
            else:
                section.add(label_of(described.name), _value_text(scalar(described, value)))
    section.add("description", one_line(job.description))
    section.add(
        "labels",
        ", ".join(clean(f"{key}={value}") for key, value in sorted(job.labels.items()) if key not in OWN_LABELS),
    )
    section.add("request", clean(job.labels.get(REQUEST_LABEL, "")))
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
    section = Section("Status")
    detail = ""
    if job.HasField("tuning_job_state"):
        name: str = scalar(job.DESCRIPTOR.fields_by_name["tuning_job_state"], job.tuning_job_state)
        detail = name.removeprefix("TUNING_JOB_STATE_").replace("_", " ").lower()
    if detail or not human:  # a person has it in the headline
        section.add("state", f"{state_name(job)} · {detail}" if detail else state_name(job))
    section.add("progress", progress_text(job))
    section.add("created", _moment(job, "create_time", human))
    ended = job.HasField("end_time")
    section.add("started", "" if human and ended else _moment(job, "start_time", human))
    section.add("ended", _moment(job, "end_time", human))
    if human and ended:
        whole = took(job.create_time, job.end_time)
        ran = took(job.start_time, job.end_time) if job.HasField("start_time") else ""
        section.add("took", whole if ran in ("", whole) else f"{whole} · ran for {ran}")
    return section


def _moment(job: TuningJob, name: str, human: bool) -> str:
    moment: Timestamp | None = next((value for described, value in job.ListFields() if described.name == name), None)
    if moment is None:
        return ""
    if not human:
        return moment.ToJsonString()
    local = datetime.fromtimestamp(seconds_of(moment)).astimezone()
    return f"{ago(moment)} ago · {local:%Y-%m-%d %H:%M:%S %Z}"


def _why(job: TuningJob) -> Section:
    section = Section("Error")
    if remedy := remedy_of(job):
        section.add("meaning", remedy[0])
        section.add("remedy", remedy[1])
    section.add("error", failure(job))
    return section


def _outcome(job: TuningJob, human: bool) -> Section:
    section = Section("Result")
    section.add("model", clean(job.tuned_model.model))
    section.add("endpoint", clean(job.tuned_model.endpoint))
    for checkpoint in job.tuned_model.checkpoints:
        place = f"epoch {checkpoint.epoch} · step {checkpoint.step}"
        endpoint = clean(checkpoint.endpoint)
        if human:  # the model's line has the project and the location
            endpoint = "/".join(endpoint.split("/")[-2:])
        where = f" · {endpoint}" if endpoint else ""
        section.add(f"checkpoint {clean(checkpoint.checkpoint_id)}", place + where)
    section.add("experiment", clean(job.experiment))
    section.add("pipeline job", clean(job.pipeline_job))  # pyright: ignore[reportDeprecated]  v1beta1 still fills it
    section.add("metrics", clean(job.gcs_metrics_uri))
    return section


def _data(job: TuningJob, human: bool, symbol: Callable[[str, str], str]) -> Iterator[Section]:
    kind = job.tuning_data_stats.WhichOneof("tuning_data_stats")
    if kind is None:
        return
    stats: Any = getattr(job.tuning_data_stats, kind)
    if kind == "distillation_data_stats":
        stats = stats.training_dataset_stats
    section = Section("Training data")
    section.add("size", data_text(job, human=human))
    dropped = list(getattr(stats, "dropped_example_reasons", ()))
    truncated = getattr(stats, "total_truncated_example_count", 0)
    section.add("left out", f"{number_text(truncated, human)} examples" if truncated else "")
    for reason in dropped[:3]:
        section.add("reason", one_line(reason))
    section.add("steps", number_text(getattr(stats, "tuning_step_count", 0), human))
    distributions = [
        (described.name, value)
        for described, value in stats.ListFields()
        if described.message_type is not None and not described.is_repeated and hasattr(value, "buckets")
    ]
    if distributions:
        section.lines += _distributions(distributions, human, symbol)
    yield section


def _distributions(
    distributions: list[tuple[str, Any]], human: bool, symbol: Callable[[str, str], str]
) -> Iterator[tuple[str, str]]:
    """A small table: one line a distribution, with a bar for each bucket."""
    columns = ["min", "median", "mean", "p95", "max"]
    rows = [[number_text(round(getattr(value, column), 1), human) for column in columns] for _, value in distributions]
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    yield "", "  ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True))
    for (name, value), row in zip(distributions, rows, strict=True):
        drawn = f"  {bars(value)}" if human and symbol("█", "") else ""
        label = name.removeprefix("user_").removesuffix("_distribution").removesuffix("_per_example")
        plural = label.replace("_", " ") + ("" if label.endswith("s") else "s")
        yield plural, "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + drawn


def bars(distribution: Any) -> str:
    """The buckets as bars, each where it lies between min and max: the service leaves empty ones out."""
    buckets = [bucket for bucket in distribution.buckets if bucket.count > 0]
    highest = max((bucket.count for bucket in buckets), default=0)
    if not highest:
        return ""
    width = max((distribution.max - distribution.min + 1) / 6, 1e-9)  # the service's answers have six of equal width
    drawn = [" "] * 6
    for bucket in buckets:
        place = min(max(int((bucket.left - distribution.min) / width + 0.5), 0), 5)
        drawn[place] = BARS[min(int(bucket.count / highest * len(BARS)), len(BARS) - 1)]
    return "".join(drawn).rstrip()


def print_job(
    output: Output,
    job: TuningJob,
    *,
    link: str | None = None,
    advice: tuple[str, str] | None = None,
    estimate: Sequence[tuple[str, str]] = (),
) -> None:
    """Writes the screen of a job to stdout.

    Args:
        output: The streams.
        job: The job.
        link: Its page in the console.
        advice: What to do next, and the command for it.
        estimate: What it was estimated to cost, as lines of a label and a text.
    """
    costs = Section("Cost", list(estimate))
    made = [*job_sections(job, human=output.interactive, symbol=output.symbol), costs]
    sections = [section for section in made if section.lines]
    name = one_line(job.tuned_model_display_name)
    width = max((len(label) for section in sections for label, _ in section.lines), default=0)
    if not output.interactive:
        output.data(f"{'name':<{width}}  {clean(job.name)}")
        if name:
            output.data(f"{'display name':<{width}}  {name}")
        for section in sections:
            for label, value in section.lines:
                output.data(f"{label:<{width}}  {value}".rstrip())
        return
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
        print_lines(console, section.lines, width)
    if advice:
        console.print()
        console.print(Text(command_line(*advice, console.width), style="dim"), soft_wrap=True)


def print_lines(console: Console, lines: list[tuple[str, str]], width: int) -> None:
    """Writes labels and values in two columns; `width` is the labels'.

    Sentences are wrapped beside their label. A name is never broken: the terminal wraps it, it is whole when copied.
    """
    from rich.text import Text

    indent = width + 4
    for label, value in lines:
        room = console.width - indent
        parts = (
            wrap(value, room, break_long_words=False, break_on_hyphens=False) if " " in value and room > 20 else [value]
        )
        if not label:  # the head of a table below it
            parts = [value]
        elif value.startswith("gemtune "):  # a command is there to be copied
            parts = [value if len(value) <= room else f"\n    {value}"]
        text = Text.assemble((f"  {label:<{width}}  ", "dim"), (f"\n{' ' * indent}".join(parts), _style(label, value)))
        console.print(text, soft_wrap=True)


def _style(label: str, value: str) -> str:
    if label == "state":
        return STATE_STYLES.get(value.partition(" ")[0], "")
    return "red" if label == "error" else ""
