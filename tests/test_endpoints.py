"""Where calls go: what is an endpoint, what is none, and which of them get credentials."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

import gemtune
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.settings import Endpoint, endpoint_from, location_from, project_from
from gemtune.transport.credentials import Authorizer

NONE = [
    "", " ", "https://", "https://[::1", "https://::1]", "[", "]", "https://[", "https://[]", "https://[::1%eth0]", "https://[v1.x]", "https://[1.2.3.4]",
    "https://a b", "https://a\nb", "https://a:b", "https://a:70000", "https://a:-1", "https://a:0", "https://a:1:2", "https://a:１", "https://" + "a" * 64,
    "https://" + "a." * 130, "https://.a", "https://a..b", "https://é.example", "https://\u2100", "https://a\u200b", "ftp://a", "://a", "https:/a", "https:a:b",
    "https://a/b", "https://a?b", "https://a#b", "https://u@a", "https://u:p@a", "http://\ud800", "https://a\x00", "https://a%20b", "https://a\\b", "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_endpoint_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError, match="an endpoint looks like https://host"):
        Endpoint.parse(text)
    for name in ("TuningClient", "AsyncTuningClient"):
        if text:
            with pytest.raises(ConfigurationError):
                getattr(gemtune, name)("p", endpoint=text)
    with pytest.raises(ConfigurationError):
        gemtune.RestChannel(text or " ")


@pytest.mark.parametrize("given_", [5, b"https://a", None.__class__, ["https://a"]])
def test_an_endpoint_is_a_text(given_: Any) -> None:
    with pytest.raises(ConfigurationError, match="an endpoint looks like"):
        gemtune.TuningClient("p", endpoint=given_)


@pytest.mark.parametrize(
    "text", ["user:s3cr3t@host", "https://user:s3cr3t/x@host", "https://user:s3cr3t?x@host", "https:/user:s3cr3t@host", "https://host/s3cr3t",
             "https://host?s3cr3t", "https://host#s3cr3t", "https://s3cr3t@[host", "https://s3cr3t@host:x", "s3cr3t://[", "https://ho\nst/s3cr3t"]
)  # fmt: skip
def test_of_what_is_no_endpoint_nothing_is_shown_that_may_be_secret(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint.parse(text)
    assert "s3cr3t" not in str(caught.value)


PIECES = st.sampled_from(["https://", "http://", "[", "]", ":", "::1", "/", "@", "%", "?", "#", "\n", "\0", " ", "a", ".", "-", "_", "127.0.0.1", "localhost",
                          "443", "0", "65536", "１", "é", "\ud800", "\u2100", "\\", ";"])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)


@given(text=TEXTS)
@example("[")
@example("https://[::1")
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except ConfigurationError:
        return
    assert Endpoint.parse(endpoint.url) == endpoint
    assert endpoint.url.isascii()
    assert endpoint.url.isprintable()


@given(
    text=TEXTS, variable=st.sampled_from(["GEMTUNE_ENDPOINT", "GEMTUNE_EMULATOR_HOST", "GEMTUNE_EMULATOR_GRPC_HOST"])
)
def test_so_is_any_text_of_the_environment(text: str, variable: str) -> None:
    for transport in ("rest", "grpc"):
        try:
            place = endpoint_from(None, {variable: text}, transport=transport)
            if place.endpoint is not None:
                Endpoint.parse(place.endpoint)
        except GemtuneError:
            pass


@given(text=TEXTS)
def test_and_any_project_and_location(text: str) -> None:
    for read in (project_from, location_from):
        with contextlib.suppress(GemtuneError):
            read(text)


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        ("https://localhost:8443", True), ("https://127.0.0.1:8443", True), ("https://[::1]:8443", True), ("https://host.example", True),
        ("http://localhost:8085", False), ("http://127.0.0.1:8085", False), ("http://[::1]:8085", False),
    ],
)  # fmt: skip
def test_default_credentials_are_for_tls_alone_and_for_all_of_it(
    endpoint: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setattr("google.auth.default", lambda **_: (Credentials(token="t"), "p"))  # type: ignore[no-untyped-call]
    headers = Authorizer(None).headers(Endpoint.parse(endpoint))
    assert headers == ({"authorization": "Bearer t"} if asked else {})
