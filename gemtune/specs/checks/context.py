"""One run of the checks over one job: what is known of its surroundings, and what has been found."""

from __future__ import annotations

from gemtune.specs.catalogue import BaseModel, Catalogue
from gemtune.specs.checks.rules import RULES
from gemtune.specs.finding import Finding, Severity
from gemtune_pb.v1 import TuningJob

__all__ = ["Run", "shown"]


class Run:
    """One run over one job: what is known of its surroundings, and what has been found."""

    def __init__(
        self,
        job: TuningJob,
        *,
        api_version: str,
        location: str | None,
        project: str | None,
        models: Catalogue,
        own_labels: int,
    ) -> None:
        self.job = job
        self.api_version, self.location, self.project, self.own_labels = api_version, location, project, own_labels
        self.models = models
        self.findings: list[Finding] = []
        self.base_model: str = job.base_model
        self.model: BaseModel | None = models.get(self.base_model) if self.base_model else None
        self.kind = models.kind(self.base_model) if self.base_model else ""
        if job.custom_base_model:
            self.kind = "open"
        self.limits = models.limits[self.kind]

    def add(
        self,
        rule_id: str,
        path: str,
        message: str,
        remedy: str = "",
        *,
        severity: Severity | None = None,
        known: BaseModel | None = None,
        value: str = "",
        words: str = "",
    ) -> None:
        """Reports a finding.

        Args:
            rule_id: The rule's id.
            path: Of the field.
            message: What was found.
            remedy: What is allowed and what to do.
            severity: Where it is not the rule's own.
            known: The entry of the catalogue that the limit comes from; its source and date count then.
            value: For the service's words.
            words: The service's words, where they are not the rule's own.
        """
        rule = RULES[rule_id]
        words = words or rule.service_message
        if "{" in words:
            parent, _, name = f"tuning_job.{path}".rpartition(".")
            words = words.format(name=name, parent=parent, value=value)
        self.findings.append(
            Finding(
                rule_id,
                severity or rule.severity,
                path,
                message,
                remedy,
                known.source if known and known.source else rule.source,
                known.date if known and known.source else rule.date,
                words,
            )
        )

    def has(self, rule_id: str, path: str) -> bool:
        """Whether that has been reported of that field."""
        return any(finding.rule_id == rule_id and finding.field == path for finding in self.findings)


def shown(text: str) -> str:
    """A text as a message shows it: quoted, and cut when it is long."""
    return repr(text if len(text) <= 80 else f"{text[:60]}...{text[-15:]}")
