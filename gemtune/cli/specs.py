"""`gemtune validate`: what is wrong with specs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import FINDINGS, TREES, command
from gemtune.cli.findings import print_findings
from gemtune.cli.machine import Note, write_notes
from gemtune.cli.output import clean
from gemtune.cli.session import Session
from gemtune.errors import SpecFileError

if TYPE_CHECKING:
    from gemtune.specs import Finding, SpecFile

__all__ = ["validate"]


@command("validate", forms=(*TREES, *FINDINGS), output="a report")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="A spec, or - for standard input; repeatable"
)
@click.option("--strict", is_flag=True, help="Warnings count as errors")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.pass_context
def validate(ctx: click.Context, files: tuple[str, ...], strict: bool, more: tuple[str, ...]) -> int:
    """Check specs before you send them.

    \b
      gemtune validate -f spec.yaml
      gemtune validate specs/*.yaml --location europe-west4 -o json

    The service is not called. The rules about locations need --location (or GOOGLE_CLOUD_LOCATION). -o json adds rule
    ids, sources and dates; -o sarif and -o github are for code scanning and pull requests. The exit status is 2 when
    there is an error.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import Severity, read_specs

    session: Session = ctx.obj
    names = [*files, *more]
    if not names:
        raise click.UsageError("give a spec: gemtune validate -f FILE", ctx)
    reports: list[dict[str, Any]] = []
    failed = False
    for name in names:
        try:
            specs = read_specs(name)
        except SpecFileError as error:
            failed = True
            reports.append(_unreadable(error))
            if not session.output.structured:
                session.output.err.write(f"error: {clean(str(error))}\n")
            continue
        for spec in specs:
            findings = spec.check(
                api_version=session.api_version or "v1",
                location=session.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or None,
                project=session.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or None,
            )
            bad = any(finding.severity is Severity.ERROR for finding in findings) or (strict and bool(findings))
            failed = failed or bad
            reports.append(_report(spec, findings, valid=not bad))
            if not session.output.structured:
                _tell(session, spec, findings, valid=not bad)
    if session.output_format in FINDINGS:
        write_notes(session, _notes(reports), _rules())
    elif session.output.structured:
        session.output.tree({"valid": not failed, "files": reports})
    return 2 if failed else 0


def _tell(session: Session, spec: SpecFile, findings: list[Finding], *, valid: bool) -> None:
    if findings and not (valid and session.quiet):
        print_findings(session.output, findings, file=spec.file, text=spec.text)
    if valid:
        from gemtune.specs import fingerprint

        mark = session.output.symbol("✓", "ok:")
        session.output.note(f"{mark} spec is valid  {spec.file} · {fingerprint(spec.job)[:15]}…")


def _report(spec: SpecFile, findings: list[Finding], *, valid: bool) -> dict[str, Any]:
    return {"file": spec.file, "valid": valid, "findings": [_finding(finding) for finding in findings]}


def _finding(finding: Finding) -> dict[str, Any]:
    made = dataclasses.asdict(finding)
    place = made.pop("position") or {"line": None, "column": None, "length": None}
    return made | {"severity": finding.severity.value} | place


def _notes(reports: list[dict[str, Any]]) -> Iterator[Note]:
    for report in reports:
        for found in report["findings"]:
            sentence = f"{found['message']}; {found['remedy']}" if found["remedy"] else found["message"]
            field = f"{found['field']}: " if found["field"] and found["field"] not in sentence else ""
            place = (found["line"] or 0, found["column"] or 0)
            yield Note(found["rule_id"], found["severity"], report["file"], *place, field + sentence)


def _rules() -> dict[str, str]:
    from gemtune.specs.checks.rules import FILE_RULES, RULES

    return {rule.id: rule.about for rule in (RULES | FILE_RULES).values()}


def _unreadable(error: SpecFileError) -> dict[str, Any]:
    from gemtune.specs import Finding, Severity

    found = _finding(Finding("unreadable", Severity.ERROR, "", error.message))
    return {"file": error.file, "valid": False, "findings": [found | {"line": error.line, "column": error.column}]}
