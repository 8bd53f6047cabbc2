"""Whole files: their encoding, their form, how many rows there are, and rows against each other."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gemtune import dataset
from gemtune.dataset import partial
from gemtune.errors import ConfigurationError, DatasetError
from gemtune_pb.v1 import DatasetReport

MODEL = "gemini-3.5-flash"


def chat(ask: str, answer: str = "ok", **more: Any) -> str:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": ask}]}, {"role": "model", "parts": [{"text": answer}]}]} | more)  # fmt: skip


def rows(count: int, answer: str | None = None) -> list[str]:
    return [chat(f"question {i}", answer or f"answer {i}") for i in range(count)]


Check = Callable[..., DatasetReport]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def go(data: bytes | Iterable[str], name: str = "x.jsonl", *, base_model: str = MODEL, **how: Any) -> DatasetReport:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else ("\n".join(data) + "\n").encode())
        return dataset.check(path, base_model=base_model, **how)

    return go


def codes(report: DatasetReport) -> dict[str, int]:
    return dict(report.problem_counts)


def lines(report: DatasetReport, code: str) -> list[int]:
    return [problem.line for problem in report.problems if problem.code == code]


# -- the file itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_one_finding(check: Check, encoding: str) -> None:
    assert codes(check(("\n".join(rows(200)) + "\n").encode(encoding))) == {"GT103": 1}


def test_another_encoding_is_found_where_it_shows(check: Check) -> None:
    report = check(
        b"\n".join([*(row.encode() for row in rows(3)), chat("caf\u00e9").replace("\\u00e9", "é").encode("latin-1")])
    )
    assert lines(report, "GT103") == [4]


@pytest.mark.parametrize(
    "text",
    [
        "[\n" + ",\n".join(rows(3)) + "\n]\n",
        json.dumps([json.loads(row) for row in rows(3)], indent=2),
        "\n".join(json.dumps(json.loads(row), indent=2) for row in rows(3)),
        "\n\n" + json.dumps(json.loads(chat("a")), indent=1),
        "[" + ",\n".join(rows(9000)) + "]",
    ],
    ids=["list over lines", "pretty list", "pretty rows", "after blank lines", "longer than what is looked at"],
)
def test_what_stands_over_several_lines_is_one_finding(check: Check, text: str) -> None:
    report = check(text.encode())
    assert codes(report) == {"GT102": 1}
    assert report.error_count == 1


def test_a_first_line_that_is_cut_off_is_no_row_over_several_lines(check: Check) -> None:
    report = check([chat("a")[:-20], *rows(3)])
    assert {code: count for code, count in codes(report).items() if code != "GT704"} == {"GT101": 1}
    assert report.example_count == 3


def test_a_byte_order_mark(check: Check) -> None:
    report = check(b"\xef\xbb\xbf" + ("\n".join(rows(100)) + "\n").encode())
    assert codes(report) == {"GT104": 1}
    assert (report.example_count, report.bytes_read) == (100, len("\n".join(rows(100)).encode()) + 4)


def test_blank_lines_count_inside_of_the_file_only(check: Check) -> None:
    assert lines(check([rows(1)[0], "", *rows(100)]), "GT105") == [2]
    assert codes(check([*rows(100), "", "  ", ""])) == {}
    assert codes(check((("\r\n").join(rows(100)) + "\r\n").encode())) == {}


@pytest.mark.parametrize("data", [b"", b"\n", b"  \n\n", b"{'a': 1}\n"])
def test_a_file_without_a_row(check: Check, data: bytes) -> None:
    assert "GT106" in codes(check(data))


def test_a_line_separator_is_no_end_of_a_line(check: Check) -> None:
    text = chat("a").replace('"a"', '"a\u2028b\u0085c"')
    assert check([text] * 1 + rows(100)).files[0].line_count == 101


# -- where files are ------------------------------------------------------------------------------------------------


def test_gzip_folders_and_patterns_are_read_and_told(check: Check, tmp_path: Path) -> None:
    data = ("\n".join(rows(100)) + "\n").encode()
    report = check(gzip.compress(data), "x.jsonl.gz")
    assert (codes(report), report.example_count, report.bytes_read) == ({"GT107": 1}, 100, len(data))
    assert report.error_count == 0
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jsonl").write_text("\n".join(chat(f"{i} {k}", f"{i} {k}") for k in range(50)), encoding="utf-8")
    for names in (folder, str(folder / "*.jsonl")):
        report = dataset.check(names, base_model=MODEL)
        assert codes(report) == {"GT107": 3}
        assert [file.example_count for file in report.files] == [50] * 3
    assert codes(dataset.check([folder / "0.jsonl", folder / "1.jsonl"], base_model=MODEL)) == {}


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(rows(100)).encode())))
    report = dataset.check("-", base_model=MODEL)
    assert (report.example_count, report.files[0].name) == (100, "<stdin>")


def test_what_cannot_be_read_is_one_sentence(check: Check, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such file"):
        dataset.check(tmp_path / "nothing.jsonl", base_model=MODEL)
    with pytest.raises(DatasetError, match="no file matches"):
        dataset.check(str(tmp_path / "*.none"), base_model=MODEL)
    with pytest.raises(DatasetError, match="is not whole"):
        check(gzip.compress(b"x" * 100_000)[:-20], "cut.jsonl.gz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"folder without a \.jsonl file"):
        dataset.check(tmp_path / "empty", base_model=MODEL)
    with pytest.raises(ConfigurationError, match="choose sft, preference or reinforcement"):
        check(rows(1), job="dpo")
    with pytest.raises(ConfigurationError, match="choose training or validation"):
        check(rows(1), role="test")


# -- how many -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with limits that a test can pass."""
    limits = "training_examples: 50, multimodal_examples: 20, training_bytes: 9000, validation_examples: 10, validation_share: 0.3"
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  gemini-3.5-flash: {{{limits}}}\n", encoding="utf-8")
    monkeypatch.setenv("GEMTUNE_MODELS", str(path))


