"""Spec files: a tuning job as a file that can be kept, reviewed and sent, and what is wrong with one.

Knows messages, errors and the codec; no clients. Nothing here loads YAML before a YAML file or the catalogue is read.
"""

from __future__ import annotations

from gemtune.specs.files import load_spec, loads_spec
from gemtune.specs.finding import Finding, Position, Severity, SpecFileInvalid
from gemtune.specs.sizes import adapter_size
from gemtune.specs.walk import check, check_request, require_valid, validate

__all__ = [
    "Finding",
    "Position",
    "Severity",
    "SpecFileInvalid",
    "adapter_size",
    "check",
    "check_request",
    "load_spec",
    "loads_spec",
    "require_valid",
    "validate",
]
