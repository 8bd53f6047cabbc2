"""A server's text cannot steer the terminal of whoever reads it: every command, every stream, a real pty."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

import gemtune
from gemtune.safe_text import line, printable
from tests.support.commandline import Ran, Terminal, answering, process, terminal
from tests.support.servers import answer, serving

Gemtune = Callable[..., Ran]

EVIL = "a\x1b]0;owned\x07b\x9b31mc\u202ed\x7fe\x00f\u2066g\x08h\u200bi"
# Where JSON is read through a header or an id, which hold ASCII alone.
HARMS = [text.encode() for text in ("\x1b]0", "\x07", "\x9b", "\u202e", "\x7f", "\x00", "\u2066", "\u200b")]
NAME = "projects/p/locations/us-central1/tuningJobs/1"
EVIL_NAME = NAME + EVIL
ENVIRON = {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "us-central1"}


def job(**fields: Any) -> bytes:
    hostile = {
        "name": NAME,
        "state": "JOB_STATE_SUCCEEDED",
        "tunedModelDisplayName": EVIL,
        "baseModel": EVIL,
        "labels": {EVIL: EVIL},
        "createTime": "2026-01-01T00:00:00Z",
        "endTime": "2026-01-01T00:01:00Z",
        "tunedModel": {"model": EVIL, "endpoint": EVIL, "checkpoints": [{"checkpointId": EVIL, "endpoint": EVIL}]},
        "description": EVIL,
        "serviceAccount": EVIL,
        "experiment": EVIL,
        "error": {"code": 3, "message": EVIL},
    }
    return json.dumps(hostile | fields).encode()


def refusal(status: str = "INVALID_ARGUMENT") -> bytes:
    detail = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": EVIL, "description": EVIL}],
    }
    return json.dumps({"error": {"status": status, "message": EVIL, "details": [detail]}}).encode()


def harms(written: bytes) -> list[bytes]:
    return [harm for harm in HARMS if harm in written]


PAGE = b'{"tuningJobs": [%s]}' % job()
ODD = job(state=f"JOB_STATE_{EVIL}")
RUNS: dict[str, tuple[int, bytes, list[str]]] = {
    **{
        f"get {form}": (200, job(), ["get", "1", *options])
        for form, options in {
            "": [], "quiet": ["-q"], "verbose": ["-v"], "json": ["-o", "json"], "yaml": ["-o", "yaml"],
            "textproto": ["-o", "textproto"], "spec": ["-o", "spec"],
        }.items()
    },
    **{f"list {form}": (200, PAGE, ["list", *options]) for form, options in {"": [], "json": ["-o", "json"], "verbose": ["-v"]}.items()},
    "a state": (200, ODD, ["get", "1"]),
    "a state in a list": (200, b'{"tuningJobs": [%s]}' % ODD, ["list"]),
    "a state to wait for": (200, ODD, ["wait", "1", "--timeout", "1"]),
    "a name": (200, job(name=EVIL_NAME), ["get", "1"]),
    "a name in a list": (200, b'{"tuningJobs": [%s]}' % job(name=EVIL_NAME), ["list"]),
    "wait": (200, job(), ["wait", "1"]),
    "wait failed": (200, job(state="JOB_STATE_FAILED"), ["wait", "1"]),
    "wait quietly": (200, job(), ["wait", "1", "-q"]),
    "wait json": (200, job(), ["wait", "1", "-o", "json"]),
    "an unknown field": (200, job(**{EVIL: EVIL}), ["get", "1"]),
    "an unknown field, verbose": (200, job(**{EVIL: EVIL}), ["get", "1", "-v"]),
    "a refusal": (400, refusal(), ["get", "1"]),
    "a refusal, verbose": (400, refusal(), ["get", "1", "-v"]),
    "a refusal that may pass": (503, refusal("UNAVAILABLE"), ["wait", "1", "--timeout", "2", "-v"]),
    "no JSON": (200, EVIL.encode(), ["wait", "1", "--timeout", "2", "-v"]),
    "another kind": (200, json.dumps([EVIL]).encode(), ["get", "1"]),
    "cancel": (200, job(), ["cancel", "1", "--wait"]),
    "resume": (200, PAGE, ["resume", "some-id", "--for", "1"]),
}  # fmt: skip


def submitted(connection: Any, heard: Any) -> None:
    """Answers a create with a job of its labels, whose name is hostile; all else with that job, or a list of it."""
    labels = json.loads(heard.body).get("labels", {}) if heard.verb == "POST" else {}
    made = job(name=EVIL_NAME, labels={**labels, EVIL: EVIL})
    connection.sendall(answer(made if heard.verb == "POST" or "/tuningJobs/" in heard.target else PAGE))


def written(screen: Terminal) -> bytes:
    """What a run writes on a terminal; one that goes on for long is interrupted."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        screen.end(10)
    if screen.process.poll() is None:
        screen.process.send_signal(signal.SIGINT)
        screen.end(30)
    return bytes(screen.written)


