"""The bridge to protobuf-py, whose JSON is written in Rust: it reads answers of our own types, and writes messages.

JSON goes into protobuf-py's type of a message and comes out as bytes that our class parses, or the other way round.
Loading the library and making its types takes as long as json_format takes for two megabytes of JSON, so that is done
once a process has converted as much. Whatever the bridge does not take is left to json_format.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation
from google.protobuf.message import Message

from gemtune import safe_text
from gemtune._process import let_through
from gemtune.rpc.json_walk import Place, Walk

__all__ = ["PAYS_FROM", "count", "read_rows", "read_text", "write"]

M = TypeVar("M", bound=Message)

PAYS_FROM: Final = 2 << 20
"""The bytes of JSON that json_format converts while the bridge is loaded: from then on it pays."""

_OTHERS: Final = ("google.longrunning.Operation",)
_FLOAT: Final = descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT
_MESSAGE: Final = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE

_LIBRARIES = ("google", "protobuf")
_lock = threading.Lock()
_converted = 0


def count(size: int) -> None:
    """Counts bytes of JSON that were or will be converted."""
    global _converted  # noqa: PLW0603  two threads may lose a few bytes of it
    _converted += size


def read_text(text: str | bytes, message_type: type[M]) -> M | None:
    """The message of a JSON text; None: json_format has to say (unknown names, `Any`s with something in them, ...)."""
    type_ = _type_of(message_type)
    return _read(lambda: type_.from_json(text), message_type) if type_ is not None else None


def read_rows(tree: Any, message_type: type[M], walk: Walk) -> M | None:
    """The message of what `json.loads` gave, row by row: most rows of its lists hold nothing that is to be taken out.

    The walk holds afterwards what was taken out, unless None is returned.
    """
    type_ = _type_of(message_type)
    return _read(lambda: _by_rows(type_, tree, message_type, walk), message_type) if type_ is not None else None


def _by_rows(type_: Any, tree: Any, message_type: type[Message], walk: Walk) -> Any:
    lists: dict[str, list[Any]] = {}
    rest = tree
    descriptor: Any = message_type.DESCRIPTOR
    for field in descriptor.fields:
        name, kind = field.json_name, field.message_type
        rows = tree.get(name)
        if kind is None or not isinstance(rows, list) or field.name in tree.keys() - {name}:
            continue
        convert = _type_of(message_factory.GetMessageClass(kind))._from_json_value
        lists[f"f{field.number}"] = [*_rows(convert, rows, kind, (None, name), walk)]
        rest = {key: item for key, item in rest.items() if key != name}
    whole = type_._from_json_value(walk.through(descriptor, rest))
    for attribute, made in lists.items():
        setattr(whole, attribute, made)
    return whole


def _rows(convert: Callable[[Any], Any], rows: list[Any], kind: Any, place: Place, walk: Walk) -> Iterator[Any]:
    """The rows, of which as little is walked as may do: where one of them held news, the next ones are likely to."""
    likely: set[str] | None = None
    for index, row in enumerate(rows):
        at = (place, index)
        if likely is None:
            try:
                yield convert(row)
                continue
            except Exception as error:
                let_through(error, *_LIBRARIES)
                likely = set()
        unknown, anys = len(walk.unknown), len(walk.anys)
        try:
            yield convert(walk.shallow(kind, row, at, likely))
        except Exception as error:
            let_through(error, *_LIBRARIES)
            del walk.unknown[unknown:], walk.anys[anys:]
            yield convert(walk.through(kind, row, at, 2))
            likely |= walk.found_in(at, unknown, anys)


def write(message: Message) -> Any:
    """The JSON of a message, as `json.loads` gives it, with maps in any order; None: json_format has to say."""
    type_ = _type_of(type(message))
    return _write(type_, message) if type_ is not None else None


def _type_of(message_type: type[Message]) -> Any:
    return _type(message_type.DESCRIPTOR) if _converted >= PAYS_FROM else None


def _read(read: Callable[[], Any], message_type: type[M]) -> M | None:
    try:
        data: bytes = read().to_binary()
        message = message_type.FromString(data)
    except Exception as error:
        let_through(error, *_LIBRARIES)
        return None
    # Two members of a oneof are both in the bytes, and one of them in the message.
    return message if message.ByteSize() == len(data) else None


def _write(type_: Any, message: Message) -> Any:
    try:
        text: str = type_.from_binary(message.SerializeToString()).to_json()
    except Exception as error:
        let_through(error, *_LIBRARIES)
        return None
    # A 32-bit float comes with the digits of a double. (A label of such a name only costs time.)
    return None if any(name in text for name in _float_names()) else json.loads(text)


# -- loading -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _type(descriptor: Any) -> Any:
    """protobuf-py's type for a message type of our schema; None for others, and where the bridge is off."""
    is_ours = descriptor.full_name.startswith("gemtune.v1.") or descriptor.full_name in _OTHERS
    if not is_ours or descriptor.file.pool is not descriptor_pool.Default():
        return None
    with _lock:
        registry = _load()
    found = registry.message(descriptor.full_name) if registry is not None else None
    return found.type if found is not None else None


