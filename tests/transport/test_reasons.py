"""A host that cannot be reached: the proxy, the name or the host itself, in plain words, with what to do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import gemtune

NAME = "projects/p/locations/us-central1/tuningJobs/1"


def reason(endpoint: str, kind: str, **client: object) -> str:
    if kind == "sync":
        with gemtune.TuningClient("p", endpoint=endpoint, retry=None, timeout=20, **client) as blocking:  # type: ignore[arg-type]
            with pytest.raises(gemtune.TransportError) as caught:
                blocking.get_tuning_job("1")
            return str(caught.value)
    pytest.importorskip("aiohttp")

    async def main() -> str:
        async with gemtune.AsyncTuningClient("p", endpoint=endpoint, retry=None, timeout=20, **client) as awaited:  # type: ignore[arg-type]
            with pytest.raises(gemtune.TransportError) as caught:
                await awaited.get_tuning_job("1")
            return str(caught.value)

    return asyncio.run(main())


@pytest.fixture
def key(tmp_path: Path) -> str:
    """Credentials whose token has to be fetched."""
    path = tmp_path / "adc.json"
    words = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(words))
    return str(path)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> object:
    """Credentials that have a token."""
    from google.oauth2.credentials import Credentials

    return Credentials(token="t")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_proxy_that_is_not_there_is_named(
    kind: str, variable: str, token: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://me:secret@127.0.0.1:9")
    said = reason("https://service.example", kind, credentials=token)
    assert "the proxy 127.0.0.1:9 does not let the call through: it refuses connections" in said
    assert f"correct {variable}, unset it, or name service.example in NO_PROXY" in said
    assert "secret" not in said
    assert "HTTPSConnection" not in said


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_name_that_cannot_be_resolved_is_named(kind: str, token: object) -> None:
    said = reason("https://us-cental1-aiplatform.invalid", kind, credentials=token)
    assert "the name us-cental1-aiplatform.invalid cannot be resolved" in said
    assert "the location, or the endpoint, right?" in said
    assert "Errno" not in said


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_host_that_refuses_says_so(kind: str) -> None:
    assert "it refuses connections" in reason("http://127.0.0.1:9", kind)


def test_a_token_that_cannot_be_had_through_a_proxy_names_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key)
    said = reason("https://service.example", "sync")
    assert said.startswith("no token could be had: the proxy 127.0.0.1:9 does not let the call through")
    assert "name oauth2.googleapis.com in NO_PROXY" in said
    assert "HTTPSConnectionPool" not in said
