"""What a client is told by its arguments and the environment, what it logs, and how threads and processes share it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

import gemtune
import gemtune.testing
from gemtune import emulator
from gemtune.settings import Place, endpoint_from
from tests.support.jobs import spec

JOB = spec()
CLIENTS = [gemtune.TuningClient, gemtune.AsyncTuningClient]

# -- arguments and environment ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"transport": "soap"},
            "transport 'soap' is not known; it is 'rest' or 'grpc' (in Python also an object with send())",
        ),
        ({"api_version": "v2"}, "api_version 'v2' is not known; it is 'v1' or 'v1beta1'"),
        ({"endpoint": "ftp://x"}, "'ftp://x' is not an endpoint"),
        ({"location": "Nowhere!"}, "'Nowhere!' is not a location"),
        ({"project": "a/b"}, "'a/b' is not a project"),
        ({"application": "two words"}, "application 'two words' is not a token; one looks like my-pipeline/1.2"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(kind: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(gemtune.ConfigurationError) as caught:
        kind(**{"project": "p"} | options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("transport", "environ", "place"),
    [
        ("rest", {}, Place(None, emulator=False)),
        ("rest", {"GEMTUNE_ENDPOINT": "https://x"}, Place("https://x", emulator=False)),
        ("rest", {"GEMTUNE_EMULATOR_HOST": "127.0.0.1:1"}, Place("http://127.0.0.1:1", emulator=True)),
        ("grpc", {"GEMTUNE_EMULATOR_GRPC_HOST": "127.0.0.1:2"}, Place("http://127.0.0.1:2", emulator=True)),
        (
            "grpc",
            {"GEMTUNE_EMULATOR_HOST": "127.0.0.1:1", "GEMTUNE_EMULATOR_GRPC_HOST": "http://127.0.0.1:2/"},
            Place("http://127.0.0.1:2", emulator=True),
        ),
    ],
)
def test_each_transport_has_its_own_emulator(transport: str, environ: dict[str, str], place: Place) -> None:
    assert endpoint_from(None, environ, transport=transport) == place


@pytest.mark.parametrize(
    ("transport", "environ", "words"),
    [
        ("grpc", {"GEMTUNE_EMULATOR_HOST": "127.0.0.1:1"}, "calls over grpc go where GEMTUNE_EMULATOR_GRPC_HOST says"),
        ("rest", {"GEMTUNE_EMULATOR_GRPC_HOST": "127.0.0.1:1"}, "calls over rest go where GEMTUNE_EMULATOR_HOST says"),
        (
            "grpc",
            {"GEMTUNE_EMULATOR_GRPC_HOST": "http://h/path"},
            "GEMTUNE_EMULATOR_GRPC_HOST is http://h with more to it",
        ),
    ],
)
def test_an_emulator_for_one_transport_is_not_left_behind_by_another(
    transport: str, environ: dict[str, str], words: str
) -> None:
    with pytest.raises(gemtune.ConfigurationError, match=words):
        endpoint_from(None, environ, transport=transport)


def test_the_emulators_hosts_are_heeded_and_need_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator.running(grpc_port=0) as address:
        monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", address.removeprefix("http://"))
        monkeypatch.setenv("GEMTUNE_EMULATOR_GRPC_HOST", str(address.grpc))
        names = []
        for transport in ("rest", "grpc"):
            with gemtune.TuningClient("demo", transport=transport) as client:
                names.append(client.create_tuning_job(JOB).name)
                assert [job.name for job in client.list_tuning_jobs()] == names[::-1]


def test_a_service_accounts_project_is_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.credentials import AnonymousCredentials

    class Account(AnonymousCredentials):  # type: ignore[misc]
        project_id = "of-the-key-file"

    client = gemtune.TuningClient(credentials=Account())  # type: ignore[no-untyped-call]
    assert client.project == "of-the-key-file"


def test_without_a_project_the_sentence_says_where_to_name_one() -> None:
    client = gemtune.TuningClient(endpoint="http://127.0.0.1:1")
    with pytest.raises(gemtune.ConfigurationError, match="set GOOGLE_CLOUD_PROJECT, or give --project"):
        client.get_tuning_job("1")
    assert client.job_name("projects/p/locations/l/tuningJobs/1") == "projects/p/locations/l/tuningJobs/1"


def test_an_object_with_send_will_do_for_a_transport() -> None:
    class Mine:
        def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            return gemtune.TuningJob(name=request.name, description=method.full_name)

    with gemtune.TuningClient("p", transport=Mine()) as client:
        assert client.get_tuning_job("1").description == "gemtune.v1.TuningService/GetTuningJob"


def test_a_reader_of_a_job_list_asks_for_no_page_that_it_does_not_reach() -> None:
    asked: list[str] = []

    class Endless:
        def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            asked.append(request.page_token)
            number = len(asked)
            # A page may be empty without being the last.
            jobs = [] if number == 1 else [gemtune.TuningJob(name=str(number))]
            return gemtune.ListTuningJobsResponse(tuning_jobs=jobs, next_page_token=f"page-{number}")

    jobs = gemtune.TuningClient("p", transport=Endless()).list_tuning_jobs()
    assert next(iter(jobs)).name == "2"
    assert asked == ["", "page-1"]


# -- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_each_attempt_leaves_a_line_without_secrets(transport: str, caplog: pytest.LogCaptureFixture) -> None:
    from google.oauth2.credentials import Credentials

    credentials = Credentials(token="s3cret-token")  # type: ignore[no-untyped-call]
    caplog.set_level(logging.DEBUG, logger="gemtune")
    with emulator.running(token="s3cret-token", grpc_port=0) as address:
        endpoint = str(address) if transport == "rest" else f"http://{address.grpc}"
        with gemtune.TuningClient("demo", endpoint=endpoint, transport=transport, credentials=credentials) as client:
            client.create_tuning_job(JOB)
            with pytest.raises(gemtune.NotFound):
                client.get_tuning_job("1")
    ours = [record for record in caplog.records if record.name.startswith("gemtune")]
    created, missing = ours
    assert (created.rpc, created.status, created.attempt, created.levelname) == ("CreateTuningJob", "OK", 1, "DEBUG")  # type: ignore[attr-defined]
    wanted = "404 NOT_FOUND" if transport == "rest" else "NOT_FOUND"
    assert (missing.rpc, missing.status, missing.levelname) == ("GetTuningJob", wanted, "INFO")  # type: ignore[attr-defined]
    assert 0 <= missing.latency < 5  # type: ignore[attr-defined]
    assert f"GetTuningJob {wanted} in 0." in missing.getMessage()
    assert "s3cret" not in caplog.text
    assert "s3cret" not in "".join(str(vars(record)) for record in ours)


def test_the_services_id_of_an_exchange_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if "missing" in self.path else 200)
            self.send_header("x-goog-request-id", "abc-123")
            body = json.dumps({"name": self.path.removeprefix("/v1/")}).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    caplog.set_level(logging.DEBUG, logger="gemtune")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with gemtune.TuningClient("p", endpoint=f"http://127.0.0.1:{server.server_port}") as client:
            client.get_tuning_job("1")
            with pytest.raises(gemtune.NotFound):
                client.get_tuning_job("missing")
        server.shutdown()
    assert [r.request_id for r in caplog.records if hasattr(r, "request_id")] == ["abc-123", "abc-123"]
    assert "attempt 1, request abc-123" in caplog.text


def test_a_retry_is_a_second_line(caplog: pytest.LogCaptureFixture) -> None:
    class Once:
        def __init__(self) -> None:
            job = gemtune.TuningJob(name="projects/p/locations/us-central1/tuningJobs/1")
            self.answers: list[Any] = [gemtune.Unavailable("busy", http_status=503), job]

        def send(self, *_: Any, **__: Any) -> Any:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    caplog.set_level(logging.DEBUG, logger="gemtune")
    gemtune.TuningClient("p", transport=Once(), retry=gemtune.Retry(initial=0.001)).get_tuning_job("1")
    lines = [(r.status, r.attempt) for r in caplog.records if hasattr(r, "attempt")]
    assert lines == [("503 UNAVAILABLE", 1), ("OK", 2)]


# -- threads, processes, sockets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_threads_share_a_client(transport: str) -> None:
    with emulator.running(grpc_port=0) as address:
        endpoint = str(address) if transport == "rest" else f"http://{address.grpc}"
        with gemtune.TuningClient("demo", endpoint=endpoint, transport=transport) as client:
            names: list[str] = []

            def work() -> None:
                for _ in range(5):
                    name = client.create_tuning_job(JOB).name
                    assert client.get_tuning_job(name).name == name
                    names.append(name)

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(set(names)) == 40
            assert sorted(job.name for job in client.list_tuning_jobs()) == sorted(names)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_close_leaves_no_socket_open(transport: str) -> None:
    """An unclosed one would warn when it is collected, and a warning is an error here."""
    with emulator.running(grpc_port=0) as address:
        endpoint = str(address) if transport == "rest" else f"http://{address.grpc}"
        client = gemtune.TuningClient("demo", endpoint=endpoint, transport=transport)
        list(client.list_tuning_jobs())
        client.close()
        client.close()
        del client
        gc.collect()


FORK = """
import os, sys, threading, time
import gemtune

