"""The client's certificate, for mutual TLS: google-auth finds it, where GOOGLE_API_USE_CLIENT_CERTIFICATE asks for it.

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

__all__ = ["certificate", "load_into"]

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
            f"{VARIABLE} is true, and no client certificate was found ({error}); GOOGLE_API_CERTIFICATE_CONFIG names "
            "the file that says where it is"
        ) from error


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
            raise ConfigurationError(f"the client certificate cannot be used: {error}") from error
