"""What is known of base models: a table in models.yaml, extended or overridden by a file of the user's.

The user's file is the one that GEMTUNE_MODELS names, else `gemtune/models.yaml` below XDG_CONFIG_HOME (`~/.config`). It
has the same form; an entry for a known model need only say what differs, and `null` takes a limit away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune.specs.finding import key_path
from gemtune.specs.lifecycle import Stage, date_mistakes, stage_of, today_in_utc
from gemtune.specs.model_names import ModelName, bare_name, is_open_name
from gemtune.specs.read.tree import Node, locate
from gemtune.specs.sizes import SIZES
from gemtune.specs.suggest import nearest
from gemtune.specs.tables import mistake, read_tables, users_file
from gemtune_pb.v1 import BaseModel, FieldLimit, ModelCatalogue, TuningJob

__all__ = [
    "BaseModel",
    "Catalogue",
    "FieldLimit",
    "as_of",
    "catalogue",
    "is_newer",
    "near_models",
    "newest_first",
    "read_catalogue",
    "short_name",
]

_WHAT = "the catalogue of base models"
BUILT_IN = Path(__file__).with_name("models.yaml")


class Catalogue:
    """What is known of base models.

    Attributes:
        message: The data. Do not change it: it is shared.
    """

    def __init__(self, message: ModelCatalogue) -> None:
        self.message = message

    @property
    def models(self) -> Mapping[str, BaseModel]:
        """Base models by name."""
        return self.message.models

    @cached_property
    def locations(self) -> frozenset[str]:
        """The locations that are known; one that is not here may be new."""
        return frozenset(self.message.locations)

    @cached_property
    def _models(self) -> dict[str, BaseModel]:
        return dict(sorted(self.message.models.items()))  # a protobuf map is in no order

    @cached_property
    def limits(self) -> dict[str, dict[str, dict[str, FieldLimit]]]:
        """The fields that a kind of base model does not take: kind, message, field. The kind "" takes all."""
        limits: dict[str, dict[str, dict[str, FieldLimit]]] = {"google": {}, "open": {}, "": {}}
        for path, limit in self.message.fields.items():
            message, _, name = path.rpartition(".")
            limits["google" if limit.kind == "open" else "open"].setdefault(message, {})[name] = limit
        return limits

    def get(self, base_model: str) -> BaseModel | None:
        """The entry of a base model, under its short or its publisher's name; None when there is none."""
        return self._models.get(base_model) or self._models.get(short_name(base_model))

    def kind(self, base_model: str) -> str:
        """`google` or `open`; "" when neither the catalogue nor the form of the name tells.

        Open models are named `publisher/model@version`, with or without `publishers/.../models/` around it.
        """
        known = self.get(base_model)
        if known:
            return known.kind
        short = short_name(base_model)
        if short.rpartition("/")[2].startswith("gemini-") or self.gone_since(base_model):
            return "google"
        return "open" if is_open_name(short) else ""

    def gone_since(self, base_model: str) -> str:
        """As of when the service no longer has a model that is not listed here; "" where it is none of those."""
        bare = bare_name(base_model)
        return next((since for name, since in self.message.gone.items() if f"{bare}-".startswith(f"{name}-")), "")

    def offered(
        self, kind: str = "google", location: str | None = None, *, today: date | None = None
    ) -> list[BaseModel]:
        """The models to name as advice, newest first: neither retired, nor closed to new projects, nor about to be.

        Args:
            kind: `google` or `open`.
            location: Leaves out what is known not to be tuned there; None: anywhere.
            today: The day that counts; None: today.
        """
        day = today or today_in_utc()
        return [
            model
            for model in newest_first(self)
            if stage_of(model, day) is Stage.OFFERED
            and model.kind == kind
            and (not location or not model.regions or location in model.regions)
        ]

    def __iter__(self) -> Iterator[BaseModel]:
        return iter(self._models.values())


def newest_first(models: Iterable[BaseModel]) -> list[BaseModel]:
    """Base models by the version in their names, such as the 3.5 of `gemini-3.5-flash`; those without one last."""

    def version(model: BaseModel) -> tuple[int, ...]:
        found = re.search(r"\d+(?:\.\d+)+", model.name)
        return tuple(map(int, found[0].split("."))) if found else ()

    return sorted(models, key=version, reverse=True)


def near_models(name: str, models: Catalogue) -> list[BaseModel]:
    """The models that a name can mean, the newest first: those of its family and generation."""
    parts = ModelName.parse(name)
    own = {model.name: ModelName.parse(model.name) for model in newest_first(models)}
    if parts is not None:
        found = parts.among({known: parsed for known, parsed in own.items() if parsed is not None})
    else:
        near = nearest(bare_name(name), [known for known, parsed in own.items() if parsed is None])
        found = [near] if near else []
    return [models.models[known] for known in found]


def is_newer(name: str, models: Catalogue) -> bool:
    """Whether a name is that of a Gemini model of a later generation than any in the catalogue."""
    parts = ModelName.parse(name)
    known = [parsed.generation for model in models if (parsed := ModelName.parse(model.name)) is not None]
    return parts is not None and bool(known) and parts.generation > max(known)


def as_of(models: Catalogue) -> str:
    """The latest date that the catalogue has of a model that is not retired: when somebody last looked."""
    return max((max(model.date, model.lifecycle.date) for model in models if not model.retired), default="")


