"""The estimate calibrated by the service's countTokens: which rows are sent, in what form, and what becomes of the counts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from gemtune.dataset.estimate import estimate, estimate_tokens
from gemtune.dataset.row_tokens import row_tokens
from gemtune.errors import DatasetError, NotFound
from gemtune.rpc.codec import to_json
from gemtune.specs.prices import prices
from gemtune_pb.v1 import CountTokensRequest, SupervisedTuningSpec, TuningJob

WORDS = "the service counts some of the rows and the rest is scaled by what it said".split()


def turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def row(words: int, seed: int = 0) -> dict[str, Any]:
    text = " ".join(random.Random(words * 1000 + seed).choices(WORDS, k=words))
    return {"contents": [turn("user", text), turn("model", "Yes.")]}


ROWS = [row(words) for words in range(1, 301)]


def offline(request: CountTokensRequest) -> int:
    found = row_tokens(json.loads(to_json(request)))
    assert found is not None
    return found[0].likely


def counting(factor: float | Callable[[int], float], seen: list[CountTokensRequest]) -> Callable[..., int]:
    """A service that counts so many times what the offline rule does; by the number of its call, if it is a function."""

    def count(request: CountTokensRequest) -> int:
        seen.append(request)
        return round(offline(request) * (factor(len(seen)) if callable(factor) else factor))

    return count


def test_the_count_is_scaled_and_the_range_is_that_of_the_ratios() -> None:
    plain = estimate_tokens(ROWS)
    seen: list[CountTokensRequest] = []
    found = estimate_tokens(ROWS, online=counting(lambda n: 1.5 if n % 2 else 1.25, seen))
    assert len(seen) == 20
    assert found.method == (
        "the offline rule (by script and modality), calibrated by the service's countTokens on 20 rows"
    )
    assert found.tokens.low == pytest.approx(plain.tokens.likely * 1.25, rel=0.05)
    assert found.tokens.high == pytest.approx(plain.tokens.likely * 1.5, rel=0.05)
    assert plain.tokens.likely * 1.3 < found.tokens.likely < plain.tokens.likely * 1.45
    assert found.tokens.low < found.tokens.likely < found.tokens.high
    assert (found.example_count, found.skipped_count) == (300, 0)


def test_the_sample_has_rows_of_every_size() -> None:
    seen: list[CountTokensRequest] = []
    estimate_tokens(ROWS, online=counting(1, seen), sample=10)
    sizes = [offline(request) for request in seen]
    assert sizes == sorted(sizes)
    assert len(sizes) == 10
    whole = sorted(offline(CountTokensRequest(contents=each["contents"])) for each in ROWS)
    assert sizes[0] < whole[60] < whole[240] < sizes[-1]


def test_the_sample_depends_on_the_rows_and_not_on_their_order() -> None:
    lines = [json.dumps(each).encode() for each in ROWS]
    first: list[CountTokensRequest] = []
    second: list[CountTokensRequest] = []
    estimate_tokens(lines, online=counting(1, first))
    random.Random(1).shuffle(lines)
    estimate_tokens(lines * 2, online=counting(1, second))
    assert first == second


@pytest.mark.parametrize("size", [1, 2, 20, 500])
def test_a_sample_has_as_many_rows_as_were_asked_for(size: int) -> None:
    seen: list[CountTokensRequest] = []
    found = estimate_tokens(ROWS[:50], online=counting(1.1, seen), sample=size)
    assert len(seen) == min(size, 50)
    assert found.method.endswith(f"on {min(size, 50)} row{'' if size == 1 else 's'}")


def test_few_rows_of_many_do_not_narrow_the_range() -> None:
    plain = estimate_tokens(ROWS)
    found = estimate_tokens(ROWS, online=counting(1, []), sample=3)
    assert (found.tokens.low, found.tokens.high) == (plain.tokens.low, plain.tokens.high)


def test_where_all_rows_are_counted_few_are_enough() -> None:
    found = estimate_tokens([row(30)] * 500, online=counting(2, []))
    assert found.tokens.low == found.tokens.likely == found.tokens.high
    assert found.tokens.likely == 2 * estimate_tokens([row(30)] * 500).tokens.likely


def test_what_is_sent_is_what_is_billed() -> None:
    full = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [turn("user", "What is in it?")],
        "completions": [{"score": 1, "completion": turn("model", "A cat.")}, {"completion": turn("model", "A dog.")}],
        "tools": [{"functionDeclarations": [{"name": "look"}]}],
        "generationConfig": {"temperature": 2, "mediaResolution": "MEDIA_RESOLUTION_LOW", "unheardOf": 1},
        "references": {"a": "not billed"},
    }
    full["contents"][0]["parts"].append({"fileData": {"fileUri": "gs://b/cat.png", "mimeType": "image/png"}})
    seen: list[CountTokensRequest] = []
    estimate_tokens([full], kind="preference", online=counting(1, seen))
    [request] = seen
    assert not request.endpoint
    assert [turn.role for turn in request.contents] == ["user", "model", "model"]
    assert request.contents[0].parts[1].file_data.file_uri == "gs://b/cat.png"
    assert request.system_instruction.parts[0].text == "Be brief."
    assert request.tools[0].function_declarations[0].name == "look"
    assert to_json(request.generation_config) == '{"mediaResolution":"MEDIA_RESOLUTION_LOW"}'


def test_rows_that_cannot_be_sent_are_scaled_like_the_others() -> None:
    strange = {"contents": [turn("user", "hello there")], "tools": [{"unheardOf": {}}]}
    long = {"contents": [turn("user", "word " * 300_000)]}
    seen: list[CountTokensRequest] = []
    rows = [strange, long, *ROWS[:30]]
    found = estimate_tokens(rows, online=counting(1.2, seen), sample=40)
    assert len(seen) == 30
    assert found.tokens.likely == pytest.approx(estimate_tokens(rows).tokens.likely * 1.2, rel=0.02)


@pytest.mark.parametrize("bad", [{"messages": [{"role": "user", "content": "x"}]}, {"prompt": "a", "completion": "b"}])
def test_where_no_row_can_be_sent_it_is_said(bad: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="no row of the training set can be sent to countTokens"):
        estimate_tokens([bad] * 3, online=counting(1, []))


def test_without_rows_the_service_is_not_asked() -> None:
    seen: list[CountTokensRequest] = []
    found = estimate_tokens([b"{}", b"nonsense"], online=counting(1, seen))
    assert (seen, found.skipped_count, found.method) == ([], 2, "the offline rule (by script and modality)")


def test_a_row_that_may_be_dropped_adds_nothing_to_the_low_end() -> None:
    rows = [*ROWS[:30], row(5000)]
    found = estimate_tokens(rows, longest=1000, online=counting(1, []), sample=31)
    assert found.tokens.low == estimate_tokens(ROWS[:30]).tokens.likely
    assert found.tokens.high == found.tokens.low + 1000


def test_a_refusal_is_the_services() -> None:
    def refuse(request: CountTokensRequest) -> int:
        raise NotFound("no such model")

    with pytest.raises(NotFound, match="no such model"):
        estimate_tokens(ROWS, online=refuse)


def test_a_job_is_billed_by_the_calibrated_count_and_media_are_looked_into() -> None:
    spec = SupervisedTuningSpec(training_dataset_uri="gs://b/train.jsonl")
    spec.hyper_parameters.epoch_count = 3
    job = TuningJob(base_model="gemini-2.5-flash", supervised_tuning_spec=spec)
    sound = {"fileData": {"fileUri": "gs://b/a.wav", "mimeType": "audio/wav"}}
    rows = [{"contents": [{"role": "user", "parts": [sound, {"text": f"number {i}"}]}]} for i in range(30)]

    def count(request: CountTokensRequest) -> int:
        return 320 + request.contents[0].parts[1].ByteSize() % 2

    found = estimate(job, rows, prices=prices({}), online=count)
    assert found.billed_tokens.likely == pytest.approx(30 * 320 * 3, rel=0.02)
    assert found.billed_tokens.high < 1.1 * found.billed_tokens.low
    assert list(found.warnings) == []
    [warning] = estimate(job, rows, prices=prices({})).warnings
    assert "not looked into" in warning
