"""Every block of the documents is either tested or says why not."""

from __future__ import annotations

import collections
import re

import pytest

from tests.docs.blocks import blocks, pages
from tests.support.metrics import Figures

TESTED = {"python": "tests/docs/test_python.py", "sh": "tests/docs/test_shell.py", "console": "tests/docs/test_shell.py",
          "yaml": "tests/docs/test_data.py", "json": "tests/docs/test_data.py",
          "sql": "tests/store/test_sql.py",
          "typescript": "tests/interop/run.py", "go": "tests/interop/run.py"}  # fmt: skip
SHOWN = {"text"}
"""What is only looked at: output, and what people say."""

ALL = [block for page in pages() for block in blocks(page)]


def test_every_block_has_a_language_that_is_tested_or_only_shown() -> None:
    assert not [
        f"{block}: {block.language or 'no language'}" for block in ALL if block.language not in TESTED.keys() | SHOWN
    ]


def test_no_fence_is_overlooked() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        fences = len(re.findall(r"^ *(`{3,}|~{3,})", text, re.MULTILINE))
        assert fences == 2 * sum(not block.hidden for block in blocks(page)), page


def test_no_block_is_made_by_indentation() -> None:
    """Indented code has no language, so it could not be tested."""
    for page in pages():
        text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"\n\n {4,}\S.*", text), page


@pytest.mark.parametrize("language", sorted(TESTED))
def test_what_is_left_out_is_counted(language: str, figures: Figures) -> None:
    mine = [block for block in ALL if block.language == language and not block.hidden]
    left_out = [block for block in mine if block.skipped]
    reasons = collections.Counter(block.skipped for block in left_out)
    figures(f"documents: {len(mine) - len(left_out)} of {len(mine)} {language} blocks are tested")
    assert all(len(reason or "") > 10 for reason in reasons)


def test_a_comment_that_steers_nothing_is_a_mistake() -> None:
    """A comment that is misspelt would be passed over, and its block with it."""
    for page in pages():
        for comment in re.findall(r"<!--.*", page.read_text(encoding="utf-8")):
            assert re.match(r'<!-- (invisible-code-block: \w+$|skip: next, "[^"]+" -->$)', comment), (
                f"{page}: {comment}"
            )


def test_skips_belong_to_a_block() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^<!-- skip: .*\n(.*)", text, re.MULTILINE):
            assert found[1].startswith("```"), f"{page.name}: {found[0]}"