@pytest.mark.parametrize("run", RUNS)
def test_on_a_terminal(run: str) -> None:
    status, body, args = RUNS[run]
    with answering(status, body) as host, terminal(*args, **ENVIRON, GEMTUNE_EMULATOR_HOST=host) as screen:
        said = written(screen)
    assert said
    assert not harms(said)


@pytest.mark.parametrize(
    "options", [["--wait"], ["-q"], ["-o", "json"], ["--request-id", "some-id"], ["-v"], ["--once"]]
)
def test_a_create_on_a_terminal(options: list[str], spec: str) -> None:
    with serving(submitted) as server:
        host = server.url.removeprefix("http://")
        with terminal("create", "-f", spec, *options, **ENVIRON, GEMTUNE_EMULATOR_HOST=host) as screen:
            said = written(screen)
    assert said
    assert not harms(said)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_is_piped_is_exact_and_on_a_terminal_it_is_still_true(form: str) -> None:
    with answering(200, job()) as host:
        piped = process("get", "1", "-o", form, **ENVIRON, GEMTUNE_EMULATOR_HOST=host)
        with terminal("get", "1", "-o", form, **ENVIRON, GEMTUNE_EMULATOR_HOST=host) as screen:
            screen.end()
    import yaml

    read: Any = json.loads if form == "json" else yaml.safe_load
    assert read(piped.out)["baseModel"] == EVIL
    assert read(screen.text)["baseModel"] == EVIL
    assert "\u202e" in piped.out or form == "yaml"


def test_what_goes_to_stderr_is_harmless_in_a_pipe_too() -> None:
    with answering(400, refusal()) as host:
        ran = process("get", "1", "-v", **ENVIRON, GEMTUNE_EMULATOR_HOST=host)
    assert "owned" in ran.err
    assert not harms(ran.err.encode())


# -- programs -------------------------------------------------------------------------------------------------------------


def test_a_program_without_logging_gets_harmless_warnings() -> None:
    code = (
        "import sys, gemtune\n"
        "with gemtune.TuningClient('p', endpoint=sys.argv[1]) as client: client.get_tuning_job('1')\n"
    )
    with serving(answer(job(**{EVIL: EVIL}))) as server:
        done = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, check=True)
    assert b"does not know" in done.stderr
    assert not harms(done.stderr)


def test_records_are_harmless_whoever_writes_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gemtune")
    replies = [
        answer(refusal("UNAVAILABLE"), 503),
        answer(job(**{f"x{EVIL}": EVIL}), headers={"x-request-id": "a\x1b]0;b"}),
    ]

    def reply(connection: Any, _heard: Any) -> None:
        connection.sendall(replies.pop(0))

    with serving(reply) as server, gemtune.TuningClient("p", endpoint=server.url) as client:
        client.get_tuning_job("1")
    said = "".join(f"{record.getMessage()}{record.msg}{record.args}" for record in caplog.records)
    assert "is tried again" in said
    assert "does not know" in said
    assert not harms(said.encode())
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert not harms("".join(str(getattr(r, "request_id", "")) for r in caplog.records).encode())


def test_a_warning_of_doubles_is_harmless() -> None:
    from gemtune._client_base import single
    from gemtune.flows.submission import Created

    created = Created(gemtune.TuningJob(name="a"), doubles=(gemtune.TuningJob(name=EVIL_NAME),))
    with pytest.warns(gemtune.DuplicateSubmission) as caught:
        single(created)
    assert not harms(str(caught[0].message).encode())


def test_which_characters_are_harmless() -> None:
    for number in range(0x110000):
        character = chr(number)
        steers = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
        if steers and character not in "\n\t":
            assert printable(character) == "\ufffd", hex(number)
        elif character.isprintable():
            assert printable(character) == character
    assert line("a\r\nb\tc") == "a b c"
    assert re.fullmatch("[a\u00a0é字👩\u200d🔬]+", printable("a\u00a0é字👩\u200d🔬"))
