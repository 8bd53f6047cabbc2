"""Locations and projects that have to agree, with the base model and with each other."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from gemtune.names import place_of
from gemtune.specs.checks.context import Run, shown
from gemtune.specs.checks.locations import doubt_about
from gemtune.specs.finding import Severity

__all__ = ["places"]


def places(run: Run, job: Any) -> None:
    """Every location and project that the job names, against the job's own and each other."""
    location, of = run.location, "the job"
    if location and (doubt := doubt_about(location, run.models)):
        run.add("location-unknown", "", *doubt)
    model = run.model
    if run.location == "global":
        if run.kind == "google":
            regions = ", ".join(model.regions[:4]) if model and model.regions else "us-central1, europe-west4"
            run.add(
                "location-global",
                "base_model",
                f"{run.base_model} is not tuned in the location global",
                f"use a region: {regions}",
            )
    elif run.location and model and model.regions and run.location not in model.regions:
        severity = Severity.ERROR if model.regions_complete else Severity.WARNING
        sentence = f"{model.name} is not tuned in {run.location}"
        listed = ", ".join(model.regions[:6]) + (", ..." if len(model.regions) > 6 else "")
        run.add("model-region", "base_model", sentence, f"it is in {listed}", severity=severity, known=model)
    key = job.encryption_spec.kms_key_name if job.HasField("encryption_spec") else ""
    project = run.project
    for path, name in _named(job):
        found = place_of(name)
        if found is None:
            continue
        if location is None:
            location, of = found[1], path.rpartition(".")[2]
        elif found[1] != location:
            sentence = f"{path.rpartition('.')[2]} is in {found[1]}, and {of} in {location}"
            run.add("location-mismatch", path, sentence, "both have to be in one location")
        if project is None:
            project = found[0]
        elif found[0] != project and found[0].isdigit() == project.isdigit():
            sentence = f"{path.rpartition('.')[2]} is of the project {found[0]}, and the job of {project}"
            run.add("project-mismatch", path, sentence, "check that this is meant, and that the job may read it")
    if key:
        _key(run, key, location)


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


def _key(run: Run, key: str, location: str | None) -> None:
    path = "encryption_spec.kms_key_name"
    found = _KEY.fullmatch(key)
    if found is None:
        more = " without its version" if "/cryptoKeyVersions/" in key else ""
        run.add(
            "kms-key-name",
            path,
            f"{shown(key)} is no key's name{more and ', but a version of one'}",
            f"write projects/P/locations/L/keyRings/R/cryptoKeys/K{more}",
        )
    elif location is not None and found[1] != location:
        run.add(
            "cmek-region",
            path,
            f"the key is in {found[1]}, and the job in {location}",
            "a key has to be in the job's own location",
        )
    if run.model is not None and run.model.HasField("cmek") and not run.model.cmek:
        run.add(
            "cmek-model",
            path,
            f"{run.model.name} takes no key of yours",
            "leave the key out, or tune another base model",
            known=run.model,
        )
