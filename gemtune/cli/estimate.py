"""`gemtune estimate`: what a job will cost; and the limits that `create` holds a job against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from gemtune.cli.commands import MESSAGES, Option, command
from gemtune.cli.output import clean
from gemtune.cli.params import COUNT, NUMBER
from gemtune.cli.phases import working
from gemtune.cli.session import Session
from gemtune.errors import GemtuneError

if TYPE_CHECKING:
    from gemtune.client import TuningClient
    from gemtune_pb.v1 import CostEstimate, CostRange, CountRange, CountTokensRequest, TuningJob

__all__ = ["LIMITS", "estimate", "refuse_over_limit"]

_DATA = "A local copy of the training set"
_TELL_EACH = 20_000_000  # bytes

LIMITS = (
    Option(["--max-tokens"], type=COUNT, metavar="N", help="Refuse to send it if more tokens may be billed"),
    Option(["--max-cost"], type=NUMBER, metavar="X", help="Refuse to send it if it may cost more"),
    Option(["--data"], metavar="FILE", help=f"{_DATA}, for --max-tokens and --max-cost"),
)
"""The options of `create` that hold a job against its estimate."""


@command("estimate", forms=MESSAGES, output="an estimate")
@click.option("-f", "--file", metavar="FILE", help="A spec, or - for standard input")
@click.option("--data", metavar="FILE", help=_DATA)
@click.option("--tokenizer", metavar="FILE", help="tokenizer.json or tokenizer.model of your own, to count by")
@click.option("--online", is_flag=True, help="Calibrate the count by the service's countTokens on some rows")
@click.option("--sample", type=COUNT, metavar="N", help="Rows that --online sends at most (20)")
@click.pass_obj
def estimate(
    session: Session, file: str | None, data: str | None, tokenizer: str | None, *, online: bool, sample: int | None
) -> None:
    """Estimate the tokens that a job is billed for, and what it costs.

    \b
      gemtune estimate -f spec.yaml --data train.jsonl
      gemtune estimate -f spec.yaml --data train.jsonl --tokenizer tokenizer.json -o json
      gemtune estimate -f spec.yaml --data train.jsonl --online

    Tokens are counted by an offline rule, as a range, or with a tokenizer that you have (pip install
    'gemtune[tokenizer]'). With --online the service counts some of the rows, by which the count is calibrated;
    without it the service is not called. A price that is not known is not guessed: a file of your own, named by
    GEMTUNE_PRICES or at ~/.config/gemtune/prices.yaml, extends the table.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import load_spec

    if file is None:
        raise click.UsageError("give a spec: gemtune estimate -f FILE")
    if sample is not None and not online:
        raise click.UsageError("--sample is how many rows --online sends; add --online")
    job = load_spec(file)
    if not online:
        found = _estimated(session, job, data, tokenizer)
    else:
        with session.client() as client:
            found = _estimated(session, job, data, tokenizer, online=_Online(client, job), sample=sample)
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


class _Online:
    """Asks the service, for the base model of a job, and hears when it is about to.

    Attributes:
        asked: How many rows it has been asked about.
        say: Takes what is being done.
    """

    def __init__(self, client: TuningClient, job: TuningJob) -> None:
        self._client = client
        self._model = job.base_model or job.pre_tuned_model.base_model
        if not self._model:
            raise click.UsageError("--online counts by the spec's base model, and it names none; leave --online out")
        self.asked = 0
        self.say: Callable[[str], object] = lambda _: None

    def __call__(self, request: CountTokensRequest) -> int:
        if not self.asked:
            self.say("asking the service's countTokens")
        self.asked += 1
        try:
            answer = self._client.count_tokens(
                self._model,
                request.contents,
                system_instruction=request.system_instruction if request.HasField("system_instruction") else None,
                tools=request.tools,
                generation_config=request.generation_config if request.HasField("generation_config") else None,
            )
        except GemtuneError as error:
            error.add_note("--online asks the service's countTokens; without it the estimate is made offline")
            raise
        return answer.total_tokens


def _estimated(
    session: Session,
    job: TuningJob,
    data: str | None,
    tokenizer: str | None,
    *,
    online: _Online | None = None,
    sample: int | None = None,
) -> CostEstimate:
    from gemtune.dataset.estimate import SAMPLE, estimate as estimate_job, lines_of, training_dataset_uri

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
        if online is not None:
            online.say = say
        try:
            return estimate_job(
                job, lines_of(source, progress), tokenizer=tokenizer, online=online, sample=sample or SAMPLE
            )
        except GemtuneError as error:
            if data is None and not (online and online.asked):
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
