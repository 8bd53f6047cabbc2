"""The commands of the documents run, and print what is shown below them."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gemtune
from gemtune.testing import Emulator
from tests.docs.blocks import Block, sections

SHELL = sections("sh", "console")
JOB = "projects/P/locations/L/tuningJobs/123"
"""A job that exists, wherever a document names it; its id is `123`."""


@pytest.fixture
def job(service: Emulator, place: Path) -> str:
    return service.client(instant=True).create_tuning_job(gemtune.load_spec("spec.yaml")).name


@pytest.fixture
def ready(job: str, adapted: Callable[[str], str]) -> Callable[[Block], str]:
    def adapt(block: Block) -> str:
        if not shutil.which("curl") and "curl " in block.code:
            pytest.skip("curl is not installed")
        return re.sub(r"\b123\b", job.rpartition("/")[2], adapted(block.code.replace(JOB, job)))

    return adapt


@pytest.mark.parametrize("section", SHELL)
def test_commands_end_well_and_print_what_is_shown(section: str, ready: Callable[[Block], str]) -> None:
    for block in SHELL[section]:
        if block.skipped:
            continue
        code = ready(block)
        if block.language == "console":
            for command, shown in exchanges(code):
                assert masked(on_terminal(command)) == masked(shown), f"{block}: {command}"
            continue
        for command in commands(code):
            ran = subprocess.run(["sh", "-uc", command], capture_output=True, text=True, check=False, timeout=60)
            # As of diff(1): 1 says that there is a difference.
            assert ran.returncode <= ("gemtune diff" in command), f"{block}: {command}\n{ran.stdout}{ran.stderr}"


def commands(code: str) -> Iterator[str]:
    """The commands of a script, each with its continuation lines."""
    for command in re.findall(r"(?:.*\\\n)*.*\n", code):
        if command.strip() and not command.startswith("#"):
            yield command


def exchanges(code: str) -> Iterator[tuple[str, str]]:
    """The commands that stand behind a prompt, each with what is printed below it."""
    for found in re.finditer(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", code, re.MULTILINE):
        yield found[1], found[2]


def on_terminal(command: str) -> str:
    """What a command writes on a terminal of 120 columns, once it has ended."""
    primary, secondary = pty.openpty()
    termios.tcsetwinsize(secondary, (50, 120))
    environment = os.environ | {"TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(
        ["sh", "-uc", command], stdin=subprocess.DEVNULL, stdout=secondary, stderr=secondary, env=environment
    ) as process:
        os.close(secondary)
        written = b""
        with contextlib.suppress(OSError):  # its end, on Linux
            while piece := os.read(primary, 65536):
                written += piece
        os.close(primary)
        process.wait(timeout=60)
    return written.decode().replace("\r\n", "\n")


def masked(text: str) -> str:
    """A text without what differs from run to run: ids, fingerprints and white space."""
    text = re.sub(r"\b[0-9a-f]{16}\b|\d{6,}", "N", text)
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
