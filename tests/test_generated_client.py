"""The blocking client is what tools/unasync.py makes of the asynchronous one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The two clients and the tool, in a folder of their own."""
    pytest.importorskip("ruff", reason="make lint installs ruff, which lays out what is generated")
    for name in ("tools/unasync.py", "gemtune/aio.py", "gemtune/client.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "tools" / "unasync.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_what_is_generated(copy: Path) -> None:
    assert check(copy).returncode == 0


@pytest.mark.parametrize("name", ["aio.py", "client.py"])
def test_a_change_of_one_of_them_alone_is_found(copy: Path, name: str) -> None:
    path = copy / "gemtune" / name
    path.write_text(path.read_text().replace("The current state of a job.", "A job."))
    done = check(copy)
    assert done.returncode == 1
    assert "The current state of a job." in done.stderr
    assert "change gemtune/aio.py" in done.stderr


def test_a_substitution_that_matches_nothing_is_an_error(copy: Path) -> None:
    path = copy / "gemtune" / "aio.py"
    path.write_text(path.read_text().replace("; awaited if it is a coroutine function", ""))
    assert "nothing in aio.py matches '; awaited if" in check(copy).stderr


def test_nothing_of_the_event_loop_is_left() -> None:
    text = (ROOT / "gemtune" / "client.py").read_text()
    assert not [
        word
        for word in ("async ", "await", "Async", "__a", "coroutine", "event loop")
        if word in text.replace("__all__", "")
    ]
