"""Why a server's certificate is not trusted, and what its user can do about it."""

from __future__ import annotations

import ssl

__all__ = ["untrusted"]

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
