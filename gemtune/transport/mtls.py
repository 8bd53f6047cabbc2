"""What connections are secured with: whom to trust, and the client's certificate, for mutual TLS.

google-auth finds that certificate, where GOOGLE_API_USE_CLIENT_CERTIFICATE asks for it.

Google's endpoints for it have names of their own, such as `https://us-central1-aiplatform.mtls.googleapis.com`; that is
the caller's `endpoint`.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

from gemtune.errors import ConfigurationError
from gemtune.transport import rest_wire

__all__ = ["certificate", "context", "load_into"]

VARIABLE = "GOOGLE_API_USE_CLIENT_CERTIFICATE"


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

    trusted = rest_wire.ca_bundle() or certifi.where()
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
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "client.pem"
        file.touch(mode=0o600)
        file.write_bytes(shown[0] + b"\n" + shown[1])
        try:
            context.load_cert_chain(file)
        except ssl.SSLError as error:
            why = str(error.reason or "it cannot be read").lower().replace("_", " ")
            raise ConfigurationError(f"the client certificate cannot be used: {why}") from error
