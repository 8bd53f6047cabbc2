"""Transports to test, and servers whose certificates nobody vouches for."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gemtune.transport.grpc import GrpcTransport
from gemtune.transport.grpc_aio import AsyncGrpcTransport
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
from tests.support.transport_harness import Carrier


@pytest.fixture(params=[RestTransport, AsyncRestTransport], ids=["rest", "aiohttp"])
def rest(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    carrier = Carrier(request.param)
    yield carrier
    carrier.close()


@pytest.fixture(params=[GrpcTransport, AsyncGrpcTransport], ids=["grpc", "grpc.aio"])
def rpc(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    carrier = Carrier(request.param)
    yield carrier
    carrier.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 and localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server needs to show that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
