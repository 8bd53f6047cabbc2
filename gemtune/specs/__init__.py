"""Spec files: a tuning job as a file that can be kept, reviewed and sent, and what is wrong with one.

Knows messages, errors and the codec; no clients. Nothing here loads YAML before a YAML file or the catalogue is read.
"""

from __future__ import annotations

from gemtune.specs.catalogue import BaseModel, Catalogue, catalogue, read_catalogue
from gemtune.specs.checks.check import check, check_request, require_valid, validate
from gemtune.specs.checks.rules import FILE_RULES, RULES, Rule
from gemtune.specs.diff import Change, diff
from gemtune.specs.finding import Finding, Position, Severity, SpecFileInvalid
from gemtune.specs.fingerprint import fingerprint
from gemtune.specs.read.document import SpecFile
from gemtune.specs.read.files import dumps_spec, load_spec, load_specs, loads_spec, read_specs, save_spec
from gemtune.specs.render import render
from gemtune.specs.request import request_of, unknown_of
from gemtune.specs.sizes import SIZES, adapter_size

__all__ = [
    "FILE_RULES",
    "RULES",
    "SIZES",
    "BaseModel",
    "Catalogue",
    "Change",
    "Finding",
    "Position",
    "Rule",
    "Severity",
    "SpecFile",
    "SpecFileInvalid",
    "adapter_size",
    "catalogue",
    "check",
    "check_request",
    "diff",
    "dumps_spec",
    "fingerprint",
    "load_spec",
    "load_specs",
    "loads_spec",
    "read_catalogue",
    "read_specs",
    "render",
    "request_of",
    "require_valid",
    "save_spec",
    "unknown_of",
    "validate",
]
