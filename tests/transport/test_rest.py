"""What REST over HTTP must not do, and what it must tell: real sockets, servers of the tests' own."""

from __future__ import annotations

import gzip
import json
import math
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials

from gemtune import (
    ApiError,
    ConfigurationError,
    CreateTuningJobRequest,
    GetTuningJobRequest,
    ListTuningJobsRequest,
    NotFound,
    SpecInvalid,
    TransportError,
    TuningJob,
    Unauthenticated,
    Unavailable,
    __version__,
)
from tests.support.servers import Heard, answer, drip, serving
from tests.support.transport_harness import METHODS, Carrier

NAME = "projects/p/locations/us-central1/tuningJobs/1"
GET = GetTuningJobRequest(name=NAME)
CREATE = CreateTuningJobRequest(parent="projects/p/locations/us-central1", tuning_job=TuningJob(base_model="m"))
JOB = answer(json.dumps({"name": NAME, "state": "JOB_STATE_RUNNING"}).encode())


def token(value: str = "the-token", **options: str) -> Credentials:
    return Credentials(token=value, **options)  # type: ignore[no-untyped-call]


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_a_call_is_one_request_with_the_message_as_json(rest: Carrier) -> None:
    with serving(JOB) as server:
        job = rest.send(rest.open(server.url), "CreateTuningJob", CREATE)
    assert job == TuningJob(name=NAME, state="JOB_STATE_RUNNING")
    [heard] = server.heard
    assert (heard.verb, heard.target) == ("POST", "/v1/projects/p/locations/us-central1/tuningJobs")
    assert json.loads(heard.body) == {"baseModel": "m"}
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-goog-request-params"] == "parent=projects/p/locations/us-central1"


def test_the_user_agent_names_the_program_the_library_and_the_application(rest: Carrier) -> None:
    with serving(JOB) as server:
        rest.send(rest.open(server.url, application="my-pipeline/1.2"), "GetTuningJob", GET)
    agent = server.heard[0].headers["user-agent"].split()
    assert agent[:2] == ["my-pipeline/1.2", f"gemtune/{__version__}"]
    assert agent[-1].startswith("aiohttp/" if rest.asynchronous else "rest/")
    assert f"gemtune/{__version__}" in server.heard[0].headers["x-goog-api-client"]


