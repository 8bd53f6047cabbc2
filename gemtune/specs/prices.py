"""What tuning costs: a table in prices.yaml, extended or overridden by a file of the user's.

The user's file is the one that GEMTUNE_PRICES names, else `gemtune/prices.yaml` below XDG_CONFIG_HOME (`~/.config`). It
has the same form; a line for a known model and kind of tuning replaces the one that is known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from gemtune.specs.catalogue import short_name
from gemtune.specs.read.tree import locate
from gemtune.specs.tables import mistake, read_tables, users_file
from gemtune_pb.v1 import PriceTable, TuningPrice

__all__ = ["KINDS", "Prices", "TuningPrice", "prices", "read_prices"]

KINDS = ("supervised", "preference", "reinforcement")
"""The kinds of tuning that a price can be for."""

_WHAT = "the prices"
BUILT_IN = Path(__file__).with_name("prices.yaml")


class Prices:
    """What tuning costs.

    Attributes:
        message: The data. Do not change it: it is shared.
    """

    def __init__(self, message: PriceTable) -> None:
        self.message = message

    def of(self, base_model: str, kind: str = "supervised") -> TuningPrice | None:
        """The price of tuning a base model, under any form of its name; None when it is not known."""
        wanted = _bare(base_model)
        found = (price for price in self.message.prices if price.kind == kind and _bare(price.model) == wanted)
        return next(found, None) if wanted else None

    def __iter__(self) -> Iterator[TuningPrice]:
        return iter(self.message.prices)


def _bare(base_model: str) -> str:
    """A model's name without the number of its build: `gemini-2.0-flash-001` costs what gemini-2.0-flash does."""
    return re.sub(r"-\d{3}$", "", short_name(base_model))


def prices(environ: Mapping[str, str] = os.environ) -> Prices:
    """The prices that hold in this environment. Files are read once a process.

    Raises:
        SpecFileError: The user's file cannot be read, or says something that means nothing.
    """
    path = users_file("GEMTUNE_PRICES", "prices.yaml", environ)
    return _with(path) if path else _built_in()


@cache
def _with(path: str) -> Prices:
    return read_prices(path)


@cache
def _built_in() -> Prices:
    return read_prices(BUILT_IN, base=Prices(PriceTable()))


def read_prices(path: str | os.PathLike[str], *, base: Prices | None = None) -> Prices:
    """Prices from a file, over others.

    Args:
        path: A file in the form of prices.yaml.
        base: What the file extends; None: gemtune's own prices.

    Raises:
        SpecFileError: The file cannot be read, or says something that means nothing.
    """
    name = os.fspath(path)
    given = PriceTable()
    for table, root in read_tables(name, PriceTable, what=_WHAT, article="a table of prices"):
        for field, sentence in _mistakes(table):
            raise mistake(_WHAT, sentence, name, locate(root, field))
        given.MergeFrom(table)
    known = (_built_in() if base is None else base).message.prices
    result = PriceTable(prices=given.prices)  # the first line that fits is the one that holds
    result.prices.extend(known)
    return Prices(result)


def _mistakes(given: PriceTable) -> Iterator[tuple[str, str]]:
    """What the types of the fields do not say, each with its path in the file."""
    for number, price in enumerate(given.prices):
        at = f"prices[{number}]"
        if not price.model:
            yield at, "a price is of a model; write model: gemini-3.5-flash"
        if price.kind not in KINDS:
            yield at, f"{price.model}: a price has kind: {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        if not 0 <= price.per_million_tokens < 1e9:
            yield at, f"{price.model}: per_million_tokens: a number that is not negative is wanted"
        if not re.fullmatch(r"[A-Z]{3}", price.currency):
            yield at, f"{price.model}: a price has a currency of three capitals; write currency: USD"
