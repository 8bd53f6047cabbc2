"""What a tuning job will cost, before it runs: the tokens of its training set, times the epochs, times the price.

Every number is a range. Only the training set is billed; evaluations and the use of the tuned model are not in it.
"""

from __future__ import annotations

import math
import os
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from gemtune.dataset.calibration import Online, Ratios, Sample
from gemtune.dataset.row_tokens import row_tokens
from gemtune.dataset.sources import sources
from gemtune.dataset.tokenizer import load_tokenizer
from gemtune.dataset.tokens import Tokens, text_share
from gemtune.errors import GemtuneError
from gemtune.rpc import nesting
from gemtune.specs.catalogue import Catalogue, catalogue
from gemtune.specs.prices import Prices, prices as known_prices
from gemtune_pb.v1 import CostEstimate, CostRange, CountRange, TokenEstimate, TuningJob

__all__ = [
    "SAMPLE",
    "OverLimit",
    "amount",
    "estimate",
    "estimate_tokens",
    "lines_of",
    "over_limit",
    "training_dataset_uri",
]

Row = Mapping[str, Any]

_KINDS = {
    "preference_optimization_spec": "preference",
    "reinforcement_tuning_spec": "reinforcement",
}
_RULE = "the offline rule (by script and modality)"
# What the service chose where epochs were unset: 10 for 500 rows (1.5 Flash and Pro), 40 for 166 rows with
# images (gemini-3.1-flash-lite), 4 in Google's own cost notebook of 2024.
_EPOCHS_UNSET = (1, 10, 40)
_FEW_ROWS = 200
SAMPLE = 20
"""Rows that the service counts, where nobody says how many."""
_MOST_LINE = 1 << 26  # bytes


class OverLimit(GemtuneError):
    """The estimate of a job is over a limit that was given, or cannot be held against it; nothing was sent."""


# -- tokens -----------------------------------------------------------------------------------------------------------


def estimate_tokens(
    rows: Iterable[Row | str | bytes],
    *,
    kind: str = "supervised",
    base_model: str = "",
    tokenizer: str | os.PathLike[str] | None = None,
    longest: int | None = None,
    online: Online | None = None,
    sample: int = SAMPLE,
) -> TokenEstimate:
    """The tokens of one pass over a training set.

    Args:
        rows: Lines of the file, or rows that are parsed already.
        kind: The kind of tuning: `supervised`, `preference` or `reinforcement`.
        base_model: Its name: the tokens of media depend on its generation.
        tokenizer: A file by which texts are counted, in place of the offline rule (see `load_tokenizer`).
        longest: The tokens above which the service drops a row, and does not bill it.
        online: Asks the service's countTokens, by which the count is calibrated; None: the service is not asked.
        sample: How many rows it is asked about, at most; 1 and more.

    Raises:
        ConfigurationError: The tokenizer cannot be used.
        DatasetError: No row can be sent to the service.
        ApiError: The service refuses one.
    """
    count = text_share if tokenizer is None else _exactly(load_tokenizer(tokenizer))
    low = likely = high = sure = examples = skipped = 0
    rows_sent = None if online is None else Sample(sample)
    media: Tally[str] = Tally()
    for each in rows:
        row = _parsed(each)
        if row is None:
            continue
        found = row_tokens(row, kind=kind, base_model=base_model, count=count) if row else None
        if found is None:
            skipped += 1
            continue
        tokens, modalities = found
        examples += 1
        if longest is not None and tokens.high > longest:  # by one page of the documents; cut, by another
            tokens = Tokens(0, min(tokens.likely, longest), min(tokens.high, longest))
        else:
            sure += tokens.likely
        if rows_sent is not None:
            rows_sent.add(row, None if isinstance(each, Mapping) else each)
        low, likely, high = low + tokens.low, likely + tokens.likely, high + tokens.high
        media.update(modalities)
    total = CountRange(low=low, likely=likely, high=high)
    method = _RULE if tokenizer is None else f"the tokenizer {Path(tokenizer).name}"
    if online is not None and rows_sent is not None and examples:
        ratios = rows_sent.ratios(online, base_model=base_model, count=count)
        total = _calibrated(total, sure, ratios)
        method += f", calibrated by the service's countTokens on {ratios.rows} row{'' if ratios.rows == 1 else 's'}"
    return TokenEstimate(
        tokens=total,
        method=method,
        example_count=examples,
        skipped_count=skipped,
        media_counts=media,
    )