@cache
def _load() -> Any:
    """protobuf-py's types for our schema; None where they do not mean by JSON what json_format means by it."""
    try:
        return _checked(_registry())
    except Exception as error:
        let_through(error, *_LIBRARIES)
        safe_text.logger("gemtune").warning("JSON is read by json_format alone, which is slower: %s", error)
        return None


@cache
def _schema() -> descriptor_pb2.FileDescriptorSet:
    """The files of our schema, without what JSON does not need."""
    import gemtune_pb

    data = (Path(str(gemtune_pb.__file__)).parent / "gemtune.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(data)
    for file in files.file:
        file.ClearField("source_code_info")
        file.ClearField("service")
        if file.package == "gemtune.v1":
            for message in file.message_type:
                _adapt(message)
    return files


def _adapt(message: descriptor_pb2.DescriptorProto) -> None:
    """Makes the library stricter: no field has two names, and of a oneof's messages none replaces another."""
    message.field.sort(key=lambda field: field.number)  # the order in which json_format writes them
    for field in message.field:
        if not message.options.map_entry:
            field.name = f"f{field.number}"
        if field.type == _MESSAGE and not field.proto3_optional:
            field.ClearField("oneof_index")
    for nested in message.nested_type:
        _adapt(nested)


@cache
def _float_names() -> frozenset[str]:
    names: set[str] = set()
    todo = [message for file in _schema().file for message in file.message_type]
    while todo:
        message = todo.pop()
        todo += message.nested_type
        names |= {f'"{field.json_name}":' for field in message.field if field.type == _FLOAT}
    return frozenset(names)


def _registry() -> Any:
    if api_implementation.Type() == "python":
        raise RuntimeError("protobuf runs in pure Python")
    from protobuf import Registry, _file_registry, _native_message
    from protobuf.wkt import FileDescriptorSet

    native: Any = _native_message.NativeMessageClass  # None where only its Python part is installed
    if native is None:
        raise RuntimeError("protobuf-py's native part is not there")
    registry = Registry()
    for file in FileDescriptorSet.from_binary(_schema().SerializeToString()).file:
        _file_registry.add_file(registry, file, None)
    return registry


_RIGHT: Final = (
    '{"name":"é\\n","state":"JOB_STATE_FAILED","createTime":"2024-11-03T23:08:07.734198+02:00","labels":{"b":"","a":"x"},'
    '"error":{"code":3,"details":[]},"supervisedTuningSpec":{"hyperParameters":{"epochCount":"9007199254740993",'
    '"learningRateMultiplier":0.1,"adapterSize":4}},"tunedModel":null,"experiment":""}',
    '{"state":999,"tuningDataStats":{"supervisedTuningDataStats":{"userDatasetExamples":[{"parts":[{"text":"t"}]}],'
    '"userInputTokenDistribution":{"sum":-12,"min":"NaN","mean":1e21,"buckets":[{"count":0.5},{}]}}}}',
    '{"error":{"details":[{}]}}',
)
_WRONG: Final = (
    *("[]", "null", '{"new":1}', '{"base_model":""}', '{"state":"NEW"}', '{"state":true}', '{"state":1.5}'),
    *('{"tunedModel":[]}', '{"tunedModel":""}', '{"labels":[]}', '{"labels":{"a":null}}', '{"createTime":"soon"}'),
    '{"error":{"details":[{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}]}}',
    *('{"error":{"code":true}}', '{"error":{"code":2147483648}}', '{"error":{"details":[null]}}', '{"name":"\\ud800"}'),
)


def _checked(registry: Any) -> Any:
    """The registry, if it reads and writes a few texts as json_format does, and refuses what has to be refused."""
    from google.protobuf import json_format

    from gemtune_pb.v1 import TuningJob

    type_ = registry.message(TuningJob.DESCRIPTOR.full_name).type
    for text in _RIGHT:
        job = json_format.Parse(text, TuningJob())
        expected = json.dumps(json_format.MessageToDict(job), sort_keys=True)
        for made in _read_twice(type_, text, TuningJob):
            if made is None or made.SerializeToString(deterministic=True) != job.SerializeToString(deterministic=True):
                raise RuntimeError(f"this release of protobuf-py reads {text} in another way")
        if json.dumps(_write(type_, job), sort_keys=True) != expected:
            raise RuntimeError(f"this release of protobuf-py writes {text} in another way")
    for text in _WRONG:
        if _read_twice(type_, text, TuningJob) != (None, None):
            raise RuntimeError(f"this release of protobuf-py takes {text}")
    return registry


def _read_twice(type_: Any, text: str, message_type: type[M]) -> tuple[M | None, M | None]:
    tree = json.loads(text)
    of_tree = _read(lambda: type_._from_json_value(tree), message_type)
    return _read(lambda: type_.from_json(text), message_type), of_tree
