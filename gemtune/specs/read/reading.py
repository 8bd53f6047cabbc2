"""One reading of one tree: how its text is to be taken, and what has been found wrong so far."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor

from gemtune.specs.finding import Finding, Position, Severity
from gemtune.specs.read.tree import MAX_DEPTH, MAX_NODES, Node, position_of

__all__ = ["Reading"]


MAX_FINDINGS = 100
"""Mistakes, and as many warnings, that are told of one spec: who has more has another file than he thinks."""


class Reading:
    """One reading of one tree: how its text is to be taken, and the mistakes so far."""

    def __init__(self, root: Any, *, plain_strings: bool) -> None:
        self.root: Descriptor = root
        self.plain_strings = plain_strings
        self.nodes = 0
        self._wrong: list[Finding] = []
        self._warned: list[Finding] = []

    @property
    def full(self) -> bool:
        """Whether no further mistake will be noted."""
        return len(self._wrong) >= MAX_FINDINGS

    @property
    def findings(self) -> list[Finding]:
        """What has been found, in the order of the text."""
        return sorted(self._wrong + self._warned, key=lambda finding: finding.position or Position(0, 0))

    def wrong(self, rule_id: str, field: str, node: Node, message: str, remedy: str = "") -> None:
        """Notes a mistake; reading goes on."""
        if not self.full:
            position = position_of(node)
            self._wrong.append(Finding(rule_id, Severity.ERROR, field, message, remedy, position=position))

    def warn(self, rule_id: str, field: str, node: Node, message: str, remedy: str = "") -> None:
        """Notes what means something, and perhaps not what was meant."""
        if len(self._warned) < MAX_FINDINGS:
            position = position_of(node)
            self._warned.append(Finding(rule_id, Severity.WARNING, field, message, remedy, position=position))

    def too_much(self, node: Node, path: str, depth: int) -> bool:
        """Counts the values of a mapping or list; says, once, when they are too many, and when they lie too deep."""
        self.nodes += len(node.value) + 1
        if depth > MAX_DEPTH:
            self.wrong("too-deep", path, node, f"nested more than {MAX_DEPTH} levels deep", "no spec is")
        elif self.nodes > MAX_NODES:
            if not any(finding.rule_id == "too-large" for finding in self._wrong):
                sentence = f"the spec has more than {MAX_NODES:,} values, aliases counted where they are used"
                self.wrong("too-large", path, node, sentence, "write out what is meant")
        else:
            return False
        return True

    def no_tags(self, path: str, node: Node) -> None:
        """Refuses a YAML tag."""
        sentence = f"{node.tag} is a YAML tag, and tags are not read: types come from the schema"
        self.wrong("yaml-tag", path, node, sentence, "write the value without it, in quotes if it is a text")
