"""`gemtune models`: what is known of base models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import TREES, command
from gemtune.cli.session import Session

if TYPE_CHECKING:
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
    """Show what is known about base models: their limits, and since when.

    With --location, models that are known not to be tuned there are left out. NAME shows everything about one model.

    A file of your own, named by GEMTUNE_MODELS or at ~/.config/gemtune/models.yaml, extends and overrides it.
    """
    from gemtune.specs import catalogue
    from gemtune.specs.catalogue import newest_first

    session: Session = ctx.obj
    known = catalogue()
    ordered = newest_first(known)
    if name is not None:
        if session.location is not None:
            raise click.UsageError("--location chooses from the list; leave it out, or NAME", ctx)
        model = known.get(name)
        if model is None:
            raise click.UsageError(f"{name!r} is not in the catalogue; {_meant(name, known)}", ctx)
        _show_one(session, model)
        return
    there = [m for m in ordered if not (session.location and m.regions and session.location not in m.regions)]
    shown = [m for m in there if not m.retired]
    if retired:
        shown += [m for m in there if m.retired]
    if not shown and not session.output.structured:
        session.output.note(f"no base model is known to be tuned in {session.location}")
        return
    _show(session, shown, left_out=len(there) - len(shown), status=retired)


def _meant(name: str, known: Catalogue) -> str:
    """What a name that the catalogue does not have may mean."""
    from gemtune.specs.catalogue import near_models

    if since := known.gone_since(name):
        return f"the service no longer offers it (as of {since})"
    near = near_models(name, known)
    names = [model.name for model in near if not model.retired] or [model.name for model in near]
    if len(names) == 1:
        return f"did you mean {names[0]}?"
    return f"the models are {', '.join(names or [model.name for model in known.offered()])}"


def _tree(model: BaseModel) -> dict[str, Any]:
    return {field.name: list(value) if field.is_repeated else value for field, value in model.ListFields()}


def _show_one(session: Session, model: BaseModel) -> None:
    if session.output.structured:
        session.output.tree(_tree(model))
        return
    for key, value in _tree(model).items():
        session.output.data(f"{key.replace('_', ' '):<24}{_said(value)}")


def _show(session: Session, shown: Sequence[BaseModel], *, left_out: int, status: bool) -> None:
    output = session.output
    if output.structured:
        output.tree({"models": [_tree(model) for model in shown]})
        return
    columns = [column for column in _COLUMNS if status or column != "STATUS"]
    if not output.interactive:
        output.table(columns, [[_row(model, whole=True)[column] for column in columns] for model in shown])
        return
    rows = [_row(model, whole=False) for model in shown]
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


def _row(model: BaseModel, *, whole: bool) -> dict[str, str]:
    few = len(model.regions) <= 2 or whole
    return {
        "MODEL": model.name,
        "STATUS": f"retired {model.retired}" if model.retired else "offered",
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
