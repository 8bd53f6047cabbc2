"""What connections are secured with: whom to trust, and the client's certificate, for mutual TLS.

google-auth finds that certificate, where GOOGLE_API_USE_CLIENT_CERTIFICATE asks for it. Google's endpoints for it have
names of their own, such as `https://us-central1-aiplatform.mtls.googleapis.com`; that is the caller's `endpoint`.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

from gemtune.errors import ConfigurationError

__all__ = ["ca_bundle", "certificate", "context", "load_into", "untrusted"]

VARIABLE = "GOOGLE_API_USE_CLIENT_CERTIFICATE"


def ca_bundle() -> str | None:
    """The file of trusted certificates that the environment names; None: certifi's."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        path = os.environ.get(name)
        if path:
            if not os.access(path, os.R_OK):
                raise ConfigurationError(f"{name} names {path}, which cannot be read; correct the path, or unset it")
            return path
    return None


def certificate() -> tuple[bytes, bytes] | None:
    """The certificate and its key, both PEM; None when none is asked for.

    Raises:
        ConfigurationError: One is asked for, and there is none.
    """
    if os.environ.get(VARIABLE, "").lower() != "true":
        return None
    import google.auth.exceptions
    from google.auth.transport import mtls

    source: Any = mtls.default_client_cert_source
    try:
        return source()()
    except (google.auth.exceptions.GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{VARIABLE} is true, and no client certificate was found ({type(error).__name__}); "
            "GOOGLE_API_CERTIFICATE_CONFIG names the file that says where it is"
        ) from error


def context() -> ssl.SSLContext:
    """What TLS needs: whom the environment trusts, or certifi's authorities, and the client's certificate.

    Raises:
        ConfigurationError: A file that the environment names cannot be used.
    """
    import certifi

    trusted = ca_bundle() or certifi.where()
    try:
        folder = Path(trusted).is_dir()
        made = ssl.create_default_context(cafile=None if folder else trusted, capath=trusted if folder else None)
    except (OSError, ValueError) as error:  # ssl's own error is an OSError
        raise ConfigurationError(
            f"{trusted} holds no certificates to trust; name a PEM file in REQUESTS_CA_BUNDLE, or unset it"
        ) from error
    shown = certificate()
    if shown is not None:
        load_into(made, shown)
    return made


def load_into(context: ssl.SSLContext, shown: tuple[bytes, bytes]) -> None:
    """Has a context show a certificate.

    Raises:
        ConfigurationError: It cannot be used.
    """
    # ssl reads files alone: this one is the owner's, and gone at once.
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "client.pem"
        file.touch(mode=0o600)
        file.write_bytes(shown[0] + b"\n" + shown[1])
        try:
            context.load_cert_chain(file)
        except ssl.SSLError as error:
            why = str(error.reason or "it cannot be read").lower().replace("_", " ")
            raise ConfigurationError(f"the client certificate cannot be used: {why}") from error


# -- certificates that are not trusted ------------------------------------------------------------------------

_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
"""OpenSSL's numbers for a certificate that nobody known has signed (X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, ...)."""

_STRICT = range(80, 94)
"""Its numbers for what it looks at with X509_V_FLAG_X509_STRICT alone, a missing key identifier before all."""


def untrusted(error: ssl.SSLCertVerificationError) -> str:
    """OpenSSL's sentence, and behind it what to do where there is something."""
    said = error.verify_message or "the certificate was refused"  # OpenSSL's own list of sentences
    if error.verify_code in _STRICT:
        return (
            f"{said}; the server's certificate, or its authority's, is not made as RFC 5280 asks, which Python checks "
            "since 3.13. To fix it: have the authority issue its certificates anew with their key identifiers "
            "(a company's proxy often lacks them), or run gemtune with Python 3.12"
        )
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"{said}. To fix it: REQUESTS_CA_BUNDLE names the file with the authorities to trust"
    return said