_, endpoint, transport = sys.argv
client = gemtune.TuningClient("demo", endpoint=endpoint, transport=transport)
if {warm}:
    list(client.list_tuning_jobs())

busy = threading.Event()
def work():
    while not busy.is_set():
        list(client.list_tuning_jobs())
thread = threading.Thread(target=work)
if {threads}:
    thread.start()
    time.sleep(0.2)

children = []
for _ in range({children}):
    pid = os.fork()
    if pid == 0:
        try:
            list(client.list_tuning_jobs(timeout=10))
            client.close()
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
    children.append(pid)
statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
busy.set()
if {threads}:
    thread.join()
list(client.list_tuning_jobs(timeout=10))
client.close()
print(statuses)
"""


def forked(endpoint: str, transport: str, **options: Any) -> str:
    script = FORK.format(**options)
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script, endpoint, transport],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()[-1]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
@pytest.mark.parametrize("threads", [False, True])
def test_a_forked_child_opens_its_own_connections(threads: bool) -> None:
    heard: list[str] = []
    with emulator.running(log=heard.append) as url:
        assert forked(url, "rest", warm=True, threads=threads, children=4) == "[0, 0, 0, 0]"


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_over_grpc_a_child_may_be_forked_before_the_first_call() -> None:
    with emulator.running(grpc_port=0) as address:
        assert forked(f"http://{address.grpc}", "grpc", warm=False, threads=False, children=2) == "[0, 0]"


@pytest.mark.parametrize("told", ["", "1"])
def test_over_grpc_a_child_forked_later_is_told_what_grpcio_bears(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """Without a fork: a child may crash in grpcio before it has done anything."""
    from gemtune.transport.grpc import GrpcTransport

    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", told)
    with emulator.running(grpc_port=0) as address:
        transport = GrpcTransport(f"http://{address.grpc}")
        client = gemtune.TuningClient("demo", transport=transport)
        list(client.list_tuning_jobs())
        [parents] = transport._channels.values()
        transport.renew()  # what a child does first
        if told:
            assert list(client.list_tuning_jobs()) == []
            assert transport._channels
        else:
            with pytest.raises(gemtune.ConfigurationError, match="forked from one that had used gRPC"):
                list(client.list_tuning_jobs())
        client.close()
        parents.channel.close()


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_over_grpc_a_child_may_be_forked_later_if_grpcio_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "1")
    with emulator.running(grpc_port=0) as address:
        assert forked(f"http://{address.grpc}", "grpc", warm=True, threads=False, children=2) == "[0, 0]"


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_the_emulators_token_comes_from_the_environment(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with gemtune.testing.emulator(token="secret", grpc=True) as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        for token, allowed in (("secret", True), ("wrong", False)):
            monkeypatch.setenv("GEMTUNE_EMULATOR_TOKEN", token)
            with gemtune.TuningClient("p", transport=transport) as client:
                if allowed:
                    assert list(client.list_tuning_jobs()) == []
                else:
                    with pytest.raises(gemtune.Unauthenticated):
                        list(client.list_tuning_jobs())


# -- a create that is interrupted, or of which nothing can be known ---------------------------------------------------


class Raising:
    """A transport in which something else than an answer comes."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a defect")])
