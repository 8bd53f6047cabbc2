"""What is wrong outside: arguments, environment, servers. One sentence, the contract's exit status, no traceback."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from gemtune import errors
from gemtune.cli.errors import STATUS
from gemtune.cli.session import Session
from gemtune.flows.retry import Retrying
from gemtune.settings import Place, endpoint_from
from tests.support.commandline import Ran, answering, process

Gemtune = Callable[..., Ran]


def check(ran: Ran, status: int, *said: str) -> None:
    assert ran.status == status
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    for part in said:
        assert part in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["submit"], "did you mean 'create'?"),
        (["describe", "1"], "did you mean 'get'?"),
        (["lst"], "did you mean 'list'?"),
        (["xyzzy"], "the commands are create, get, list"),
        (["list", "--json"], "did you mean -o json?"),
        (["list", "--limt", "3"], "did you mean --limit?"),
        (["list", "-o", "jsno"], "'jsno' is not one of"),
        (["list", "--limit", "0"], "--limit: 0 is not in the range"),
        (["list", "extra"], "unexpected extra argument (extra)"),
        (["get"], "JOB is missing"),
        (["get", ""], "'' is empty"),
        (["get", "a/b/c"], "a job is named by its id"),
        (["wait", "1", "--timeout", "5 parsecs"], "write one like 500ms, 5s, 2m, 1h or 1h30m"),
        (["wait", "1", "--timeout", "9999999d"], "is not from 0s to a year"),
        (["list", "--location", "Europe West"], "'Europe West' is not a location"),
        (["list", "--project", "no/slash"], "'no/slash' is not a project"),
        (["list", "--endpoint", "ftp://x"], "'ftp://x' is not an endpoint"),
        (["list", "--endpoint", "http://example.com"], "credentials do not travel over plain HTTP"),
        (["list", "--transport", "pigeon"], "transport 'pigeon' is not known"),
        (["list", "--api-version", "v2"], "'v2' is not one of 'v1', 'v1beta1'"),
        (["emulator", "--port", "99999"], "--port: 99999 is not in the range"),
        (["emulator", "--job-duration", "soon"], "--job-duration: 'soon' is not a length of time"),
        (["emulator", "--gcs-root", "/no/such/directory"], "/no/such/directory"),
        ([], None),
    ],
)
def test_wrong_arguments_are_status_2(gemtune: Gemtune, args: list[str], said: str | None) -> None:
    ran = gemtune(*args)
    if said is None:
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.startswith("Usage: gemtune")
    else:
        check(ran, 2, said)


def test_a_missing_project_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    check(process("list"), 2, "GOOGLE_CLOUD_PROJECT", "--project")


def test_missing_credentials_say_how_to_get_some() -> None:
    check(process("list", "--project", "p"), 2, "gcloud auth application-default login")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:8085/v1", "it must be host:port"),
        ("8085", "a port alone; write 127.0.0.1:8085"),
        (":8085", "a port alone; write 127.0.0.1:8085"),
    ],
)
def test_a_wrong_emulator_host_is_status_2(
    host: str, said: str, gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", host)
    check(gemtune("list"), 2, said)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8085", "localhost:8085", "[::1]:8085"])
def test_this_machine_needs_a_scheme(endpoint: str, gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"write http://{endpoint} (an emulator), or https://{endpoint}"
    check(gemtune("list", "--endpoint", endpoint), 2, said)
    monkeypatch.delenv("GEMTUNE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GEMTUNE_ENDPOINT", endpoint)
    check(gemtune("list"), 2, said)


def test_the_token_of_an_emulator_comes_from_the_environment() -> None:
    environ = {"GEMTUNE_EMULATOR_HOST": "127.0.0.1:8085", "GEMTUNE_EMULATOR_TOKEN": "s3cret"}
    place = endpoint_from(None, environ)
    assert place == Place("http://127.0.0.1:8085", emulator=True, token="s3cret")
    assert "s3cret" not in repr(place)


def test_a_refused_connection_is_status_3_at_once(gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", f"127.0.0.1:{taken.getsockname()[1]}")
        check(gemtune("list"), 3, "could not be reached", "Connection refused", "gemtune emulator starts it")


def test_a_local_service_that_has_answered_before_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(endpoint="http://127.0.0.1:1")
    refused = Retrying("GetTuningJob", 1, errors.TransportError("refused", maybe_sent=False), 2.0)
    with pytest.raises(errors.TransportError):
        session.note_retry(refused)
    session.reached = True
    session.note_retry(refused)
    session.note_retry(refused)
    assert capsys.readouterr().err == "refused; trying again\n"  # once


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<html>hello</html>", "text/html"), (b'{"tuningJobs": 5}', "application/json")]
)
def test_an_answer_that_is_none_is_status_3(
    body: bytes, kind: str, gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(200, body, kind) as host:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", host)
        monkeypatch.setattr("gemtune.flows.retry.Retry.pause", lambda *_: 1e9)  # once is enough
        check(gemtune("list"), 3, "answered 200 with something that is not a ListTuningJobsResponse")


def test_an_error_of_the_service_is_put_into_words_and_kept(gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Permission 'aiplatform.tuningJobs.list' denied on resource"
    body = json.dumps({"error": {"code": 403, "message": words, "status": "PERMISSION_DENIED"}}).encode()
    with answering(403, body) as host:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", host)
        check(gemtune("list"), 1, "to fix it: ", f"the service returned: {words} (PERMISSION_DENIED)")


def test_a_servers_words_do_not_steer_the_terminal(gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(
        {"error": {"code": 400, "message": "red \x1b[31m alert\x07 \x9b31m \u202e", "status": "INVALID_ARGUMENT"}}
    ).encode()
    with answering(400, body) as host:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", host)
        ran, whole = gemtune("list"), process("list", "-v", "--project", "p", GEMTUNE_EMULATOR_HOST=host)
    assert ran.status == 1
    assert "red \ufffd[31m alert\ufffd" in ran.err
    assert not any(c in ran.err + whole.err for c in "\x1b\x07\x9b\u202e")


def test_a_proxys_error_page_is_said_to_be_one(gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(404, b"<html>nothing here</html>", "text/html") as host:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", host)
        check(gemtune("get", "1"), 1, "HTTP 404 with 25 bytes of text/html")


def test_verbose_shows_the_whole_answer() -> None:
    body = json.dumps({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}).encode()
    with answering(400, body) as host:
        ran = process("list", "-v", "--project", "p", GEMTUNE_EMULATOR_HOST=host)
    assert ran.status == 1
    assert '"status": "INVALID_ARGUMENT"' in ran.err


@pytest.mark.parametrize(
    "kind", [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.GemtuneError)]
)
def test_every_error_of_the_library_has_its_status(kind: type[errors.GemtuneError]) -> None:
    status = next(status for known, status in STATUS if issubclass(kind, known))
    says_no = issubclass(kind, (errors.ApiError, errors.JobFailed))
    no_answer = issubclass(kind, (errors.TransportError, errors.WaitTimeout, errors.InDoubt))
    assert status == (1 if says_no else 3 if no_answer else 2)


def test_a_defect_is_a_sentence_too(gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("gemtune.client.TuningClient.__init__", broken)
    check(gemtune("list"), 2, "ZeroDivisionError", "internal error", "a bug in gemtune")


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("bash", "gemtune ca", "plain,cancel"),
        ("zsh", "gemtune create --ep", "--epoch-count"),
        ("fish", "gemtune w", "plain,wait"),
    ],
)
def test_a_shell_is_told_how_to_complete(shell: str, words: str, offered: str) -> None:
    last = words.rsplit(maxsplit=1)[-1] if shell == "fish" else str(len(words.split()) - 1)
    ran = process(_GEMTUNE_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=last)
    assert offered in ran.out
    assert process(_GEMTUNE_COMPLETE=f"{shell}_source").out.strip()