@pytest.mark.parametrize("application", ["", "two words", "a/b/c", "a\r\nx: y"])
def test_an_application_that_is_no_token_is_refused(rest: Carrier, application: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a token; one looks like my-pipeline/1\.2"):
        rest.open("http://127.0.0.1:1", application=application)


def test_metadata_travel_as_headers_and_take_the_place_of_ours(rest: Carrier) -> None:
    with serving(JOB) as server:
        metadata = [("X-Goog-Request-Params", "mine"), ("x-blob-bin", b"\x00\xff"), ("x-plain", "yes")]
        rest.send(rest.open(server.url), "GetTuningJob", GET, metadata=metadata)
    headers = server.heard[0].headers
    assert (headers["x-goog-request-params"], headers["x-blob-bin"], headers["x-plain"]) == ("mine", "AP8=", "yes")


@pytest.mark.parametrize(
    ("name", "value"), [("x", "a\r\nEvil: yes"), ("x y", "a"), ("", "a"), ("x", "ü"), ("Host", "evil"), (":path", "/")]
)
def test_metadata_that_cannot_be_headers_are_refused_and_nothing_is_sent(rest: Carrier, name: str, value: str) -> None:
    with serving(JOB) as server:
        with pytest.raises(ConfigurationError, match="cannot be sent as a header"):
            rest.send(rest.open(server.url), "GetTuningJob", GET, metadata=[(name, value)])
        assert server.heard == []


def test_a_request_that_does_not_fit_the_path_is_refused_and_nothing_is_sent(rest: Carrier) -> None:
    with serving(JOB) as server:
        with pytest.raises(SpecInvalid, match="name: 'jobs/1' does not look like"):
            rest.send(rest.open(server.url), "GetTuningJob", GetTuningJobRequest(name="jobs/1"))
        assert server.connections == 0


# -- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again(rest: Carrier) -> None:
    with serving(JOB) as server:
        transport = rest.open(server.url)
        for _ in range(5):
            rest.send(transport, "GetTuningJob", GET)
        assert (len(server.heard), server.connections) == (5, 1)


def test_after_close_a_call_opens_a_new_connection(rest: Carrier) -> None:
    with serving(JOB) as server:
        transport = rest.open(server.url)
        for _ in range(2):
            rest.send(transport, "GetTuningJob", GET)
            rest.wait(transport.close())
        assert server.connections == 2


def test_an_answer_may_be_compressed(rest: Carrier) -> None:
    packed = gzip.compress(json.dumps({"name": NAME}).encode())
    with serving(answer(packed, headers={"content-encoding": "gzip"})) as server:
        assert rest.send(rest.open(server.url), "GetTuningJob", GET).name == NAME
    assert "gzip" in server.heard[0].headers["accept-encoding"]


def test_a_call_leaves_no_cookie(rest: Carrier) -> None:
    with serving(answer(headers={"set-cookie": "a=b; Path=/"})) as server:
        transport = rest.open(server.url)
        for _ in range(2):
            rest.send(transport, "GetTuningJob", GET)
    assert "cookie" not in server.heard[1].headers


# -- credentials ------------------------------------------------------------------------------------------------------


def test_credentials_and_their_quota_project_are_headers(rest: Carrier) -> None:
    with serving(JOB) as server:
        transport = rest.open(server.url, credentials=token(quota_project_id="payer"))
        rest.send(transport, "GetTuningJob", GET)
    assert server.heard[0].headers["authorization"] == "Bearer the-token"
    assert server.heard[0].headers["x-goog-user-project"] == "payer"


def test_a_netrc_file_does_not_replace_the_token(
    rest: Carrier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(JOB) as server:
        rest.send(rest.open(server.url, credentials=token()), "GetTuningJob", GET)
        rest.send(rest.open(server.url), "GetTuningJob", GET)
    assert [heard.headers.get("authorization") for heard in server.heard] == ["Bearer the-token", None]


@pytest.mark.parametrize("credentials", [None, token()])
def test_credentials_never_travel_over_plain_http_to_another_machine(
    rest: Carrier, credentials: Credentials | None
) -> None:
    transport = rest.open("http://emulator.example:8085", credentials=credentials)
    with pytest.raises(ConfigurationError, match=r"credentials do not travel over plain HTTP to emulator\.example"):
        rest.send(transport, "GetTuningJob", GET)


def test_without_credentials_the_sentence_says_how_to_get_some(rest: Carrier) -> None:
    with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
        rest.send(rest.open("https://nowhere.example"), "GetTuningJob", GET)


def test_a_refused_token_is_renewed_for_the_next_call(rest: Carrier) -> None:
    class Renewable(Credentials):
        renewed = 0

        def refresh(self, request: object) -> None:
            self.renewed += 1
            self.token = f"token-{self.renewed}"

    def reply(connection: socket.socket, heard: Heard) -> None:
        good = heard.headers["authorization"] == "Bearer token-1"
        connection.sendall(JOB if good else answer(b'{"error": {"status": "UNAUTHENTICATED"}}', 401))

    credentials = Renewable(token="revoked")  # type: ignore[no-untyped-call]
    with serving(reply) as server:
        transport = rest.open(server.url, credentials=credentials)
        with pytest.raises(Unauthenticated):
            rest.send(transport, "GetTuningJob", GET)
        for _ in range(2):
            rest.send(transport, "GetTuningJob", GET)
    assert credentials.renewed == 1


def test_where_no_other_token_can_be_had_the_service_has_the_last_word(rest: Carrier) -> None:
    with serving(answer(b'{"error": {"status": "UNAUTHENTICATED", "message": "no"}}', 401)) as server:
        transport = rest.open(server.url, credentials=token())
        for _ in range(2):
            with pytest.raises(Unauthenticated, match=r"^no \(UNAUTHENTICATED\)$"):
                rest.send(transport, "GetTuningJob", GET)


def test_why_no_other_token_can_be_had_is_said_with_the_services_word(rest: Carrier) -> None:
    class Refused(Credentials):
        def refresh(self, request: object) -> None:
            raise RefreshError("Reauthentication is needed")  # type: ignore[no-untyped-call]

    credentials = Refused(token="old", refresh_token="r")  # type: ignore[no-untyped-call]
    with serving(answer(b'{"error": {"status": "UNAUTHENTICATED", "message": "no"}}', 401)) as server:
        transport = rest.open(server.url, credentials=credentials)
        for _ in range(2):
            with pytest.raises(Unauthenticated, match="no") as caught:
                rest.send(transport, "GetTuningJob", GET)
        assert "Reauthentication is needed" in caught.value.__notes__[0]


# -- redirects and proxies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(rest: Carrier, status: int) -> None:
    with serving(JOB) as elsewhere, serving(answer(b"", status, {"location": f"{elsewhere.url}/x"})) as server:
        with pytest.raises(TransportError, match=f"redirects to {elsewhere.url}; redirects are not followed") as caught:
            rest.send(rest.open(server.url, credentials=token()), "CreateTuningJob", CREATE)
        assert elsewhere.connections == 0
    assert caught.value.final
    assert caught.value.maybe_sent  # as a service does that has created the job, and sends one to it
    assert caught.value.answered


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_loopback_is_never_proxied(rest: Carrier, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with serving(answer(b"", 502)) as proxy, serving(JOB) as server:
        monkeypatch.setenv(variable, proxy.url)
        assert rest.send(rest.open(server.url), "GetTuningJob", GET).name == NAME
        assert proxy.connections == 0


def test_other_hosts_are_asked_through_the_proxy_of_the_environment(
    rest: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gemtune.transport.credentials import ANONYMOUS

    with serving(JOB) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        transport = rest.open("http://emulator.example:8085", credentials=ANONYMOUS)
        assert rest.send(transport, "GetTuningJob", GET).name == NAME
    assert proxy.heard[0].target == f"http://emulator.example:8085/v1/{NAME}"


def test_no_proxy_is_heeded(rest: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    from gemtune.transport.credentials import ANONYMOUS

    with serving(JOB) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", ".invalid")
        transport = rest.open("http://emulator.invalid:8085", credentials=ANONYMOUS)
        with pytest.raises(TransportError, match="could not be reached"):
            rest.send(transport, "GetTuningJob", GET)
        assert proxy.connections == 0


# -- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(drip(answer(b" " * 200 + b"{}"), every=0.05), id="a body that drips"),
        pytest.param(drip(answer(headers={"x-long": "x" * 500}), every=0.05), id="headers that drip"),
        pytest.param(lambda connection, heard: time.sleep(3), id="silence"),
    ],
)
def test_a_slow_answer_ends_at_the_deadline(rest: Carrier, slow: object) -> None:
    with serving(slow) as server:  # type: ignore[arg-type]
        begun = time.monotonic()
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            rest.send(rest.open(server.url), "GetTuningJob", GET, within=0.4)
        took = time.monotonic() - begun
    assert 0.35 < took < 1.5
    assert caught.value.maybe_sent


def test_a_deadline_that_has_passed_sends_nothing(rest: Carrier) -> None:
    with serving(JOB) as server:
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            rest.send(rest.open(server.url), "GetTuningJob", GET, within=-1)
        assert server.heard == []
    assert not caught.value.maybe_sent


def test_a_connection_that_does_not_come_about_is_given_up_before_the_deadline(rest: Carrier) -> None:
    # A listener whose queue is full: the kernel drops what knocks, as a firewall does.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        knocking = [socket.socket() for _ in range(4)]
        for each in knocking:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        begun = time.monotonic()
        transport = rest.open(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.3)
        with pytest.raises(TransportError) as caught:
            rest.send(transport, "GetTuningJob", GET, within=10)
        for each in knocking:
            each.close()
    assert not caught.value.maybe_sent
    assert time.monotonic() - begun < 5


def test_no_deadline_is_no_limit(rest: Carrier) -> None:
    with serving(JOB) as server:
        assert rest.send(rest.open(server.url), "GetTuningJob", GET, within=math.inf).name == NAME


# -- what was sent, and what came -------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_refused_connection_proves_that_nothing_was_sent(rest: Carrier) -> None:
    port = free_port()
    with pytest.raises(TransportError, match=f"http://127.0.0.1:{port}/v1/{NAME} could not be reached") as caught:
        rest.send(rest.open(f"http://127.0.0.1:{port}"), "GetTuningJob", GET)
    assert not caught.value.maybe_sent
    assert "refused" in str(caught.value).lower() or "connect" in str(caught.value).lower()


def test_a_connection_that_breaks_after_the_request_may_have_brought_it(rest: Carrier) -> None:
    with serving(lambda connection, heard: False) as server:
        with pytest.raises(TransportError, match="broke before the answer was whole") as caught:
            rest.send(rest.open(server.url), "CreateTuningJob", CREATE)
        assert len(server.heard) == 1  # and it was not sent again
    assert caught.value.maybe_sent


def test_an_answer_that_ends_too_early_is_no_answer(rest: Carrier) -> None:
    def reply(connection: socket.socket, heard: Heard) -> bool:
        connection.sendall(answer(b'{"name":', length=100))
        return False

    with serving(reply) as server, pytest.raises(TransportError, match="broke before the answer was whole") as caught:
        rest.send(rest.open(server.url), "CreateTuningJob", CREATE)
    assert caught.value.maybe_sent


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><body>Sign in</body></html>", "text/html"),
        (b"{", "application/json"),
        (b'{"nextPageToken": 5}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"null", "application/json"),
    ],
)
def test_a_success_that_is_not_the_message_says_what_came_and_from_where(rest: Carrier, body: bytes, kind: str) -> None:
    with serving(answer(body, headers={"content-type": kind})) as server, pytest.raises(TransportError) as caught:
        rest.send(rest.open(server.url), "ListTuningJobs", ListTuningJobsRequest(parent="projects/p/locations/l"))
    text = str(caught.value)
    assert f"{server.url}/v1/projects/p/locations/l/tuningJobs answered 200" in text
    assert "ListTuningJobsResponse" in text
    assert repr(body.decode(errors="replace")) in text
    assert caught.value.maybe_sent


def test_what_cannot_be_unpacked_is_no_answer(rest: Carrier) -> None:
    garbage = answer(b"not gzip", headers={"content-encoding": "gzip"})
    with serving(garbage) as server, pytest.raises(TransportError) as caught:
        rest.send(rest.open(server.url), "GetTuningJob", GET)
    assert caught.value.maybe_sent


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_success_is_an_answer_where_nothing_is_to_be_answered(rest: Carrier, status: int, body: bytes) -> None:
    from gemtune import CancelTuningJobRequest

    with serving(answer(body if status == 200 else b"", status)) as server:
        assert rest.send(rest.open(server.url), "CancelTuningJob", CancelTuningJobRequest(name=NAME)).ByteSize() == 0


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
@pytest.mark.parametrize("rpc", ["CreateTuningJob", "GetTuningJob", "ListTuningJobs"])
def test_an_empty_success_is_no_job_and_no_list(rest: Carrier, rpc: str, status: int, body: bytes) -> None:
    request = {"CreateTuningJob": CREATE, "GetTuningJob": GET}.get(
        rpc, ListTuningJobsRequest(parent="projects/p/locations/l")
    )
    empty = serving(answer(body if status == 200 else b"", status))
    with empty as server, pytest.raises(TransportError, match="it is empty") as caught:
        rest.send(rest.open(server.url), rpc, request)
    assert (caught.value.maybe_sent, caught.value.answered, caught.value.final) == (True, True, False)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html>no backend</html>", "text/html; charset=utf-8", "HTTP 503 with 23 bytes of text/html from http://"),
        (b"", "application/json", "HTTP 503 with an empty body from http://"),
        (b'{"error": ', "application/json", "HTTP 503 with 10 bytes of application/json from http://"),
        (b'{"error": {"message": "busy", "status": "UNAVAILABLE"}}', "application/json", r"^busy \(UNAVAILABLE\)$"),
    ],
)
def test_an_error_says_what_came_whatever_its_body(rest: Carrier, body: bytes, kind: str, words: str) -> None:
    headers = {"content-type": kind, "retry-after": "7", "x-goog-request-id": "abc"}
    with serving(answer(body, 503, headers)) as server, pytest.raises(Unavailable, match=words) as caught:
        rest.send(rest.open(server.url), "GetTuningJob", GET)
    error = caught.value
    assert (error.http_status, error.retry_after, error.request_id) == (503, 7.0, "abc")


