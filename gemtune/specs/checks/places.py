"""Locations and projects that have to agree, with the base model and with each other."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any

from gemtune.names import place_of
from gemtune.specs.catalogue import Catalogue, catalogue
from gemtune.specs.checks.context import CheckContext, display
from gemtune.specs.finding import Severity
from gemtune.specs.suggest import nearest

__all__ = ["doubt_about", "places"]


def places(context: CheckContext, job: Any) -> None:
    """Every location and project that the job names, against the job's own and each other."""
    location, of = context.location, "the job"
    if location and (doubt := doubt_about(location, context.models)):
        context.add("location-unknown", "", *doubt)
    model = context.model
    if context.location == "global":
        if context.kind == "google":
            regions = ", ".join(model.regions[:4]) if model and model.regions else "us-central1, europe-west4"
            context.add(
                "location-global",
                "base_model",
                f"{context.base_model} is not tuned in the location global",
                f"use a region: {regions}",
            )
    elif context.location and model and model.regions and context.location not in model.regions:
        severity = Severity.ERROR if model.regions_complete else Severity.WARNING
        sentence = f"{model.name} is not tuned in {context.location}"
        listed = ", ".join(model.regions[:6]) + (", ..." if len(model.regions) > 6 else "")
        context.add("model-region", "base_model", sentence, f"it is in {listed}", severity=severity, known=model)
    key = job.encryption_spec.kms_key_name if job.HasField("encryption_spec") else ""
    project = context.project
    for path, name in _named(job):
        found = place_of(name)
        if found is None:
            continue
        if location is None:
            location, of = found[1], path.rpartition(".")[2]
        elif found[1] != location:
            sentence = f"{path.rpartition('.')[2]} is in {found[1]}, and {of} in {location}"
            context.add("location-mismatch", path, sentence, "both have to be in one location")
        if project is None:
            project = found[0]
        elif found[0] != project and found[0].isdigit() == project.isdigit():
            sentence = f"{path.rpartition('.')[2]} is of the project {found[0]}, and the job of {project}"
            context.add("project-mismatch", path, sentence, "check that this is meant, and that the job may read it")
    if key:
        _key(context, key, location)


@cache
def _names(descriptor: Any) -> tuple[str, ...]:
    known = descriptor.fields_by_name
    names = ("training_dataset_uri", "validation_dataset_uri", "tuned_teacher_model_source")
    return tuple(name for name in names if name in known)


def _named(job: Any) -> list[tuple[str, str]]:
    """The resource names of a job that its location and project have to agree with (a key's project need not)."""
    named: list[tuple[str, str]] = []
    if job.HasField("pre_tuned_model"):
        named.append(("pre_tuned_model.tuned_model_name", job.pre_tuned_model.tuned_model_name))
    kind = job.WhichOneof("tuning_spec")
    if kind:
        spec = getattr(job, kind)
        for name in _names(spec.DESCRIPTOR):
            value = getattr(spec, name)
            if "/datasets/" in value or (name == "tuned_teacher_model_source" and value):
                named.append((f"{kind}.{name}", value))
    return named


_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")


def _key(context: CheckContext, key: str, location: str | None) -> None:
    path = "encryption_spec.kms_key_name"
    found = _KEY.fullmatch(key)
    if found is None:
        more = " without its version" if "/cryptoKeyVersions/" in key else ""
        context.add(
            "kms-key-name",
            path,
            f"{display(key)} is not a key's name{more and ', but a version of one'}",
            f"write projects/P/locations/L/keyRings/R/cryptoKeys/K{more}",
        )
    elif location is not None and found[1] != location:
        context.add(
            "cmek-region",
            path,
            f"the key is in {found[1]}, and the job in {location}",
            "a key has to be in the job's own location",
        )
    if context.model is not None and context.model.HasField("cmek") and not context.model.cmek:
        context.add(
            "cmek-model",
            path,
            f"{context.model.name} takes no key of yours",
            "leave the key out, or tune another base model",
            known=context.model,
        )


# -- locations that are probably misspelt ------------------------------------------------------------


_MOST = 6


def doubt_about(location: str, models: Catalogue | None = None) -> tuple[str, str] | None:
    """What is odd about a location, and what was probably meant; None where it is known.

    Args:
        location: The location.
        models: What is known of locations; None: gemtune's own catalogue and the user's.
    """
    models = models or catalogue()
    known = models.locations | {region for model in models for region in model.regions}
    if not models.locations or location in known:
        return None
    zone = re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", location)
    if zone and zone[1] in known:
        return f"{location} is a zone", f"its region is {zone[1]}"
    remedy = f"known are {_listed(_of_area(location, known))}"
    if near := _near(zone[1] if zone else location, known):
        remedy = f"did you mean {near}?"
    return f"{location} is not a location that is known", remedy


def _near(location: str, known: Collection[str]) -> str | None:
    """The location that was probably meant. `us-east2` may be any of us-east1, us-east4 and us-east5."""
    siblings = _siblings(location, known)
    if siblings or _below(location, known):
        return siblings[0] if len(siblings) == 1 else None
    return nearest(location, known)


def _of_area(location: str, known: Collection[str]) -> list[str]:
    return _siblings(location, known) or _below(location, known)


def _siblings(location: str, known: Collection[str]) -> list[str]:
    stem = re.escape(location.rstrip("0123456789"))
    return sorted(each for each in known if re.fullmatch(rf"{stem}\d+", each))


def _below(location: str, known: Collection[str]) -> list[str]:
    return sorted(each for each in known if each.startswith(f"{location}-"))


def _listed(locations: list[str]) -> str:
    display = locations or ["us-central1", "europe-west4", "us-east4", "us-west1", "europe-west1", "asia-southeast1"]
    return ", ".join(display[:_MOST]) + (", ..." if not locations or len(display) > _MOST else "")
