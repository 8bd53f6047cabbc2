"""Tokens are in the requests, and nowhere else: not in logs, errors, reprs, pickles, tracebacks' frames or the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

import gemtune
from gemtune.errors import GemtuneError
from gemtune.store import SpecStore
from gemtune.testing import Emulator, emulator
from tests.support.jobs import spec

SECRET = "ya29.tell-nobody"
REFRESH = "1//refresh-tell-nobody"
BAD_DAYS = [
    "pass",
    "return-401",
    "return-403",
    "return-503",
    "return-429-retry-after-0.01",
    "return-reset-connection",
    "return-reset-connection-after",
    "truncated-body",
    "garbage-body",
    "stall-for-5",
]
QUICK = gemtune.Retry(attempt=0.5, initial=0.01, maximum=0.02, settle=0.1)


def credentials() -> Any:
    return Credentials(token=SECRET, refresh_token=REFRESH, token_uri="http://127.0.0.1:1", client_id="i", client_secret="s")  # type: ignore[no-untyped-call]  # fmt: skip


@pytest.fixture
def service() -> Iterator[Emulator]:
    with emulator(token=SECRET, grpc=True) as running:
        yield running


def shown(error: BaseException) -> str:
    """All that anybody is shown of an error."""
    parts = [str(error), repr(error), "".join(traceback.format_exception(error)), repr(vars(error))]
    parts += [shown(inner) for inner in (error.__cause__, error.__context__) if inner is not None]
    return "\n".join(parts)


def bad_days(client: gemtune.TuningClient, service: Emulator) -> list[str]:
    """What there is to see of calls that go wrong in every way."""
    told: list[str] = [repr(client), repr(vars(client))]
    for instruction in BAD_DAYS:
        service.faults({"CreateTuningJob": [instruction], "GetTuningJob": [instruction]})
        for call in (
            lambda: client.create_tuning_job(spec(), timeout=3),
            lambda: client.get_tuning_job("1", timeout=1),
        ):
            try:
                told.append(repr(call()))
            except GemtuneError as error:
                told += [shown(error), repr(pickle.loads(pickle.dumps(error)))]
    told.append(repr(vars(client)))
    return told


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_token_is_in_no_log_and_no_error(
    service: Emulator, transport: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)  # everybody's: urllib3's and google-auth's too
    retries: list[gemtune.Retrying] = []
    retry = gemtune.Retry(attempt=0.5, initial=0.01, maximum=0.02, settle=0.1, on_retry=retries.append)
    client = service.client(transport=transport, credentials=credentials(), retry=retry, timeout=1)
    told = bad_days(client, service)
    told += [repr(retry) for retry in retries]
    told += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    told += capfd.readouterr()
    assert caplog.records
    assert retries
    for secret in (SECRET, REFRESH):
        assert not [text for text in told if secret in text]


def test_an_asynchronous_client_keeps_it_as_well(service: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> list[str]:
        told: list[str] = []
        for transport in ("rest", "grpc"):
            async with service.async_client(
                transport=transport, credentials=credentials(), retry=QUICK, timeout=1
            ) as client:
                told.append(repr(vars(client)))
                for instruction in BAD_DAYS:
                    service.faults({"CreateTuningJob": [instruction]})
                    try:
                        told.append(repr(await client.create_tuning_job(spec(), timeout=3)))
                    except GemtuneError as error:
                        told.append(shown(error))
        return told

    told = asyncio.run(run())
    told += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    assert not [text for text in told if SECRET in text or REFRESH in text]


def test_a_token_that_cannot_be_renewed_is_not_told(service: Emulator) -> None:
    expired = credentials()
    expired.expiry = __import__("datetime").datetime(2020, 1, 1)
    client = service.client(credentials=expired, retry=None, timeout=2)
    with pytest.raises(GemtuneError) as failure:
        client.get_tuning_job("1")
    assert SECRET not in shown(failure.value)
    assert REFRESH not in shown(failure.value)


def test_the_emulators_log_does_not_hold_the_token_that_it_asks_for() -> None:
    lines: list[str] = []
    with emulator(token=SECRET, grpc=True, log=lines.append) as running:
        for transport in ("rest", "grpc"):
            running.client(transport=transport, credentials=credentials()).create_tuning_job(spec())
            wrong = running.client(transport=transport, retry=None, credentials=Credentials(token="wrong-" + SECRET))  # type: ignore[no-untyped-call]
            with pytest.raises(gemtune.Unauthenticated):
                wrong.get_tuning_job("1")
    assert len(lines) >= 4
    assert not [line for line in lines if SECRET in line]


def test_a_store_holds_no_token(service: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with SpecStore(file) as store:
        client = service.client(credentials=credentials(), store=store, retry=QUICK)
        client.create_tuning_job(spec())
        for instruction in BAD_DAYS:
            service.faults({"CreateTuningJob": [instruction]})
            with contextlib.suppress(GemtuneError):
                client.create_tuning_job(spec(), timeout=1)
        files = list(tmp_path.iterdir())
        held = b"".join(path.read_bytes() for path in files)
    assert b"gs://bucket/train.jsonl" in held
    assert SECRET.encode() not in held
    assert REFRESH.encode() not in held


def test_what_is_made_to_keep_things_is_for_its_owner_alone(tmp_path: Path) -> None:
    with SpecStore(tmp_path / "deep" / "store.db") as store:
        store.put(spec())
        kept = list((tmp_path / "deep").iterdir())
    with emulator(db=tmp_path / "state" / "emulator.db") as running:
        running.client().create_tuning_job(spec())
        kept += list((tmp_path / "state").iterdir())
    assert len(kept) >= 2
    for path in kept:
        if path.exists():
            assert path.stat().st_mode & 0o077 == 0, path
    for directory in ("deep", "state"):
        assert (tmp_path / directory).stat().st_mode & 0o077 == 0


# -- secrets that libraries would show ---------------------------------------------------------------------------------

TRANSPORTS = ["rest", "grpc", "rest_aio", "grpc_aio"]


def call(kind: str, **options: Any) -> BaseException:
    """What a call over a transport meets."""
    client_of: Any = gemtune.AsyncTuningClient if kind.endswith("_aio") else gemtune.TuningClient
    client = client_of("p", transport=kind.removesuffix("_aio"), retry=None, timeout=5, **options)

    async def awaited() -> None:
        async with client:
            await client.get_tuning_job("1")

    def blocking() -> None:
        with client:
            client.get_tuning_job("1")

    with pytest.raises(GemtuneError) as caught:
        asyncio.run(awaited()) if kind.endswith("_aio") else blocking()
    return caught.value


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET}\r\nx: y", f"{SECRET}é", f"{SECRET}€"])
def test_a_token_that_is_no_header_is_refused_and_not_shown(kind: str, token: str) -> None:
    error = call(kind, endpoint="http://127.0.0.1:1", credentials=Credentials(token))  # type: ignore[no-untyped-call]
    assert isinstance(error, gemtune.ConfigurationError)
    assert "authorization cannot be sent as a header" in str(error)
    assert SECRET not in shown(error)


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize(
    "proxy",
    [
        f"http://user:{SECRET}#t@127.0.0.1:1",
        f"http://user:{SECRET}/t@127.0.0.1:1",
        f"http://user:{SECRET}@127.0.0.1:notaport",
        f"http://user:{SECRET}@[bad",
        f"http://user:{SECRET}@127.0.0.1:1/path?x",
    ],
)
def test_a_proxy_that_is_no_url_is_refused_and_its_password_not_shown(
    kind: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    error = call(kind, credentials=Credentials("t"))  # type: ignore[no-untyped-call]
    assert isinstance(error, gemtune.ConfigurationError)
    assert "percent-encode" in str(error)
    assert SECRET not in shown(error)


def test_an_endpoint_with_a_secret_is_refused_without_it() -> None:
    for endpoint in (f"https://user:{SECRET}@host", f"https://host?key={SECRET}", f"https://host#{SECRET}"):
        with pytest.raises(gemtune.ConfigurationError) as caught:
            gemtune.TuningClient("p", endpoint=endpoint)
        assert SECRET not in shown(caught.value)
