"""A repaired copy: what is certain is repaired, everything else stays byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BadLineError
from gemtune.dataset.repair import repair, repair_line
from gemtune.dataset.row import check_line
from gemtune.errors import DatasetError
from tests.dataset.rows import LINES

LIMITS = Limits.of("gemini-3.5-flash")
USER, MODEL = {"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}
GOOD = {"contents": [USER, MODEL]}


def repaired(row: Any) -> Any:
    line = row if isinstance(row, bytes) else json.dumps(row).encode()
    made, _ = repair_line(line, LIMITS)
    return None if made is None else json.loads(made)


@pytest.mark.parametrize(
    "row",
    [
        {"contents": [{"role": "USER", "parts": [{"text": "a"}]}, {"role": "assistant", "parts": [{"text": "b"}]}]},
        {"contents": [{"role": "user", "content": "a"}, {"role": "model", "parts": "b"}]},
        {"contents": [{"role": "user", "parts": {"text": "a"}}, {"role": "model", "parts": ["b"]}]},
        {"contents": [{"role": "user", "parts": [{"type": "text", "text": "a"}]}, MODEL]},
        {"contents": [{"role": "user", "parts": [{"text": "a"}, {"text": " "}]}, MODEL]},
        repr(GOOD).encode(),
    ],
)
def test_what_is_certain_is_repaired(row: Any) -> None:
    assert repaired(row) == GOOD


def test_other_repairs() -> None:
    assert repaired({"contents": [USER, {"role": "model", "parts": [{"text": 1.5}]}]})["contents"][1]["parts"] == [
        {"text": "1.5"}
    ]
    system = {"role": "system", "parts": [{"text": "s"}]}
    assert repaired({"contents": [system, USER, MODEL]}) == GOOD | {"systemInstruction": {"parts": [{"text": "s"}]}}
    assert repaired(GOOD | {"systemInstruction": "s"}) == GOOD | {"systemInstruction": {"parts": [{"text": "s"}]}}
    call = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": '{"a": 1}'}}]}
    assert repaired({"contents": [USER, call]})["contents"][1]["parts"][0]["functionCall"]["args"] == {"a": 1}
    media = {"role": "user", "parts": [{"fileData": {"mimeType": "image/jpg", "fileUri": "gs://b/a.jpg"}}]}
    assert repaired({"contents": [media, MODEL]})["contents"][0]["parts"][0]["fileData"]["mimeType"] == "image/jpeg"
    assert repaired(b"  ") is None


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(GOOD).encode(),
        b'{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}]}',
        b'{"messages": [{"role": "user", "content": "a"}]}',
        b'{"contents": [',
        b"\xff\xfe",
        b'{"contents": [], "contents": []}',
    ],
)
def test_everything_else_stays_as_it_is(line: bytes) -> None:
    made, changes = repair_line(line, LIMITS)
    assert (made, dict(changes)) == (line, {})


def errors(line: bytes) -> int:
    try:
        return sum(problem.severity == "error" for problem in check_line(line, LIMITS).problems)
    except BadLineError:
        return 99


@given(LINES.filter(bytes.strip) | st.binary(min_size=1).filter(lambda line: line.strip() and b"\n" not in line))
def test_a_repair_never_makes_a_row_worse_and_is_done_once(line: bytes) -> None:
    made, _ = repair_line(line, LIMITS)
    assert made is not None
    assert errors(made) <= errors(line)
    assert repair_line(made, LIMITS)[0] == made


def test_the_copy_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    source, out = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\n\n" + json.dumps(GOOD).encode())
    done = repair([str(source)], str(out), base_model="gemini-3.5-flash")
    assert (done.lines, done.rows, dict(done.changes)) == (
        3,
        2,
        {"byte order mark removed": 1, "blank line removed": 1},
    )
    assert out.read_bytes() == (json.dumps(GOOD).encode() + b"\n") * 2
    with pytest.raises(DatasetError, match="is the file that is read"):
        repair([str(source)], str(source), base_model="gemini-3.5-flash")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl", "y.jsonl"]
