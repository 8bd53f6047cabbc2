"""Nobody waits in silence: what a run is doing is said while it does it, and what it talks to."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from gemtune.cli import run
from gemtune.flows.driver import Clock
from tests.support.commandline import COMMAND, Ran, process, terminal

Gemtune = Callable[..., Ran]

RESUME = r"to find out: gemtune resume [0-9a-f-]{36} --project \S+ --location us-central1"


def faults(service: str, *names: str, rpc: str = "CreateTuningJob") -> None:
    """The next calls of an rpc fail so."""
    import json
    import os

    body = json.dumps({"everyone": True, "instructions": {rpc: list(names)}}).encode()
    url = f"http://{os.environ['GEMTUNE_EMULATOR_HOST']}/retry_test"
    urllib.request.urlopen(urllib.request.Request(url, body, {"content-type": "application/json"})).close()
    assert service


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that sleeps take no real time of; the sleeps."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)

    import time

    monkeypatch.setattr(
        "gemtune._client_base.Clock", lambda: Clock(now=lambda: time.monotonic() + sum(slept), sleep=sleep)
    )
    return slept


@pytest.mark.parametrize(
    "fault",
    ["return-503", "return-500", "return-503-after", "return-reset-connection", "return-reset-connection-after"],
)
def test_a_create_in_doubt_says_so_in_a_pipe_and_how_to_come_back(
    fault: str, slow: str, quick: list[float], gemtune: Gemtune, spec: str
) -> None:
    faults(slow, fault)
    ran = gemtune("create", "-f", spec)
    assert ran.status == 0
    assert re.fullmatch(r"projects/\d+/locations/us-central1/tuningJobs/\d+\n", ran.out)
    valid, submitting, doubt, back, looking, *rest = ran.err.splitlines()
    assert valid.startswith("spec is valid: ")
    assert submitting == "submitting to demo in us-central1"
    assert doubt.endswith("; it is not known whether the job was created")
    assert re.fullmatch(rf"  stopping is safe; {RESUME}", back)
    assert looking == "looking for the job for up to 30 s, before it may be sent again"
    assert rest in ([], ["no job appeared; sending it again"])


def test_what_is_said_comes_before_the_first_byte_leaves(
    service: str, spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def send(*_: object, **__: object) -> None:
        said.append(capsys.readouterr().err)
        raise KeyboardInterrupt

    said: list[str] = []
    monkeypatch.setattr("gemtune.transport.rest.RestTransport.send", send)
    assert run(["create", "-f", spec]) == 130
    assert "spec is valid: " in said[0]
    assert f"submitting to {service} in us-central1" in said[0]


def test_on_a_terminal_the_phases_are_there_before_the_answer(service: str, spec: str) -> None:
    faults(service, "stall-for-3")
    with terminal("create", "-f", spec, width=100) as screen:
        text = screen.wait_for(r"submitting to")
        assert re.search(r"✓ spec is valid ", text)
        assert "✓ submitted" not in text
        assert screen.end() == 0
        assert "✓ submitted" in screen.text


def test_a_slow_answer_is_waited_for_aloud(slow: str) -> None:
    faults(slow, "stall-for-3", rpc="ListTuningJobs")
    import subprocess

    done = subprocess.run([*COMMAND, "list", "--project", "p"], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.count("waiting for the response to ListTuningJobs ...\n") == 1
    faults(slow, "stall-for-2", rpc="ListTuningJobs")
    assert "waiting" not in process("list", "--project", "p", "-q").err


def test_the_log_is_written_above_the_line_that_moves(service: str, spec: str) -> None:
    with terminal("create", "-f", spec, "--wait", "-v", "--poll-interval", "100ms", width=200) as screen:
        assert screen.end() == 0
        lines = screen.text.splitlines()
    logged = [line for line in lines if "GetTuningJob" in line]
    assert logged
    for line in logged:  # each whole, and on a line of its own
        assert re.search(r'^\s*\d\d:\d\d:\d\d GetTuningJob "GET /v1/\S+ HTTP/1.1" 200 in [\d.]+ s, attempt 1$', line)
    assert len(logged) == len({line.strip() for line in logged}) or len(logged) > 1


def test_verbose_says_a_thing_once(slow: str, quick: list[float], gemtune: Gemtune) -> None:
    faults(slow, "return-503", "return-503", rpc="ListTuningJobs")
    ran = gemtune("list", "-v")
    assert ran.status == 0
    assert len(re.findall(r"ListTuningJobs \"GET .*\" 503 UNAVAILABLE in", ran.err)) == 2
    assert len(re.findall("is tried again", ran.err)) == 2
    assert "trying again" not in ran.err
    assert "urllib3" not in ran.err


@pytest.mark.parametrize(
    ("args", "environ", "said"),
    [
        (["list"], {}, "emulator HOST · location us-central1 (the default)"),
        (["list", "--location", "europe-west4"], {}, "emulator HOST"),
        (["list"], {"GOOGLE_CLOUD_LOCATION": "europe-west4"}, "emulator HOST"),
        (["get", "projects/p/locations/us-central1/tuningJobs/1"], {}, "emulator HOST"),
        (["get", "1"], {}, "emulator HOST · location us-central1 (the default)"),
        (["list", "--endpoint", "http://HOST", "--location", "us-east1"], {}, ""),
        (["list", "-q"], {}, ""),
    ],
)
def test_where_calls_go_is_said_where_the_command_line_does_not(
    args: list[str],
    environ: dict[str, str],
    said: str,
    slow: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = slow.removeprefix("http://")
    for name, value in {"GOOGLE_CLOUD_PROJECT": "p", **environ}.items():
        monkeypatch.setenv(name, value)
    run([arg.replace("HOST", host) for arg in args])
    where = [line for line in capsys.readouterr().err.splitlines() if re.match("emulator|location|endpoint", line)]
    assert where == ([said.replace("HOST", host)] if said else [])


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("us-central1-a", "us-central1-a is a zone; its region is us-central1"),
        ("us-cental1", "us-cental1 is not a location that is known; did you mean us-central1?"),
        ("us-centrall", "us-centrall is not a location that is known; did you mean us-central1?"),
        ("us-east2", "us-east2 is not a location that is known; known are us-east1, us-east4, us-east5"),
        ("mars-1", "mars-1 is not a location that is known; known are us-central1, europe-west4,"),
        ("all", "all is not a location that is known; known are us-central1, europe-west4,"),
    ],
)
def test_a_location_that_is_probably_none_is_told_and_used(
    location: str, said: str, service: str, gemtune: Gemtune, spec: str
) -> None:
    text = Path(spec).read_text()
    Path(spec).write_text(text.replace("gemini-3.5-flash", "gemini-2.5-flash"))  # whose regions are not known
    for command in (["list"], ["create", "-f", spec, "--dry-run"]):
        ran = gemtune(*command, "--location", location)
        assert ran.status == 0
        assert ran.err.count(f"warning: {said}") == 1
    checked = gemtune("validate", spec, "--location", location)
    assert checked.status == 0
    sentence, _, remedy = said.partition("; ")
    assert f"warning[location-unknown]: {sentence}\n" in checked.err
    assert remedy in checked.err
    assert "location" not in gemtune("list", "--location", "europe-west12").err.split("in europe")[0]
