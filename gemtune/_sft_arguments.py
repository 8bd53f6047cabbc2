"""What `gemtune.sft.train` is given, read as Google's SDK reads it: each argument is what it should be, or is named.

Protobuf would refuse a wrong value as well, but in words that do not say which argument it was; and it takes True
for 1.
"""

from __future__ import annotations

import json
import math
import operator
import os
import re
from collections.abc import Mapping
from typing import Any, SupportsFloat, cast

from gemtune.errors import JsonError, SpecInvalid, bad_request
from gemtune.rpc import codec
from gemtune_pb.v1 import EvaluationConfig, SupervisedTuningSpec

__all__ = ["Arguments", "SourceModel"]

_SPEC = "supervised_tuning_spec"
_PATHS = {
    "source_model": "base_model",
    "train_dataset": f"{_SPEC}.training_dataset_uri",
    "validation_dataset": f"{_SPEC}.validation_dataset_uri",
    "tuning_mode": f"{_SPEC}.tuning_mode",
    "epochs": f"{_SPEC}.hyper_parameters.epoch_count",
    "learning_rate": f"{_SPEC}.hyper_parameters.learning_rate",
    "learning_rate_multiplier": f"{_SPEC}.hyper_parameters.learning_rate_multiplier",
    "export_last_checkpoint_only": f"{_SPEC}.export_last_checkpoint_only",
    "evaluation_config": f"{_SPEC}.evaluation_config",
    "encryption_spec_key_name": "encryption_spec.kms_key_name",
    "pre_tuned_model_checkpoint_id": "pre_tuned_model.checkpoint_id",
}
"""Argument -> the field that it becomes, where that has another name."""


class SourceModel:
    """A model that is tuned with weights of your own: `sft.train(source_model=SourceModel(...))`.

    Attributes:
        base_model: The open model, such as `meta/llama3_1@llama-3.1-8b`.
        custom_base_model: `gs://` URI of the weights; "" for the model's own.
    """

    def __init__(self, base_model: str, custom_base_model: str = "") -> None:
        """Takes the names as they are."""
        self.base_model = base_model
        self.custom_base_model = custom_base_model

    def __repr__(self) -> str:
        return f"SourceModel(base_model={self.base_model!r}, custom_base_model={self.custom_base_model!r})"