def short_name(base_model: str) -> str:
    """`publishers/google/models/gemini-3.5-flash` -> `gemini-3.5-flash`; of another publisher: `publisher/model`."""
    parts = base_model.split("/")
    if len(parts) == 4 and parts[0] == "publishers" and parts[2] == "models":
        return parts[3] if parts[1] == "google" and "gemma" not in parts[3] else f"{parts[1]}/{parts[3]}"
    return base_model


def catalogue(environ: Mapping[str, str] = os.environ) -> Catalogue:
    """The catalogue that holds in this environment. Files are read once a process.

    Raises:
        SpecFileError: The user's file cannot be read, or says something that means nothing.
    """
    # A variable of the process may be set at any time; the file in its usual place is looked for once.
    if environ is os.environ and not environ.get("GEMTUNE_MODELS"):
        return _of_this_process()
    return _in(environ)


def _in(environ: Mapping[str, str]) -> Catalogue:
    path = users_file("GEMTUNE_MODELS", "models.yaml", environ)
    return _with(path) if path else _built_in()


@cache
def _with(path: str) -> Catalogue:
    return read_catalogue(path, base=_built_in())


@cache
def _of_this_process() -> Catalogue:
    return _in(os.environ)


@cache
def _built_in() -> Catalogue:
    return read_catalogue(BUILT_IN, base=Catalogue(ModelCatalogue()))


def read_catalogue(path: str | os.PathLike[str], *, base: Catalogue | None = None) -> Catalogue:
    """A catalogue from a file, over another one.

    Args:
        path: A file in the form of models.yaml.
        base: What the file extends; None: gemtune's own catalogue.

    Raises:
        SpecFileError: The file cannot be read, or says something that means nothing.
    """
    name = os.fspath(path)
    result = ModelCatalogue()
    result.CopyFrom((_built_in() if base is None else base).message)
    for given, root in read_tables(name, ModelCatalogue, what=_WHAT, article="a catalogue"):
        _merge(result, given, root)
        for field, sentence in _mistakes(result, given):
            raise mistake(_WHAT, sentence, name, locate(root, field))
    return Catalogue(result)


def _merge(known: ModelCatalogue, given: ModelCatalogue, root: Node) -> None:
    """Puts what a file says over what is known: of a known model what it names, a null included, of the rest all."""
    for section, models in root.value:
        if section.value == "models" and models.id == "mapping":  # and not null
            for name, entry in models.value:
                _clear(known.models[name.value], entry)
    for name, model in given.models.items():
        _add(known.models[name], model)
        known.models[name].name = name
    for path, limit in given.fields.items():
        known.fields[path].CopyFrom(limit)
    for kind, limits in given.kinds.items():
        known.kinds[kind].MergeFrom(limits)
    known.gone.update(given.gone)
    known.locations.extend(given.locations)


def _clear(message: Message, entry: Node) -> None:
    """Takes away what an entry gives anew: of a message within it, and of a kind of tuning, only what that names."""
    fields: Any = message.DESCRIPTOR.fields
    names = {name: field for field in fields for name in (field.name, field.json_name)}
    for key, value in entry.value if entry.id == "mapping" else ():
        field = names[key.value]
        if value.id != "mapping" or field.message_type is None:
            message.ClearField(field.name)
        elif not is_map(field):
            _clear(getattr(message, field.name), value)
        else:
            for name, part in value.value:
                _clear(getattr(message, field.name)[name.value], part)


def _add(known: BaseModel, given: BaseModel) -> None:
    """`MergeFrom`, but for the entries of maps, which it replaces whole."""
    parts: list[tuple[Any, Any]] = [(known.tuning, given.tuning), (known.media, given.media)]
    for before, after in parts:
        for key in after:
            before[key].MergeFrom(after[key])
            after[key].CopyFrom(before[key])
    known.MergeFrom(given)


_KINDS = ("google", "open")


def _mistakes(known: ModelCatalogue, given: ModelCatalogue) -> Iterator[tuple[str, str]]:
    """What the types of the fields do not say, each with its path in the file."""
    ranks = f"a rank is one of {', '.join(map(str, SIZES))}"
    for name, model in given.models.items():
        at = key_path("models", name)
        if known.models[name].kind not in _KINDS:
            yield f"{at}.kind", f"{name} has no kind; write kind: google, or kind: open"
        if set(model.adapter_sizes) - set(SIZES):
            yield f"{at}.adapter_sizes", f"{at}.adapter_sizes: {ranks}"
        if model.HasField("default_adapter_size") and model.default_adapter_size not in SIZES:
            yield f"{at}.default_adapter_size", f"{at}.default_adapter_size: {ranks}"
        if not 0 <= model.validation_share <= 1:
            yield f"{at}.validation_share", f"{at}.validation_share: a number from 0 to 1 is wanted"
        for field, value in model.ListFields():
            if field.type == field.TYPE_INT64 and value < 0:
                yield f"{at}.{field.name}", f"{at}.{field.name}: a number that is not negative is wanted"
        yield from date_mistakes(model, at)
    for path, limit in given.fields.items():
        at = key_path("fields", path)
        if not _is_field(path):
            yield at, f"{path}: no such field; a field is Message.field"
        if limit.kind not in _KINDS:
            yield at, f"{path}: a field has kind: google or open, and perhaps instead: its counterpart"


def _is_field(path: str) -> bool:
    message, _, name = path.rpartition(".")
    try:
        pool = TuningJob.DESCRIPTOR.file.pool
        return name in pool.FindMessageTypeByName(f"gemtune.v1.{message}").fields_by_name
    except KeyError:
        return False
