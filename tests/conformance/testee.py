"""The program that protobuf's conformance runner talks to: our JSON codec behind the runner's protocol.

Run by the runner as `python testee.py DESCRIPTORS`, DESCRIPTORS being a descriptor set of conformance.proto and of the
test messages. Requests come on stdin and answers go to stdout, each behind four bytes of its length, little endian.
Cases without JSON are skipped: binary and text formats are protobuf's own. With GEMTUNE_CONFORMANCE=json_format in the
environment it is `google.protobuf.json_format` that answers, which shows where the two differ.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import gemtune


def load(path: str) -> None:
    """Puts the files of a descriptor set into the default pool, where `Any` looks its types up."""
    pool = descriptor_pool.Default()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes()).file:
        try:
            pool.FindFileByName(file.name)
        except KeyError:
            pool.AddSerializedFile(file.SerializeToString())


def message_type(name: str) -> Any:
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def parse(text: str, cls: Any, lenient: bool) -> Any:
    if os.environ.get("GEMTUNE_CONFORMANCE") == "json_format":
        return json_format.Parse(text, cls(), ignore_unknown_fields=lenient)
    return gemtune.from_json(text, cls, ignore_unknown_fields=lenient)


def write(message: Any) -> str:
    if os.environ.get("GEMTUNE_CONFORMANCE") == "json_format":
        return json_format.MessageToJson(message)
    return gemtune.to_json(message)


def answer(request: Any, response: Any) -> None:
    """Fills in what became of one case."""
    wire = type(request).DESCRIPTOR.fields_by_name["requested_output_format"].enum_type.values_by_name
    source, wants_json = request.WhichOneof("payload"), request.requested_output_format == wire["JSON"].number
    if request.message_type == "conformance.FailureSet":
        response.protobuf_payload = b""  # no failure is expected
        return
    if "json_payload" not in (source, wants_json and "json_payload"):
        response.skipped = "no JSON in it"
        return
    formats = {wire["JSON"].number, wire["PROTOBUF"].number}
    if source == "text_payload" or request.requested_output_format not in formats:
        response.skipped = "neither JSON nor binary"
        return
    try:
        cls = message_type(request.message_type)
    except KeyError:
        response.skipped = "a type that was not compiled"
        return
    lenient = request.test_category == 3  # JSON_IGNORE_UNKNOWN_PARSING_TEST
    try:
        message = (
            parse(request.json_payload, cls, lenient)
            if source == "json_payload"
            else cls.FromString(request.protobuf_payload)
        )
    except Exception as error:
        response.parse_error = str(error)[:500]
        return
    try:
        if wants_json:
            response.json_payload = write(message)
        else:
            response.protobuf_payload = message.SerializeToString()
    except Exception as error:
        response.serialize_error = str(error)[:500]


def main() -> None:
    load(sys.argv[1])
    request_type, response_type = (
        message_type("conformance.ConformanceRequest"),
        message_type("conformance.ConformanceResponse"),
    )
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while size := stdin.read(4):
        request, response = request_type.FromString(stdin.read(*struct.unpack("<I", size))), response_type()
        answer(request, response)
        data = response.SerializeToString()
        stdout.write(struct.pack("<I", len(data)) + data)
        stdout.flush()


if __name__ == "__main__":
    main()
