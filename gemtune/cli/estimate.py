"""`gemtune estimate`: what a job will cost; and the limits that `create` holds a job against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gemtune.cli.commands import MESSAGES, Option, command
from gemtune.cli.output import clean
from gemtune.cli.params import COUNT, NUMBER
from gemtune.cli.phases import working
from gemtune.cli.session import Session
from gemtune.errors import GemtuneError

if TYPE_CHECKING:
    from gemtune_pb.v1 import CostEstimate, CostRange, CountRange, TuningJob

__all__ = ["LIMITS", "estimate", "refuse_over_limit"]

_DATA = "A local copy of the training set"
_TELL_EACH = 20_000_000  # bytes

LIMITS = (
    Option(["--max-tokens"], type=COUNT, metavar="N", help="Refuse to send it if more tokens may be billed"),
    Option(["--max-cost"], type=NUMBER, metavar="X", help="Refuse to send it if it may cost more"),
    Option(["--data"], metavar="FILE", help=f"{_DATA}, for --max-tokens and --max-cost"),
)
"""The options of `create` that hold a job against its estimate."""


@command("estimate", forms=MESSAGES, output="an estimate", offline=True)
@click.option("-f", "--file", metavar="FILE", help="A spec, or - for standard input")
@click.option("--data", metavar="FILE", help=_DATA)
@click.option("--tokenizer", metavar="FILE", help="tokenizer.json or tokenizer.model of your own, to count by")
@click.pass_obj
def estimate(session: Session, file: str | None, data: str | None, tokenizer: str | None) -> None:
    """Estimate the tokens that a job is billed for, and what it costs.

    \b
      gemtune estimate -f spec.yaml --data train.jsonl
      gemtune estimate -f spec.yaml --data train.jsonl --tokenizer tokenizer.json -o json

    The service is not called. Tokens are counted by an offline rule, as a range, or with a tokenizer that you have
    (pip install 'gemtune[tokenizer]'). A price that is not known is not guessed: a file of your own, named by
    GEMTUNE_PRICES or at ~/.config/gemtune/prices.yaml, extends the table.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import load_spec

    if file is None:
        raise click.UsageError("give a spec: gemtune estimate -f FILE")
    found = _estimated(session, load_spec(file), data, tokenizer)
    if session.output.structured:
        session.output.message(found)
        return
    for name, value in _lines(found):
        session.output.data(f"{name:<10}{clean(value)}")
    for warning in found.warnings:
        session.output.note(f"warning: {warning}")


def refuse_over_limit(
    session: Session, job: TuningJob, *, max_tokens: int | None, max_cost: float | None, data: str | None
) -> CostEstimate | None:
    """Refuses a job whose estimate is over a limit; does nothing where there is no limit.

    Returns:
        The estimate; None where there is no limit to hold it against.

    Raises:
        OverLimit: It is over one, or there is no price to hold --max-cost against.
        click.UsageError: The training set cannot be read from here.
    """
    if max_tokens is None and max_cost is None:
        if data is not None:
            raise click.UsageError("--data is the training set that --max-tokens and --max-cost count; add one of them")
        return None
    from gemtune.dataset.estimate import OverLimit, over_limit

    found = _estimated(session, job, data, None)
    if sentence := over_limit(found, max_tokens=max_tokens, max_cost=max_cost):
        raise OverLimit(f"{sentence}; nothing was sent")
    return found


def _estimated(session: Session, job: TuningJob, data: str | None, tokenizer: str | None) -> CostEstimate:
    from gemtune.dataset.estimate import estimate as estimate_job, lines_of, training_dataset_uri

    uri = training_dataset_uri(job)
    if not uri and data is None:
        raise click.UsageError("the spec names no training set; give a copy of it with --data FILE")
    if data is None and "://" in uri and not uri.startswith("gs://"):
        raise click.UsageError(f"{uri} is not on this machine; give a local copy of it with --data FILE")
    source = data or uri
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done - told >= _TELL_EACH:
            told = done
            say(f"counting the tokens of {source}: {done // 1_000_000:,} MB")

    with working(session.output, f"counting the tokens of {source}") as say:
        try:
            return estimate_job(job, lines_of(source, progress), tokenizer=tokenizer)
        except GemtuneError as error:
            if data is None:
                error.add_note("a local copy of the training set is read with --data FILE")
            raise


def _lines(found: CostEstimate) -> Iterator[tuple[str, str]]:
    """What a person reads: name and value."""
    one_pass, epochs = found.one_pass, found.epochs
    yield "tokens", f"{_counts(one_pass.tokens)} in one pass over {one_pass.example_count:,} rows, by {one_pass.method}"
    yield "epochs", str(epochs.low) if epochs.low == epochs.high else _counts(epochs)
    yield "billed", f"{_counts(found.billed_tokens)} tokens"
    if found.HasField("price"):
        price = found.price
        since = f"as of {price.date or 'no date'} ({price.source or 'no source'})"
        yield "price", f"{price.per_million_tokens:,.2f} {price.currency} for a million tokens, {since}"
        yield "cost", _costs(found.cost)
    else:
        yield "price", "not known"
        yield "cost", "not known"


def _counts(count: CountRange) -> str:
    if count.low == count.high:
        return f"{count.likely:,}"
    return f"{count.likely:,} ({count.low:,} to {count.high:,})"


def _costs(cost: CostRange) -> str:
    from gemtune.dataset.estimate import amount

    return f"{amount(cost.likely)} {cost.currency} ({amount(cost.low)} to {amount(cost.high)})"
