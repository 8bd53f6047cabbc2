"""gemtune dataset check and gemtune explain: what a person sees, what a program gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import gemtune as package
from gemtune.dataset.rules import rules
from tests.support.commandline import SPEC, Ran, process, terminal

FILES = Path(__file__).parent.parent / "data" / "datasets"
MODEL = ("--base-model", "gemini-3.5-flash")
ROLES = str(FILES / "05-roles-wrong.jsonl")
FOREIGN = str(FILES / "03-openai-toy-chat.jsonl")
GOOD = str(FILES / "01-text-chat-good.jsonl")

Run = Callable[..., Ran]


def test_a_line_for_each_problem_in_a_pipe(gemtune: Run) -> None:
    ran = gemtune("dataset", "check", ROLES, *MODEL)
    lines = ran.out.splitlines()
    assert ran.status == 2
    assert (
        f'{ROLES}:1: error[GT301] /contents/1/role: the role is "assistant"; write user for the person\'s' in lines[1]
    )
    assert lines[-1] == "9 rows, 995 bytes: 7 errors, 5 warnings"
    assert "\x1b" not in ran.out


def test_only_warnings_are_status_0_unless_strict(gemtune: Run) -> None:
    assert gemtune("dataset", "check", GOOD, *MODEL).status == 0
    assert gemtune("dataset", "check", GOOD, *MODEL, "--strict").status == 2


def test_foreign_rows_are_one_line_with_the_command_that_converts(gemtune: Run) -> None:
    ran = gemtune("dataset", "check", FOREIGN, *MODEL)
    (line,) = [line for line in ran.out.splitlines() if "GT202" in line]
    assert "3 rows are in the form of OpenAI" in line
    assert f"gemtune dataset convert {FOREIGN} --out" in line
    report = json.loads(gemtune("dataset", "check", FOREIGN, *MODEL, "-o", "json").out)
    assert [p["line"] for p in report["problems"] if p["code"] == "GT202"] == ["1", "2", "3"]


def test_the_report_is_a_message(gemtune: Run) -> None:
    ran = gemtune("dataset", "check", ROLES, *MODEL, "-o", "json")
    report = package.from_json(ran.out, package.DatasetReport)
    assert report == package.dataset.check(ROLES, base_model="gemini-3.5-flash")
    assert json.loads(ran.out)["problems"][1]["severity"] == "ERROR"


def test_annotations_for_github(gemtune: Run) -> None:
    lines = gemtune("dataset", "check", ROLES, *MODEL, "-o", "github").out.splitlines()
    assert any(
        line.startswith(f"::error file={ROLES},line=1,title=GT301::/contents/1/role: the role is") for line in lines
    )
    assert all(line.startswith(("::error ", "::warning ")) for line in lines)


def test_sarif(gemtune: Run) -> None:
    log = json.loads(gemtune("dataset", "check", ROLES, *MODEL, "-o", "sarif").out)
    (run,) = log["runs"]
    found = next(result for result in run["results"] if result["ruleId"] == "GT301")
    assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == "GT301"
    place = found["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == (ROLES, {"startLine": 1})


def test_specs_have_both_forms_too(gemtune: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SPEC + "labelz: {}\n")
    ran = gemtune("validate", "-f", str(bad), "-o", "github")
    assert ran.status == 2
    assert f"::error file={bad},line=6,col=1,title=unknown-field::" in ran.out
    log = json.loads(gemtune("validate", "-f", str(bad), "-o", "sarif").out)
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 6,
        "startColumn": 1,
    }


def test_standard_input_and_validation(tmp_path: Path) -> None:
    ran = process("dataset", "check", "-", *MODEL, "--validation", GOOD, stdin=Path(GOOD).read_text(encoding="utf-8"))
    assert ran.status == 0
    assert ran.out.count("GT803") == 3
    assert "6 rows" in ran.out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("nothing.jsonl", *MODEL), "nothing.jsonl: there is no such file"),
        ((GOOD,), "--base-model"),
        ((GOOD, *MODEL, "--role", "validation", "--validation", GOOD), "leave out --validation"),
        ((GOOD, *MODEL, "--job", "dpo"), "dpo"),
    ],
)
def test_bad_usage_is_one_sentence(gemtune: Run, args: tuple[str, ...], sentence: str) -> None:
    ran = gemtune("dataset", "check", *args)
    assert ran.status == 2
    assert sentence in ran.err
    assert not ran.out


def test_the_page_stands_alone(gemtune: Run, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    bad = tmp_path / "<b>.jsonl"
    bad.write_text(
        '{"contents": [{"role": "<script>alert(1)</script>", "parts": [{"text": "a"}]}]}\n', encoding="utf-8"
    )
    gemtune("dataset", "check", str(bad), GOOD, *MODEL, "--html", str(out))
    page = out.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("https://www.w3.org", "")
    assert "<svg" in page
    assert "&lt;script&gt;" in page


def test_a_repaired_copy(gemtune: Run, tmp_path: Path) -> None:
    out = tmp_path / "fixed.jsonl"
    ran = gemtune("dataset", "check", ROLES, *MODEL, "--fix", str(out))
    assert "1 time: role assistant written as model" in ran.err
    before, after = Path(ROLES).read_bytes().splitlines(), out.read_bytes().splitlines()
    assert json.loads(after[1]) == {
        "contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}],
        "systemInstruction": {"parts": [{"text": "You are terse."}]},
    }
    assert after[2] == before[2], "what is not certain stays as it is"
    report = package.dataset.check(out, base_model="gemini-3.5-flash")
    assert not {"GT301", "GT302", "GT309"} & set(report.problem_counts)
    again = gemtune("dataset", "check", str(out), *MODEL, "--fix", str(out))
    assert "is the file that is read" in again.err


def test_on_a_terminal(tmp_path: Path) -> None:
    for width in (40, 80):
        with terminal("dataset", "check", ROLES, *MODEL, width=width) as screen:
            assert screen.end() == 2
            text = screen.text
        assert "error[GT301]: a role that is neither user nor model" in text
        caret = next(line for line in text.splitlines() if "^^^^^^^^^^^" in line)
        source = text.splitlines()[text.splitlines().index(caret) - 1]
        assert source[caret.index("^") :].startswith('"assistant"')
        assert len(source) <= width
        assert "tokens in" in text
        assert "9 rows, 995 bytes for gemini-3.5-flash: 7 errors, 5 warnings" in text


# -- explain --------------------------------------------------------------------------------------------------------


def test_explain(gemtune: Run) -> None:
    ran = gemtune("explain", "gt303")
    assert ran.out.startswith("GT303 (warning): a turn without a role\n")
    assert "To fix it: write role user or model" in ran.out
    assert "adapter-size (error): a rank that the base model does not take" in gemtune("explain", "adapter-size").out
    assert json.loads(gemtune("explain", "GT101", "-o", "json").out)["code"] == "GT101"
    assert "did you mean GT301?" in gemtune("explain", "GT3001").err or gemtune("explain", "GT3001").status == 2
    listed = gemtune("explain").out
    assert all(code in listed for code in rules())


def test_the_documents_have_every_rule_as_it_is() -> None:
    lines = (Path(__file__).parent.parent.parent / "docs" / "dataset.md").read_text(encoding="utf-8").splitlines()
    for rule in rules().values():
        assert (
            f"| `{rule.code}` | {rule.severity} | {rule.what} | {rule.fix} | {rule.source} |".replace("|", "|") in lines
        )
