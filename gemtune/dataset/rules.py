"""The rules about datasets, as data: rules.toml beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Rule", "rules"]


@dataclass(frozen=True)
class Rule:
    """A rule about datasets.

    Attributes:
        code: Stable, such as `GT301`.
        severity: `error` or `warning`; of a rule that has both, the graver one.
        what: What is found.
        fix: What is allowed, and how to fix it.
        source: Where this is documented, or who met it.
    """

    code: str
    severity: str
    what: str
    fix: str
    source: str


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its code."""
    text = Path(__file__).with_name("rules.toml").read_text(encoding="utf-8")
    return {code: Rule(code, **row) for code, row in tomllib.loads(text).items()}
