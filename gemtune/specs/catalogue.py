"""What is known of base models: a table in models.yaml, extended or overridden by a file of the user's.

The user's file is the one that GEMTUNE_MODELS names, else `gemtune/models.yaml` below XDG_CONFIG_HOME (`~/.config`). It
has the same form; an entry for a known model need only say what differs, and `null` takes a limit away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gemtune.errors import SpecFileError
from gemtune.specs.model_names import ModelName, bare_name, is_open_name
from gemtune.specs.sizes import SIZES
from gemtune.specs.suggest import nearest
from gemtune.specs.tree import Node, position_of
from gemtune.specs.wellknown import plain
from gemtune_pb.v1 import TuningJob

__all__ = [
    "BaseModel",
    "Catalogue",
    "FieldLimit",
    "catalogue",
    "near_models",
    "newest_first",
    "read_catalogue",
    "short_name",
]

BUILT_IN = Path(__file__).with_name("models.yaml")


@dataclass(frozen=True, kw_only=True)
class BaseModel:
    """What is known of a base model; None and () where nothing is.

    Attributes:
        name: As in `base_model`, such as `gemini-2.5-flash`.
        kind: `google` or `open`.
        retired: As of when the service no longer offers it (ISO date or month); "" while it does.
        adapter_sizes: The ranks that may be asked for.
        default_adapter_size: The rank that an unset adapter size means.
        modalities: What its examples may hold.
        tokens_per_example: Longer examples are dropped or cut.
        validation_examples: How many there may be.
        validation_share: Of the training examples; where there are more than 1,000, the larger of the two limits holds.
        training_examples: How many text examples there may be.
        multimodal_examples: How many examples with media there may be.
        training_bytes: Size of a dataset's file.
        regions: Where a job may run.
        regions_complete: Whether that list is known to be whole.
        served_from: Where the tuned model answers, when it is not the job's own location.
        cmek: Whether a Cloud KMS key may be given.
        evaluation: Whether an evaluation_config may be given.
        source: Where this stands.
        date: As of when.
    """

    name: str
    kind: str = ""
    retired: str = ""
    adapter_sizes: tuple[int, ...] = ()
    default_adapter_size: int | None = None
    modalities: tuple[str, ...] = ()
    tokens_per_example: int | None = None
    validation_examples: int | None = None
    validation_share: float | None = None
    training_examples: int | None = None
    multimodal_examples: int | None = None
    training_bytes: int | None = None
    regions: tuple[str, ...] = ()
    regions_complete: bool = False
    served_from: tuple[str, ...] = ()
    cmek: bool | None = None
    evaluation: bool | None = None
    source: str = ""
    date: str = ""


@dataclass(frozen=True, kw_only=True)
class FieldLimit:
    """A field that only one kind of base model takes; `instead` names its counterpart for the other."""

    kind: str
    instead: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Base models by name, fields by `Message.field`, and as of when models that are not listed any more are gone."""

    models: Mapping[str, BaseModel] = field(default_factory=dict)
    fields: Mapping[str, FieldLimit] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def limits(self) -> dict[str, dict[str, dict[str, FieldLimit]]]:
        """The fields that a kind of base model does not take: kind, message, field. The kind "" takes all."""
        limits: dict[str, dict[str, dict[str, FieldLimit]]] = {"google": {}, "open": {}, "": {}}
        for path, limit in self.fields.items():
            message, _, name = path.rpartition(".")
            limits["google" if limit.kind == "open" else "open"].setdefault(message, {})[name] = limit
        return limits

    def get(self, base_model: str) -> BaseModel | None:
        """The entry of a base model, under its short or its publisher's name; None when there is none."""
        return self.models.get(base_model) or self.models.get(short_name(base_model))

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
        return next((since for name, since in self.gone.items() if f"{bare}-".startswith(f"{name}-")), "")

    def offered(self, kind: str = "google", location: str | None = None) -> list[BaseModel]:
        """The models that the service offers, newest first; those left out that are known not to be tuned there."""
        return [
            model
            for model in newest_first(self)
            if not model.retired
            and model.kind == kind
            and (not location or not model.regions or location in model.regions)
        ]

    def __iter__(self) -> Iterator[BaseModel]:
        return iter(self.models.values())


def newest_first(models: Iterable[BaseModel]) -> list[BaseModel]:
    """Base models by the version in their names, such as the 2.5 of `gemini-2.5-flash`; those without one last."""

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


def short_name(base_model: str) -> str:
    """`publishers/google/models/gemini-2.5-pro` -> `gemini-2.5-pro`; of another publisher: `publisher/model`."""
    parts = base_model.split("/")
    if len(parts) == 4 and parts[0] == "publishers" and parts[2] == "models":
        return parts[3] if parts[1] == "google" and "gemma" not in parts[3] else f"{parts[1]}/{parts[3]}"
    return base_model


def catalogue(environ: Mapping[str, str] = os.environ) -> Catalogue:
    """The catalogue that holds in this environment. Files are read once a process.

    Raises:
        SpecFileError: The user's file cannot be read, or says something that means nothing.
    """
    given = environ.get("GEMTUNE_MODELS")
    if given:
        return _with(given)
    return _of_this_process() if environ is os.environ else _with_default(environ)


@cache
def _with(path: str) -> Catalogue:
    return read_catalogue(path, base=_built_in())


@cache
def _of_this_process() -> Catalogue:
    return _with_default(os.environ)


