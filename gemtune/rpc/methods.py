"""The method table: what each rpc takes, returns and promises, read from service descriptors.

Nothing here is written by hand: a new rpc in a .proto is a new row. Works for the methods of any service in the
default descriptor pool, ours or not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from gemtune.rpc.http_binding import Binding, RuleError, bindings

__all__ = ["Method", "find_method", "service_methods", "with_rule"]


@dataclass(frozen=True, eq=False)
class Method:
    """One unary rpc.

    Attributes:
        service: The full name of its service, such as `gemtune.v1.TuningService`.
        name: Its name, such as `GetTuningJob`.
        input_type: The request's message class.
        output_type: The answer's message class.
        bindings: Its HTTP bindings, the main one first; empty when it has none that can be carried out.
        idempotent: Whether `idempotency_level` says that it may be sent again.
        streaming: Whether either side streams; such a method cannot be carried by this package.
        why_not_rest: Why it has no bindings; "" where it has some.
    """

    service: str
    name: str
    input_type: type[Message]
    output_type: type[Message]
    bindings: tuple[Binding, ...]
    idempotent: bool
    streaming: bool
    why_not_rest: str = ""

    @cached_property
    def full_name(self) -> str:
        """The name on a gRPC wire without its leading slash: `package.Service/Method`."""
        return f"{self.service}/{self.name}"

    @cached_property
    def routing_field(self) -> str | None:
        """The path of the field that names the resource: the first variable of the main HTTP binding."""
        variables = self.bindings[0].template.variables if self.bindings else ()
        return ".".join(variables[0].path) if variables else None

    def resource(self, request: Message) -> str:
        """The resource name in `request`, which says where the call has to go; "" when there is none."""
        value: object = request
        for part in (self.routing_field or "").split("."):
            value = getattr(value, part, "")
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        return f"<Method {self.full_name}>"


def _method(descriptor: MethodDescriptor) -> Method:
    options = descriptor.GetOptions()
    http: Any = annotations_pb2.http  # untyped upstream
    safe = (descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS, descriptor_pb2.MethodOptions.IDEMPOTENT)
    bare = Method(
        service=descriptor.containing_service.full_name,
        name=descriptor.name,
        input_type=message_factory.GetMessageClass(descriptor.input_type),
        output_type=message_factory.GetMessageClass(descriptor.output_type),
        bindings=(),
        idempotent=options.idempotency_level in safe,
        streaming=descriptor.client_streaming or descriptor.server_streaming,
        why_not_rest="has no google.api.http annotation, so it cannot be called over REST",
    )
    return with_rule(bare, options.Extensions[http]) if options.HasExtension(http) else bare


def with_rule(method: Method, rule: http_pb2.HttpRule) -> Method:
    """The method as `rule` says that it goes over HTTP; the rule of an annotation, or one given in its place."""
    takes: Any = method.input_type.DESCRIPTOR
    returns: Any = method.output_type.DESCRIPTOR
    try:
        found = bindings(rule, takes, returns)
    except RuleError as error:
        why = f"has an HTTP rule that cannot be used: {error}"
    else:
        why = "" if found else "has an HTTP rule without a path, so it cannot be called over REST"
        return dataclasses.replace(method, bindings=found, why_not_rest=why)
    return dataclasses.replace(method, bindings=(), why_not_rest=why)


@cache
def service_methods(service: ServiceDescriptor) -> Mapping[str, Method]:
    """Every method of a service, by its short name."""
    return {method.name: _method(method) for method in service.methods}


def find_method(path: str) -> Method:
    """The method that a generated stub calls `/package.Service/Method`.

    Raises:
        KeyError: No module that describes that service has been imported, or it has no such method.
    """
    service, _, name = path.lstrip("/").rpartition("/")
    return service_methods(descriptor_pool.Default().FindServiceByName(service))[name]
