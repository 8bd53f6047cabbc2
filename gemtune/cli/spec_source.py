"""The spec that a command is given: a file, flags, or both; checked, with what is wrong shown where it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.fields import apply, flag_of, with_additional
from gemtune.cli.findings import print_findings
from gemtune.cli.session import Session
from gemtune.errors import SpecFileError
from gemtune.rpc.additional import Place, path_of
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from gemtune.specs import Finding, SpecFile

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


def read_given(
    session: Session,
    file: str | None,
    fields: Mapping[str, Any],
    more: Sequence[tuple[Place, Any]] = (),
    *,
    location: str,
) -> Given:
    """The job of a file and of flags, which win.

    Args:
        session: The run; it is shown the warnings.
        file: A path, or "-" for standard input; None: the flags alone.
        fields: The values of the flags, see `gemtune.cli.fields`.
        more: Fields that the schema does not have (`--set`).
        location: Where the job shall run: some limits depend on it.

    Raises:
        SpecFileInvalid: The file has mistakes, each with its place.
        click.exceptions.Exit: What the flags say, or they and the file together, has mistakes; they have been shown.
        click.UsageError: The flags alone make no job.
    """
    from gemtune.specs import Severity, SpecFileInvalid, check, read_specs

    version = session.api_version or "v1"
    if file is None:
        job = with_additional(apply(TuningJob(), fields), more)
        _require(job)
        _tell(session, _in_the_spec(check(job, api_version=version, location=location)), fields, job, more)
        return Given(job, "flags")
    specs = read_specs(file)
    if len(specs) > 1:
        raise SpecFileError(f"there are {len(specs)} specs in the file; give a file with one", file=file)
    spec = specs[0]
    if more or any(value not in (None, ()) for value in fields.values()):
        job = with_additional(apply(spec.require(), fields), more)
        _tell(session, _in_the_spec(check(job, api_version=version, location=location)), fields, job, more, spec=spec)
        return Given(job, file)
    found = _in_the_spec(spec.check(api_version=version, location=location))
    if any(finding.severity is Severity.ERROR for finding in found):
        raise SpecFileInvalid(found, file=file, text=spec.text)
    if found and not session.quiet:
        print_findings(session.output, found, file=file, text=spec.text)
    return Given(spec.job, file)


def _in_the_spec(findings: Sequence[Finding]) -> list[Finding]:
    """Those that are about the spec: that the location is odd is told by the client."""
    return [finding for finding in findings if finding.rule_id != "location-unknown"]


def _tell(
    session: Session,
    findings: Sequence[Finding],
    fields: Mapping[str, Any],
    job: TuningJob,
    more: Sequence[tuple[Place, Any]],
    *,
    spec: SpecFile | None = None,
) -> None:
    """Shows what is wrong with a job that flags made: each thing at its flag, or at its place in the file.

    Raises:
        click.exceptions.Exit: There are errors.
    """
    from gemtune.specs import Severity
    from gemtune.specs.finding import key_path

    kind = job.WhichOneof("tuning_spec") or "supervised_tuning_spec"
    flags = {finding: flag_of(finding.field, fields, kind) for finding in findings}
    given_so = {key_path("additional_fields", path_of(place)): f"--set {path_of(place)}" for place, _ in more}
    flags |= {finding: given_so[finding.field] for finding in findings if finding.field in given_so}

    def place(finding: Finding) -> str:
        if given := flags.get(finding):
            return given
        unset = flag_of(finding.field, None, kind) if spec is None else None
        return f"{unset} (not given)" if unset else f"{spec.file if spec else 'flags'}: {finding.field}"

    shown = [finding if flags[finding] or spec is None else _placed(finding, spec) for finding in findings]
    wrong = any(finding.severity is Severity.ERROR for finding in findings)
    if shown and (wrong or not session.quiet):
        print_findings(
            session.output, shown, file=spec.file if spec else "", text=spec.text if spec else "", place=place
        )
    if wrong:
        raise click.exceptions.Exit(2)


def _placed(finding: Finding, spec: SpecFile) -> Finding:
    from gemtune.specs.checks.rules import RULES

    return dataclasses.replace(finding, position=spec.position(finding.field, key=RULES[finding.rule_id].on_key))


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
