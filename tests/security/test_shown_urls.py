"""Secrets in URLs, in libraries' errors and in what a server sends back: in no error, whatever is looked at, and no log."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

import gemtune
from gemtune.cli.session import Session
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.safe_text import origin
from gemtune.settings import Endpoint, endpoint_from
from tests.support.jobs import spec
from tests.support.servers import Heard, answer, serving

SECRET = "s3cr3t"
TOKEN = "ya29.s3cr3t-tell-nobody/x"


def shown(error: BaseException) -> str:
    """All that anybody is shown of an error."""
    parts = [str(error), repr(error), "".join(traceback.format_exception(error)), repr(vars(error))]
    parts += [repr(pickle.loads(pickle.dumps(error)))]
    parts += [shown(inner) for inner in (error.__cause__, error.__context__) if inner is not None]
    return "\n".join(parts)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.set_level(logging.DEBUG)  # everybody's
    return lambda: "".join(record.getMessage() + repr(vars(record)) for record in caplog.records)


# -- endpoints -----------------------------------------------------------------------------------------------------------

ENDPOINTS = [
    f"user:{SECRET}@host",
    f"{SECRET}@host",
    f"https://user:{SECRET}@host",
    f"https://user:{SECRET}/x@host",
    f"https://user:{SECRET}?x@host",
    f"https://user:{SECRET}#x@host",
    f"https://user:123/{SECRET}@host",
    f"https:/user:{SECRET}@host",
    f"https:user:{SECRET}@host",
    f"https:///{SECRET}",
    f"https://host/{SECRET}",
    f"https://host?{SECRET}",
    f"https://host?key={SECRET}",
    f"https://host#{SECRET}",
    f"https://host;{SECRET}",
    f"https://host:{SECRET}",
    f"https://[{SECRET}",
    "https://[::1",
    f"https://[::1]{SECRET}",
    f"https://ho st/{SECRET}",
    f"https://host\n{SECRET}",
    f"https://höst/{SECRET}",
    f"ftp://user:{SECRET}@host/{SECRET}",
    f"postgresql://u:{SECRET}@h/d",
    f"http://user:{SECRET}\\@host",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_that_is_none_is_refused_and_shows_no_secret(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="an endpoint looks like https://host") as caught:
        Endpoint.parse(endpoint)
    assert SECRET not in shown(caught.value)
    for variable in ("GEMTUNE_EMULATOR_HOST", "GEMTUNE_ENDPOINT"):
        monkeypatch.setenv(variable, endpoint)
        with pytest.raises(GemtuneError) as caught_too:
            gemtune.TuningClient("p")
        assert SECRET not in shown(caught_too.value)
        monkeypatch.delenv(variable)


def test_an_endpoint_that_is_one_is_taken() -> None:
    for text, url in (("h", "https://h"), ("http://[::1]:5/", "http://[::1]:5"), ("HTTPS://H:1", "https://h:1")):
        assert Endpoint.parse(text).url == url
    assert endpoint_from(None, {"GEMTUNE_EMULATOR_HOST": "[::1]:5"}).endpoint == "http://[::1]:5"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://h", "https://h"),
        ("https://u:p@h:5/a?b#c", "https://h:5"),
        ("postgresql://u:p@h/d?x=1", "postgresql://h"),
        ("https://u:p/x@h", None),
        ("https://u:5/x@h", None),
        ("//h/x", None),
        ("/x", None),
        ("h", None),
        ("", None),
        ("https://h\x1b/", None),
    ],
)
def test_of_a_url_its_origin_is_shown(url: str, wanted: str | None) -> None:
    assert origin(url) == wanted


# -- redirects -----------------------------------------------------------------------------------------------------------

LOCATIONS = [
    f"https://user:{SECRET}@host/x",
    f"https://user:{SECRET}/y@host",
    f"https:/user:{SECRET}@host",
    f"/x;token={SECRET}",
    f"/{SECRET}",
    f"{SECRET}",
    f"https://h/cb/{SECRET}",
    f"https://h/cb?{SECRET}",
    f"https://h/#{SECRET}",
    f"//h/{SECRET}",
    f"//u:{SECRET}@h",
    f"//u:{SECRET}/x@h",
    f"javascript:{SECRET}",
    f"https://[{SECRET}",
    f"\x1b]0;{SECRET}",
]


def call(asynchronous: bool, **options: Any) -> GemtuneError:
    """What a create meets."""

    async def awaited() -> None:
        async with gemtune.AsyncTuningClient("demo", **options) as client:
            await client.create_tuning_job(spec(), retry=None, timeout=10)

    def blocking() -> None:
        with gemtune.TuningClient("demo", **options) as client:
            client.create_tuning_job(spec(), retry=None, timeout=10)

    with pytest.raises(GemtuneError) as caught:
        asyncio.run(awaited()) if asynchronous else blocking()
    return caught.value


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_of_a_redirect_no_secret_is_shown(location: str, asynchronous: bool, logged: Any) -> None:
    with serving(answer(b"", 302, {"location": location})) as server:
        error = call(asynchronous, endpoint=server.url)
    assert SECRET not in shown(error) + logged()


# -- proxies -------------------------------------------------------------------------------------------------------------


def hangs_up(connection: Any, _heard: Heard) -> bool:
    return False


CONNECTS: dict[str, Any] = {
    "407": answer(b"", 407, {"proxy-authenticate": "Basic"}),
    "502": answer(b"", 502),
    "302": answer(b"", 302, {"location": f"http://u:{SECRET}@elsewhere"}),
    "junk": b"junk junk junk\r\n\r\n",
    "large header": answer(b"", 200, {"x": "y" * 100_000}),
    "no answer": hangs_up,
}


@pytest.mark.parametrize("reply", CONNECTS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_proxy_that_lets_nobody_through_was_sent_nothing_and_its_password_is_not_shown(
    reply: str, asynchronous: bool, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(CONNECTS[reply]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//user:{SECRET}@"))
        error = call(asynchronous, endpoint="https://api.example", credentials=Credentials(TOKEN))  # type: ignore[no-untyped-call]
    assert isinstance(error, gemtune.TransportError)  # and not in doubt
    assert not error.maybe_sent
    assert SECRET not in shown(error) + logged()


@pytest.mark.parametrize("scheme", ["socks5", "ftp"])
def test_a_proxy_of_another_kind_is_named_by_its_host(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:{SECRET}@proxy.example:1")
    error = call(True, endpoint="https://api.example", credentials=Credentials(TOKEN))  # type: ignore[no-untyped-call]
    assert f"{scheme}://proxy.example:1 is of a kind" in str(error)
    assert SECRET not in shown(error)


# -- a server that sends the token back -----------------------------------------------------------------------------------


def echoes(kind: str) -> Any:
    bearer = f"Bearer {TOKEN}"
    violation = {"field": TOKEN, "description": f"not {TOKEN}"}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R", "metadata": {"t": bearer}}
    other = {"@type": "type.googleapis.com/none.Such", "t": TOKEN}
    error = {"status": "PERMISSION_DENIED", "message": f"{bearer} may not", "details": [detail, info, other]}
    return {
        "403": answer(json.dumps({"error": error}).encode(), 403),
        "403 escaped": answer(json.dumps({"error": error}).replace("/", "\\/").encode(), 403),
        "a page": answer(f"<p>{TOKEN}</p>".encode(), 403, {"content-type": f"text/{TOKEN}"}),
        "200 of the wrong kind": answer(json.dumps([TOKEN]).encode()),
        "200 of a wrong value": answer(json.dumps({"createTime": TOKEN}).encode()),
        "200 that is not a JSON": answer(TOKEN.encode()),
        "200 of an unknown field": answer(json.dumps({"name": 5, TOKEN: TOKEN, "new": [TOKEN]}).encode()),
        "an id": answer(b"{", 200, {"x-request-id": TOKEN, "x-goog-request-id": bearer}),
        "an id of an error": answer(b"{", 500, {"x-request-id": TOKEN}),
        "a redirect": answer(b"", 302, {"location": f"https://h/{TOKEN}"}),
        "a location of its own": answer(b"", 302, {"location": TOKEN}),
    }[kind]


ECHOES = "403;403 escaped;a page;200 of the wrong kind;200 of a wrong value;200 that is not a JSON;200 of an unknown field;an id;an id of an error;a redirect;a location of its own".split(";")  # fmt: skip


@pytest.mark.parametrize("kind", ECHOES)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_token_that_a_server_sends_back_is_hidden(kind: str, asynchronous: bool, logged: Any) -> None:
    with serving(echoes(kind)) as server:
        error = call(asynchronous, endpoint=server.url, credentials=Credentials(TOKEN))  # type: ignore[no-untyped-call]
    assert TOKEN not in shown(error) + logged()
    for detail in getattr(error, "details", ()):
        assert TOKEN.encode() not in detail.SerializeToString()


def test_a_warning_of_what_is_not_known_hides_it_too(logged: Any) -> None:
    name = "projects/demo/locations/us-central1/tuningJobs/1"
    body = json.dumps({"name": name, "state": "JOB_STATE_RUNNING", f"f{TOKEN}": TOKEN}).encode()
    with serving(answer(body)) as server:
        client = gemtune.TuningClient("demo", endpoint=server.url, credentials=Credentials(TOKEN))  # type: ignore[no-untyped-call]
        with client:
            client.get_tuning_job("1")
    assert "does not know" in logged()
    assert TOKEN not in logged()


def test_a_header_of_the_callers_is_hidden_too() -> None:
    import grpc

    request = gemtune.GetTuningJobRequest(name="projects/p/locations/l/tuningJobs/1")
    with serving(answer(b'{"error": {"message": "no %s"}}' % TOKEN.encode(), 403)) as server:
        channel = gemtune.RestChannel(server.url)
        for key in ("authorization", "x-goog-api-key", "cookie"):
            with pytest.raises(grpc.RpcError) as caught:
                gemtune.TuningServiceStub(channel).GetTuningJob(request, metadata=[(key, TOKEN)])
            assert TOKEN not in shown(caught.value)
        channel.close()


# -- what credentials say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [f'{{"private_key": "{SECRET}"}}', f"/no/such/{SECRET}", f"{SECRET}\x00"])
def test_a_key_in_place_of_a_file_is_not_shown(held: str, monkeypatch: pytest.MonkeyPatch, logged: Any) -> None:
    if "\x00" not in held:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", held)
    error = call(False, endpoint="https://api.example")
    assert isinstance(error, ConfigurationError)
    assert SECRET not in shown(error)


@pytest.mark.parametrize("kind", ["RefreshError", "TransportError", "GoogleAuthError", "ValueError", "OSError"])
def test_what_a_refresh_raises_is_not_repeated(kind: str, logged: Any) -> None:
    import google.auth.exceptions as theirs

    class Failing(Credentials):
        valid = False

        def refresh(self, request: object) -> None:
            cls: Any = (
                getattr(theirs, kind, None)
                or getattr(__builtins__, kind, None)
                or {"ValueError": ValueError, "OSError": OSError}[kind]
            )
            raise cls(f"invalid_grant: {SECRET}", {"refresh_token": SECRET})

    error = call(False, endpoint="https://api.example", credentials=Failing(TOKEN))  # type: ignore[no-untyped-call]
    assert SECRET not in shown(error) + logged()


# -- stores --------------------------------------------------------------------------------------------------------------

STORES = [
    f"postgresql://u:x/{SECRET}@127.0.0.1:1/d",
    f"postgresql://u:{SECRET}@127.0.0.1:1/d",
    f"postgresql://u:{SECRET}%40@127.0.0.1:1/d",
    f"postgresql://u:p:{SECRET}@127.0.0.1:1/d",
    f"postgresql://u@127.0.0.1:1/d?{SECRET}=1",
    f"postgresql://u@127.0.0.1:1/d?sslmode={SECRET}",
    f"postgresql://u@127.0.0.1:1/d?password={SECRET}",
    f"postgresql://u@127.0.0.1:1/d?sslpassword={SECRET}&x=1",
    f"postgresql://u@127.0.0.1:1/d?options=-c%20{SECRET}",
    f"postgresql://u@127.0.0.1:{SECRET}/d",
    f"postgresql://u:{SECRET}@[bad/d",
    f"mysql://u:{SECRET}@h/d",
    f"sqlite:///:memory:?{SECRET}",
    f"nonsense://u:{SECRET}@",
]


@pytest.mark.parametrize("url", STORES)
def test_of_a_stores_url_no_secret_is_shown(url: str, logged: Any) -> None:
    pytest.importorskip("psycopg")
    from gemtune.store import SpecStore

    with pytest.raises(GemtuneError) as caught:
        SpecStore(f"{url}&connect_timeout=2" if "?" in url and "127" in url else url)
    assert SECRET not in shown(caught.value) + logged()


@pytest.mark.parametrize("url", [url for url in STORES if "://" in url])
def test_the_command_that_goes_on_shows_none_either(url: str) -> None:
    with gemtune.TuningClient("p", "l") as client:
        assert SECRET not in Session().resume_command("a", client, store=url, resend=True)
