"""The Python blocks of the documents run, and mypy and pyright in strict mode find nothing in them."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from gemtune.testing import Emulator
from tests.docs.blocks import ROOT, Block, blocks, sections

PYTHON = sections("python")


@pytest.mark.parametrize("section", PYTHON)
@pytest.mark.usefixtures("instantly", "place")
def test_it_runs(
    section: str, service: Emulator, adapted: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "block", "service": service}
    exec("import gemtune", names)
    with asyncio.Runner() as loop:
        for block in PYTHON[section]:
            if block.skipped:
                continue
            capsys.readouterr()
            run(block, adapted(block.code), names, loop)
            if shown := output_of(block):
                assert masked(capsys.readouterr().out) == masked(shown)


def run(block: Block, code: str, names: dict[str, Any], loop: asyncio.Runner) -> None:
    """Runs a block as a file would: what it defines as a test is called, and `await` may stand outside of functions."""
    before = set(names)
    tree = compile("\n" * (block.line - 1) + code, str(ROOT / block.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if tree.co_flags & inspect.CO_COROUTINE:
        loop.run(eval(tree, names))
    else:
        exec(tree, names)
    for name in sorted(names.keys() - before):
        if name.startswith("test_"):
            names[name]()


def output_of(block: Block) -> str:
    """The text that follows a block, which is what it prints."""
    following = iter(blocks(ROOT / block.page))
    for each in following:
        if each == block:
            after = next(following, block)
            text = (ROOT / block.page).read_text(encoding="utf-8").split("\n")
            gap = text[block.line - 1 + block.code.count("\n") + 1 : after.line - 2]
            return after.code if after.language == "text" and not any(gap) else ""
    return ""


def masked(text: str) -> str:
    """A text without what differs from run to run: ids."""
    return re.sub(r"\d{6,}", "N", text)


# -- types ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A module for each section, in which each block stands on the lines that it has in its page."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for section, found in PYTHON.items():
        lines = [""] * max(block.line + block.code.count("\n") + 1 for block in found)
        lines[0] = prelude("\n".join(block.code for block in found))
        for block in found:
            code = block.code
            try:
                ast.parse(compile(code, "", "exec", ast.PyCF_ONLY_AST) and code)
                compile(code, "", "exec")
            except SyntaxError:  # `async for` outside of a function
                lines[block.line - 2] = "async def _() -> None:"
                code = textwrap.indent(code, "    ")
            lines[block.line - 1 : block.line - 1 + code.count("\n")] = code.splitlines()
        name = re.sub(r"\W+", "_", section).strip("_")
        (folder / f"{name}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def prelude(code: str) -> str:
    """What the test gives every block, as far as it is used."""
    given = []
    used = re.search(r"^(?!from |import ).*\bgemtune\.", code, re.MULTILINE)
    if used and not re.search(r"^import gemtune\b", code, re.MULTILINE):
        given.append("import gemtune")
    if re.search(r"\bservice\.", code) and "def service" not in code:
        given.append("from gemtune.testing import Emulator as _Emulator; service = _Emulator.__new__(_Emulator)")
    return "; ".join(given)


def found_by(*command: str, cwd: Path) -> str:
    if util.find_spec(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (the group `types` of pyproject.toml has it)")
    run = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_mypy_finds_nothing(written: Path) -> None:
    config = f"--config-file={ROOT / 'pyproject.toml'}"
    assert not found_by(
        "mypy",
        "--strict",
        "--untyped-calls-exclude=google",
        config,
        f"--cache-dir={ROOT / '.mypy_cache'}",
        ".",
        cwd=written,
    )


def test_pyright_finds_nothing(written: Path) -> None:
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "reportMissingTypeStubs": False,  # google.api and google.longrunning ship without any
        "reportUnknownMemberType": False,
        "reportUnknownVariableType": False,
        "reportUnknownArgumentType": False,
        "reportUnusedCoroutine": "error",
    }
    (written / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    assert not found_by("pyright", "--pythonpath", sys.executable, cwd=written)
