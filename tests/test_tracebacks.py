"""What somebody who did not catch an error sees: few lines, which say what the command line says."""

from __future__ import annotations

import asyncio
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator

import pytest

import gemtune
from gemtune.emulator import running
from gemtune.remedies import remedy_for

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running() as url:
        yield url


MOST_LINES = 24 if sys.version_info < (3, 13) else 32
"""From 3.13 on, Python prints all lines of a call that was written in several."""


def printed(act: Callable[[], object]) -> tuple[gemtune.GemtuneError, list[str]]:
    with pytest.raises(gemtune.GemtuneError) as caught:
        act()
    error = caught.value
    return error, "".join(traceback.format_exception(error)).rstrip().split("\n")


SYNC: list[Callable[[gemtune.TuningClient], object]] = [
    lambda client: client.get_tuning_job("1"),
    lambda client: client.cancel_tuning_job("1"),
    lambda client: client.wait_tuning_job("1"),
    lambda client: list(client.list_tuning_jobs(filter="nothing=1")),
    lambda client: next(client.list_tuning_jobs(filter="nothing=1").pages()),
    lambda client: client.create_tuning_job(gemtune.TuningJob()),
    lambda client: client.get_operation("projects/p/locations/l/tuningJobs/1/operations/2"),
]


@pytest.mark.parametrize("act", SYNC)
def test_an_uncaught_error_is_few_lines(act: Callable[[gemtune.TuningClient], object], emulator: str) -> None:
    for client in (
        gemtune.TuningClient("p", endpoint=emulator),
        gemtune.TuningClient("p", endpoint=NOWHERE, retry=None),
    ):
        with client:
            error, lines = printed(lambda: act(client))  # noqa: B023  called at once
            assert len(lines) <= MOST_LINES, "\n".join(lines)  # with the frames of this test
            own = [
                frame for frame in traceback.extract_tb(error.__traceback__) if "/gemtune/gemtune/" in frame.filename
            ]
            assert len(own) <= 4
            assert len("\n".join(error._render_traceback_()).split("\n")) <= 15


def test_an_asynchronous_call_ends_there_too(emulator: str) -> None:
    pytest.importorskip("aiohttp")

    async def act() -> None:
        async with gemtune.AsyncTuningClient("p", endpoint=emulator) as client:
            await client.get_tuning_job("1")

    async def sweep() -> None:
        async with gemtune.AsyncTuningClient("p", endpoint=emulator) as client:
            async for _ in client.list_tuning_jobs(filter="nothing=1"):
                pass

    for main in (act, sweep):
        error, _ = printed(lambda: asyncio.run(main()))  # noqa: B023
        frames = [f.name for f in traceback.extract_tb(error.__traceback__)]
        assert "send" not in frames
        assert "arun" not in frames


def test_the_cause_is_kept_out_of_sight() -> None:
    with gemtune.TuningClient("p", endpoint=NOWHERE, retry=None) as client:
        error, lines = printed(lambda: client.get_tuning_job("1"))
    assert not [line for line in lines if "direct cause" in line or "During handling" in line]
    below = error.__cause__ or error.__context__
    assert below is None or below.__traceback__ is not None


def test_a_job_that_is_not_there_says_where_it_was_looked_for(emulator: str) -> None:
    with gemtune.TuningClient("acme", "europe-west4", endpoint=emulator) as client:
        error, lines = printed(lambda: client.get_tuning_job("123"))
        full, _ = printed(lambda: client.get_tuning_job("projects/acme/locations/us-east1/tuningJobs/5"))
    assert "looked for projects/acme/locations/europe-west4/tuningJobs/123" in lines
    assert any("location=" in note for note in error.__notes__)
    assert not any("location=" in note for note in full.__notes__)
    assert (error.rpc, error.resource) == ("GetTuningJob", "projects/acme/locations/europe-west4/tuningJobs/123")
    assert pickle.loads(pickle.dumps(error)).__notes__ == error.__notes__


def test_a_remedy_is_among_the_notes() -> None:
    class Denies:
        def send(self, *_: object, **__: object) -> object:
            raise gemtune.PermissionDenied("Permission 'aiplatform.tuningJobs.get' denied on resource")

    client = gemtune.TuningClient("acme", transport=Denies())  # type: ignore[arg-type]
    error, lines = printed(lambda: client.get_tuning_job("1"))
    do = "gcloud projects add-iam-policy-binding acme --member=user:YOU --role=roles/aiplatform.user"
    assert f"to fix it: {do}" in lines
    assert remedy_for(error) == ("the permission aiplatform.tuningJobs.get is missing", do)


def test_an_html_page_names_the_host_and_the_location() -> None:
    class Page:
        def send(self, *_: object, **__: object) -> object:
            raise gemtune.NotFound(
                "HTTP 404 with 1500 bytes of text/html from https://us-east5-a-aiplatform.googleapis.com/v1/x",
                http_status=404,
            )

    client = gemtune.TuningClient("acme", "us-east5-a", transport=Page())  # type: ignore[arg-type]
    error, _ = printed(lambda: list(client.list_tuning_jobs()))
    (note,) = error.__notes__
    assert "us-east5-a-aiplatform.googleapis.com does not answer as the API does" in note
    assert "the location us-east5-a" in note


def test_a_notebook_shows_the_callers_lines(emulator: str) -> None:
    with gemtune.TuningClient("p", endpoint=emulator) as client:
        error, _ = printed(lambda: client.get_tuning_job("1"))
    shown = error._render_traceback_()
    assert shown[0] == "Traceback (most recent call last):"
    assert not [line for line in shown if "gemtune/client.py" in line]
    assert [line for line in shown if "gemtune.errors.NotFound: " in line]


def test_it_is_so_in_ipython(emulator: str, capsys: pytest.CaptureFixture[str]) -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    shell.run_cell(f'import gemtune\ngemtune.TuningClient("p", endpoint={emulator!r}).get_tuning_job("1")')
    assert len(capsys.readouterr().out.strip().split("\n")) <= 15