def test_the_query_is_no_part_of_an_error(rest: Carrier) -> None:
    with serving(answer(b"", 404)) as server:
        request = ListTuningJobsRequest(parent="projects/p/locations/l", filter="labels.secret")
        with pytest.raises(NotFound) as caught:
            rest.send(rest.open(server.url), "ListTuningJobs", request)
    assert "secret" not in str(caught.value)
    assert "filter=labels.secret" in server.heard[0].target


def test_something_that_is_no_http_is_no_answer(rest: Carrier) -> None:
    def reply(connection: socket.socket, heard: Heard) -> bool:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        return False

    with serving(reply) as server, pytest.raises(TransportError) as caught:
        rest.send(rest.open(server.url), "GetTuningJob", GET)
    assert caught.value.maybe_sent


@pytest.mark.parametrize("status", [403, 429, 503])
@pytest.mark.parametrize("spoiled", ["cut", "no gzip"])
def test_a_refusal_whose_body_breaks_off_keeps_its_status(rest: Carrier, status: int, spoiled: str) -> None:
    """The status line says what became of the request."""
    whole = answer(b'{"error": {"message": "no", "status": "PERMISSION_DENIED"}}', status)
    no_gzip = whole.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)
    whole = whole[:-20] if spoiled == "cut" else no_gzip

    def reply(connection: socket.socket, _: Heard) -> bool:
        connection.sendall(whole)
        return False

    with serving(reply) as server, pytest.raises(ApiError) as caught:
        rest.send(rest.open(server.url), "GetTuningJob", GET)
    assert caught.value.http_status == status


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("anything")])
def test_credentials_of_anybodys_making_fail_as_ours_do(rest: Carrier, error: Exception) -> None:
    class Failing(Credentials):
        valid = False

        def refresh(self, request: object) -> None:
            raise error

    with serving(JOB) as server:
        kind = TransportError if isinstance(error, OSError) else ConfigurationError
        words = (
            "whoever gives out tokens did not answer"
            if isinstance(error, OSError)
            else "Failing failed with ValueError"
        )
        with pytest.raises(kind, match=f"no token could be had: {words}"):
            rest.send(rest.open(server.url, credentials=Failing("t")), "GetTuningJob", GET)
        assert server.heard == []


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_ends_the_matter(rest: Carrier, tls: ssl.SSLContext) -> None:
    with serving(JOB, tls=tls) as server:
        with pytest.raises(TransportError, match=r"is not trusted: .*certificate") as caught:
            rest.send(rest.open(server.url, credentials=token()), "GetTuningJob", GET)
        assert server.heard == []
    assert caught.value.final
    assert not caught.value.maybe_sent