def _calibrated(found: CountRange, sure: int, ratios: Ratios) -> CountRange:
    """The count times the ratio; `sure` is the likely count of the rows that are surely billed."""
    low, high = math.floor(sure * ratios.low), math.ceil(found.likely * ratios.high)
    if not ratios.enough:
        low, high = min(low, found.low), max(high, found.high)
    return CountRange(low=low, likely=round(found.likely * ratios.likely), high=high)


def _exactly(count: Callable[[str], int]) -> Callable[[str], Tokens]:
    def exact(text: str) -> Tokens:
        number = count(text)
        return Tokens(number, number, number)

    return exact


def _parsed(line: Row | str | bytes) -> dict[str, Any] | None:
    """A row; empty where the line holds none, None where the line is blank."""
    if isinstance(line, Mapping):
        return dict(line)
    if not line.strip():
        return None
    try:
        row: Any = nesting.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", row) if isinstance(row, dict) else {}


def lines_of(name: str, progress: Callable[[int], object] | None = None) -> Iterator[bytes]:
    """The lines of a file, unpacked where it is gzip; of a folder or a pattern those of all its files.

    Args:
        name: As `gemtune.dataset.sources` takes it; `-` is standard input.
        progress: Hears how many bytes have been read, as they are after unpacking.

    Raises:
        DatasetError: There is no such file, or it cannot be read to its end.
    """
    done, kept = 0, bytearray()
    for source in sources([name]):
        for block in source.blocks():
            kept += block
            if b"\n" in block or len(kept) > _MOST_LINE:  # a file without an end of line is not held whole
                *lines, rest = kept.split(b"\n") if b"\n" in block else (kept, b"")
                yield from map(bytes, lines)
                kept = bytearray(rest)
            done += len(block)
            if progress is not None:
                progress(done)
        if kept:
            yield bytes(kept)
            kept.clear()


# -- a job ------------------------------------------------------------------------------------------------------------


def estimate(
    job: TuningJob,
    rows: Iterable[Row | str | bytes],
    *,
    tokenizer: str | os.PathLike[str] | None = None,
    prices: Prices | None = None,
    models: Catalogue | None = None,
    online: Online | None = None,
    sample: int = SAMPLE,
) -> CostEstimate:
    """What a job will cost.

    Args:
        job: The job; its epochs and its base model decide.
        rows: Its training set, see `estimate_tokens`.
        tokenizer: A file by which texts are counted, in place of the offline rule.
        prices: What tuning costs; None: gemtune's own prices and the user's.
        models: What is known of base models; None: gemtune's own catalogue and the user's.
        online: Asks the service's countTokens, by which the count is calibrated; None: the service is not asked.
        sample: How many rows it is asked about, at most; 1 and more.

    Raises:
        ConfigurationError: The tokenizer cannot be used.
        DatasetError: No row can be sent to the service.
        ApiError: The service refuses one.
        SpecFileError: The user's file of prices or of models is wrong.
    """
    spec = job.WhichOneof("tuning_spec") or "supervised_tuning_spec"
    kind = _KINDS.get(spec, "supervised")
    known = catalogue() if models is None else models
    model = known.get(job.base_model)
    longest = model.tokens_per_example if model is not None and model.HasField("tokens_per_example") else None
    one_pass = estimate_tokens(
        rows,
        kind=kind,
        base_model=job.base_model,
        tokenizer=tokenizer,
        longest=longest,
        online=online,
        sample=sample,
    )
    result = CostEstimate(
        base_model=job.base_model,
        kind=kind,
        training_dataset_uri=training_dataset_uri(job),
        one_pass=one_pass,
    )
    epochs = getattr(getattr(getattr(job, spec), "hyper_parameters", None), "epoch_count", 0)
    low, likely, high = (epochs, epochs, epochs) if epochs > 0 else _chosen(one_pass.example_count)
    result.epochs.CopyFrom(CountRange(low=low, likely=likely, high=high))
    tokens = one_pass.tokens
    billed = CountRange(low=tokens.low * low, likely=tokens.likely * likely, high=tokens.high * high)
    result.billed_tokens.CopyFrom(billed)
    price = (known_prices() if prices is None else prices).of(job.base_model, kind)
    if price is not None:
        result.price.CopyFrom(price)
        each = price.per_million_tokens / 1e6
        cost = CostRange(low=billed.low * each, likely=billed.likely * each, high=billed.high * each)
        cost.currency = price.currency
        result.cost.CopyFrom(cost)
    result.warnings.extend(_warnings(result, known, unset=epochs <= 0, online=online is not None))
    return result