def _with_default(environ: Mapping[str, str]) -> Catalogue:
    config = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    path = Path(config, "gemtune", "models.yaml")
    return _with(str(path)) if path.is_file() else _built_in()


@cache
def _built_in() -> Catalogue:
    return read_catalogue(BUILT_IN, base=Catalogue())


def read_catalogue(path: str | os.PathLike[str], *, base: Catalogue | None = None) -> Catalogue:
    """A catalogue from a file, over another one.

    Args:
        path: A file in the form of models.yaml.
        base: What the file extends; None: gemtune's own catalogue.

    Raises:
        SpecFileError: The file cannot be read, or says something that means nothing.
    """
    from gemtune.specs import yaml_text

    name = os.fspath(path)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SpecFileError(
            f"the catalogue of base models cannot be read: {getattr(error, 'strerror', None) or error}", file=name
        ) from error
    base = _built_in() if base is None else base
    models, limits, gone = dict(base.models), dict(base.fields), dict(base.gone)
    reader = _Reader(name)
    for node in yaml_text.parse(text, file=name):
        for section, _, value in reader.pairs(node):
            if section == "models":
                for model, key, entry in reader.pairs(value):
                    models[model] = reader.model(model, key, entry, models.get(model))
            elif section == "fields":
                for path_of_field, key, entry in reader.pairs(value):
                    if not _is_field(path_of_field):
                        raise reader.wrong(key, f"{path_of_field}: no such field; a field is Message.field")
                    limits[path_of_field] = reader.limit(key, entry)
            elif section == "gone":
                for model, key, entry in reader.pairs(value):
                    gone[model] = reader.since(key, entry)
            else:
                raise reader.wrong(node, f"{section}: no such section; there are models and fields, and gone")
    return Catalogue(models, limits, gone)


def _is_field(path: str) -> bool:
    message, _, name = path.rpartition(".")
    try:
        pool = TuningJob.DESCRIPTOR.file.pool
        return name in pool.FindMessageTypeByName(f"gemtune.v1.{message}").fields_by_name
    except KeyError:
        return False


class _Reader:
    """Reads entries, and says where one of them is wrong."""

    def __init__(self, file: str) -> None:
        self._file = file

    def wrong(self, node: Node, message: str) -> SpecFileError:
        place = position_of(node)
        return SpecFileError(
            f"in the catalogue of base models, {message}", file=self._file, line=place.line, column=place.column
        )

    def pairs(self, node: Node) -> Iterator[tuple[str, Node, Node]]:
        if node.id != "mapping":
            raise self.wrong(node, "this is no mapping")
        for key, value in node.value:
            if key.id != "scalar":
                raise self.wrong(key, "a name is a text")
            yield key.value, key, value

    def model(self, name: str, key: Node, entry: Node, known: BaseModel | None) -> BaseModel:
        values: dict[str, Any] = {} if known is None else {f.name: getattr(known, f.name) for f in fields(known)}
        values["name"] = name
        for said, at, value in self.pairs(entry):
            if said not in _READ:
                near = nearest(said, _READ)
                raise self.wrong(at, f"{said}: no such entry" + (f"; did you mean {near}?" if near else ""))
            try:
                values[said] = _READ[said](plain(value))
            except (TypeError, ValueError) as error:
                raise self.wrong(value, f"{said}: {error}") from error
        if values.get("kind") not in ("google", "open"):
            raise self.wrong(key, f"{name} has no kind; write kind: google, or kind: open")
        return BaseModel(**values)

    def since(self, key: Node, entry: Node) -> str:
        if entry.id != "scalar":
            raise self.wrong(key, "what is gone has a date, as of when")
        return str(entry.value)

    def limit(self, key: Node, entry: Node) -> FieldLimit:
        said = {name: plain(value) for name, _, value in self.pairs(entry)}
        if said.get("kind") not in ("google", "open") or said.keys() - {"kind", "instead"}:
            raise self.wrong(key, "a field has kind: google or open, and perhaps instead: its counterpart")
        return FieldLimit(**said)


# -- what an entry's values may be -----------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    raise TypeError("this is no text")


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError("this is no list")
    return tuple(_text(item) for item in value)


def _ranks(value: Any) -> tuple[int, ...]:
    if value is not None and not (
        isinstance(value, list) and all(type(item) is int and item in SIZES for item in value)
    ):
        raise ValueError(f"a list of ranks is wanted; the ranks are {', '.join(map(str, SIZES))}")
    return tuple(value or ())


def _rank(value: Any) -> int | None:
    return _ranks([value])[0] if value is not None else None


def _count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError("a whole number is wanted")
    return value


def _share(value: Any) -> float | None:
    if value is not None and (type(value) not in (int, float) or not 0 <= value <= 1):
        raise ValueError("a number from 0 to 1 is wanted")
    return value


def _flag(value: Any) -> bool | None:
    if value not in (True, False, None):
        raise ValueError("true or false is wanted")
    return value


def _yes(value: Any) -> bool:
    return bool(_flag(value))


_READ: dict[str, Any] = {
    **dict.fromkeys(("kind", "retired", "source", "date"), _text),
    **dict.fromkeys(("modalities", "regions", "served_from"), _texts),
    "adapter_sizes": _ranks,
    "default_adapter_size": _rank,
    "validation_share": _share,
    **dict.fromkeys(
        ("tokens_per_example", "validation_examples", "training_examples", "multimodal_examples", "training_bytes"),
        _count,
    ),
    **dict.fromkeys(("cmek", "evaluation"), _flag),
    "regions_complete": _yes,
}
