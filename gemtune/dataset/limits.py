"""What a base model takes of a dataset, for one kind of tuning: the catalogue's figures, as the check reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from gemtune.errors import ConfigurationError
from gemtune.specs.catalogue import catalogue
from gemtune_pb.v1 import BaseModel, TuningLimits

__all__ = ["JOBS", "Job", "Limits", "job_of"]

Job = Literal["sft", "preference", "reinforcement"]
JOBS: tuple[Job, ...] = get_args(Job)

_KINDS: dict[Job, str] = {"sft": "supervised", "preference": "preference", "reinforcement": "reinforcement"}
_TEXT_ONLY = frozenset(("text",))


@dataclass(frozen=True)
class Limits:
    """Figures of the catalogue; None: not known, and so not held against anything.

    Attributes:
        base_model: The model's name, as it was given.
        job: The kind of tuning.
        kind: `google`, `open`, or "" where neither the catalogue nor the name tells.
        messages: Which rows of `messages` the model takes: `all`, `model` (with the role model), or none ("").
        modalities: What a row may hold.
        media: Files of a modality in one row.
        media_bytes: Size of one file, by modality.
    """

    base_model: str
    job: Job
    kind: str
    messages: str
    modalities: frozenset[str] | None = None
    tokens: int | None = None
    media: dict[str, int] = field(default_factory=dict[str, int])
    media_bytes: dict[str, int] = field(default_factory=dict[str, int])
    part_resolution: bool | None = None
    calls_doubtful: bool = False
    training_examples: int | None = None
    multimodal_examples: int | None = None
    minimum_examples: int | None = None
    training_bytes: int | None = None
    validation_examples: int | None = None
    validation_share: float | None = None

    @classmethod
    def of(cls, base_model: str, job: str = "sft") -> Limits:
        """The limits of a base model. One that the catalogue does not have has none.

        Raises:
            ConfigurationError: There is no such kind of tuning.
        """
        wanted = job_of(job)
        known = catalogue()
        model = known.get(base_model)
        kind = known.kind(base_model)
        if model is None:
            return cls(base_model, wanted, kind, "all" if kind == "open" else "")
        own = model.tuning.get(_KINDS[wanted])

        def figure(name: str) -> int | None:
            of_kind = own is not None and name in _OWN and _figure(own, name)
            return of_kind or _figure(model, name)

        modalities = list(own.modalities) if own is not None and own.modalities else list(model.modalities)
        if wanted == "preference":
            modalities = modalities and ["text"]
        share = own.validation_share if own is not None and own.HasField("validation_share") else model.validation_share
        old = model.name.startswith("gemini-1.0-")
        return cls(
            base_model=base_model,
            job=wanted,
            kind=kind,
            messages="all" if kind == "open" else "model" if old else "",
            modalities=frozenset(modalities) or None,
            tokens=figure("tokens_per_example"),
            media={name: limit.per_example for name, limit in model.media.items() if limit.HasField("per_example")},
            media_bytes={name: limit.bytes for name, limit in model.media.items() if limit.HasField("bytes")},
            part_resolution=model.part_media_resolution if kind == "google" else None,
            calls_doubtful=model.function_calls_doubtful,
            training_examples=figure("training_examples"),
            multimodal_examples=figure("multimodal_examples"),
            minimum_examples=figure("minimum_examples"),
            training_bytes=figure("training_bytes"),
            validation_examples=figure("validation_examples"),
            validation_share=share or None,
        )


_OWN = frozenset(("tokens_per_example", "validation_examples", "training_examples", "training_bytes"))


def _figure(message: BaseModel | TuningLimits, name: str) -> int | None:
    """A figure of a message; None where it has none."""
    return next((value for field, value in message.ListFields() if field.name == name), None)


def job_of(job: str) -> Job:
    """The kind of tuning of a name.

    Raises:
        ConfigurationError: There is none of that name.
    """
    for known in JOBS:
        if job == known:
            return known
    raise ConfigurationError(
        f"{job!r} is no kind of tuning that a dataset is for; choose sft, preference or reinforcement"
    )
