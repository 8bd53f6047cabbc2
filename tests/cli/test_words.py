"""The pieces: lengths of time, names of flags, tables that fit, bars, what is safe to print."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import click
import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from gemtune import TuningJob, from_json
from gemtune.cli.commands import COMMAND_GUESSES, OPTION_GUESSES
from gemtune.cli.create import create
from gemtune.cli.fields import ALSO, HELP, field_flags, field_options
from gemtune.cli.job_text import base_model, failure, summary, unknown_of
from gemtune.cli.listing import _cut, _fitted
from gemtune.cli.output import Output, clean, duration_text, one_line, shorten
from gemtune.cli.params import DURATION, LabelsType
from gemtune.cli.session import Session
from gemtune.cli.show import job_sections
from gemtune.names import OWN_LABELS

ANSWER = Path(__file__).parents[1] / "data" / "answers" / "job-failed-1.5-pro.json"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("5", 5), ("0.25", 0.25), ("2m", 120), ("90min", 5400), ("1h30m", 5400), ("1h 30m", 5400),
     ("1d", 86400), ("0", 0)],
)  # fmt: skip
def test_a_length_of_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "s", "5x", "-5s", "1h30", "5 5", "1e3", "½h", "nan", "10000d", "5ss"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.52, "0.5 s"), (4.6, "5 s"), (89, "89 s"), (1860, "31 min"), (7200, "2 h"), (7500, "2 h 5 min"),
     (5 * 86400, "5 d"), (800 * 86400, "2 y"), (-3, "0.0 s")],
)  # fmt: skip
def test_a_length_of_time_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.text())
def test_nothing_that_is_printed_steers_a_terminal(text: str) -> None:
    assert all(c.isprintable() for c in clean(text))
    assert len(clean(text)) == len(text)
    assert "\n" not in one_line(text)


@given(st.text(min_size=1), st.integers(2, 40))
def test_what_is_shortened_fits_and_keeps_its_end(text: str, width: int) -> None:
    short = shorten(text, width)
    assert len(short) <= width
    if len(text) > width:
        assert "…" in short
        assert short.endswith(text[-((width - 1) * 2 // 3) :] if (width - 1) * 2 // 3 else "…")


CELLS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=60)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5), st.integers(46, 200))
def test_a_table_is_never_wider_than_the_terminal(rows: list[tuple[str, str, str]], room: int) -> None:
    lines = [["1" * 19, "SUCCEEDED", model, name, "2 h", "31 min", error] for model, name, error in rows]
    widths = _fitted([["ID", "STATE", "MODEL", "NAME", "AGE", "TOOK", ""], *lines], room)
    shown = [width for width in widths if width]
    assert sum(shown) + 2 * (len(shown) - 1) <= room
    assert widths[0] == 19
    assert widths[1] == 9


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(4, 40), st.booleans())
def test_a_cell_takes_its_width_whatever_it_is_written_in(text: str, width: int, end: bool) -> None:
    assert cell_len(_cut(text, width, end=end)) == width


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
        st.from_regex(r"[a-z0-9_=-]{0,8}", fullmatch=True),
        min_size=1,
    )
)
def test_labels_are_read_as_they_were_written(labels: dict[str, str]) -> None:
    assert LabelsType().convert(",".join(f"{k}={v}" for k, v in labels.items()), None, None) == labels


# -- flags ----------------------------------------------------------------------------------------------------------


def test_every_scalar_that_a_user_may_set_is_a_flag_with_a_help_of_ours() -> None:
    flags = {flag.name: flag for flag in field_flags()}
    assert {"--base-model", "--training-dataset-uri", "--epoch-count", "--adapter-size", "--labels"} <= flags.keys()
    assert not {"--name", "--state", "--experiment", "--satisfies-pzi"} & flags.keys()
    assert all(flag.field.name in HELP for flag in flags.values())


def test_no_two_options_of_create_have_a_name_in_common() -> None:
    names = [name for param in create.params for name in [*param.opts, *param.secondary_opts]]
    assert len(names) == len(set(names))


def test_the_tables_of_other_names_name_what_there_is() -> None:
    fields = {flag.field.name for flag in field_flags()}
    assert ALSO.keys() <= fields
    known = {name for param in create.params for name in param.opts}
    assert not OPTION_GUESSES.keys() & known  # a guess that is an option would never be reached
    assert set(COMMAND_GUESSES.values()) <= {"create", "get", "list", "wait", "cancel", "emulator"}


def test_help_shows_an_options_own_names_alone() -> None:
    option = next(o for o in field_options() if "--base-model" in o.opts)
    assert "--source-model" in option.opts
    record = option.get_help_record(click.Context(create))
    assert record
    assert record[0] == "--base-model MODEL"


# -- a job on the screen --------------------------------------------------------------------------------------------


@pytest.fixture
def failed() -> TuningJob:
    """A real answer of the service."""
    return from_json(ANSWER.read_text(), TuningJob)


def lines_of(job: TuningJob, *, human: bool) -> dict[str, str]:
    sections = job_sections(job, human=human, symbol=lambda character, _: character)
    return {label: value for section in sections for label, value in section.lines}


def test_a_real_answer_is_shown_with_its_reason_and_a_remedy(failed: TuningJob) -> None:
    lines = lines_of(failed, human=True)
    assert lines["error"].startswith("Failed to create endpoint.")
    assert lines["error"].endswith("(INTERNAL)")
    assert "deploy" in lines["remedy"]
    assert lines["took"] == "32 min"
    assert lines["size"] == "500 examples · 255,243 billable tokens"


def test_bars_stand_where_their_buckets_lie(failed: TuningJob) -> None:
    lines = lines_of(failed, human=True)
    assert lines["input tokens"].endswith("  █▄▁▁ ▁")  # the fifth of six buckets is empty, and left out of the answer
    assert lines["messages"].endswith("  █")


def test_in_a_pipe_there_are_no_bars_and_no_separators(failed: TuningJob) -> None:
    lines = lines_of(failed, human=False)
    assert lines["size"] == "500 examples · 255243 billable tokens"
    assert re.fullmatch(r"[\d. ]+", lines["input tokens"])
    assert lines["created"] == "2024-11-03T21:08:07.734198Z"


def test_a_service_with_a_new_error_code_or_state_is_still_shown() -> None:
    job = TuningJob()
    job.error.code, job.error.message = 99, "new\tand\nodd"
    assert failure(job) == "new and odd (99)"


def test_a_job_from_a_tuned_model_says_which() -> None:
    job = TuningJob()
    job.pre_tuned_model.tuned_model_name = "projects/1/locations/l/models/77@2"
    job.supervised_tuning_spec.hyper_parameters.epoch_count = 1
    assert base_model(job) == "77@2"
    assert summary(job) == "77@2 · 1 epoch"


def test_labels_of_gemtunes_own_are_not_among_the_users(failed: TuningJob) -> None:
    for label in OWN_LABELS:
        failed.labels[label] = "x"
    failed.labels["team"] = "search"
    assert lines_of(failed, human=True)["labels"] == "team=search"


# -- streams --------------------------------------------------------------------------------------------------------


class Ascii(io.TextIOWrapper):
    """A stream that knows ASCII alone."""


def test_a_stream_without_unicode_gets_exact_data_in_ascii() -> None:
    session = Session(output_format="json")
    raw = io.BytesIO()
    session.output = Output(session)
    session.output.out = io.TextIOWrapper(raw, encoding="ascii")
    session.output.message(TuningJob(description="größer ✓"))
    session.output.out.flush()
    assert json.loads(raw.getvalue()) == {"description": "größer ✓"}


def test_what_came_in_binary_and_has_no_name_is_told_by_its_number() -> None:
    job = TuningJob.FromString(b"\x0a\x01a" + b"\xf8\x07\x01")  # name: "a", and a field 127
    job.tuned_model.MergeFromString(b"\xf8\x07\x01")
    assert unknown_of(job) == ["the job: data of the unknown field 127", "tunedModel: data of the unknown field 127"]
