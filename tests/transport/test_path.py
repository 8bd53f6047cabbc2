"""How far it is from a client's method to the socket: frames on the stack, files and lines on the way."""

from __future__ import annotations

import ast
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import gemtune
from tests.support.servers import answer, serving

PACKAGE = Path(gemtune.__file__).parent
NAME = "projects/p/locations/us-central1/tuningJobs/1"
JOB = answer(b'{"name": "%s"}' % NAME.encode())


def of_gemtune(frame: FrameType | None) -> list[str]:
    """The functions of gemtune on the stack, innermost first."""
    found = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if PACKAGE in path.parents:
            found.append(f"{path.stem}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    return found


def test_at_most_five_frames_are_between_a_call_and_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: list[list[str]] = []
    real = socket.socket.sendall

    def sendall(self: socket.socket, *args: Any) -> None:
        if frames := of_gemtune(sys._getframe()):
            stacks.append(frames)
        return real(self, *args)

    monkeypatch.setattr(socket.socket, "sendall", sendall)
    with serving(JOB) as server, gemtune.TuningClient("p", endpoint=server.url) as client:
        client.get_tuning_job(NAME)
    print(stacks)
    assert max(map(len, stacks)) <= 5
    assert max(stack.index("rest.RestTransport.send") for stack in stacks) <= 2  # two more below the transport's `send`


def code_lines(path: Path) -> int:
    """Lines of code: no blank ones, no comments, no docstrings."""
    text = path.read_text(encoding="utf-8")
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in documented and line.strip() and not line.strip().startswith("#"))


def test_one_call_passes_at_most_twenty_files() -> None:
    passed: set[Path] = set()

    def look(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and PACKAGE in path.parents:
            passed.add(path)

    with serving(JOB) as server, gemtune.TuningClient("p", endpoint=server.url) as client:
        client.get_tuning_job(NAME)  # what happens once has happened
        sys.setprofile(look)
        try:
            client.get_tuning_job(NAME)
        finally:
            sys.setprofile(None)
    assert len(passed) <= 20
    # HTTP/1.1 is spoken by code of ours (docs/decisions/0002): 600 of these lines, where urllib3 was. The clients' modules
    # count whole: each method of theirs is a few lines here, though no call passes them all.
    assert sum(map(code_lines, passed)) <= 3600
