"""What a base model takes of a dataset, for one kind of tuning: the catalogue's figures, as the check reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from gemtune.errors import ConfigurationError
from gemtune.specs.catalogue import catalogue
from gemtune.specs.lifecycle import limits_for
from gemtune_pb.v1 import BaseModel

__all__ = ["JOBS", "Job", "Limits", "job_of"]

Job = Literal["sft", "preference", "reinforcement"]
JOBS: tuple[Job, ...] = get_args(Job)

_KINDS: dict[Job, str] = {"sft": "supervised", "preference": "preference", "reinforcement": "reinforcement"}


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
            share = known.message.kinds[kind].validation_share if kind in known.message.kinds else None
            return cls(base_model, wanted, kind, "all" if kind == "open" else "", validation_share=share or None)
        model = limits_for(model, _KINDS[wanted])
        modalities = set(model.modalities)
        old = model.name.startswith("gemini-1.0-")
        return cls(
            base_model=base_model,
            job=wanted,
            kind=kind,
            messages="all" if kind == "open" else "model" if old else "",
            modalities=frozenset(modalities) or None,
            tokens=_figure(model, "tokens_per_example"),
            media={name: limit.per_example for name, limit in model.media.items() if limit.HasField("per_example")},
            media_bytes={name: limit.bytes for name, limit in model.media.items() if limit.HasField("bytes")},
            part_resolution=model.part_media_resolution if kind == "google" else None,
            calls_doubtful=model.function_calls_doubtful,
            training_examples=_figure(model, "training_examples"),
            multimodal_examples=_figure(model, "multimodal_examples"),
            minimum_examples=_figure(model, "minimum_examples"),
            training_bytes=_figure(model, "training_bytes"),
            validation_examples=_figure(model, "validation_examples"),
            validation_share=model.validation_share or None,
        )


def _figure(model: BaseModel, name: str) -> int | None:
    """A figure of the catalogue; None where it has none."""
    return next((value for field, value in model.ListFields() if field.name == name), None)


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
