"""What is looked for in the job itself: its base model, labels, account and display name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from gemtune.names import MOST_LABELS, OWN_LABELS
from gemtune.specs.catalogue import near_models
from gemtune.specs.checks.context import CheckContext, display
from gemtune.specs.checks.data import gcs
from gemtune.specs.checks.places import places
from gemtune.specs.finding import key_path
from gemtune.specs.model_names import another_api, is_resource

__all__ = ["job", "pre_tuned_model"]


def job(context: CheckContext, job: Any, _path: str) -> None:
    """The job itself."""
    if not job.base_model and not job.HasField("pre_tuned_model"):
        context.add(
            "source-model",
            "base_model",
            "there is no model to tune",
            "give a base_model, such as gemini-2.5-flash, or a pre_tuned_model",
        )
    if job.WhichOneof("tuning_spec") is None:
        sentence = "there is no tuning spec"
        context.add(
            "tuning-spec",
            "supervised_tuning_spec",
            sentence,
            "give a supervised_tuning_spec with a training_dataset_uri",
        )
    if len(job.tuned_model_display_name) > 128:
        sentence = f"the display name has {len(job.tuned_model_display_name)} characters"
        context.add("display-name-length", "tuned_model_display_name", sentence, "at most 128 are allowed: shorten it")
    if job.labels:
        _labels(context, job.labels)
    if job.base_model:
        _base_model(context, job.base_model)
    if job.service_account and not _SERVICE_ACCOUNT.fullmatch(job.service_account):
        sentence = f"{display(job.service_account)} is not a service account"
        context.add(
            "service-account",
            "service_account",
            sentence,
            "its email address is wanted: name@project.iam.gserviceaccount.com",
        )
    if job.output_uri:
        gcs(context, job.output_uri, "output_uri")
    elif context.kind == "open" and job.HasField("supervised_tuning_spec"):
        sentence = "an open model needs a place for its output"
        context.add("output-uri-required", "output_uri", sentence, "give output_uri, a gs://bucket/prefix")
    places(context, job)


_SERVICE_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[a-z0-9][a-z0-9.-]*\.gserviceaccount\.com")
_MODEL_NAME = re.compile(r"(?:publishers/[^/\s]+/models/[^/\s:]+|[A-Za-z0-9][^/\s:]*(?:/[^/\s:]+)?)")


def _base_model(context: CheckContext, name: str) -> None:
    if context.model is None:
        _no_base_model(context, name)
    elif context.model.retired:
        sentence = _no_longer(context.model.name, context.model.retired)
        context.add("model-retired", "base_model", sentence, _offered(context, context.model.kind), known=context.model)


_MOST_NAMES = 4


def _no_longer(name: str, since: str) -> str:
    return f"{name} is no longer offered by the service (as of {since})"


def _offered(context: CheckContext, kind: str = "google") -> str:
    names = [model.name for model in context.models.offered(kind, context.location)]
    more = f" … and {len(names) - _MOST_NAMES} more (gemtune models)" if len(names) > _MOST_NAMES else ""
    return f"offered are {', '.join(names[:_MOST_NAMES])}{more}" if names else ""


def _no_base_model(context: CheckContext, name: str) -> None:
    if name.startswith("gs://"):
        remedy = "a folder with weights of your own is named by custom_base_model"
        context.add("model-name", "base_model", f"{display(name)} is not a base model", remedy, value=name)
    elif other := another_api(name):
        remedy = f"name the base model that it was tuned from; {_offered(context)}"
        context.add("model-name", "base_model", f"{display(name)} is {other}", remedy, value=name)
    elif since := context.models.gone_since(name):
        context.add("model-retired", "base_model", _no_longer(name, since), _offered(context))
    elif is_resource(name) and not re.search(r"(?:^|publishers/[^/]+/)models/[^/]+$", name):
        remedy = (
            "a tuned model to go on from is named by pre_tuned_model.tuned_model_name; a base model has a short name: "
            + _offered(context)
        )
        context.add("model-name", "base_model", f"{display(name)} is a resource name", remedy, value=name)
    elif is_resource(name) or not _MODEL_NAME.fullmatch(name):
        _not_near(context, name, "model-name", f"{display(name)} is not a base model", "write {}")
    elif context.kind != "open":  # the catalogue does not list open models
        sentence = f"{display(name)} is not in the catalogue of base models"
        _not_near(context, name, "model-unknown", sentence, "did you mean {}?")


def _not_near(context: CheckContext, name: str, rule_id: str, sentence: str, meant: str) -> None:
    """Says what a name that is not a base model's may mean: a model of its family and generation, or what there is."""
    near = near_models(name, context.models)
    there = [model for model in near if not model.retired]
    if len(there) == 1:
        remedy = meant.format(there[0].name)
    elif there:
        remedy = f"name one of {', '.join(model.name for model in there)}"
    elif near:
        if rule_id == "model-unknown":
            rule_id, sentence = "model-retired", _no_longer(near[0].name, near[0].retired)
        else:
            sentence = f"{sentence}, and {_no_longer(near[0].name, near[0].retired)}"
        remedy = _offered(context)
    else:
        remedy = _offered(context)
    context.add(rule_id, "base_model", sentence, remedy, value=name)