def test_a_server_that_speaks_plain_http_is_told_from_one_that_is_down(rest: Carrier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def plain() -> None:
            near, _ = listener.accept()
            with near:
                near.recv(1000)
                near.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=plain)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        words = f"^{url}/.* does not speak TLS; if it is an emulator: http://127"
        with pytest.raises(TransportError, match=words) as caught:
            rest.send(rest.open(url, credentials=token()), "GetTuningJob", GET)
        thread.join()
    assert caught.value.final
    assert not caught.value.maybe_sent


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_names_certificates_to_trust(
    rest: Carrier, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with serving(JOB, tls=tls) as server:
        transport = rest.open(server.url, credentials=token())
        assert rest.send(transport, "GetTuningJob", GET).name == NAME
        rest.wait(transport.close())
    assert server.heard[0].headers["authorization"] == "Bearer the-token"


def test_a_slow_answer_over_tls_ends_at_the_deadline_too(
    rest: Carrier, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(drip(answer(b"{}"), every=0.05), tls=tls) as server:  # some four seconds
        transport = rest.open(server.url, credentials=token())
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            rest.send(transport, "GetTuningJob", GET, within=0.5)
        rest.wait(transport.close())
    assert caught.value.maybe_sent


def test_a_proxy_that_lets_nobody_through_was_sent_nothing(rest: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(b"", 502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        transport = rest.open("https://aiplatform.example", credentials=token())
        with pytest.raises(TransportError, match=r"https://aiplatform\.example/v1/.* could not be reached") as caught:
            rest.send(transport, "CreateTuningJob", CREATE)
    assert [heard.verb for heard in proxy.heard] == ["CONNECT"]
    assert "authorization" not in proxy.heard[0].headers
    assert not caught.value.maybe_sent


def test_threads_get_a_connection_each_and_keep_it() -> None:
    from gemtune.transport.rest import RestTransport

    def reply(connection: socket.socket, heard: Heard) -> None:
        time.sleep(0.005)
        connection.sendall(JOB)

    with serving(reply) as server:
        transport = RestTransport(server.url)

        def work() -> None:
            for _ in range(10):
                transport.send(METHODS["GetTuningJob"], GET, deadline=math.inf)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
        assert len(server.heard) == 160
        assert server.connections <= 16
