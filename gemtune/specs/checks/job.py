"""What is looked for in the job itself: its base model, labels, account and display name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from gemtune.specs.catalogue import BaseModel
from gemtune.specs.checks.data import gcs
from gemtune.specs.checks.places import places
from gemtune.specs.checks.run import Run, shown
from gemtune.specs.finding import key_path
from gemtune.specs.fingerprint import OWN_LABELS

__all__ = ["job", "newest_first", "pre_tuned_model"]


def job(run: Run, job: Any, _path: str) -> None:
    """The job itself."""
    if not job.base_model and not job.HasField("pre_tuned_model"):
        run.add(
            "source-model",
            "base_model",
            "there is no model to tune",
            "give a base_model, such as gemini-2.5-flash, or a pre_tuned_model",
        )
    if job.WhichOneof("tuning_spec") is None:
        sentence = "there is no tuning spec"
        run.add(
            "tuning-spec",
            "supervised_tuning_spec",
            sentence,
            "give a supervised_tuning_spec with a training_dataset_uri",
        )
    if len(job.tuned_model_display_name) > 128:
        sentence = f"the display name has {len(job.tuned_model_display_name)} characters"
        run.add("display-name-length", "tuned_model_display_name", sentence, "at most 128 are allowed: shorten it")
    if job.labels:
        _labels(run, job.labels)
    if job.base_model:
        _base_model(run, job.base_model)
    if job.service_account and not _SERVICE_ACCOUNT.fullmatch(job.service_account):
        sentence = f"{shown(job.service_account)} is no service account"
        run.add(
            "service-account",
            "service_account",
            sentence,
            "its email address is wanted: name@project.iam.gserviceaccount.com",
        )
    if job.output_uri:
        gcs(run, job.output_uri, "output_uri")
    elif run.kind == "open" and job.HasField("supervised_tuning_spec"):
        sentence = "an open model needs a place for its output"
        run.add("output-uri-required", "output_uri", sentence, "give output_uri, a gs://bucket/prefix")
    places(run, job)


_SERVICE_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[a-z0-9][a-z0-9.-]*\.gserviceaccount\.com")
_MODEL_NAME = re.compile(r"(?:publishers/[^/\s]+/models/[^/\s]+|[A-Za-z0-9][^/\s]*(?:/[^/\s]+)?)")


def _base_model(run: Run, name: str) -> None:
    if run.model is None:
        _no_base_model(run, name)
    elif run.model.retired:
        sentence = f"{run.model.name} is no longer offered by the service (as of {run.model.retired})"
        names = [
            model.name
            for model in newest_first(run.models)
            if not model.retired
            and model.kind == run.model.kind
            and (not run.location or not model.regions or run.location in model.regions)
        ]
        more = f" … and {len(names) - _MOST_NAMES} more (gemtune models)" if len(names) > _MOST_NAMES else ""
        remedy = f"offered are {', '.join(names[:_MOST_NAMES])}{more}" if names else ""
        run.add("model-retired", "base_model", sentence, remedy, known=run.model)


_MOST_NAMES = 4


def newest_first(models: Iterable[BaseModel]) -> list[BaseModel]:
    """Base models by the version in their names, such as the 2.5 of `gemini-2.5-flash`; those without one last."""

    def version(model: BaseModel) -> tuple[int, ...]:
        found = re.search(r"\d+(?:\.\d+)+", model.name)
        return tuple(map(int, found[0].split("."))) if found else ()

    return sorted(models, key=version, reverse=True)


def _no_base_model(run: Run, name: str) -> None:
    near = run.models.nearest(name)
    if name.startswith("projects/"):
        remedy = (
            "a tuned model to go on from is named by pre_tuned_model.tuned_model_name; a base model has a short name"
        )
        run.add("model-name", "base_model", f"{shown(name)} is a resource name", remedy, value=name)
    elif name.startswith("models/") or not _MODEL_NAME.fullmatch(name):
        remedy = f"write {near or 'gemini-2.5-flash'}"
        run.add("model-name", "base_model", f"{shown(name)} is no base model", remedy, value=name)
    elif run.kind != "open":  # the catalogue does not list open models
        remedy = f"did you mean {near}?" if near else "`gemtune models` lists what is known"
        run.add("model-unknown", "base_model", f"{shown(name)} is not in the catalogue of base models", remedy)


def pre_tuned_model(run: Run, source: Any, path: str) -> None:
    """The tuned model to go on from."""
    if source.tuned_model_name:
        return
    if source.checkpoint_id:
        sentence = f"the checkpoint {source.checkpoint_id} is of no model"
        run.add(
            "checkpoint-needs-model", f"{path}.checkpoint_id", sentence, "give pre_tuned_model.tuned_model_name too"
        )
    else:
        sentence = "the tuned model to go on from has no name"
        run.add("required", f"{path}.tuned_model_name", sentence, "write projects/P/locations/L/models/ID@VERSION")


# -- labels ------------------------------------------------------------------------------------------------------------

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PLAIN_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_LABEL = "lowercase letters, digits, _ and - are allowed"
MAX_LABELS, MAX_LABEL = 64, 64


def _labels(run: Run, labels: Any) -> None:
    if len(labels) + len(OWN_LABELS) > MAX_LABELS:
        _label_count(run, labels)
    for key, value in sorted(labels.items()):
        if not _PLAIN_KEY.fullmatch(key):
            _label(run, "label-key", "key", key, key_path("labels", key))
        if not _PLAIN_VALUE.fullmatch(value):
            _label(run, "label-value", "value", value, key_path("labels", key))


def _label_count(run: Run, labels: Any) -> None:
    own = len(OWN_LABELS - labels.keys()) if run.own_labels else 0
    if len(labels) + own > MAX_LABELS:
        sentence = f"there are {len(labels)} labels"
        room = f", and gemtune adds {own} of its own" if own else ""
        run.add(
            "label-count",
            "labels",
            sentence + room,
            f"at most {MAX_LABELS} are allowed: leave out {len(labels) + own - MAX_LABELS}",
        )


def _label(run: Run, rule_id: str, what: str, text: str, path: str) -> None:
    # "International characters are allowed": letters and marks of every script, none of them uppercase.
    wrong = next(
        (c for c in text if not (c in "_-" or unicodedata.category(c) in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"))), None
    )
    if wrong is not None:
        better = text.lower().replace(" ", "-")
        run.add(
            rule_id,
            path,
            f"the label's {what} {shown(text)} has {wrong!r}",
            f"{_LABEL}" + (f": {better}" if _PLAIN_KEY.fullmatch(better) else ""),
        )
    elif what == "key" and (not text or unicodedata.category(text[0])[0] != "L"):
        found = f"begins with {text[0]!r}" if text else "is empty"
        run.add(rule_id, path, f"the label's key {shown(text)} {found}", "a key begins with a letter")
    elif len(text) > MAX_LABEL:
        run.add(
            rule_id,
            path,
            f"the label's {what} {shown(text)} has {len(text)} characters",
            f"at most {MAX_LABEL} are allowed",
        )
    elif len(text) == MAX_LABEL:
        run.add(
            "label-length",
            path,
            f"the label's {what} {shown(text)} has {MAX_LABEL} characters",
            "stay at 63, which every Google service takes",
        )