def pre_tuned_model(context: CheckContext, source: Any, path: str) -> None:
    """The tuned model to go on from."""
    if source.tuned_model_name:
        return
    if source.checkpoint_id:
        sentence = f"the checkpoint {source.checkpoint_id} is of no model"
        context.add(
            "checkpoint-needs-model", f"{path}.checkpoint_id", sentence, "give pre_tuned_model.tuned_model_name too"
        )
    else:
        sentence = "the tuned model to go on from has no name"
        context.add("required", f"{path}.tuned_model_name", sentence, "write projects/P/locations/L/models/ID@VERSION")


# -- labels ------------------------------------------------------------------------------------------------------------

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PLAIN_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_LABEL = "lowercase letters, digits, _ and - are allowed"
MAX_LABEL = 64


def _labels(context: CheckContext, labels: Any) -> None:
    if len(labels) + len(OWN_LABELS) > MOST_LABELS:
        _label_count(context, labels)
    for key, value in sorted(labels.items()):
        if not _PLAIN_KEY.fullmatch(key):
            _label(context, "label-key", "key", key, key_path("labels", key))
        if not _PLAIN_VALUE.fullmatch(value):
            _label(context, "label-value", "value", value, key_path("labels", key))


def _label_count(context: CheckContext, labels: Any) -> None:
    own = len(OWN_LABELS - labels.keys()) if context.own_labels else 0
    if len(labels) + own > MOST_LABELS:
        sentence = f"there are {len(labels)} labels"
        room = f", and gemtune adds {own} of its own" if own else ""
        context.add(
            "label-count",
            "labels",
            sentence + room,
            f"at most {MOST_LABELS} are allowed: leave out {len(labels) + own - MOST_LABELS}",
        )


def _label(context: CheckContext, rule_id: str, what: str, text: str, path: str) -> None:
    # "International characters are allowed": letters and marks of every script, none of them uppercase.
    wrong = next(
        (c for c in text if not (c in "_-" or unicodedata.category(c) in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"))), None
    )
    if wrong is not None:
        better = text.lower().replace(" ", "-")
        context.add(
            rule_id,
            path,
            f"the label's {what} {display(text)} has {wrong!r}",
            f"{_LABEL}" + (f": {better}" if _PLAIN_KEY.fullmatch(better) else ""),
        )
    elif what == "key" and (not text or unicodedata.category(text[0])[0] != "L"):
        found = f"begins with {text[0]!r}" if text else "is empty"
        context.add(rule_id, path, f"the label's key {display(text)} {found}", "a key begins with a letter")
    elif len(text) > MAX_LABEL:
        context.add(
            rule_id,
            path,
            f"the label's {what} {display(text)} has {len(text)} characters",
            f"at most {MAX_LABEL} are allowed",
        )
    elif len(text) == MAX_LABEL:
        context.add(
            "label-length",
            path,
            f"the label's {what} {display(text)} has {MAX_LABEL} characters",
            "stay at 63, which every Google service takes",
        )
