"""The schema as a product: for protoc and buf, for tools that read descriptors, and for editors."""

from __future__ import annotations

from gemtune.schema.export import descriptor_set, write_protos
from gemtune.schema.jsonschema import json_schema

__all__ = ["descriptor_set", "json_schema", "write_protos"]
