"""What a job will cost: epochs, kinds of tuning, prices that are known and that are not, limits."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gemtune.dataset.estimate import (
    amount,
    estimate,
    estimate_tokens,
    lines_of,
    over_limit,
    training_dataset_uri,
)
from gemtune.errors import DatasetError, SpecFileError
from gemtune.specs.prices import KINDS, Prices, prices, read_prices
from gemtune_pb.v1 import CostEstimate, PreferenceOptimizationSpec, PriceTable, SupervisedTuningSpec, TuningJob

ROW = {
    "contents": [
        {"role": "user", "parts": [{"text": "What is the capital of France, and since when is it?"}]},
        {"role": "model", "parts": [{"text": "Paris is the capital of France, since the tenth century."}]},
    ]
}
BUILT_IN = prices({})


def job(model: str = "gemini-2.5-flash", epochs: int = 3) -> TuningJob:
    spec = SupervisedTuningSpec(training_dataset_uri="gs://b/train.jsonl")
    spec.hyper_parameters.epoch_count = epochs
    return TuningJob(base_model=model, supervised_tuning_spec=spec)


def made(of: TuningJob, rows: int = 500, **options: Any) -> CostEstimate:
    return estimate(of, [ROW] * rows, prices=BUILT_IN, **options)


def test_the_bill_is_one_pass_times_epochs_times_price() -> None:
    found = made(job())
    tokens, billed = found.one_pass.tokens, found.billed_tokens
    assert found.one_pass.example_count == 500
    assert (billed.low, billed.likely, billed.high) == (3 * tokens.low, 3 * tokens.likely, 3 * tokens.high)
    assert found.cost.currency == "USD"
    assert found.cost.high == pytest.approx(billed.high * 5 / 1e6)
    assert found.cost.low < found.cost.likely < found.cost.high
    assert found.price.date == "2026-03-09"
    assert "page" in found.price.source or "google" in found.price.source
    assert list(found.warnings) == []


@pytest.mark.parametrize(("rows", "likely"), [(500, 10), (166, 40)])
def test_unset_epochs_are_a_range_and_a_warning(rows: int, likely: int) -> None:
    found = made(job(epochs=0), rows)
    assert (found.epochs.low, found.epochs.likely, found.epochs.high) == (1, likely, 40)
    assert found.warnings[0].startswith("epoch_count is not set, so the service chooses: it chose 10 for 500 rows")


def test_a_model_without_a_price_has_no_cost() -> None:
    found = made(job("gemini-9-ultra"))
    assert not found.HasField("price")
    assert not found.HasField("cost")
    assert found.billed_tokens.likely > 0
    assert found.warnings[0] == (
        "no price is known for supervised tuning of gemini-9-ultra, which the catalogue does not have either; "
        "a file of your own can say it (GEMTUNE_PRICES)"
    )


def test_a_model_of_the_catalogue_can_be_without_a_price() -> None:
    assert (
        made(job("gemini-3.5-flash"))
        .warnings[0]
        .startswith("no price is known for supervised tuning of gemini-3.5-flash; a file")
    )


def test_tuning_on_from_a_tuned_model_has_no_price() -> None:
    of = job("")
    of.pre_tuned_model.tuned_model_name = "projects/p/locations/l/models/1"
    assert made(of).warnings[0] == "no price is known for tuning on from a tuned model"


def test_preference_tuning_has_its_own_price_and_counts_the_prompt_twice() -> None:
    spec = PreferenceOptimizationSpec(training_dataset_uri="gs://b/p.jsonl")
    spec.hyper_parameters.epoch_count = 1
    of = TuningJob(base_model="gemini-2.5-flash-lite", preference_optimization_spec=spec)
    assert training_dataset_uri(of) == "gs://b/p.jsonl"
    completion = {"score": 1, "completion": {"role": "model", "parts": [{"text": "Paris"}]}}
    row = {"contents": ROW["contents"][:1], "completions": [completion, completion | {"score": 0}]}
    found = estimate(of, [row], prices=BUILT_IN)
    assert found.kind == "preference"
    assert found.price.per_million_tokens == 1.5
    supervised = estimate_tokens([{"contents": ROW["contents"][:1]}]).tokens.likely
    assert found.one_pass.tokens.likely > 2 * supervised


def test_lines_that_are_no_rows_are_counted_and_told() -> None:
    lines = [json.dumps(ROW), "", "  \n", "{'contents': 1}", b"[1]", "nan", b"\xff\xfe", json.dumps({"x": 1})]
    found = estimate(job(), lines, prices=BUILT_IN)
    assert (found.one_pass.example_count, found.one_pass.skipped_count) == (1, 5)
    assert found.warnings[0] == "5 lines are no rows that are known here, and are not counted"
    assert estimate(job(), [], prices=BUILT_IN).warnings[0] == "there is no row in the training set"


def test_media_of_unknown_length_are_told() -> None:
    part = {"fileData": {"mimeType": "audio/mp3", "fileUri": "gs://b/a.mp3"}}
    found = estimate(job(), [{"contents": [{"role": "user", "parts": [part]}]}], prices=BUILT_IN)
    assert found.one_pass.media_counts == {"audio": 1}
    assert found.warnings[0].startswith("1 audio file: not looked into")
    assert found.one_pass.tokens.high > 1000 * found.one_pass.tokens.low


def test_a_row_that_is_too_long_may_not_be_billed() -> None:
    long = {"contents": [{"role": "user", "parts": [{"text": "the cat is on the mat " * 40_000}]}]}
    tokens = estimate(job(), [long], prices=BUILT_IN).one_pass.tokens
    assert tokens.low == 0
    assert tokens.high == 131_072


def test_a_tokenizer_of_the_users_counts_exactly(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    vocabulary = {"type": "WordLevel", "vocab": {"the": 0, "?": 1}, "unk_token": "?"}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": vocabulary}))
    found = estimate_tokens([ROW], tokenizer=path)
    words = sum(len(turn["parts"][0]["text"].split()) for turn in ROW["contents"])
    assert (found.tokens.low, found.tokens.likely, found.tokens.high) == (words, words, words + 8)
    assert found.method == "the tokenizer tokenizer.json"


def test_files_are_read_line_by_line(tmp_path: Path) -> None:
    plain, packed = tmp_path / "1.jsonl", tmp_path / "2.jsonl.gz"
    plain.write_bytes(b"1\n2\n3")
    packed.write_bytes(gzip.compress(b"4\n5\n"))
    assert list(lines_of(str(plain))) == [b"1", b"2", b"3"]
    heard: list[int] = []
    assert list(lines_of(str(tmp_path), heard.append)) == [b"1", b"2", b"3", b"4", b"5"]
    assert heard == [5, 9]
    packed.write_bytes(packed.read_bytes()[:-4])
    for path in (str(packed), str(tmp_path / "no")):
        with pytest.raises(DatasetError):
            list(lines_of(path))


# -- limits -----------------------------------------------------------------------------------------------------------


def test_limits_are_held_against_the_high_end() -> None:
    found = made(job())
    billed = found.billed_tokens
    assert over_limit(found) == ""
    assert over_limit(found, max_tokens=billed.high) == ""
    assert over_limit(found, max_tokens=billed.high - 1) == (
        f"the job may bill {billed.high:,} tokens (likely {billed.likely:,}), "
        f"and --max-tokens allows {billed.high - 1:,}"
    )
    assert over_limit(found, max_cost=found.cost.high) == ""
    assert over_limit(found, max_cost=0.1) == (
        f"the job may cost {amount(found.cost.high)} USD (likely {amount(found.cost.likely)}), "
        "and --max-cost allows 0.1000"
    )


def test_a_cost_that_is_not_known_is_over_every_limit() -> None:
    found = made(job("gemini-3.5-flash", epochs=0))
    assert over_limit(found, max_tokens=10**9) == ""
    assert over_limit(found, max_cost=1e9).startswith("--max-cost cannot be held: no price is known for supervised")


@pytest.mark.parametrize(("money", "text"), [(0, "0.00"), (0.00123, "0.0012"), (1, "1.00"), (1234.5, "1,234.50")])
def test_amounts_are_read_by_people(money: float, text: str) -> None:
    assert amount(money) == text


# -- prices -----------------------------------------------------------------------------------------------------------


def test_every_price_has_a_source_and_a_date() -> None:
    listed = list(BUILT_IN)
    assert all(price.source and price.date and price.currency == "USD" for price in listed)
    assert len({(price.model, price.kind) for price in listed}) == len(listed)
    assert {price.kind for price in listed} <= set(KINDS)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gemini-2.5-pro", 25),
        ("publishers/google/models/gemini-2.5-flash", 5),
        ("gemini-2.0-flash", 3),
        ("gemini-2.0-flash-001", 3),
        ("gemini-2.0-flash-lite-001", None),
        ("gemini-2.5", None),
        ("", None),
    ],
)
def test_a_price_is_found_by_the_models_name(model: str, price: float | None) -> None:
    found = BUILT_IN.of(model)
    assert (found.per_million_tokens if found else None) == price


def test_a_users_file_extends_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(
        "prices:\n"
        "  - {model: gemini-2.5-pro, kind: supervised, per_million_tokens: 20, currency: EUR, date: 2026-11-01}\n"
        "  - {model: gemini-3.5-flash, kind: supervised, per_million_tokens: 7.5, currency: USD, source: our contract}\n"
    )
    for known in (read_prices(path), prices({"GEMTUNE_PRICES": str(path)})):
        changed, new, kept = (known.of(name) for name in ("gemini-2.5-pro", "gemini-3.5-flash", "gemini-2.5-flash"))
        assert changed
        assert new
        assert kept
        assert (changed.per_million_tokens, changed.currency, changed.date) == (20, "EUR", "2026-11-01")
        assert (new.per_million_tokens, new.source, kept.per_million_tokens) == (7.5, "our contract", 5)


def test_the_users_file_has_a_place_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "gemtune").mkdir()
    (tmp_path / "gemtune" / "prices.yaml").write_text(
        "prices: [{model: m, kind: preference, per_million_tokens: 1, currency: USD}]"
    )
    assert prices({"XDG_CONFIG_HOME": str(tmp_path)}).of("m", "preference")
    assert list(prices({"XDG_CONFIG_HOME": str(tmp_path / "no")})) == list(BUILT_IN)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prices: [{model: m, kind: lora, per_million_tokens: 1, currency: USD}]", "a price has kind: supervised, "),
        ("prices: [{kind: supervised, per_million_tokens: 1, currency: USD}]", "a price is of a model"),
        ("prices: [{model: m, kind: supervised, per_million_tokens: -1, currency: USD}]", "not negative"),
        ("prices: [{model: m, kind: supervised, per_million_tokens: 1}]", "a currency of three capitals"),
        ("prices: [{model: m, cost: 1}]", "cost"),
        ("[1]", "a table of prices is a mapping of fields"),
        ("prices: }", "YAML"),
    ],
)
def test_mistakes_in_a_file_are_told_at_their_place(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(SpecFileError, match=sentence) as caught:
        read_prices(path)
    assert caught.value.line == 1


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(SpecFileError, match="the prices cannot be read: No such file"):
        prices({"GEMTUNE_PRICES": "/no/such/file"})


def test_a_table_can_be_made_in_the_program() -> None:
    table = PriceTable()
    table.prices.add(model="gemini-3.5-flash", kind="supervised", per_million_tokens=1e6, currency="USD")
    found = estimate(job("gemini-3.5-flash", 1), [ROW], prices=Prices(table))
    assert found.cost.likely == found.billed_tokens.likely
