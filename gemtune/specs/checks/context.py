"""What the checks of one job know of its surroundings, and what they have found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gemtune.errors import ConfigurationError
from gemtune.specs.catalogue import BaseModel, Catalogue, catalogue
from gemtune.specs.checks.rules import RULES
from gemtune.specs.finding import Finding, Severity
from gemtune.specs.lifecycle import Lifecycle, kind_of_tuning, limits_for, today_in_utc
from gemtune_pb.v1 import TuningJob

__all__ = ["CheckContext", "Target", "display"]

API_VERSIONS = ("v1", "v1beta1")


@dataclass(frozen=True)
class Target:
    """Where a job would be sent.

    Attributes:
        api_version: `v1` or `v1beta1`: some fields need the latter.
        location: Where to; None leaves out the rules about places, but for names that disagree.
        project: For which project (id or number).
        models: What is known of base models; None: gemtune's catalogue and the user's.
        own_labels: Whether gemtune's own two labels will be added.
        today: The day by which the ends of models are judged; None: today (UTC).
    """

    api_version: str = "v1"
    location: str | None = None
    project: str | None = None
    models: Catalogue | None = None
    own_labels: bool = True
    today: date | None = None


class CheckContext:
    """The checks of one job: its target, and what has been found."""

    def __init__(self, job: TuningJob, target: Target) -> None:
        if target.api_version not in API_VERSIONS:
            wanted = " and ".join(API_VERSIONS)
            raise ConfigurationError(f"{target.api_version!r} is not a version of the API; there are {wanted}")
        models = self.models = catalogue() if target.models is None else target.models
        self.job = job
        self.api_version, self.location, self.project = target.api_version, target.location, target.project
        self.own_labels = target.own_labels
        self.findings: list[Finding] = []
        self.base_model: str = job.base_model
        self.tuning = kind_of_tuning(job)
        self.today = today_in_utc() if target.today is None else target.today
        known = models.get(self.base_model) if self.base_model else None
        self.model: BaseModel | None = limits_for(known, self.tuning) if known else None
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
        known: BaseModel | Lifecycle | None = None,
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


def display(text: str) -> str:
    """A text as a message shows it: quoted, and cut when it is long."""
    return repr(text if len(text) <= 80 else f"{text[:60]}...{text[-15:]}")