def test_what_interrupts_a_create_says_how_to_learn_what_became_of_it(error: BaseException) -> None:
    sent: list[str] = []
    client = gemtune.TuningClient("p", transport=Raising(error))
    with pytest.raises(type(error)) as caught:
        client.create_tuning_job(JOB, on_submit=sent.append)
    [note] = caught.value.__notes__
    assert f"gemtune resume {sent[0]} --project p --location us-central1" in note
    assert f"client.settle('{sent[0]}', location='us-central1')" in note


def test_a_task_that_is_cancelled_in_a_create_is_told_too() -> None:
    class Slow:
        async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            await asyncio.sleep(60)

    async def interrupted() -> BaseException:
        task = asyncio.create_task(gemtune.AsyncTuningClient("p", transport=Slow()).create_tuning_job(JOB))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value

    assert "gemtune resume" in asyncio.run(interrupted()).__notes__[0]


def test_what_ends_a_create_before_it_is_sent_says_nothing_of_a_job() -> None:
    def raises(request_id: str) -> None:
        raise ValueError(request_id)

    client = gemtune.TuningClient("p", transport=Raising(AssertionError("sent")))
    with pytest.raises(ValueError, match="-") as caught:
        client.create_tuning_job(JOB, on_submit=raises)
    assert not hasattr(caught.value, "__notes__")


