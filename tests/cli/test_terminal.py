"""What a person sees: a real terminal, its width, NO_COLOR and TERM=dumb."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable

import pytest

from tests.support.commandline import Ran, terminal

Gemtune = Callable[..., Ran]

ESCAPE = b"\x1b["
RFC3339 = r"\d{4}-\d\d-\d\dT"


def test_a_job_is_followed_live_and_ends_with_its_model(service: str, spec: str) -> None:
    with terminal("create", "-f", spec, "--wait") as screen:
        assert screen.end() == 0
        text = screen.text
    assert re.search(r"✓ spec is valid +\S*spec.yaml\s+· sha256:[0-9a-f]{8}…", text)
    assert re.search(r"✓ submitted +tuningJobs/\d+ · us-central1", text)
    assert "gemini-3.5-flash · 4 epochs · rank 4 (ADAPTER_SIZE_FOUR)" in text
    assert "Ctrl-C leaves the job running" in text
    assert re.search(r"✓ SUCCEEDED in [\d.]+ s\n +model +projects/\d+/\S+@1\n +endpoint +projects/", text)
    assert not re.search(RFC3339, text)  # a person is told how long, not when


def test_colour_is_for_terminals_that_want_it(service: str, spec: str, gemtune: Gemtune) -> None:
    assert "\x1b" not in gemtune("create", "-f", spec).out
    with terminal("create", "-f", spec) as screen:
        screen.end()
        assert b"\x1b[32m" in screen.written  # green
    with terminal("create", "-f", spec, NO_COLOR="1") as screen:
        screen.end()
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7]", screen.written)


def test_a_dumb_terminal_gets_lines_in_place_of_a_spinner(service: str, spec: str) -> None:
    with terminal("create", "-f", spec, "--wait", TERM="dumb") as screen:
        assert screen.end() == 0
        assert ESCAPE not in screen.written
        assert "✓" not in screen.text
        assert screen.text.count("SUCCEEDED") == 1


def test_q_leaves_the_name_and_the_end(service: str, spec: str) -> None:
    with terminal("create", "-f", spec, "--wait", "-q") as screen:
        assert screen.end() == 0
        assert re.match(r"projects/\d+/locations/us-central1/tuningJobs/\d+\n✓ SUCCEEDED", screen.text)


def test_control_c_puts_the_cursor_back_and_says_how_to_come_back(slow: str, spec: str, gemtune: Gemtune) -> None:
    name = gemtune("create", "-f", spec).out.strip()
    with terminal("wait", name) as screen:
        screen.wait_for(r"(PENDING|RUNNING) +00:00:0")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        assert f"come back with: gemtune wait {name.rpartition('/')[2]} --location us-central1" in screen.text
        assert screen.written.rfind(b"\x1b[?25h") > screen.written.rfind(b"\x1b[?25l")


def test_a_job_that_was_cancelled_ends_with_a_cross_and_status_1(service: str, spec: str, gemtune: Gemtune) -> None:
    name = gemtune("create", "-f", spec).out.strip()
    gemtune("cancel", name, "--wait")
    with terminal("wait", name) as screen:
        assert screen.end() == 1
        assert re.search(r"✗ CANCELLED after .*\n +more +gemtune get", screen.text)  # it needs no reason
        assert "error:" not in screen.text  # it has just been said


@pytest.mark.parametrize("width", [50, 80, 120])
def test_a_list_fits_the_terminal_and_never_cuts_an_id(width: int, service: str, gemtune: Gemtune, spec: str) -> None:
    name = gemtune("create", "-f", spec, "--display-name", "a name that is rather longer than any terminal " * 2)
    with terminal("list", width=width) as screen:
        assert screen.end() == 0
        lines = screen.text.rstrip("\n").split("\n")
    assert name.out.strip().rpartition("/")[2] in lines[1]
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
def test_a_table_of_models_fits_the_terminal_and_explains_itself(width: int) -> None:
    for args in (["models"], ["models", "--all"]):
        with terminal(*args, width=width) as screen:
            assert screen.end() == 0
            lines = screen.text.rstrip("\n").split("\n")
        table = lines[: next(i for i, line in enumerate(lines) if line.startswith("? means not documented"))]
        assert all(len(line) <= max(width, 59) for line in table)  # the model, its ranks and whether it is offered
        assert "--all" in lines[-1] or args[1:]


def test_a_narrow_screen_breaks_no_word(service: str, spec: str) -> None:
    with terminal("create", "-f", spec, width=50) as screen:
        assert screen.end() == 0
        text = screen.text
    assert "· rank 4\n  (ADAPTER_SIZE_FOUR)\n" in text
    assert re.search(r"  follow it with:\n    gemtune wait \d+ --location us-central1\n", text)


def test_control_c_has_its_sentence_on_a_line_of_its_own(spec: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with terminal("create", "-f", spec, "--project", "p", "--endpoint", url) as screen:
            connection, _ = silent.accept()
            with connection:
                connection.recv(65536)
                screen.process.send_signal(signal.SIGINT)
                assert screen.end() == 130
        assert "\ninterrupted; it is not known whether the job was created\n" in screen.text


def test_a_job_that_was_found_is_not_called_submitted(service: str, spec: str, gemtune: Gemtune) -> None:
    gemtune("create", "-f", spec, "--wait")
    with terminal("create", "-f", spec, "--once") as screen:
        assert screen.end() == 0
        assert re.search(r"✓ found +tuningJobs/\d+", screen.text)
        assert "✓ submitted" not in screen.text
        assert re.search(r"see it with: gemtune get \d+", screen.text)


def test_get_is_a_screen_with_the_ways_of_a_person(service: str, gemtune: Gemtune, spec: str) -> None:
    name = gemtune("create", "-f", spec, "--wait", "-q", "-o", "json")
    job_id = re.search(r"tuningJobs/(\d+)", name.out)
    assert job_id
    with terminal("get", job_id[1], width=100) as screen:
        assert screen.end() == 0
        text = screen.text
    assert text.startswith("summaries v2  SUCCEEDED\n")
    assert re.search(r"created +[\d.]+ s ago · \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)
    assert re.search(r"size +500 examples · \d{3},\d{3} billable tokens", text)
    assert re.search(r"input tokens .*  █[▁-█ ]+\n", text)


def test_json_on_a_terminal_is_json(service: str, spec: str) -> None:
    with terminal("list", "-o", "json") as screen:
        assert screen.end() == 0
        assert screen.text == '{\n  "tuningJobs": []\n}\n'


def test_an_error_is_red_on_a_terminal(service: str) -> None:
    with terminal("get", "1") as screen:
        assert screen.end() == 1
        assert b"\n\x1b[1;31merror:\x1b[0m " in screen.written
