"""What holds for any file: a report and no exception, the same on the fast way and the slow one, however it is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from gemtune.dataset import check, check_range, finish_report
from gemtune.dataset.limits import Limits
from gemtune.dataset.partial import Partial, Segment
from gemtune.dataset.repair import repair_line
from gemtune.dataset.report import finish
from gemtune.dataset.row import check_line
from gemtune.dataset.scan import scan
from gemtune_pb.v1 import DatasetReport
from tests.dataset.rows import FILES, PAIRS, TEXTS

MODEL = "gemini-3.5-flash"


def report_of(
    data: bytes, *, job: str = "sft", quick: bool = True, block: int = 1 << 20, model: str = MODEL
) -> DatasetReport:
    limits = Limits.of(model, job)
    blocks = (data[i : i + block] for i in range(0, len(data), block))
    return finish(Partial([scan(blocks, Segment("x.jsonl", "training"), limits, quick=quick)]), limits)


@given(st.one_of(st.binary(max_size=200), FILES), st.sampled_from(["sft", "preference", "reinforcement"]))
def test_any_bytes_give_a_report(data: bytes, job: str) -> None:
    report = report_of(data, job=job)
    assert report.bytes_read == len(data)
    assert sum(report.problem_counts.values()) == report.error_count + report.warning_count >= len(report.problems)


@given(FILES, st.sampled_from([MODEL, "gemini-2.5-flash", "gemini-1.0-pro-002", "unknown-1"]))
@example(
    b'{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b","text":"\\u0022\\u0022"}]}]}\n'
    * 5,
    MODEL,
)
@example(
    (b'{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}]}\n' * 8).replace(
        b"a", b" ", 3
    ),
    MODEL,
)
def test_the_fast_way_finds_what_the_slow_one_finds(data: bytes, model: str) -> None:
    assert report_of(data, model=model) == report_of(data, model=model, quick=False)


@given(FILES, st.integers(min_value=1, max_value=300))
def test_where_blocks_end_does_not_matter(data: bytes, block: int) -> None:
    assert report_of(data, block=block) == report_of(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranges")


@given(st.data())
def test_ranges_merge_in_any_grouping(folder: Path, data: Any) -> None:
    path = folder / "x.jsonl"
    path.write_bytes(data.draw(FILES))
    size = path.stat().st_size
    cuts = sorted(data.draw(st.sets(st.integers(min_value=0, max_value=size), max_size=5)) | {0})
    parts = [
        check_range(path, start, end, base_model=MODEL) for start, end in zip(cuts, [*cuts[1:], None], strict=True)
    ]
    parts = data.draw(st.permutations(parts))
    while len(parts) > 1:
        at = data.draw(st.integers(min_value=0, max_value=len(parts) - 2))
        parts[at : at + 2] = [parts[at].merge(parts[at + 1])]
    expected = finish_report(check_range(path, base_model=MODEL), base_model=MODEL)
    assert finish_report(parts[0], base_model=MODEL) == expected


def test_processes_give_the_same_report(tmp_path: Path) -> None:
    lines = [
        json.dumps({"contents": [{"role": "user", "parts": [{"text": f"question {i % 150}"}]}, {"role": "model", "parts": [{"text": f"{i % 7}"}]}]})
        for i in range(400)
    ]  # fmt: skip
    lines[17], lines[300], lines[399] = "", "{'a'}", '{"contents": []}'
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    one = check(path, base_model=MODEL, workers=1)
    assert dict(one.problem_counts) == {"GT101": 1, "GT105": 1, "GT308": 1, "GT802": 247}
    assert check(path, base_model=MODEL, workers=3) == one


# -- what must not matter, and what must ----------------------------------------------------------------------------


def problems(line: bytes) -> list[tuple[str, str]]:
    return [(p.code, p.path) for p in check_line(line, Limits.of(MODEL)).problems]


def snaked(value: Any) -> Any:
    names = {
        "systemInstruction": "system_instruction",
        "fileData": "file_data",
        "mimeType": "mime_type",
        "fileUri": "file_uri",
    }
    if isinstance(value, dict):
        return {names.get(key, key): snaked(below) for key, below in reversed(value.items())}
    return [snaked(below) for below in value] if isinstance(value, list) else value


@given(PAIRS, st.one_of(st.none(), TEXTS), st.integers(min_value=0, max_value=3))
def test_spelling_order_and_space_do_not_matter(contents: list[Any], system: str | None, indent: int) -> None:
    row: dict[str, Any] = {"contents": contents}
    if system is not None:
        row["systemInstruction"] = {"parts": [{"text": system}]}
    plain = json.dumps(row).encode()
    other = json.dumps(snaked(row), ensure_ascii=False, indent=indent).replace("\n", " ").encode() + b" \r"
    assert [(c, p.replace("system_instruction", "systemInstruction")) for c, p in problems(other)] == problems(plain)
    facts, others = (check_line(each, Limits.of(MODEL)) for each in (plain, other))
    assert (
        (facts.keys(), facts.input_tokens) == (others.keys(), others.input_tokens)
        if not facts.failed
        else others.failed
    )


MUTATIONS = [
    ("GT301", "/contents/1/role", lambda row: row["contents"][1].update(role="assistant")),
    ("GT306", "/contents/1/role", lambda row: row["contents"].insert(1, row["contents"][0])),
    ("GT304", "/contents/2/role", lambda row: row["contents"].append(row["contents"][0])),
    ("GT404", "/contents/0/parts/0/text", lambda row: row["contents"][0]["parts"][0].update(text=4)),
    ("GT402", "/contents/1/parts", lambda row: row["contents"][1].update(parts=[])),
    ("GT408", "/contents/1/parts/0/type", lambda row: row["contents"][1]["parts"][0].update(type="text")),
    ("GT209", "/id", lambda row: row.update(id=3)),
    ("GT412", "/systemInstruction", lambda row: row.update(systemInstruction="s")),
]


@given(st.text(min_size=1, max_size=30, alphabet='abc äé"\\'), st.integers(0, 60), st.sampled_from(MUTATIONS))
def test_a_mutated_row_is_found_at_its_line_and_place(text: str, at: int, mutation: tuple[str, str, Any]) -> None:
    code, path, change = mutation
    rows = [
        {"contents": [{"role": "user", "parts": [{"text": f"{text}{i}"}]}, {"role": "model", "parts": [{"text": f"{i}{text}."}]}]}
        for i in range(61)
    ]  # fmt: skip
    change(rows[at])
    report = report_of("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert (code, at + 1, path) in {(p.code, p.line, p.path) for p in report.problems}
    assert {p.line for p in report.problems} <= {0, at + 1}


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=6, max_size=30),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(['"', '","', '"],["', "\\", "\\u0022", " ", "}", '"role": "user", ', "\n", "x"])), max_size=4),
    st.sampled_from(["", "system", "\u00fc"]),
    st.booleans(),
)  # fmt: skip
def test_rows_that_are_alike_and_a_few_broken_ones(
    texts: list[tuple[str, str]], changes: list[tuple[int, str]], system: str, compact: bool
) -> None:
    separators = (",", ":") if compact else None
    more = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    written = "".join(
        json.dumps(
            {"contents": [{"role": "user", "parts": [{"text": f"{ask}{i}"}]}, {"parts": [{"text": answer}], "role": "model"}]} | more,
            separators=separators,
        )
        + "\n"
        for i, (ask, answer) in enumerate([("first", "row"), ("second", "row"), ("third", "row"), *texts])
    )  # fmt: skip
    for at, text in changes:
        place = at % len(written)
        written = written[:place] + text + written[place:]
    data = written.encode("utf-8", "surrogatepass")
    assert report_of(data) == report_of(data, quick=False)


FULL = {
    "systemInstruction": {"role": "system", "parts": [{"text": "s"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "a"},
                {
                    "fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/a.mp4"},
                    "videoMetadata": {"startOffset": "1s", "endOffset": "2s", "fps": 1},
                    "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
                },
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            ],
        },
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "aa"}]},
        {"parts": [{"functionResponse": {"name": "f", "response": {"output": 1}}}]},
        {"role": "model", "parts": [{"text": "b"}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}, "anyOf": [{}]}}]}
    ],
    "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
    "completions": [{"score": 1, "completion": {"role": "model", "parts": [{"text": "c"}]}}, {"score": 0, "completion": {}}],
    "references": {"a": "b"},
}  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=4,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for step, below in steps for place in places(below, (*at, step)))]


ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    1e300,
    "",
    "x",
    "\u00e9",
    [],
    [1],
    [[]],
    [None],
    {},
    {"a": 1},
    {"level": []},
    {"a": {"b": []}},
]


LIMITS = {job: Limits.of(MODEL, job) for job in ("sft", "preference", "reinforcement")}
READER = pytest.importorskip("gemtune.dataset.fast").Reader(LIMITS["sft"])


@pytest.mark.parametrize("place", places(FULL)[1:], ids=str)
def test_any_value_anywhere_gives_a_report(place: tuple[Any, ...]) -> None:
    for value in ODD:
        row: Any = json.loads(json.dumps(FULL))
        inner = row
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = value
        for job, without in (
            ("sft", {"completions", "references"}),
            ("preference", {"references"}),
            ("reinforcement", {"completions"}),
        ):
            line = json.dumps({key: below for key, below in row.items() if key not in without}).encode()
            check_line(line, LIMITS[job])
            repair_line(line, LIMITS[job])
            if job == "sft" and READER.row(line) is not None:
                assert report_of(line) == report_of(line, quick=False)


@given(st.sampled_from(places(FULL)[1:]), VALUES)
def test_any_other_value_too(place: tuple[Any, ...], value: Any) -> None:
    row: Any = json.loads(json.dumps({key: below for key, below in FULL.items() if key in ("contents", "tools")}))
    inner = row
    for step in place[:-1]:
        inner = inner[step] if step in (inner if isinstance(inner, dict) else range(len(inner))) else row
    if isinstance(inner, dict):
        inner[str(place[-1])] = value
    line = json.dumps(row).encode()
    assert report_of(line) == report_of(line, quick=False)
