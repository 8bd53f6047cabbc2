"""The spec that a command is given: a file, flags, or both; checked, with what is wrong shown where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.fields import apply
from gemtune.cli.findings import print_findings
from gemtune.cli.session import Session
from gemtune.errors import SpecFileError
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from gemtune.specs import Finding

__all__ = ["Given", "read_given"]


@dataclass(frozen=True)
class Given:
    """A job to submit.

    Attributes:
        job: The job.
        source: Where it is from: the file's name, or "flags".
    """

    job: TuningJob
    source: str


def read_given(session: Session, file: str | None, fields: Mapping[str, Any], *, location: str) -> Given:
    """The job of a file and of flags, which win.

    Args:
        session: The run; it is shown the warnings.
        file: A path, or "-" for standard input; None: the flags alone.
        fields: The values of the flags, see `gemtune.cli.fields`.
        location: Where the job shall run: some limits depend on it.

    Raises:
        SpecFileInvalid: The file has mistakes, each with its place.
        SpecInvalid: The flags have.
        click.UsageError: The flags alone make no job.
    """
    from gemtune.specs import Severity, SpecFileInvalid, check, read_specs

    version = session.api_version or "v1"
    if file is None:
        job = apply(TuningJob(), fields)
        _require(job)
        _warn(session, check(job, api_version=version, location=location))
        return Given(job, "flags")
    specs = read_specs(file)
    if len(specs) > 1:
        raise SpecFileError(f"there are {len(specs)} specs in the file and one is wanted", file=file)
    spec = specs[0]
    if any(value not in (None, ()) for value in fields.values()):
        job = apply(spec.require(), fields)
        # Without places: the file does not say all that is sent.
        _warn(session, check(job, api_version=version, location=location))
        return Given(job, file)
    found = spec.check(api_version=version, location=location)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise SpecFileInvalid(found, file=file, text=spec.text)
    _warn(session, found, file=file, text=spec.text)
    return Given(spec.job, file)


def _warn(session: Session, findings: Sequence[Finding], *, file: str = "", text: str = "") -> None:
    """Shows the warnings. The client itself refuses what has errors."""
    from gemtune.specs import Severity

    warnings = [finding for finding in findings if finding.severity is Severity.WARNING]
    if warnings and not session.quiet:
        print_findings(session.output, warnings, file=file, text=text)


def _require(job: TuningJob) -> None:
    """Says what is missing where there is no file: the flags alone must make a job."""
    missing: list[str] = []
    if not (job.base_model or job.custom_base_model or job.pre_tuned_model.tuned_model_name):
        missing.append("--base-model (or --pre-tuned-model)")
    if not job.supervised_tuning_spec.training_dataset_uri:
        missing.append("--training-dataset-uri")
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise click.UsageError(
            f"{' and '.join(missing)} {verb} missing; give a spec with -f FILE, or the whole job as flags"
        )
