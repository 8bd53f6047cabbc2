"""What to say about a name that is not a field: the near one, the field it is called elsewhere, or where it belongs."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor

from gemtune.descriptors import is_output
from gemtune.specs.suggest import nearest

__all__ = ["hint_for"]

# Names that people use for a field of ours, and no spelling distance finds: from gcloud's flags, the documents'
# parameter lists and other clients.
_ALSO_KNOWN_AS = {
    "source_model": "base_model",
    "model": "base_model",
    "epochs": "epoch_count",
    "n_epochs": "epoch_count",
    "num_epochs": "epoch_count",
    "rank": "adapter_size",
    "training_dataset": "training_dataset_uri",
    "train_dataset": "training_dataset_uri",
    "training_data": "training_dataset_uri",
    "training_file": "training_dataset_uri",
    "validation_dataset": "validation_dataset_uri",
    "validation_file": "validation_dataset_uri",
    "display_name": "tuned_model_display_name",
    "suffix": "tuned_model_display_name",
    "kms_key": "kms_key_name",
    "supervised_tuning": "supervised_tuning_spec",
    "hyperparameters": "hyper_parameters",
}
_SEARCH_DEPTH = 3


def hint_for(descriptor: Descriptor, name: str, prefix: str, root: Descriptor) -> str:
    """What to do about `name`, which is not a field of the message at `prefix` below the message `root`."""
    camel = any(letter.isupper() for letter in name)

    def spelled(field_name: str) -> str:
        return descriptor.fields_by_name[field_name].json_name if camel else field_name

    def meant(known: str) -> str:
        wanted = _ALSO_KNOWN_AS.get(known, known)
        if wanted in descriptor.fields_by_name:
            return f"did you mean {spelled(wanted)}?"
        found = _elsewhere(wanted, root)
        if not found or found == prefix + wanted:
            return ""
        return f"it belongs in {found.rpartition('.')[0] or 'the spec itself'}" + (
            f", as {wanted}" if wanted != _snake(name) else ""
        )

    if hint := meant(_snake(name)):
        return hint
    if near := nearest(name, descriptor.fields_by_name):
        return f"did you mean {spelled(near)}?"
    if (near := nearest(name, (*_ALSO_KNOWN_AS, *_every_name(root)))) and (hint := meant(near)):
        return hint
    holds_more = "additional_fields" in root.fields_by_name
    names = [spelled(field.name) for field in descriptor.fields if not is_output(field)]
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    fields = f"the fields here are {listed}" if names else "there are no fields here"
    return f"{fields}; one that only the service knows goes under additional_fields" if holds_more else fields


def _snake(name: str) -> str:
    return (
        "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_").replace("-", "_")
    )


def _elsewhere(name: str, root: Descriptor) -> str:
    """The path of the first field of that name below `root`, the shallowest first; "" for none."""
    return next((prefix + name for prefix, descriptor in _levels(root) if name in descriptor.fields_by_name), "")


def _every_name(root: Descriptor) -> list[str]:
    """The names of the fields that `_elsewhere` finds and that a request sets."""
    return [field.name for _, descriptor in _levels(root) for field in descriptor.fields if not is_output(field)]


def _levels(root: Descriptor) -> Iterator[tuple[str, Descriptor]]:
    """The messages below `root` and the paths to them, the shallowest first."""
    level: list[tuple[str, Descriptor]] = [("", root)]
    for _ in range(_SEARCH_DEPTH):
        yield from level
        level = [
            (f"{prefix}{field.name}.", field.message_type)
            for prefix, descriptor in level
            for field in descriptor.fields
            if field.message_type is not None and not field.is_repeated
        ]
