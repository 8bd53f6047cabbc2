"""A spec as it was read: the job, and where in the text each of its values stands until the checks are done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from google.protobuf.message import DecodeError, Message

from gemtune.errors import SpecFileError
from gemtune.rpc import nesting
from gemtune.specs.catalogue import Catalogue
from gemtune.specs.checks.rules import RULES
from gemtune.specs.finding import Finding, Position, Severity, SpecFileInvalid
from gemtune.specs.read.build import build
from gemtune.specs.read.tree import MAX_BYTES, Node, locate
from gemtune_pb.v1 import TuningJob

__all__ = ["BINARY", "FORMATS", "SpecFile", "check_depth", "parse"]

FORMATS = ("yaml", "json", "textproto", "binpb")

BINARY = (b"\x12", b"\x22", b"\x2a", b"\x1a", b"\xfa")
"""Bytes that a binary spec is likely to begin with, and no text does: the tags of its first fields."""

# Findings that only follow from another one: a field is missing because its name or value was wrong.
_MAY_FOLLOW = frozenset({"required", "source-model", "tuning-spec", "unset-epochs", "evaluation-complete"})


@dataclasses.dataclass(frozen=True)
class SpecFile:
    """One spec of a file.

    Attributes:
        job: What the spec says; incomplete where `findings` has errors.
        file: The name of the file, "-" for standard input.
        format: `yaml`, `json`, `textproto` or `binpb`.
        text: The text; "" for bytes.
        findings: What is wrong with the text, in its order.
        root: The text as a tree; None where there is none.
    """

    job: TuningJob
    file: str
    format: str
    text: str = ""
    findings: tuple[Finding, ...] = ()
    root: Node | None = dataclasses.field(default=None, repr=False, compare=False)

    def require(self) -> TuningJob:
        """The job.

        Raises:
            SpecFileInvalid: The text has mistakes.
        """
        wrong = [finding for finding in self.findings if finding.severity is Severity.ERROR]
        if wrong:
            raise SpecFileInvalid(wrong, file=self.file, text=self.text)
        return self.job

    def check(
        self,
        *,
        api_version: str = "v1",
        location: str | None = None,
        project: str | None = None,
        models: Catalogue | None = None,
    ) -> list[Finding]:
        """What is wrong with the text, and what `gemtune.check` finds in the job, each with its place in the file.

        The arguments are those of `gemtune.check`.

        Returns:
            The findings in the order of the file.
        """
        from gemtune.specs.checks.check import find
        from gemtune.specs.checks.context import Target

        found = find(self.job, Target(api_version, location, project, models))
        kept = [finding for finding in found if not self._follows(finding)]
        placed = [dataclasses.replace(finding, position=self._place(finding)) for finding in kept]
        return sorted([*self.findings, *placed], key=lambda finding: finding.position or Position(0, 0))

    def position(self, field: str, *, key: bool = False) -> Position | None:
        """Where a field's value stands in the text.

        Args:
            field: A path in proto spelling, such as `labels.team` or `supervised_tuning_spec.hyper_parameters`.
            key: Its name instead of its value.

        Returns:
            The place; that of the nearest field around it where the text does not have the field itself, and None where
            there is no text.
        """
        return None if self.root is None else locate(self.root, field, key=key)

    def _place(self, finding: Finding) -> Position | None:
        if finding.rule_id == "location-unknown":  # which no text has
            return None
        return self.position(finding.field, key=RULES[finding.rule_id].on_key)

    def _follows(self, finding: Finding) -> bool:
        """Whether a finding about the job only follows from one about the text."""
        for other in self.findings:
            if other.field == finding.field and (other.severity is Severity.ERROR or other.rule_id == "zero-unsent"):
                return True
            if other.severity is Severity.ERROR and finding.rule_id in _MAY_FOLLOW:
                around = other.field.rpartition(".")[0]
                if not around or finding.field.startswith(f"{around}.") or finding.field.startswith(f"{other.field}."):
                    return True
        return False


def parse(data: str | bytes, format: str, *, file: str) -> list[SpecFile]:  # noqa: A002
    """The specs in a text, or in bytes.

    Args:
        data: What the file holds.
        format: One of FORMATS.
        file: The name to report.

    Raises:
        SpecFileError: It is not text of that format, or larger than a spec can be.
    """
    if len(data) > MAX_BYTES:
        raise SpecFileError(f"larger than {MAX_BYTES // 2**20} MiB, which no spec is; is it a dataset?", file=file)
    if format == "binpb":
        specs = [_from_bytes(data, file)]
    else:
        text = _text(data, file)
        # Nothing at all is how textproto and protobuf's bytes write a message without fields; YAML and JSON write {}.
        specs = list(_from_text(text, format, file)) if text.strip() or format == "textproto" else []
    for spec in specs:
        if not any(finding.severity is Severity.ERROR for finding in spec.findings):
            check_depth(spec.job, file)
    if not specs:
        raise SpecFileError("the file is empty; a spec has at least a base_model and a tuning spec", file=file)
    return specs


def check_depth(job: Message, file: str) -> None:
    """Refuses a job that some format could not hold: one bound for all of them, protobuf's own.

    Raises:
        SpecFileError: It is nested too deeply.
    """
    if nesting.messages_deep(job) > nesting.MESSAGES:
        raise SpecFileError(f"nested more than {nesting.MESSAGES} levels deep; no spec is", file=file)


def _from_text(text: str, format: str, file: str) -> Iterable[SpecFile]:  # noqa: A002
    if format == "textproto":
        from gemtune.specs.read import textproto

        job, findings, tree = textproto.parse(text, file=file)
        yield SpecFile(job, file, format, text, tuple(findings), tree)
        return
    if format == "yaml":
        from gemtune.specs.read import yaml_text

        roots = yaml_text.parse(text, file=file)
    else:
        from gemtune.specs.read import json_text

        roots = [json_text.parse(text, file=file)]
    for root in roots:
        job = TuningJob()
        findings = build(root, job, plain_strings=format == "yaml")
        yield SpecFile(job, file, format, text, tuple(findings), root)


def _from_bytes(data: str | bytes, file: str) -> SpecFile:
    if isinstance(data, str):
        raise SpecFileError("the format binpb is bytes, and this is text; open the file as binary", file=file)
    try:
        return SpecFile(TuningJob.FromString(data), file, "binpb")
    except (DecodeError, ValueError, RecursionError) as error:
        raise SpecFileError(
            f"not the bytes of a TuningJob of at most {nesting.MESSAGES} levels; is it another format or message?",
            file=file,
        ) from error


def _text(data: str | bytes, file: str) -> str:
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecFileError("not UTF-8 text; save it as UTF-8", file=file, line=line) from error