def test_without_labels_a_lost_answer_says_where_to_look() -> None:
    lost = gemtune.TransportError("broken", maybe_sent=True)
    client = gemtune.TuningClient("p", transport=Raising(lost), request_labels=False)
    with pytest.raises(gemtune.TransportError) as caught:
        client.create_tuning_job(JOB)
    assert "may have been created" in caught.value.__notes__[0]


def test_a_store_without_labels_is_refused() -> None:
    with pytest.raises(gemtune.ConfigurationError, match="by their request labels"):
        gemtune.TuningClient("p", request_labels=False, store=object())  # type: ignore[arg-type]


@pytest.mark.parametrize("request_id", ["", 7, b"id"])
def test_a_request_id_is_a_string_that_says_something(request_id: Any) -> None:
    with pytest.raises(gemtune.SpecInvalid, match="such as a UUID"):
        gemtune.TuningClient("p", transport=Raising(AssertionError())).create_tuning_job(JOB, request_id=request_id)


def test_an_id_in_doubt_is_waited_for_by_the_next_call_of_its_client() -> None:
    """The first call may still be acted on: the second does not send inside its window."""
    with gemtune.testing.emulator(job_duration=3600) as service:
        client = service.client(retry=gemtune.Retry(settle=3.0))
        service.faults({"CreateTuningJob": ["list-lag-1,return-503-after"]})
        with pytest.raises(gemtune.InDoubt):
            client.create_tuning_job(JOB, request_id="mine", timeout=0.5)
        made = client.create_tuning_job(JOB, request_id="mine")
        assert [job.name for job in client.list_tuning_jobs()] == [made.name]


def test_an_error_in_doubt_keeps_its_cause_when_pickled() -> None:
    lost = gemtune.TransportError("broken", maybe_sent=True)
    doubt = pickle.loads(pickle.dumps(gemtune.InDoubt("id", project="p", location="l", error=lost)))
    assert str(doubt.__cause__) == "broken"
    assert "gemtune resume -- -x" not in str(doubt)
    odd = str(gemtune.InDoubt("-x y", project="p", location="l", error=lost))
    assert "gemtune resume --project p --location l -- '-x y'" in odd


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_filter_that_is_no_text_is_refused(transport: str) -> None:
    client = gemtune.TuningClient("p", endpoint="http://127.0.0.1:1", transport=transport)
    with pytest.raises(gemtune.SpecInvalid, match="half of a surrogate pair"):
        list(client.list_tuning_jobs(filter="\ud800"))


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_file_of_authorities_that_is_not_there_is_named(
    transport: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setenv(variable, "/nowhere.pem")
    client = gemtune.TuningClient("p", transport=transport, credentials=Credentials("t"))  # type: ignore[no-untyped-call]
    with pytest.raises(gemtune.ConfigurationError, match=f"{variable} names /nowhere.pem, which cannot be read"):
        client.get_tuning_job("1")
