"""An authority of the tests' own, and certificates that it signs."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "Issued"]


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """Key and certificate, as grpcio takes them."""
        return self.key.read_bytes(), self.certificate.read_bytes()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates; `file` is its own, which whoever trusts it is given.

    Its certificates name the keys that they are of and signed with, which RFC 5280 asks for and Python looks for since
    3.13 (`ssl.VERIFY_X509_STRICT`). Those of many a company's proxy do not: `names_keys=False` is such an authority.
    """

    def __init__(self, directory: Path, *, names_keys: bool = True) -> None:
        self._directory = directory
        self._names_keys = names_keys
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority of the tests")
        self.file = directory / "authority.pem"
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        if not self._names_keys:
            return builder
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(signer, critical=False).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )

    def issue(self, *names: str) -> Issued:
        """A certificate for hosts (or a client's name), by name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        signed = (
            self._builder(_name(names[0]), key)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        stem = names[0].replace("*", "any")
        issued = Issued(self._directory / f"{stem}.pem", self._directory / f"{stem}.key.pem")
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        issued.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return issued
