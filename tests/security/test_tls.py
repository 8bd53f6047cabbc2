"""TLS over every transport: whom a client trusts, and the certificate that it shows."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import grpc
import pytest
from google.oauth2.credentials import Credentials

from gemtune.errors import ConfigurationError, TransportError
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
from gemtune.transport.tls import untrusted
from gemtune_pb.v1 import GetTuningJobRequest, TuningJob
from tests.support.certificates import Authority, Issued
from tests.support.servers import answer, serving
from tests.support.transport_harness import Carrier

NAME = "projects/p/locations/us-central1/tuningJobs/1"
GET = GetTuningJobRequest(name=NAME)


@contextlib.contextmanager
def server(carrier: Carrier, issued: Issued, *, clients_of: Authority | None = None) -> Iterator[tuple[str, list[Any]]]:
    """A TLS server for a carrier's protocol: its URL, and what it has heard. It may ask for a client's certificate."""
    if "Grpc" in carrier._make.__name__:  # type: ignore[attr-defined]
        heard: list[Any] = []

        def get(request: bytes, context: grpc.ServicerContext) -> bytes:
            heard.append(context.auth_context())
            return TuningJob(name=NAME).SerializeToString()

        handlers = {"GetTuningJob": grpc.unary_unary_rpc_method_handler(get)}
        name = "google.cloud.aiplatform.v1.GenAiTuningService"
        roots = clients_of.file.read_bytes() if clients_of else None
        tls = grpc.ssl_server_credentials([issued.pair], roots, clients_of is not None)
        serving_grpc = grpc.server(
            concurrent.futures.ThreadPoolExecutor(2), handlers=[grpc.method_handlers_generic_handler(name, handlers)]
        )
        port = serving_grpc.add_secure_port("127.0.0.1:0", tls)
        serving_grpc.start()
        try:
            yield f"https://127.0.0.1:{port}", heard
        finally:
            serving_grpc.stop(None).wait()
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.file)
    with serving(answer(json.dumps({"name": NAME}).encode()), tls=context) as rest:
        yield rest.url, rest.heard


def get(carrier: Carrier, url: str) -> str:
    transport = carrier.open(url, credentials=Credentials(token="ya29.secret"))  # type: ignore[no-untyped-call]
    try:
        name: str = carrier.send(transport, "GetTuningJob", GET).name
        return name
    finally:
        carrier.wait(transport.close())  # before its server ends, which would wait for it


def test_a_server_whose_authority_nobody_trusts_is_told_nothing(carrier: Carrier, authority: Authority) -> None:
    with server(carrier, authority.issue("127.0.0.1", "localhost")) as (url, heard):
        with pytest.raises(TransportError) as refusal:
            get(carrier, url)
        assert heard == []
    assert not refusal.value.maybe_sent
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_names_the_authority_to_trust(
    carrier: Carrier, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority.file))
    with server(carrier, authority.issue("127.0.0.1", "localhost")) as (url, _):
        assert get(carrier, url) == NAME


def test_a_trusted_certificate_of_another_host_is_refused(
    carrier: Carrier, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with server(carrier, authority.issue("elsewhere.example")) as (url, heard):
        with pytest.raises(TransportError) as refusal:
            get(carrier, url)
        assert heard == []
    assert not refusal.value.maybe_sent


@pytest.mark.parametrize("make", [RestTransport, AsyncRestTransport])
@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python looks at key identifiers since 3.13")
def test_an_authority_that_names_no_keys_is_refused_with_what_to_do(
    make: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    companys = Authority(tmp_path, names_keys=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(companys.file))
    with contextlib.closing(Carrier(make)) as carrier, server(carrier, companys.issue("127.0.0.1")) as (url, heard):
        with pytest.raises(TransportError, match=r"Missing Authority Key Identifier; .* To fix it: .* Python 3\.12$"):
            get(carrier, url)
        assert heard == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (18, "To fix it: REQUESTS_CA_BUNDLE names"),
        (20, "To fix it: REQUESTS_CA_BUNDLE names"),
        (85, "To fix it: have the authority issue"),
        (86, "To fix it: have the authority issue"),
        (92, "To fix it: have the authority issue"),
        (10, "what OpenSSL says$"),
        (62, "what OpenSSL says$"),
    ],
)
def test_each_reason_not_to_trust_has_its_remedy(code: int, says: str) -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_code, error.verify_message = code, "what OpenSSL says"
    assert re.search(says, untrusted(error))


# -- mutual TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Issued:
    """The environment of somebody whose machine has a certificate, as gcloud writes it down."""
    mine = authority.issue("workload.example")
    if tuple(map(int, google.auth.__version__.split(".")[:2])) < (2, 47):
        pytest.skip("google-auth reads GOOGLE_API_CERTIFICATE_CONFIG since 2.47")
    config = tmp_path / "certificate_config.json"
    workload = {"cert_path": str(mine.certificate), "key_path": str(mine.key)}
    config.write_text(json.dumps({"version": 1, "cert_configs": {"workload": workload}}))
    monkeypatch.setenv("GOOGLE_API_CERTIFICATE_CONFIG", str(config))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    return mine


def test_the_clients_certificate_is_shown_where_the_environment_asks_for_it(
    carrier: Carrier, authority: Authority, configured: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "true")
    with server(carrier, authority.issue("127.0.0.1", "localhost"), clients_of=authority) as (url, _):
        assert get(carrier, url) == NAME


def test_it_is_not_shown_otherwise(carrier: Carrier, authority: Authority, configured: Issued) -> None:
    with (
        server(carrier, authority.issue("127.0.0.1", "localhost"), clients_of=authority) as (url, heard),
        pytest.raises(TransportError),
    ):
        get(carrier, url)
    assert heard == []


def test_a_certificate_that_is_asked_for_and_not_there_is_said(
    carrier: Carrier, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "true")
    monkeypatch.setenv("GOOGLE_API_CERTIFICATE_CONFIG", str(tmp_path / "nothing.json"))
    with server(carrier, authority.issue("127.0.0.1", "localhost")) as (url, heard):
        with pytest.raises(ConfigurationError, match="GOOGLE_API_USE_CLIENT_CERTIFICATE is true, and no client"):
            get(carrier, url)
        assert heard == []


def test_the_clients_key_is_left_in_no_file(
    authority: Authority, configured: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    from gemtune.transport import tls

    monkeypatch.setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "true")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shown = tls.certificate()
    assert shown is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = set(tmp_path.rglob("*"))
    tls.load_into(context, shown)
    assert set(tmp_path.rglob("*")) == before
