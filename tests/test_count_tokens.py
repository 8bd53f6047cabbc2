"""`count_tokens` of both clients, over both transports, and the rpc by its stub: what is sent where, and what comes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import gemtune
from gemtune import emulator
from gemtune.dataset.tokens import text_range
from gemtune_pb.v1 import Content, CountTokensRequest, CountTokensResponse, Modality, Part

CLIENTS = [gemtune.TuningClient, gemtune.AsyncTuningClient]
MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-3.5-flash"
TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def address() -> Iterator[emulator.Address]:
    with emulator.running(grpc_port=0) as address:
        yield address


def done(result: Any) -> Any:
    async def awaited() -> Any:
        return await result

    return asyncio.run(awaited()) if inspect.isawaitable(result) else result


class Carrier:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        self.sent.append((method.name, request))
        return CountTokensResponse(total_tokens=3)


class AsyncCarrier(Carrier):
    async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        return super().send(method, request, deadline=deadline, metadata=metadata)


def asked(kind: Any, *args: Any, **options: Any) -> CountTokensRequest:
    carrier = Carrier() if kind is gemtune.TuningClient else AsyncCarrier()
    client = kind("p", "us-central1", transport=carrier)
    assert done(client.count_tokens(*args, **options)).total_tokens == 3
    [(name, request)] = carrier.sent
    assert name == "CountTokens"
    return request


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        ("gemini-3.5-flash", MODEL),
        ("publishers/google/models/gemini-3.5-flash", MODEL),
        (MODEL, MODEL),
        ("projects/q/locations/eu/endpoints/12", "projects/q/locations/eu/endpoints/12"),
        ("publishers/meta/models/llama", "projects/p/locations/us-central1/publishers/meta/models/llama"),
    ],
)
def test_a_model_is_named_in_any_way(kind: Any, model: str, endpoint: str) -> None:
    assert asked(kind, model, TEXT).endpoint == endpoint


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("model", ["", "a/b", "projects/p/locations/l/tuningJobs/3", "projects/p/x", "a b", "../x"])
def test_what_is_no_model_is_refused(kind: Any, model: str) -> None:
    with pytest.raises(gemtune.SpecInvalid, match=r"counts no tokens; give a base model such as"):
        asked(kind, model, TEXT)


@pytest.mark.parametrize("kind", CLIENTS)
def test_contents_are_texts_or_turns(kind: Any) -> None:
    turn = Content(role="model", parts=[Part(text="Woof.")])
    said = Content(role="user", parts=[Part(text=TEXT)])
    assert list(asked(kind, "m", TEXT).contents) == [said]
    assert list(asked(kind, "m", turn).contents) == [turn]
    request = asked(
        kind, "m", [TEXT, turn], system_instruction="Be brief.", location="europe-west4",
        tools=[gemtune.Tool(function_declarations=[{"name": "f"}])],
        generation_config=gemtune.GenerationConfig(temperature=0.5),
    )  # fmt: skip
    assert list(request.contents) == [said, turn]
    assert request.system_instruction == Content(parts=[Part(text="Be brief.")])
    assert request.tools[0].function_declarations[0].name == "f"
    assert request.generation_config.temperature == 0.5
    assert request.endpoint == "projects/p/locations/europe-west4/publishers/google/models/m"
    assert asked(kind, "m", TEXT, system_instruction=turn).system_instruction == turn


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_emulator_counts(address: emulator.Address, kind: Any, transport: str, version: str) -> None:
    endpoint = str(address) if transport == "rest" else f"http://{address.grpc}"

    async def counted() -> CountTokensResponse:
        async with kind("p", endpoint=endpoint, transport=transport, api_version=version) as client:
            with pytest.raises(gemtune.NotFound, match=r"Publisher Model `\S+/gemini-9` was not found"):
                await client.count_tokens("gemini-9", TEXT)
            with pytest.raises(gemtune.InvalidArgument, match="contents is required"):
                await client.count_tokens("gemini-3.5-flash", [])
            return await client.count_tokens("gemini-3.5-flash", TEXT)

    if kind is gemtune.AsyncTuningClient:
        found = asyncio.run(counted())
    else:
        with kind("p", endpoint=endpoint, transport=transport, api_version=version) as client:
            with pytest.raises(gemtune.NotFound, match=r"Publisher Model `\S+/gemini-9` was not found"):
                client.count_tokens("gemini-9", TEXT)
            found = client.count_tokens("gemini-3.5-flash", TEXT)
    assert found.total_tokens == text_range(TEXT).likely
    assert found.total_billable_characters == len(TEXT.replace(" ", ""))
    [detail] = found.prompt_tokens_details
    assert (detail.modality, detail.token_count) == (Modality.TEXT, found.total_tokens)


def test_media_are_counted_by_modality(address: emulator.Address) -> None:
    image = Part(file_data={"file_uri": "gs://b/a.png", "mime_type": "image/png"})
    sound = Part(inline_data={"data": b"x", "mime_type": "audio/wav"})
    with gemtune.TuningClient("p", endpoint=str(address)) as client:
        found = client.count_tokens(
            "gemini-2.5-flash", Content(role="user", parts=[image, Part(text=TEXT), sound, image])
        )
    details = {detail.modality: detail.token_count for detail in found.prompt_tokens_details}
    assert details == {Modality.TEXT: text_range(TEXT).likely, Modality.IMAGE: 2 * 258, Modality.AUDIO: 60 * 32}
    assert found.total_tokens == sum(details.values())


def test_an_endpoint_does_not_answer(address: emulator.Address) -> None:
    with (
        gemtune.TuningClient("p", endpoint=str(address)) as client,
        pytest.raises(gemtune.NotFound, match="The Endpoint does not exist"),
    ):
        client.count_tokens("projects/p/locations/us-central1/endpoints/7", TEXT)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_path_is_the_services(address: emulator.Address, version: str) -> None:
    body = {"contents": {"role": "user", "parts": {"text": TEXT}}}  # as curl samples have it: no lists
    answer = requests.post(f"{address}/{version}/{MODEL}:countTokens", json=body, timeout=10)
    assert answer.status_code == 200
    assert answer.json() == {
        "totalTokens": text_range(TEXT).likely,
        "totalBillableCharacters": 36,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": text_range(TEXT).likely}],
    }


def test_the_generated_stub_works_over_rest(address: emulator.Address) -> None:
    pytest.importorskip("grpc")
    with gemtune.RestChannel(str(address)) as channel:
        stub = gemtune.PredictionServiceStub(channel)
        found = stub.CountTokens(
            CountTokensRequest(endpoint=MODEL, contents=[Content(role="user", parts=[Part(text=TEXT)])])
        )
    assert found.total_tokens == text_range(TEXT).likely


def test_over_grpc_a_field_that_v1_numbers_otherwise_is_refused(address: emulator.Address) -> None:
    tool = gemtune.Tool(enterprise_web_search={"blocking_confidence": gemtune.Tool.BLOCK_LOW_AND_ABOVE})
    client = gemtune.TuningClient("p", endpoint=f"http://{address.grpc}", transport="grpc")
    with client, pytest.raises(gemtune.SpecInvalid, match=r"does not travel over v1's gRPC .* api_version=\"v1beta1\""):
        client.count_tokens("gemini-3.5-flash", TEXT, tools=[tool])


def test_calls_go_to_the_host_of_the_models_location() -> None:
    from gemtune._client_base import METHODS
    from gemtune.settings import Endpoints

    for location, host in (("eu", "aiplatform.eu.rep.googleapis.com"), ("global", "aiplatform.googleapis.com")):
        request = CountTokensRequest(endpoint=f"projects/p/locations/{location}/publishers/google/models/m")
        assert Endpoints(None).of(METHODS["CountTokens"].resource(request)).host == host
