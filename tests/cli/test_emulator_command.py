"""`gemtune emulator`: a ready line alone on stdout, hints on stderr, a clean end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.commandline import COMMAND, process

READY = r"ready rest=(http://127\.0\.0\.1:\d+)( grpc=\S+)?\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_ready_serves_and_ends_cleanly(number: int, tmp_path: Path) -> None:
    db = tmp_path / "jobs.db"
    with subprocess.Popen(
        [*COMMAND, "emulator", "--port", "0", "--db", str(db), "--job-duration", "300ms"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        ready = re.fullmatch(READY, child.stdout.readline())
        assert ready
        url = ready[1]
        ran = process("list", "--project", "p", "--endpoint", url)
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    assert (ran.status, child.returncode, out) == (0, 0, "")
    assert f"GEMTUNE_EMULATOR_HOST={url.removeprefix('http://')}" in err
    assert f'http_options={{"base_url": "{url}"}}' in err
    assert f"jobs are kept in {db} · a job takes 0.3 s" in err
    assert "GET /v1/" in err
    assert db.exists()


def test_with_q_it_says_ready_and_nothing_else(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "emulator", "-q", "--port", "0", "--db", str(tmp_path / "jobs.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert re.fullmatch(READY, child.stdout.readline())
        child.terminate()
        assert child.communicate(timeout=20) == ("", "")


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = process("emulator", "--port", str(taken.getsockname()[1]), "--db", str(tmp_path / "jobs.db"))
    assert ran.status == 2
    assert ran.out == ""
    assert "Address already in use; an emulator may be running there already, and port 0 picks a free" in ran.err
    assert "Traceback" not in ran.err


def test_a_grpc_port_that_is_taken_is_a_sentence_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = process("emulator", "--port", "0", "--grpc-port", port, "--db", str(tmp_path / "jobs.db"))
    assert ran.status == 2
    assert ran.err.startswith(f"error: cannot listen for gRPC on 127.0.0.1 port {port}: Address already in use; ")
    assert ran.err.count("\n") == 1


def test_an_emulator_for_others_is_called_by_a_name_that_they_can_reach(tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            *COMMAND,
            "emulator",
            "--host",
            "0.0.0.0",
            "--port",
            "0",
            "--token",
            "s3cret",
            "--db",
            str(tmp_path / "jobs.db"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        _, err = child.communicate(timeout=20)
    assert f"GEMTUNE_EMULATOR_HOST={socket.gethostname()}:" in err
    assert "0.0.0.0:" not in err
    assert "GEMTUNE_EMULATOR_TOKEN" in err
    assert "s3cret" not in err


def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("this is no database, however long one reads on in it " * 100)
    ran = process("emulator", "--port", "0", "--db", str(tmp_path / "jobs.db"))
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