@pytest.mark.usefixtures("small")
def test_limits_come_from_the_catalogue(check: Check) -> None:
    assert {"GT702", "GT703"} <= codes(check(rows(120))).keys()
    assert codes(check(rows(50))) == {"GT704": 1}
    media = chat("a").replace('{"text": "a"}', '{"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}')
    assert codes(check([media, *rows(19)])).keys() == {"GT704"}
    assert "GT702" in codes(check([media, *rows(20)]))


@pytest.mark.usefixtures("small")
def test_rows_for_validation(check: Check, tmp_path: Path) -> None:
    held = tmp_path / "v.jsonl"
    held.write_text("\n".join(chat(f"v {i}", f"v {i}") for i in range(11)), encoding="utf-8")
    report = check(rows(40), validation=held)
    assert "GT705" in codes(report)
    assert report.validation_stats.tuning_dataset_example_count == 11
    assert "GT705" in codes(dataset.check(held, base_model=MODEL, role="validation"))
    assert "GT704" not in codes(dataset.check(held, base_model=MODEL, role="validation"))


def test_validation_of_open_models_is_a_share_of_the_bytes(check: Check, tmp_path: Path) -> None:
    open_model = "meta/llama3_1@llama-3.1-8b-instruct"

    def messages(i: int) -> str:
        return json.dumps(
            {"messages": [{"role": "user", "content": f"{i}"}, {"role": "assistant", "content": f"{i}."}]}
        )

    held = tmp_path / "v.jsonl"
    for count, found in ((20, False), (40, True)):
        held.write_text("\n".join(messages(1000 + i) for i in range(count)), encoding="utf-8")
        report = check([messages(i) for i in range(100)], validation=held, base_model=open_model)
        assert ("GT705" in codes(report)) == found
        assert report.example_count == 100 + count


def test_few_rows(check: Check) -> None:
    assert check(rows(99)).warning_count == 1
    assert check(rows(100)).warning_count == 0
    assert check(rows(15), base_model="gemini-1.0-pro-002").error_count == 1
    assert check(rows(16), base_model="gemini-1.0-pro-002").error_count == 0


def test_more_than_a_tenth_with_errors(check: Check) -> None:
    bad = ['{"contents": []}'] * 11
    assert "GT707" in codes(check([*bad, *rows(89)]))
    assert "GT707" not in codes(check([*bad[:10], *rows(90)]))
    assert "GT707" not in codes(check([*bad, *rows(40)]))


# -- rows against each other ----------------------------------------------------------------------------------------


def test_rows_that_are_there_twice(check: Check) -> None:
    report = check([*rows(100), rows(8)[7], chat("question 9", "other")])
    assert codes(report) == {"GT801": 1, "GT802": 1}
    assert lines(report, "GT801") + lines(report, "GT802") == [101, 102]
    assert "line 8" in report.problems[0].message


def test_the_same_row_in_another_spelling(check: Check) -> None:
    one = chat("a", systemInstruction={"parts": [{"text": "s"}]})
    two = '{"system_instruction":{"role":"system","parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"\\u0061"}],"role":"user"},{"parts":[{"text":"ok"}],"role":"model"}]}'
    assert "GT801" in codes(check([one, two]))
    assert "GT801" not in codes(check([one, chat("a")]))


def test_validation_rows_in_the_training_file(check: Check, tmp_path: Path) -> None:
    held = tmp_path / "v.jsonl"
    held.write_text("\n".join([chat("new"), rows(5)[4], chat("question 3", "other")]), encoding="utf-8")
    report = check(rows(100), validation=held)
    assert [(p.file, p.line) for p in report.problems if p.code == "GT803"] == [(str(held), 2)]