class Arguments:
    """Reads arguments, and remembers what is wrong with them; `finish` raises that, all at once."""

    def __init__(self) -> None:
        self._wrong: list[tuple[str, str]] = []

    def refuse(self, name: str, problem: str) -> None:
        """Remembers what is wrong with an argument."""
        self._wrong.append((_PATHS.get(name, name), problem))

    def finish(self) -> None:
        """Raises what was refused.

        Raises:
            SpecInvalid: Something was.
        """
        if self._wrong:
            raise SpecInvalid(bad_request(self._wrong))

    # -- plain values -------------------------------------------------------------------------------------------------

    def text(self, name: str, value: object, wanted: str = "give text, or leave it out") -> str:
        """Text; None is the empty one."""
        if value is None:
            return ""
        if not isinstance(value, str):
            self.refuse(name, f"{name} is {_shown(value)}; {wanted}")
            return ""
        return self._unicode(name, value)

    def _unicode(self, name: str, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            self.refuse(
                name, f"{name} is {value!a}, which has half of a surrogate pair; write text of whole characters"
            )
            return ""
        return value

    def whole(self, name: str, value: object) -> int:
        """A whole number from 1; None is 0, which is not sent."""
        if value is None:
            return 0
        wanted = "give a whole number from 1, or leave it out for the service's choice"
        try:
            number = operator.index(cast("Any", value))  # numpy's integers too
        except TypeError:
            number = None
        if number is None or isinstance(value, bool):
            self.refuse(name, f"{name} is {_shown(value)}; {wanted}")
            return 0
        if number == 0:
            self.refuse(name, f"{name} is 0, and 0 cannot be sent; {wanted}")
        if not -(2**63) <= number < 2**63:
            self.refuse(name, f"{name} is larger than any whole number that can be sent; {wanted}")
            return 0
        return number

    def number(self, name: str, value: object) -> float:
        """A positive number; None is 0, which is not sent."""
        if value is None:
            return 0.0
        wanted = "give a positive number, or leave it out for the service's choice"
        number = math.nan
        if isinstance(value, SupportsFloat) and not isinstance(value, bool | str):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                pass
            else:
                if number == 0:
                    self.refuse(name, f"{name} is 0, and 0 cannot be sent; {wanted}")
                return number
        self.refuse(name, f"{name} is {_shown(value)}; {wanted}")
        return 0.0

    def flag(self, name: str, value: object) -> bool:
        """True or False; None is False."""
        if value is not None and not isinstance(value, bool):
            self.refuse(name, f"{name} is {_shown(value)}; give True or False, or leave it out")
            return False
        return bool(value)

    def labels(self, value: object) -> dict[str, str]:
        """A mapping of text to text; None is an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(
                "labels", f'labels is {_shown(value)}; give a mapping of text to text, such as {{"team": "search"}}'
            )
            return {}
        labels: dict[str, str] = {}
        for key, item in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                self.refuse("labels", f"labels has the key {_shown(key)}; a label's key is text")
            elif not isinstance(item, str):
                hint = f': write "{item}"' if isinstance(item, int | float) and not isinstance(item, bool) else ""
                hint = hint or ", which may be empty"
                self.refuse("labels", f"labels[{key!r}] is {_shown(item)}; a label's value is text{hint}")
            else:
                labels[self._unicode("labels", key)] = self._unicode("labels", item)
        return labels

    # -- what has a meaning -------------------------------------------------------------------------------------------

    def source(self, value: object) -> tuple[str, str]:
        """The names of the model to tune and of its weights; the latter is "" but for open models."""
        custom = ""
        if not isinstance(value, str):
            # By shape and not by class: vertexai's objects are taken without vertexai.
            base = getattr(value, "base_model", None)
            resource = getattr(value, "_prediction_resource_name", None)
            if isinstance(base, str) and hasattr(value, "custom_base_model"):
                custom = self.text(
                    "custom_base_model", cast("Any", value).custom_base_model, "give a gs:// URI as text"
                )
                value = base
            elif isinstance(resource, str) and "/publishers/" in resource:
                value = resource  # a GenerativeModel
            else:
                wanted = (
                    "give a base model's name such as gemini-3.5-flash, a tuned model's resource name or a SourceModel"
                )
                self.refuse("source_model", f"source_model is {_shown(value)}; {wanted}")
                return "", ""
        name = self._unicode("source_model", value)
        publisher = re.fullmatch(r"projects/[^/]+/locations/[^/]+/(publishers/[^/]+/models/[^/]+)", name)
        return (publisher[1].removeprefix("publishers/google/models/") if publisher else name), custom

    def dataset(self, name: str, value: object) -> str:
        """The name of a dataset: text, a path object, or an object with a resource name; None is the empty one."""
        if isinstance(value, os.PathLike):
            # Not os.fspath, with which cloudpathlib downloads the file. A pathlib.Path makes one slash of two.
            value = re.sub(r"^gs:/(?=[^/])", "gs://", str(cast("os.PathLike[str]", value)))
        resource = getattr(value, "resource_name", None)
        if not isinstance(value, str) and isinstance(resource, str):
            value = resource  # a MultimodalDataset
        wanted = "give the gs:// URI of a JSONL file, or a dataset's resource name"
        return self.text(name, value, wanted)

    def tuning_mode(self, value: object) -> SupervisedTuningSpec.TuningMode.ValueType:
        """`FULL` or `PEFT_ADAPTER`; None is the service's choice."""
        if value is None:
            return SupervisedTuningSpec.TUNING_MODE_UNSPECIFIED
        if value == "FULL":
            return SupervisedTuningSpec.TUNING_MODE_FULL
        if value != "PEFT_ADAPTER":
            self.refuse("tuning_mode", f'tuning_mode is {_shown(value)}; the modes are "FULL" and "PEFT_ADAPTER"')
        return SupervisedTuningSpec.TUNING_MODE_PEFT_ADAPTER

    def evaluation(self, value: object) -> EvaluationConfig | None:
        """A message, or the mapping that its JSON is."""
        if value is None or isinstance(value, EvaluationConfig):
            return value
        if not isinstance(value, Mapping):
            wanted = "give a gemtune.EvaluationConfig, or a mapping like its JSON"
            self.refuse("evaluation_config", f"evaluation_config is {_shown(value)}; {wanted}")
            return None
        try:
            return codec.from_json(json.dumps(value), EvaluationConfig)
        except (JsonError, TypeError, ValueError, RecursionError) as error:
            self.refuse("evaluation_config", f"evaluation_config is not an EvaluationConfig: {error}")
            return None


def _shown(value: object) -> str:
    """A value of the wrong kind, in a few words: itself where it is short, else its type."""
    if value is None or (isinstance(value, bool | int | float | str | bytes) and len(repr(value)) <= 60):
        return repr(value)
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"
