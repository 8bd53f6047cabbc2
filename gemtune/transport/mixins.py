"""HTTP rules that are not in an annotation: those a caller gives, and those of the services that every API serves.

`google.longrunning.Operations`, `google.cloud.location.Locations` and `google.iam.v1.IAMPolicy` are described once, and
served by each API at paths of its own. Google's clients take them from the API's service configuration (a `.yaml`
beside its protos). Without one, the paths that nearly all APIs have are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from google.api import http_pb2

from gemtune.errors import ConfigurationError
from gemtune.rpc.methods import Method, find_method

__all__ = ["Rules", "default_rule", "rules_by_method"]

Rules: TypeAlias = Any
"""A `google.api.Service`, a `google.api.Http`, rules with selectors, or a mapping of selector to rule or rules.

A rule in a mapping may be an `HttpRule` or a mapping with `method`, `uri` and perhaps `body`, which is the form that
`http_options` of google-api-core have.
"""

_OPERATION = "{name=**/operations/**}"
_EVERYWHERE: dict[str, tuple[tuple[str, str, str], ...]] = {
    "google.longrunning.Operations/ListOperations": (
        ("get", "{name=operations}", ""),
        ("get", "{name=**/operations}", ""),
        ("get", "{name=**}/operations", ""),
    ),
    "google.longrunning.Operations/GetOperation": (("get", "{name=operations/**}", ""), ("get", _OPERATION, "")),
    "google.longrunning.Operations/DeleteOperation": (
        ("delete", "{name=operations/**}", ""),
        ("delete", _OPERATION, ""),
    ),
    "google.longrunning.Operations/CancelOperation": (
        ("post", "{name=operations/**}:cancel", "*"),
        ("post", f"{_OPERATION}:cancel", "*"),
    ),
    "google.cloud.location.Locations/ListLocations": (
        ("get", "{name=locations}", ""),
        ("get", "{name=projects/*}/locations", ""),
    ),
    "google.cloud.location.Locations/GetLocation": (
        ("get", "{name=locations/*}", ""),
        ("get", "{name=projects/*/locations/*}", ""),
    ),
    "google.iam.v1.IAMPolicy/SetIamPolicy": (("post", "{resource=**}:setIamPolicy", "*"),),
    "google.iam.v1.IAMPolicy/GetIamPolicy": (("post", "{resource=**}:getIamPolicy", "*"),),
    "google.iam.v1.IAMPolicy/TestIamPermissions": (("post", "{resource=**}:testIamPermissions", "*"),),
}
"""Method -> verb, path below the version, body. The annotations' own paths first."""


def default_rule(method: Method, api_version: str | None) -> http_pb2.HttpRule | None:
    """The rule of a method that every API has at a path of its own; None for all other methods."""
    ways = _EVERYWHERE.get(method.full_name)
    if ways is None:
        return None
    return _rule([{"method": verb, "uri": f"/{api_version or 'v1'}/{path}", "body": body} for verb, path, body in ways])


def rules_by_method(given: Rules) -> dict[str, http_pb2.HttpRule]:
    """The rules that a caller gives, by `package.Service/Method`; of two for one method the last counts.

    Raises:
        ConfigurationError: They are no rules, or one is for a method that its service does not have.
    """
    if given is None:
        return {}
    pairs: Iterable[tuple[Any, Any]]
    if isinstance(given, Mapping):
        pairs = given.items()
    else:
        listed: Any = getattr(getattr(given, "http", given), "rules", given)
        try:
            pairs = [(getattr(rule, "selector", None), rule) for rule in listed]
        except TypeError:
            raise ConfigurationError(f"http_rules is a {type(given).__name__}; {_WANTED}") from None
    found: dict[str, http_pb2.HttpRule] = {}
    for selector, rule in pairs:
        if not isinstance(selector, str) or not selector.strip("/"):
            raise ConfigurationError(f"http_rules has a rule without a selector; {_WANTED}")
        found[_method_of(selector)] = _rule(rule)
    return found


_WANTED = (
    "give a google.api.Service, or rules by selector, such as "
    '{"google.longrunning.Operations.GetOperation": HttpRule(get="/v1/{name=projects/*/operations/*}")}'
)


def _method_of(selector: str) -> str:
    """`package.Service/Method` of `package.Service.Method`, as selectors are written, or of a method's path."""
    text = selector.strip("/")
    service, _, name = text.rpartition("/") if "/" in text else text.rpartition(".")
    try:
        find_method(f"{service}/{name}")
    except KeyError as error:
        if error.args and error.args[0] == name:  # the service is described, and has no such method
            raise ConfigurationError(
                f"http_rules has a rule for {selector}, and {service} has no method {name}"
            ) from None
    return f"{service}/{name}"


def _rule(given: Any) -> http_pb2.HttpRule:
    if isinstance(given, http_pb2.HttpRule):
        return given
    if isinstance(given, Mapping):
        return _from_option(cast("Mapping[str, Any]", given))
    if isinstance(given, (list, tuple)) and given:
        first, *others = (_rule(one) for one in cast("list[Any]", given))
        whole = http_pb2.HttpRule()
        whole.CopyFrom(first)
        for other in others:
            whole.additional_bindings.add().CopyFrom(other)
        return whole
    raise ConfigurationError(f"http_rules has a rule that is a {type(given).__name__}; {_WANTED}")


def _from_option(option: Mapping[str, Any]) -> http_pb2.HttpRule:
    verb, path, body = option.get("method"), option.get("uri"), option.get("body") or ""
    if not (isinstance(verb, str) and isinstance(path, str) and isinstance(body, str)):
        raise ConfigurationError(f'http_rules has a rule without "method" and "uri"; {_WANTED}')
    rule = http_pb2.HttpRule(body=body)
    if verb.lower() in ("get", "put", "post", "delete", "patch"):
        setattr(rule, verb.lower(), path)
    else:
        rule.custom.kind, rule.custom.path = verb, path
    return rule
