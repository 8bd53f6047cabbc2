"""gemtune dataset convert: files in, one file out, and the rows that cannot be converted beside it."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from gemtune.cli.dataset_convert import FORMS, dataset_convert
from gemtune.cli.errors import report
from gemtune.cli.session import Session
from gemtune.dataset.shapes import SHAPES
from tests.support.commandline import Ran

GOOD = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
BAD = {"messages": [{"role": "assistant", "content": "a"}]}
ROW = {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]}


@pytest.fixture
def convert(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """The command in this process, in a directory of its own."""
    monkeypatch.chdir(tmp_path)

    def go(*args: str) -> Ran:
        session = Session()
        try:
            group = click.Context(click.Group("dataset"), info_name="gemtune dataset", obj=session)
            with group, dataset_convert.make_context("convert", list(args), parent=group) as ctx:
                dataset_convert.invoke(ctx)
            status = 0
        except Exception as error:
            status = report(session, error)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Ran(status, out.decode(), err.decode())

    return go


def write(name: str, *rows: Any) -> str:
    data = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows).encode()
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return name


def read(name: str) -> list[Any]:
    return [json.loads(line) for line in Path(name).read_bytes().splitlines()]


def left() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_the_forms_of_the_option_are_those_there_are() -> None:
    assert [shape.id for shape in SHAPES.values() if shape.foreign] == FORMS


def test_rows_are_converted_and_the_summary_says_what_was_done(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD | {"id": 1}, GOOD | {"id": 2}, ROW)
    ran = convert("a.jsonl", "--out", "b.jsonl")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "OpenAI chat (messages): 2 rows",
        "Gemini (contents): 1 row, which is the form wanted",
        "dropped: id (2 times)",
        "wrote 3 rows to b.jsonl",
        "checked for gemini-3.5-flash: 3 warnings",
        "to see them: gemtune dataset check b.jsonl --base-model gemini-3.5-flash",
    ]
    assert read("b.jsonl") == [ROW] * 3
    assert left() == {"a.jsonl", "b.jsonl"}
    mask = os.umask(0)
    os.umask(mask)
    assert Path("b.jsonl").stat().st_mode & 0o777 == 0o666 & ~mask


def test_rows_that_cannot_be_converted_are_beside_it_and_the_status_is_2(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD, BAD, "no json\n")
    ran = convert("a.jsonl", "--out", "b.jsonl")
    assert ran.status == 2
    assert ran.err.splitlines()[-3:] == [
        "error: 2 rows of 3 could not be converted; b.jsonl.rejects.jsonl has them, with the reasons",
        "  a.jsonl:2: messages[0].content is the model's, and a Gemini row begins with a turn of the user",
        "  a.jsonl:3: the row is not JSON: Expecting value: line 1 column 1 (char 0)",
    ]
    assert read("b.jsonl") == [ROW]
    rejects = read("b.jsonl.rejects.jsonl")
    assert [(r["file"], r["line"]) for r in rejects] == [("a.jsonl", 2), ("a.jsonl", 3)]
    assert rejects[0]["row"] == BAD
    assert rejects[1]["text"] == "no json"


def test_many_rejects_are_named_up_to_five(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", *[BAD] * 8)
    ran = convert("a.jsonl", "--out", "b.jsonl", "--rejects", "r.jsonl", "-q")
    assert ran.status == 2
    assert ran.err.splitlines()[0] == "error: 8 rows of 8 could not be converted; r.jsonl has them, with the reasons"
    assert ran.err.splitlines()[-1] == "  and 3 more"
    assert left() == {"a.jsonl", "r.jsonl"}


def test_several_files_compressed_ones_and_arrays(convert: Callable[..., Ran]) -> None:
    write("a.jsonl.gz", GOOD)
    write("b.json", json.dumps([{"instruction": "q", "output": "a"}] * 2, indent=2))
    ran = convert("a.jsonl.gz", "b.json", "--out", "c.jsonl")
    assert (ran.status, read("c.jsonl")) == (0, [ROW] * 3)


def test_standard_input_and_output(convert: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(GOOD).encode())))
    ran = convert("-", "--out", "-", "--rejects", "r.jsonl", "--from", "openai")
    assert ran.status == 0
    assert json.loads(ran.out) == ROW
    assert "wrote 1 row to standard output" in ran.err
    assert left() == set()


def test_pairs_are_checked_as_preference_data(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b"})
    ran = convert("a.jsonl", "--out", "b.jsonl")
    assert ran.err.splitlines()[-1] == (
        "to see them: gemtune dataset check b.jsonl --base-model gemini-3.5-flash --job preference"
    )


def test_a_report_for_a_program(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD | {"id": 1}, BAD)
    ran = convert("a.jsonl", "--out", "b.jsonl", "-o", "json")
    assert ran.status == 2
    assert json.loads(ran.out) == {
        "out": "b.jsonl",
        "rejects": "b.jsonl.rejects.jsonl",
        "written": 1,
        "rejected": 1,
        "forms": {"openai": 1},
        "dropped": {"id": 1},
        "changed": {},
        "firstRejects": [
            {
                "file": "a.jsonl",
                "line": 2,
                "reason": "messages[0].content is the model's, and a Gemini row begins with a turn of the user",
            }
        ],
    }


def test_nothing_is_overwritten_unless_that_is_wanted(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD)
    write("b.jsonl", "old")
    write("b.jsonl.rejects.jsonl", "old")
    ran = convert("a.jsonl", "--out", "b.jsonl")
    assert ran.status == 2
    assert ran.err.startswith("error: b.jsonl is there already; --force overwrites it\n")
    assert Path("b.jsonl").read_text() == "old"
    Path("b.jsonl").chmod(0o640)
    assert convert("a.jsonl", "--out", "b.jsonl", "--force").status == 0
    assert read("b.jsonl") == [ROW]
    assert Path("b.jsonl").stat().st_mode & 0o777 == 0o640
    assert left() == {"a.jsonl", "b.jsonl"}


def test_a_file_stays_as_it_was_when_nothing_can_be_written(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", BAD)
    write("b.jsonl", "old")
    assert convert("a.jsonl", "--out", "b.jsonl", "--force").status == 2
    assert Path("b.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["a.jsonl", "--out", "-"], "--out - needs --rejects FILE, for the rows that cannot be converted"),
        (["a.jsonl", "--out", "-", "--rejects", "r", "-o", "json"], "the rows are the output"),
        (["a.jsonl", "--out", "a.jsonl", "--force"], "a.jsonl is read, and cannot be written at the same time"),
        (["a.jsonl", "--out", "b.jsonl", "--rejects", "./b.jsonl"], "--out and --rejects are the same file"),
        (["a.jsonl", "--out", "b.jsonl", "--rejects", "-"], "--rejects takes the name of a file"),
        (["-", "-", "--out", "b.jsonl"], "standard input can be read once"),
        (["a.jsonl"], "--out is missing"),
        (["--out", "b.jsonl"], "FILE... is missing"),
        (["a.jsonl", "--out", "b.jsonl", "--from", "csv"], "--from"),
        (["none.jsonl", "--out", "b.jsonl"], "none.jsonl: No such file or directory"),
        (["a.jsonl", "--out", "none/b.jsonl"], "No such file or directory"),
        (["empty.jsonl", "--out", "b.jsonl"], "there is no row in empty.jsonl, so nothing was written"),
        (["cut.gz", "--out", "b.jsonl"], "cut.gz cannot be read to its end: it is cut off"),
        (["odd.gz", "--out", "b.jsonl"], "odd.gz cannot be read to its end: Not a gzipped file"),
        (["a.jsonl", "--out", "b.jsonl", "-o", "textproto"], "a report is not a message"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_file(
    convert: Callable[..., Ran], args: list[str], sentence: str
) -> None:
    write("a.jsonl", GOOD)
    write("empty.jsonl", "\n\n")
    Path("cut.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode() * 999)[:-20])
    Path("odd.gz").write_bytes(b"abc")
    before = left()
    ran = convert(*args)
    assert ran.status == 2
    assert sentence in ran.err
    assert "internal error" not in ran.err
    assert left() == before
    assert read("a.jsonl") == [GOOD]


def test_an_interrupt_leaves_no_half_file(convert: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.jsonl", GOOD)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gemtune.dataset.converting.convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert("a.jsonl", "--out", "b.jsonl")
    assert left() == {"a.jsonl"}


def test_a_device_is_written_to_and_not_replaced(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD, BAD)
    assert convert("a.jsonl", "--out", "b.jsonl", "--rejects", os.devnull).status == 2
    assert not Path(os.devnull).is_file()
    assert read("b.jsonl") == [ROW]


def test_text_of_the_data_cannot_steer_a_terminal(convert: Callable[..., Ran]) -> None:
    write("a.jsonl", GOOD | {"\x1b[2J": 1}, {"\x1b[3J": 1})
    assert "\x1b" not in convert("a.jsonl", "--out", "b.jsonl").err
