"""`gemtune explain`: a rule in full."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gemtune.cli.commands import TREES, command
from gemtune.cli.output import wrapped
from gemtune.cli.session import Session

__all__ = ["explain"]


@command("explain", forms=TREES, output="a rule", offline=True)
@click.argument("code", required=False)
@click.pass_context
def explain(ctx: click.Context, code: str | None) -> None:
    """Tell more of a rule: of datasets (GT303) or of specs (adapter-size). Without CODE, list them all."""
    session: Session = ctx.obj
    known = _rules()
    if code is None:
        _list(session, known)
        return
    rule = known.get(code) or known.get(code.upper()) or known.get(code.lower())
    if rule is None:
        from gemtune.specs.suggest import nearest

        near = nearest(code, known)
        advice = f"did you mean {near}?" if near else "gemtune explain lists the codes"
        raise click.UsageError(f"there is no rule {code!r}; {advice}", ctx)
    if session.output.structured:
        session.output.tree(rule)
        return
    session.output.data(f"{rule['code']} ({rule['severity']}): {rule['what']}\n")
    for label in ("fix", "service_message", "source", "date"):
        if rule.get(label):
            heading = {"fix": "To fix it", "service_message": "The service says", "source": "Source", "date": "As of"}[
                label
            ]
            session.output.data(wrapped(f"{heading}: {rule[label]}", 100, indent=2))


def _list(session: Session, known: dict[str, dict[str, str]]) -> None:
    if session.output.structured:
        session.output.tree({"rules": list(known.values())})
        return
    for rule in known.values():
        session.output.data(f"{rule['code']:<26} {rule['severity']:<8} {rule['what']}")


def _rules() -> dict[str, dict[str, str]]:
    return {rule["code"]: rule for rule in _every()}


def _every() -> Iterator[dict[str, str]]:
    from gemtune.dataset.rules import rules
    from gemtune.specs.checks.rules import FILE_RULES, RULES

    for rule in rules().values():
        yield {"code": rule.code, "severity": rule.severity, "what": rule.what, "fix": rule.fix, "source": rule.source}
    for each in (RULES | FILE_RULES).values():
        made = {"code": each.id, "severity": each.severity.value, "what": each.about, "source": each.source}
        yield made | {"date": each.date, "service_message": each.service_message}
