"""What a list filter selects, and where a wrong one is wrong."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.emulator import list_filter
from gemtune.errors import InvalidArgument
from gemtune_pb.v1 import JobState, TuningJob


def job() -> TuningJob:
    job = TuningJob(
        name="projects/1/locations/us-central1/tuningJobs/7",
        tuned_model_display_name='Stats "v2" step one',
        base_model="gemini-2.5-flash",
        state=JobState.JOB_STATE_RUNNING,
        labels={"team": "search", "my-key": "a_b", "empty": "", "équipe": "x"},
    )
    job.create_time.FromJsonString("2026-11-24T10:00:00.500Z")
    job.start_time.FromJsonString("2026-11-24T10:00:01Z")
    return job


JOB = job()

TRUE = """
state=JOB_STATE_RUNNING
state="JOB_STATE_RUNNING"
  state = 'JOB_STATE_RUNNING'
state!=JOB_STATE_FAILED
labels.team="search"
labels.team=search
labels.team:search
labels.team:*
labels.team:sea*
labels:team
labels."team"="search"
labels.my-key=a_b
labels.empty:*
labels.empty=""
labels.équipe=x
labels.team!=ads
labels.nothing!=ads
NOT labels.nothing:*
-labels.nothing:*
NOT NOT labels.team:*
displayName="Stats \\"v2\\" step one"
displayName='Stats "v2" step one'
display_name:"*step*"
tunedModelDisplayName:"Stats*"
tuned_model_display_name:"*one"
displayName:*
displayName!="Stats"
baseModel=gemini-2.5-flash
base_model:gemini-*
name:"*/tuningJobs/7"
createTime>"2026-11-24T10:00:00Z"
createTime>2026-11-24T10:00:00Z
create_time>=2026-11-24T10:00:00.5Z
createTime<=2026-11-24T11:00:00.5+01:00
createTime=2026-11-24T10:00:00.500Z
createTime!=2026-11-24T10:00:00Z
createTime<2026-11-24T10:00:00.500000001Z
createTime:*
startTime>2026-01-01T00:00:00Z
NOT endTime:*
endTime!=2026-01-01T00:00:00Z
state=JOB_STATE_RUNNING AND labels.team=search
state=JOB_STATE_RUNNING labels.team=search
state=JOB_STATE_FAILED OR labels.team=search
(state=JOB_STATE_FAILED) OR (labels.team=search)
NOT (state=JOB_STATE_FAILED AND labels.team=search)
NOT(state=JOB_STATE_FAILED)AND(labels.team=search)
(((labels.team=search)))
state=JOB_STATE_RUNNING AND labels.team=ads OR labels.team=search
labels.team=search OR labels.team=ads AND labels.my-key=a_b
NOT state=JOB_STATE_FAILED OR labels.team=ads
""".strip().splitlines()

FALSE = """
state=JOB_STATE_SUCCEEDED
state!=JOB_STATE_RUNNING
labels.team=ads
labels.team=sea*
labels.team:sea
labels.nothing:*
labels.nothing=""
labels:nothing
displayName=Stats
displayName="*step*"
displayName:"*two*"
displayName:step
description:*
createTime>2026-11-24T10:00:00.5Z
createTime<2026-11-24T10:00:00.5Z
endTime<2030-01-01T00:00:00Z
endTime>2020-01-01T00:00:00Z
endTime=2020-01-01T00:00:00Z
endTime:*
NOT labels.team:*
-state=JOB_STATE_RUNNING
state=JOB_STATE_RUNNING AND labels.team=ads
state=JOB_STATE_RUNNING labels.team=ads
labels.team=search OR labels.team=ads AND labels.my-key=x
labels.my-key=x AND labels.team=ads OR labels.team=search
NOT state=JOB_STATE_RUNNING OR labels.team=ads
NOT state=JOB_STATE_RUNNING AND labels.team=search
""".strip().splitlines()


@pytest.mark.parametrize("text", ["", "   ", "\t\n", *TRUE])
def test_a_filter_selects(text: str) -> None:
    assert list_filter.parse(text)(JOB)


@pytest.mark.parametrize("text", FALSE)
def test_a_filter_leaves_out(text: str) -> None:
    assert not list_filter.parse(text)(JOB)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("state", 6, "its end was found where a comparator"),
        ("state=", 7, "its end was found where a value for state was expected"),
        ("state=RUNNING", 7, "'RUNNING' is not a state; those are JOB_STATE_QUEUED, "),
        ("state=JOB_STATE_UNSPECIFIEDX", 7, "is not a state"),
        ("state>JOB_STATE_FAILED", 6, "state cannot be compared with >; use = !="),
        ("state:JOB_STATE_FAILED", 6, "state cannot be compared with :"),
        ("colour=red", 1, "'colour' is not a field that can be filtered by; those are name, displayName, "),
        ("labels=x", 7, "labels cannot be compared with =; use :"),
        ("labels.a.b=x", 1, "'labels.a.b' is not a field"),
        ("state.x=JOB_STATE_FAILED", 1, "'state.x' is not a field"),
        ("labels.a<b", 9, "labels cannot be compared with <"),
        ("displayName>a", 12, "displayName cannot be compared with >; use = != :"),
        ("createTime>yesterday", 12, "'yesterday' is not a time of RFC 3339"),
        ("createTime>2026-11-24", 12, "is not a time of RFC 3339"),
        ("createTime:2026-11-24T00:00:00Z", 12, "with : only * (is set) may follow"),
        ("labels.a=b AND", 15, "its end was found where a field's name was expected"),
        ("labels.a=b OR OR labels.a=b", 15, "'OR labels.a=b' was found where a field's name was expected"),
        ("AND labels.a=b", 1, "was found where a field's name was expected"),
        ("(labels.a=b", 12, "its end was found where a closing parenthesis was expected"),
        ("labels.a=b)", 11, "')' does not fit; AND, OR or the end was expected"),
        ("labels.a=b(labels.c=d)", 11, "a space, AND, OR or the end was expected"),
        ("()", 2, "')' was found where a field's name was expected"),
        ('displayName="open', 13, "a quotation is not closed"),
        ("labels.a=b, labels.c=d", 11, "', labels.c=d' does not fit"),
        ("labels.a==b", 10, "'=b' was found where a value for labels.a was expected"),
        ("(" * 51 + "labels.a=b" + ")" * 51, 51, "it is nested too deeply"),
        ("NOT " * 100 + "labels.a=b", 200, "it is nested too deeply"),
        ("x" * 10_001, 10_001, "it goes on for 10001 characters"),
    ],
)
def test_a_wrong_filter_is_told_where_it_is_wrong(text: str, place: int, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        list_filter.parse(text)
    assert caught.value.message.startswith(f"Invalid filter: at character {place}, ")
    assert says in caught.value.message
    assert [violation.field for violation in caught.value.violations] == ["filter"]


# -- against a reading of our own -----------------------------------------------------------------------------------
#
# A filter is made as a tree; the tree is written down as text, and judged by itself.

Tree = tuple[Any, ...]
words = st.sampled_from(["search", "ads", "a_b", "", "x y", 'say "hi"', "a*c", "é"])
keys = st.sampled_from(["team", "my-key", "other"])
states = st.sampled_from(["JOB_STATE_RUNNING", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"])
moments = st.integers(0, 9).map(lambda second: f"2026-11-24T10:00:0{second}Z")
ordering = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])

restrictions: st.SearchStrategy[Tree] = st.one_of(
    st.tuples(st.just("label"), keys, st.sampled_from(["=", "!=", ":"]), words),
    st.tuples(st.just("label"), keys, st.just(":"), st.just("*")),
    st.tuples(st.just("state"), st.sampled_from(["=", "!="]), states),
    st.tuples(st.just("name"), st.sampled_from(["=", "!=", ":"]), words),
    st.tuples(st.just("time"), ordering, moments),
)
trees = st.recursive(
    restrictions,
    lambda inner: st.one_of(
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=8,
)
jobs = st.builds(
    lambda labels, state, name, second: TuningJob(
        labels=labels, state=JobState.Value(state), tuned_model_display_name=name, create_time={"seconds": second}
    ),
    st.dictionaries(keys, words),
    states,
    words,
    st.integers(1_795_514_400, 1_795_514_409),
)
BINDING = {"and": 0, "or": 1, "not": 2}  # OR binds tighter than AND


def write(tree: Tree, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    space = st.sampled_from(["", " "])

    def quoted(value: str) -> str:
        if value and not set(value) & set(" \"'") and draw(st.booleans()):
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def compared(field: str, comparator: str, value: str) -> str:
        return f"{field}{draw(space)}{comparator}{draw(space)}{quoted(value)}"

    def inner(tree: Tree, least: int) -> str:
        text = write(tree, draw)
        weaker = BINDING.get(tree[0], 3) < least
        return f"({text})" if weaker or draw(st.booleans()) else text

    match tree:
        case ("and", left, right):
            return inner(left, 0) + draw(st.sampled_from([" AND ", " ", "\n  AND\t"])) + inner(right, 1)
        case ("or", left, right):
            return f"{inner(left, 1)} OR {inner(right, 2)}"
        case ("not", one):
            return draw(st.sampled_from(["NOT ", "-"])) + inner(one, 2)
        case ("label", key, comparator, value):
            return compared(f"labels.{key}", comparator, value)
        case ("state", comparator, value):
            return compared("state", comparator, value)
        case ("name", comparator, value):
            return compared(draw(st.sampled_from(["displayName", "tuned_model_display_name"])), comparator, value)
        case ("time", comparator, value):
            return compared(draw(st.sampled_from(["createTime", "create_time"])), comparator, value)
    raise AssertionError(tree)


def judge(tree: Tree, job: TuningJob) -> bool:
    def wild(text: str, pattern: str) -> bool:
        return fnmatch.fnmatchcase(text, pattern)

    match tree:
        case ("and", left, right):
            return judge(left, job) and judge(right, job)
        case ("or", left, right):
            return judge(left, job) or judge(right, job)
        case ("not", one):
            return not judge(one, job)
        case ("label", key, ":", value):
            return key in job.labels and wild(job.labels[key], value)
        case ("label", key, comparator, value):
            return (job.labels.get(key) == value) == (comparator == "=")
        case ("state", comparator, value):
            return (JobState.Name(job.state) == value) == (comparator == "=")
        case ("name", ":", value):
            return bool(job.tuned_model_display_name) and wild(job.tuned_model_display_name, value)
        case ("name", comparator, value):
            return (job.tuned_model_display_name == value) == (comparator == "=")
        case ("time", comparator, value):
            moment, limit = job.create_time.seconds, 1_795_514_400 + int(value[-2])
            return {"=": moment == limit, "!=": moment != limit, "<": moment < limit, "<=": moment <= limit,
                    ">": moment > limit, ">=": moment >= limit}[comparator]  # fmt: skip
    raise AssertionError(tree)


@given(trees, jobs, st.data())
def test_a_filter_means_what_it_says(tree: Tree, job: TuningJob, data: st.DataObject) -> None:
    text = write(tree, data.draw)
    assert list_filter.parse(text)(job) == judge(tree, job), text


@given(st.text(max_size=40) | st.text("abc.:=<>!()\"'-*, ANDORT\\labelsstatecreateTime", max_size=60))
def test_any_text_is_a_filter_or_refused_with_a_sentence(text: str) -> None:
    try:
        list_filter.parse(text)(JOB)
    except InvalidArgument as error:
        assert error.message.startswith("Invalid filter: at character ")  # noqa: PT017  it may also be a filter


def test_a_glob_of_very_many_stars_is_answered() -> None:
    predicate = list_filter.parse(
        'description:"' + "*a" * 2000 + '*b"'
    )  # a regular expression would not come to an end
    assert not predicate(TuningJob(description="a" * 4000))
    assert predicate(TuningJob(description="a" * 2000 + "b"))
    assert not predicate(TuningJob(description="a" * 1999 + "b"))


@given(pattern=st.text("ab*\n", max_size=8), text=st.text("ab\n", max_size=10))
def test_a_glob_fits_what_a_regular_expression_fits(pattern: str, text: str) -> None:
    regex = ".*".join(map(re.escape, pattern.split("*")))
    assert list_filter._glob(pattern)(text) == (re.fullmatch(regex, text, re.DOTALL) is not None)
