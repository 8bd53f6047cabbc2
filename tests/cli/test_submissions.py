"""Submitting so that nothing is lost, from the command line: ids, stores, doubts and how to come back."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from gemtune import TuningJob
from gemtune.cli.session import Session
from gemtune.cli.submissions import submit
from gemtune.client import TuningClient
from gemtune.errors import InDoubt, PermissionDenied, TransportError
from gemtune.flows.retry import Retrying
from gemtune.rpc.methods import Method
from gemtune.specs import load_spec
from tests.support.commandline import COMMAND, Ran, process

Run = Callable[..., Ran]


def jobs(gemtune: Run) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(gemtune("list", "-o", "json").out)["tuningJobs"]
    return listed


def test_one_request_id_is_one_job(service: str, gemtune: Run, spec: str) -> None:
    first, second = (gemtune("create", "-f", spec, "--request-id", "nightly-7") for _ in range(2))
    assert first.status == second.status == 0
    assert first.out == second.out
    assert "not submitted again" not in first.err
    assert f"\nnot submitted again: {first.out.strip()} exists under that request id and is " in second.err
    assert len(jobs(gemtune)) == 1


def test_once_takes_the_job_of_the_same_spec(service: str, gemtune: Run, spec: str) -> None:
    first = gemtune("create", "-f", spec)
    again = gemtune("create", "-f", spec, "--once")
    assert again.out == first.out
    assert "not submitted again" in again.err
    assert re.fullmatch(r"\S+Z found \S+", gemtune("create", "-f", spec, "--once", "--wait").out.splitlines()[0])
    other = gemtune("create", "-f", spec, "--once", "--epoch-count", "9")
    assert other.out != first.out
    assert len(jobs(gemtune)) == 2


def test_resume_finds_the_job_of_an_id(service: str, gemtune: Run, spec: str) -> None:
    created = gemtune("create", "-f", spec, "--request-id", "nightly-7")
    found = gemtune("resume", "nightly-7")
    assert (found.status, found.out) == (0, created.out)
    assert json.loads(gemtune("resume", "nightly-7", "-o", "json").out)["name"] == created.out.strip()


def test_resume_sends_nothing_without_a_store(service: str, gemtune: Run) -> None:
    nothing = gemtune("resume", "nobody", "--for", "100ms")
    assert nothing.status == 1
    assert nothing.out == ""
    assert nothing.err.startswith("there is no job under that id yet; looking for up to 0.1 s\n")
    assert "no job under the request id nobody" in nothing.err
    assert "a create that was sent later" in nothing.err
    place = f"--project {service} --location us-central1"
    assert f"gemtune create -f FILE --request-id nobody {place}" in nothing.err
    assert f"--request-id=-x1 {place}" in gemtune("resume", "--for", "0", "--", "-x1").err
    assert jobs(gemtune) == []


def test_resume_finds_a_job_that_comes_late(service: str, gemtune: Run, spec: str) -> None:
    late = threading.Timer(1, lambda: process("create", "-f", spec, "--request-id", "late"))
    late.start()
    found = gemtune("resume", "late")
    late.join()
    assert found.status == 0
    assert found.out.strip() == jobs(gemtune)[0]["name"]


def test_resume_with_a_store_submits_what_never_was(
    service: str, gemtune: Run, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pytest.importorskip("gemtune.store")
    path = str(tmp_path / "store.db")
    # A process that wrote its intent long ago, and died before it sent anything.
    with store.SpecStore(path, now=lambda: 1000.0) as kept:
        kept.claim("nightly-7", project=service, location="us-central1", job=load_spec(spec), until=1050.0)
    monkeypatch.setenv("GEMTUNE_STORE", path)
    resumed = gemtune("resume", "nightly-7")
    assert resumed.status == 0
    assert resumed.out.strip() == jobs(gemtune)[0]["name"]
    assert gemtune("resume", "nightly-7").out == resumed.out
    assert len(jobs(gemtune)) == 1


def test_resume_does_not_send_what_shall_not_be_sent_again(
    service: str, gemtune: Run, spec: str, tmp_path: Path
) -> None:
    store = pytest.importorskip("gemtune.store")
    path = str(tmp_path / "store.db")
    with store.SpecStore(path, now=lambda: 1000.0) as kept:
        kept.claim("nightly-7", project=service, location="us-central1", job=load_spec(spec), until=1050.0)
    looked = gemtune("resume", "nightly-7", "--no-resend", "--store", path, "--for", "0")
    assert looked.status == 1
    assert jobs(gemtune) == []


def test_resume_submits_a_spec_that_todays_checks_refuse(service: str, gemtune: Run, tmp_path: Path) -> None:
    store = pytest.importorskip("gemtune.store")
    path = str(tmp_path / "store.db")
    old = TuningJob(base_model="gemini-3.5-flash", labels={"Team": "x"})
    with store.SpecStore(path, now=lambda: 1000.0) as kept:
        kept.claim("old", project=service, location="us-central1", job=old, until=1050.0)
    refused = gemtune("resume", "old", "--store", path)
    assert refused.status == 1  # by the service, whose word counts
    assert "the service returned" in refused.err or "INVALID_ARGUMENT" in refused.err


@pytest.mark.parametrize(
    ("request_id", "given", "store", "resend", "said"),
    [
        ("a", {}, None, True, "gemtune resume a --project p --location l"),
        ("a b", {}, None, True, "gemtune resume 'a b' --project p --location l"),
        ("-x1", {}, None, True, "gemtune resume --project p --location l -- -x1"),
        ("a", {}, "s.db", False, "gemtune resume a --project p --location l --store s.db --no-resend"),
        ("a", {}, "postgresql://u@h/d?password=secret&x=1", True, "gemtune resume a --project p --location l --store 'postgresql://u@h/d?***'"),
        ("a", {}, "postgresql://u:secret@h/d", True, "gemtune resume a --project p --location l --store 'postgresql://u:***@h/d'"),
        (
            "a",
            {"endpoint": "http://127.0.0.1:1", "transport": "grpc", "api_version": "v1beta1"},
            None,
            True,
            "gemtune resume a --project p --location l --endpoint http://127.0.0.1:1 --transport grpc --api-version v1beta1",
        ),
    ],
)  # fmt: skip
def test_the_way_back_is_the_whole_command(
    request_id: str, given: dict[str, str], store: str | None, resend: bool, said: str
) -> None:
    session = Session(**given)  # type: ignore[arg-type]
    with TuningClient("p", "l") as client:
        assert session.resume_command(request_id, client, store=store, resend=resend) == said


def test_a_store_of_the_environment_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMTUNE_STORE", "s.db")
    with TuningClient("p", "l") as client:
        assert "--store" not in Session().resume_command("a", client, store="s.db", resend=True)


def test_whoever_interrupts_a_create_is_told_how_to_come_back(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object, method: Method, *__: Any, **___: Any) -> Message:
        if method.name == "CreateTuningJob":
            raise KeyboardInterrupt
        return method.output_type()

    monkeypatch.setattr("gemtune.transport.rest.RestTransport.send", interrupted)
    stopped = gemtune("create", "-f", spec, "--request-id=-7", "--no-resend", "--endpoint", "http://127.0.0.1:1")
    assert stopped.status == 130
    options = f"--project {service} --location us-central1 --endpoint http://127.0.0.1:1 --no-resend"
    assert f"gemtune resume {options} -- -7\n" in stopped.err


def test_a_create_that_is_interrupted_before_it_is_sent_sent_nothing(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gemtune.transport.rest.RestTransport.send", interrupted)
    stopped = gemtune("create", "-f", spec, "--request-id", "nightly-7")  # is looked for first
    assert stopped.status == 130
    assert stopped.err.endswith("\ninterrupted; nothing was sent\n")


def test_a_create_that_is_terminated_says_how_to_come_back(spec: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [
                *COMMAND,
                "create",
                "-f",
                spec,
                "--project",
                "p",
                "--request-id",
                "nightly-7",
                "--endpoint",
                f"http://{address}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            look, _ = silent.accept()
            with look:
                while b"GET" in look.recv(65536):  # the looks before it
                    look.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
                child.terminate()
                out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (143, "")
    assert "\nterminated; it is not known whether the job was created\n" in err
    assert f"gemtune resume nightly-7 --project p --location us-central1 --endpoint http://{address}\n" in err


def test_nothing_was_sent_is_not_said_once_a_create_may_have_been(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session()
    with session.client() as client:
        for submitted, said in ((False, "nothing was sent"), (True, "it is not known whether the job was created")):
            session.submitted = submitted

            def gone(*_: Any, on_submit: Callable[[str], object], **__: Any) -> None:
                on_submit("id-1")
                raise TransportError("connection refused", maybe_sent=False)

            monkeypatch.setattr(TuningClient, "create_tuning_job", gone)
            with pytest.raises(TransportError) as refused:
                submit(session, client, TuningJob(), None, store=None, resend=True)
            assert refused.value.__notes__[0].startswith(said)


def test_a_door_that_was_open_once_is_knocked_at_again(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = TransportError("refused", maybe_sent=False)
    session = Session()
    answers: list[Any] = [TransportError("cut", maybe_sent=True), refused]

    def send(*_: Any, **__: Any) -> Message:
        raise answers.pop(0)

    monkeypatch.setattr("gemtune.transport.rest.RestTransport.send", send)
    with session.client() as client:
        with pytest.raises(TransportError):
            client.get_tuning_job("1", retry=None)
        session.note_retry(Retrying("GetTuningJob", 1, refused, 2.0))  # does not raise
    assert (session.reached, session.submitted) == (True, False)


def test_an_outcome_in_doubt_is_status_3_and_says_how_to_settle_it(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: TuningClient, *_: Any, **__: Any) -> None:
        cause = TransportError("the connection broke", maybe_sent=True)
        raise InDoubt("id-1", project="p", location="l", error=cause)

    monkeypatch.setattr(TuningClient, "create_tuning_job", lost)
    ran = gemtune("create", "-f", spec)
    assert ran.status == 3
    assert ran.out == ""
    assert ran.err.count("it is not known whether the job was created") == 1
    assert f"to find out: gemtune resume id-1 --project {service} --location us-central1\n" in ran.err
    assert "client.settle" not in ran.err  # Python's way


def test_a_doubt_because_jobs_cannot_be_listed_has_its_remedy(
    service: str, gemtune: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: TuningClient, *_: Any, **__: Any) -> None:
        cause = PermissionDenied("Permission 'aiplatform.tuningJobs.list' denied on resource")
        raise InDoubt("id-1", project="p", location="l", error=cause)

    monkeypatch.setattr(TuningClient, "create_tuning_job", lost)
    ran = gemtune("create", "-f", spec)
    assert ran.status == 3
    assert "roles/aiplatform.user" in ran.err
    assert "to find out: gemtune resume id-1" in ran.err


def test_a_reader_that_leaves_does_not_lose_the_name_of_a_created_job(service: str, spec: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "create", "-f", spec], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert re.search(r"the output pipe is closed\n  the job was created: projects/\S+\n", child.stderr.read())
        assert child.wait(20) == 3