def training_dataset_uri(job: TuningJob) -> str:
    """Where a job's training set is; empty where it does not say it."""
    spec = job.WhichOneof("tuning_spec") or "supervised_tuning_spec"
    return getattr(getattr(job, spec), "training_dataset_uri", "")


def _chosen(rows: int) -> tuple[int, int, int]:
    """Within which bounds the service chooses the epochs of a training set."""
    low, likely, high = _EPOCHS_UNSET
    return (low, high, high) if rows < _FEW_ROWS else (low, likely, high)


def _warnings(found: CostEstimate, models: Catalogue, *, unset: bool, online: bool) -> Iterator[str]:
    one_pass = found.one_pass
    if not one_pass.example_count:
        yield "there is no row in the training set"
    if one_pass.skipped_count:
        yield f"{one_pass.skipped_count:,} lines are no rows that are known here, and are not counted"
    if unset:
        yield (
            "epoch_count is not set, so the service chooses: it chose 10 for 500 rows (gemini-1.5), and 40 for 166 "
            "rows with images (gemini-3.1-flash-lite); set it to know the cost"
        )
    lengths = {"audio": "a minute a file", "video": "30 seconds a file", "document": "5 pages a file"}
    for modality, likely in lengths.items():
        number = one_pass.media_counts.get(modality, 0)
        if number and not online:  # the service looks into those of the sample
            files = f"{number:,} {modality} file{'' if number == 1 else 's'}"
            yield f"{files}: not looked into, so the range is from very short to the longest; likely is {likely}"
    if found.kind == "reinforcement":
        yield "how the answers that reinforcement tuning samples are billed is not known; they are not counted"
    if not found.HasField("price"):
        yield _no_price(found, models)


def _no_price(found: CostEstimate, models: Catalogue) -> str:
    if not found.base_model:
        return "no price is known for tuning on from a tuned model"
    also = "" if models.get(found.base_model) else ", which the catalogue does not have either"
    return (
        f"no price is known for {found.kind} tuning of {found.base_model}{also}; "
        "a file of your own can say it (GEMTUNE_PRICES)"
    )


def amount(money: float) -> str:
    """An amount of money for people: cents, and where it is less than one of a currency's units their hundredths."""
    return f"{money:,.2f}" if money >= 1 or money == 0 else f"{money:.4f}"


def over_limit(found: CostEstimate, *, max_tokens: int | None = None, max_cost: float | None = None) -> str:
    """Why a job must not be sent: the high end of its estimate is over a limit. Empty where it is not.

    Args:
        found: The estimate.
        max_tokens: How many tokens may be billed, all epochs together.
        max_cost: How much it may cost, in the currency of the price.
    """
    billed, cost = found.billed_tokens, found.cost
    if max_tokens is not None and billed.high > max_tokens:
        return (
            f"the job may bill {billed.high:,} tokens (likely {billed.likely:,}), "
            f"and --max-tokens allows {max_tokens:,}"
        )
    if max_cost is None:
        return ""
    if not found.HasField("price"):
        return f"--max-cost cannot be held: {found.warnings[-1]}"
    if cost.high > max_cost:
        return (
            f"the job may cost {amount(cost.high)} {cost.currency} (likely {amount(cost.likely)}), "
            f"and --max-cost allows {amount(max_cost)}"
        )
    return ""
