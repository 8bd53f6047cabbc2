"""`gemtune models`: what is known of base models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import TREES, command
from gemtune.cli.session import Session

if TYPE_CHECKING:
    from datetime import date

    from google.protobuf.message import Message

    from gemtune.specs import BaseModel, Catalogue

__all__ = ["models"]

_COLUMNS = ("MODEL", "STATUS", "RANKS", "DEFAULT RANK", "TOKENS/EXAMPLE", "OWN KEY", "AS OF", "REGIONS")

# What a narrow terminal leaves out, the last first. The model and its ranks are always there.
_WANTED = ("MODEL", "RANKS", "STATUS", "REGIONS", "TOKENS/EXAMPLE", "OWN KEY", "AS OF", "DEFAULT RANK")
_GAP = "  "


@command("models", forms=TREES, output="a catalogue")
@click.argument("name", required=False)
@click.option("--all", "retired", is_flag=True, help="Include models that the service no longer offers")
@click.pass_context
def models(ctx: click.Context, name: str | None, retired: bool) -> None:
    """Show what is known about base models: their limits, and when they come and go.

    With --location, models that are known not to be tuned there are left out. NAME shows everything about one model.

    A file of your own, named by GEMTUNE_MODELS or at ~/.config/gemtune/models.yaml, extends and overrides it.
    """
    from gemtune.specs import catalogue
    from gemtune.specs.catalogue import newest_first
    from gemtune.specs.lifecycle import Stage, stage_of, today_in_utc

    session: Session = ctx.obj
    known, today = catalogue(), today_in_utc()
    ordered = newest_first(known)
    if name is not None:
        if session.location is not None:
            raise click.UsageError("--location chooses from the list; leave it out, or NAME", ctx)
        model = known.get(name)
        if model is None:
            raise click.UsageError(f"{name!r} is not in the catalogue; {_meant(name, known)}", ctx)
        _show_one(session, model, today)
        return
    there = [m for m in ordered if not (session.location and m.regions and session.location not in m.regions)]
    gone = [m for m in there if stage_of(m, today) is Stage.RETIRED]
    shown = [m for m in there if m not in gone] + (gone if retired else [])
    if not shown and not session.output.structured:
        session.output.note(f"no base model is known to be tuned in {session.location}")
        return
    _show(session, shown, today, left_out=len(there) - len(shown))


def _meant(name: str, known: Catalogue) -> str:
    """What a name that the catalogue does not have may mean."""
    from gemtune.specs.catalogue import as_of, is_newer, near_models
    from gemtune.specs.lifecycle import Stage, stage_of, today_in_utc

    if since := known.gone_since(name):
        return f"the service no longer offers it (as of {since})"
    near, today = near_models(name, known), today_in_utc()
    if not near and is_newer(name, known):
        return f"it is newer than what is known here (as of {as_of(known)})"
    names = [model.name for model in near if stage_of(model, today) is Stage.OFFERED]
    names = names or [f"{model.name} ({_status(model, today)})" for model in near]
    if len(names) == 1:
        return f"did you mean {names[0]}?"
    return f"the models are {', '.join(names or [model.name for model in known.offered()])}"


def _tree(message: Message) -> dict[str, Any]:
    """A message as plain values, by the names of its fields; messages within it alike."""
    return {field.name: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    if isinstance(value, Message):
        return _tree(value)
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    return value if isinstance(value, str | int | float) else [_plain(item) for item in value]


def _show_one(session: Session, model: BaseModel, today: date) -> None:
    if session.output.structured:
        session.output.tree(_tree(model))
        return
    for key, value in _lines({"status": _status(model, today), **_tree(model)}):
        session.output.data(f"{key:<24}{value}".rstrip())


def _lines(tree: dict[str, Any], indent: str = "") -> Iterator[tuple[str, str]]:
    """Names and values to print; what belongs to a message stands below its name, further in."""
    for key, value in tree.items():
        name = indent + key.replace("_", " ")
        if isinstance(value, dict):
            yield name, "" if value else "as the model itself"
            yield from _lines(value, f"{indent}  ")
        else:
            yield name, _said(value)


def _status(model: BaseModel, today: date, *, whole: bool = True) -> str:
    """Where the model is in its life, and the day that counts: `closed to new projects 2026-09-20`.

    A table on a terminal leaves the day out of the longest text, for the regions' sake.
    """
    from gemtune.specs.lifecycle import Stage, lifecycle_of, stage_of

    life, stage = lifecycle_of(model), stage_of(model, today)
    days = {Stage.RETIRED: life.shutdown, Stage.CLOSED: life.closed, Stage.CLOSING: life.closed or life.shutdown}
    day = "" if stage is Stage.CLOSED and not whole else days.get(stage, "")
    return f"{stage} {day}".rstrip()


def _show(session: Session, shown: Sequence[BaseModel], today: date, *, left_out: int) -> None:
    output = session.output
    if output.structured:
        output.tree({"models": [_tree(model) for model in shown]})
        return
    columns = list(_COLUMNS)
    if not output.interactive:
        output.table(columns, [[_row(model, today, whole=True)[column] for column in columns] for model in shown])
        return
    rows = [_row(model, today, whole=False) for model in shown]
    console = output.console()
    columns = _fitting(columns, rows, console.width)
    output.table(columns, [[row[column] for column in columns] for row in rows])
    hints = ["? means not documented; gemtune models NAME shows one in full"]
    if left_out:
        hints.append(f"{left_out} retired models are left out; --all shows them")
    for hint in hints:
        output.note(hint)


def _fitting(columns: Sequence[str], rows: Sequence[dict[str, str]], room: int) -> list[str]:
    """The columns that a line has room for."""
    kept: list[str] = []
    for column in (column for column in _WANTED if column in columns):
        width = max(len(cell) for cell in (column, *(row[column] for row in rows))) + (len(_GAP) if kept else 0)
        if width <= room or len(kept) < 2:
            kept.append(column)
            room -= width
    return [column for column in columns if column in kept]


def _row(model: BaseModel, today: date, *, whole: bool) -> dict[str, str]:
    few = len(model.regions) <= 2 or whole
    return {
        "MODEL": model.name,
        "STATUS": _status(model, today, whole=whole),
        "RANKS": " ".join(map(str, model.adapter_sizes)) or "?",
        "DEFAULT RANK": str(model.default_adapter_size or "?"),
        "TOKENS/EXAMPLE": f"{model.tokens_per_example:,}" if model.tokens_per_example else "?",
        "OWN KEY": _said(model.cmek) if model.HasField("cmek") else "?",
        "AS OF": model.date or "?",
        "REGIONS": (", ".join(model.regions) if few else f"{len(model.regions)} regions") or "?",
    }


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
