"""What is looked for in the job itself: its base model, labels, account and display name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from gemtune.names import MOST_LABELS, OWN_LABELS
from gemtune.specs.catalogue import BaseModel, as_of, is_newer, near_models
from gemtune.specs.checks.context import CheckContext, display
from gemtune.specs.checks.data import gcs
from gemtune.specs.checks.places import places
from gemtune.specs.finding import key_path
from gemtune.specs.lifecycle import Lifecycle, Stage, lifecycle_of, stage_of
from gemtune.specs.model_names import another_api, bare_name, is_resource

__all__ = ["job", "pre_tuned_model"]


def job(context: CheckContext, job: Any, _path: str) -> None:
    """The job itself."""
    if not job.base_model and not job.HasField("pre_tuned_model"):
        context.add(
            "source-model",
            "base_model",
            "there is no model to tune",
            "give a base_model, such as gemini-3.5-flash, or a pre_tuned_model",
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
    else:
        _life(context, context.model, "base_model")


def _life(context: CheckContext, model: BaseModel, path: str, whose: str = "") -> None:
    """Whether a model is gone, closed to new projects, or about to be. `whose` follows its name."""
    stage = stage_of(model, context.today, context.tuning)
    if stage is Stage.OFFERED:
        return
    life = lifecycle_of(model, context.tuning)
    if stage is Stage.RETIRED:
        known = life if life.source and not model.retired else model
        sentence = _no_longer(f"{model.name}{whose}", life.shutdown)
        context.add("model-retired", path, sentence, _offered(context, model.kind), known=known)
    else:
        sentence = _ending(f"{model.name}{whose}", life, stage) + (f": {life.note}" if life.note else "")
        context.add("model-retiring", path, sentence, _instead(context, model, life), known=life)


_MOST_NAMES = 4


def _no_longer(name: str, since: str) -> str:
    return f"{name} is no longer offered by the service (as of {since})"


def _ending(name: str, life: Lifecycle, stage: Stage) -> str:
    """That a model is going, in the words for before the day on which new projects may not use it, and after."""
    ends = f"ends on {life.shutdown}" if life.shutdown else ""
    if stage is Stage.CLOSED:
        return f"{name} is closed to new projects (since {life.closed}){ends and f' and {ends}'}"
    closes = f"is going to be closed to new projects on {life.closed}" if life.closed else ""
    return f"{name} {' and '.join(filter(None, (closes, ends)))}"


def _instead(context: CheckContext, model: BaseModel, life: Lifecycle) -> str:
    """The model to name in its place; what is offered where that is not known, or going as well."""
    other = context.models.get(life.replacement) if life.replacement else None
    if other is None or stage_of(other, context.today) is not Stage.OFFERED:
        return _offered(context, model.kind)
    elsewhere = context.location and other.regions and context.location not in other.regions
    return f"use {other.name}" + (f", which is tuned in {', '.join(other.regions)}" if elsewhere else "")


def _offered(context: CheckContext, kind: str = "google") -> str:
    there = context.models.offered(kind, context.location, today=context.today)
    names = [model.name for model in there or context.models.offered(kind, today=context.today)]
    more = f" … and {len(names) - _MOST_NAMES} more (gemtune models)" if len(names) > _MOST_NAMES else ""
    where = "" if there else f", none of which is known to be tuned in {context.location}"
    return f"offered are {', '.join(names[:_MOST_NAMES])}{more}{where}" if names else ""


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
    stages = [stage_of(model, context.today) for model in near]
    there = [model for model, stage in zip(near, stages, strict=True) if stage is Stage.OFFERED]
    remedy = _offered(context)
    if len(there) == 1:
        remedy = meant.format(there[0].name)
    elif there:
        remedy = f"name one of {', '.join(model.name for model in there)}"
    elif near and stages[0] is Stage.RETIRED:
        gone = _no_longer(near[0].name, lifecycle_of(near[0]).shutdown)
        rule_id, sentence = (
            ("model-retired", gone) if rule_id == "model-unknown" else (rule_id, f"{sentence}, and {gone}")
        )
    elif near:  # its users may go on, so that what is wrong with the name is said too
        sentence = f"{sentence}, and {_ending(near[0].name, lifecycle_of(near[0]), stages[0])}"
    elif is_newer(name, context.models):  # neither a guess nor an older model in its place
        newer = f"newer than the catalogue of base models (as of {as_of(context.models)})"
        if rule_id == "model-unknown":
            sentence, remedy = (
                f"{display(name)} is {newer}",
                "the service tells whether it can be tuned, and in what limits",
            )
        else:
            remedy = f"{meant.format(bare_name(name))}, which is {newer}"
    context.add(rule_id, "base_model", sentence, remedy, value=name)


def pre_tuned_model(context: CheckContext, source: Any, path: str) -> None:
    """The tuned model to go on from."""
    base = context.models.get(source.base_model) if source.base_model and not context.base_model else None
    if base is not None:
        _life(context, base, f"{path}.base_model", ", which the tuned model is of and ends with,")
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
