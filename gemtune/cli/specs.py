"""`gemtune validate` and `gemtune models`: what is wrong with specs, and what is known of base models."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import command
from gemtune.cli.findings import print_findings
from gemtune.cli.output import clean
from gemtune.cli.session import Session
from gemtune.errors import SpecFileError

if TYPE_CHECKING:
    from gemtune.specs import BaseModel, Finding, SpecFile

__all__ = ["models", "validate"]


@command("validate")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="A spec, or - for standard input; repeatable"
)
@click.option("--strict", is_flag=True, help="Warnings count as errors")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.pass_context
def validate(ctx: click.Context, files: tuple[str, ...], strict: bool, more: tuple[str, ...]) -> int:
    """Say what is wrong with specs, before anything is sent.

    \b
      gemtune validate -f spec.yaml
      gemtune validate specs/*.yaml --location europe-west4 -o json

    Nothing is asked of the service. The rules about locations need --location (or GOOGLE_CLOUD_LOCATION); rule ids,
    sources and dates are in the output of -o json. The exit status is 2 when there is an error.
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
            if not session.output.machine:
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
            if not session.output.machine:
                _tell(session, spec, findings, valid=not bad)
    if session.output.machine:
        session.output.tree({"valid": not failed, "files": reports})
    return 2 if failed else 0


def _tell(session: Session, spec: SpecFile, findings: list[Finding], *, valid: bool) -> None:
    if findings and not (valid and session.quiet):
        print_findings(session.output, findings, file=spec.file, text=spec.text)
    if valid:
        from gemtune.specs import fingerprint

        mark = session.output.symbol("✓", "ok:")
        session.output.talk(f"{mark} spec is valid  {spec.file} · {fingerprint(spec.job)[:15]}…")


def _report(spec: SpecFile, findings: list[Finding], *, valid: bool) -> dict[str, Any]:
    return {"file": spec.file, "valid": valid, "findings": [_finding(finding) for finding in findings]}


def _finding(finding: Finding) -> dict[str, Any]:
    made = dataclasses.asdict(finding)
    place = made.pop("position") or {"line": None, "column": None, "length": None}
    return made | {"severity": finding.severity.value} | place


def _unreadable(error: SpecFileError) -> dict[str, Any]:
    from gemtune.specs import Finding, Severity

    found = _finding(Finding("unreadable", Severity.ERROR, "", error.message))
    return {"file": error.file, "valid": False, "findings": [found | {"line": error.line, "column": error.column}]}


@command("models")
@click.argument("name", required=False)
@click.pass_context
def models(ctx: click.Context, name: str | None) -> None:
    """Show what is known of base models: limits, and as of when.

    A file of your own, named by GEMTUNE_MODELS or at ~/.config/gemtune/models.yaml, extends and overrides it.
    """
    from gemtune.specs import catalogue

    session: Session = ctx.obj
    known = catalogue()
    if name is not None:
        model = known.get(name)
        if model is None:
            near = known.nearest(name)
            raise click.UsageError(
                f"{name!r} is not in the catalogue" + (f"; did you mean {near}?" if near else ""), ctx
            )
        _show(session, [model], one=True)
        return
    _show(session, list(known), one=False)


def _show(session: Session, models: list[BaseModel], *, one: bool) -> None:
    output = session.output
    if output.machine:
        trees = [
            {key: value for key, value in dataclasses.asdict(m).items() if value not in (None, "", ())} for m in models
        ]
        listed = [{key: list(v) if isinstance(v, tuple) else v for key, v in tree.items()} for tree in trees]
        output.tree(listed[0] if one else {"models": listed})
    elif one:
        for key, value in dataclasses.asdict(models[0]).items():
            if value not in (None, "", ()):
                text = ", ".join(map(str, value)) if isinstance(value, tuple) else _said(value)
                output.data(f"{key.replace('_', ' '):<22}{text}")
    else:
        rows = [
            (
                model.name,
                f"retired {model.retired}" if model.retired else "offered",
                " ".join(map(str, model.adapter_sizes)) or "?",
                str(model.default_adapter_size or "?"),
                f"{model.tokens_per_example:,}" if model.tokens_per_example else "?",
                _regions(model),
                {True: "yes", False: "no", None: "?"}[model.cmek],
                model.date,
            )
            for model in models
        ]
        output.table(("MODEL", "STATUS", "RANKS", "DEFAULT", "TOKENS", "REGIONS", "KEY", "AS OF"), rows)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _regions(model: BaseModel) -> str:
    if not model.regions:
        return "?"
    shown = ", ".join(model.regions[:2])
    return shown if len(model.regions) <= 2 else f"{shown} and {len(model.regions) - 2} more"