def test_one_answer_in_nearly_all_rows(check: Check) -> None:
    assert "GT804" in codes(check([*rows(196, "same"), *rows(200)[196:]]))
    assert "GT804" not in codes(check([*rows(150, "same"), *rows(200)[150:]]))
    assert "GT804" not in codes(check(rows(60, "same")))


def test_leftovers_of_another_preparation(check: Check) -> None:
    assert "GT807" in codes(check([chat(f"{i}\n\n###\n\n", f" {i} END") for i in range(100)]))
    assert "GT807" in codes(check([chat(f"{i}", f" {i}") for i in range(100)]))
    assert "GT807" not in codes(check([*rows(90), *(chat(f"x{i}", f" {i}") for i in range(10))]))


def test_media_resolution_is_one_value_before_gemini_3(check: Check) -> None:
    def media(i: int, level: str = "") -> str:
        part = f'{{"fileData": {{"mimeType": "image/png", "fileUri": "gs://b/{i}.png"}}}}'
        more = {"generationConfig": {"mediaResolution": f"MEDIA_RESOLUTION_{level}"}} if level else {}
        return chat("a", f"{i}", **more).replace('{"text": "a"}', part)

    some = [media(1), media(2, "LOW"), media(3, "HIGH")]
    report = check(some, base_model="gemini-2.5-flash")
    assert [(p.line, p.path) for p in report.problems if p.code == "GT508"] == [
        (2, "/generationConfig/mediaResolution")
    ]
    assert "GT508" not in codes(check(some))
    assert "GT508" not in codes(check([media(1, "LOW"), media(2, "LOW"), *rows(3)], base_model="gemini-2.5-flash"))


def test_above_the_bound_only_small_hashes_are_compared(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "MOST_ROWS", 100)
    report = check([*rows(400), *rows(400)])
    assert report.compared_share < 1
    assert 0 < codes(report)["GT801"] < 400
    monkeypatch.setattr(partial, "MOST_ROWS", 1000)
    assert codes(check([*rows(400), *rows(400)]))["GT801"] == 400


def test_many_rows_are_compared_in_slices(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    from gemtune.dataset import comparison

    whole = check([*rows(300), *rows(50)])
    monkeypatch.setattr(comparison, "_MOST_SETS", 20)
    assert check([*rows(300), *rows(50)]) == whole


# -- the report -----------------------------------------------------------------------------------------------------


def test_the_first_thousand_of_each_code_are_listed_and_all_counted(check: Check) -> None:
    report = check(['{"contents": []}'] * 1500 + rows(1))
    assert codes(report)["GT308"] == 1500
    assert lines(report, "GT308") == list(range(1, 1001))
    assert [bool(p.excerpt) for p in report.problems if p.code == "GT308"][:4] == [True, True, True, False]


def test_statistics(check: Check) -> None:
    report = check([chat("a" * 40, "b" * 8), chat("a" * 80, "b" * 16), '{"contents": []}'])
    stats = report.stats
    assert (report.example_count, report.valid_example_count, stats.tuning_dataset_example_count) == (3, 2, 2)
    assert stats.user_message_per_example_distribution.sum == 4
    assert (
        stats.total_billable_token_count
        == stats.user_input_token_distribution.sum + stats.user_output_token_distribution.sum
    )
    assert [content.role for content in stats.user_dataset_examples] == ["user", "model"] * 2


def test_an_interrupt_leaves_a_report_of_what_was_read(check: Check) -> None:
    got: list[DatasetReport] = []

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(rows(9000), on_progress=stop, on_interrupt=got.append)
    assert got[0].files[0].incomplete == "the check was interrupted"
    assert 0 < got[0].example_count < 9000


def test_parts_of_shards_merge(tmp_path: Path) -> None:
    shards = [rows(60)[:30], rows(60)[30:], [rows(1)[0]]]
    parts = [
        dataset.check_rows((line.encode() for line in shard), base_model=MODEL, name=f"{i}")
        for i, shard in enumerate(shards)
    ]
    report = dataset.finish_report(parts[2].merge(parts[0], parts[1]), base_model=MODEL)
    assert [(p.file, p.line) for p in report.problems if p.code == "GT801"] == [("2", 1)]
    assert report.example_count == 61
    with pytest.raises(ConfigurationError, match="two parts"):
        parts[0].merge(parts[0])


def test_a_compressed_file_has_no_ranges(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n"))
    assert dataset.finish_report(dataset.check_range(path, base_model=MODEL), base_model=MODEL).example_count == 1
    with pytest.raises(DatasetError, match="since it is compressed"):
        dataset.check_range(path, 10, base_model=MODEL)
