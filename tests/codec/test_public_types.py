"""The codec is generic: every message type that protobuf and Google's common protos bring is converted as by law."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import ModuleType
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor
from hypothesis import given, settings, strategies as st

from gemtune.rpc.any_types import ANY_TYPES
from gemtune.testing import messages
from tests.support.json_format_oracle import assert_read_alike, assert_written_alike
from tests.support.json_inputs import texts

PACKAGES = "google.api google.rpc google.rpc.context google.type google.logging.type google.longrunning google.protobuf"


def modules() -> list[ModuleType]:
    found: list[ModuleType] = []
    for name in PACKAGES.split():
        package = importlib.import_module(name)
        for info in pkgutil.iter_modules(package.__path__):
            if info.name.endswith("_pb2") and "unittest" not in info.name and "test" not in info.name.split("_"):
                found.append(importlib.import_module(f"{name}.{info.name}"))
    return found


def nested(descriptor: Descriptor) -> list[Descriptor]:
    below = [d for inner in descriptor.nested_types for d in nested(inner)]
    return below if descriptor.GetOptions().map_entry else [descriptor, *below]


FILES: list[Any] = [module.DESCRIPTOR for module in modules() if hasattr(module, "DESCRIPTOR")]
TYPES: list[Any] = [
    message_factory.GetMessageClass(d)
    for file in FILES
    for top in file.message_types_by_name.values()
    for d in nested(top)
]


def test_there_are_many_types() -> None:
    assert len(TYPES) > 200


@settings(max_examples=3 * settings.default.max_examples)
@given(st.sampled_from(TYPES).flatmap(lambda t: st.tuples(st.just(t), messages(t, depth=3))))
def test_their_messages_are_converted_by_law(case: tuple[Any, Any]) -> None:
    message_type, message = case
    assert_written_alike(message)
    try:
        text = json.dumps(json_format.MessageToDict(message, descriptor_pool=ANY_TYPES))
    except Exception:
        return  # no JSON form; assert_written_alike has seen to that
    assert_read_alike(text, message_type)


@settings(max_examples=3 * settings.default.max_examples)
@given(st.sampled_from(TYPES).flatmap(lambda t: st.tuples(st.just(t), texts(t))), st.booleans())
def test_their_json_is_read_by_law(case: tuple[Any, str], lenient: bool) -> None:
    message_type, text = case
    assert_read_alike(text, message_type, lenient=lenient)
