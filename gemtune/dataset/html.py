# ruff: noqa: E501  markup
"""The report as a page: one file, charts as SVG, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from gemtune.dataset.folded import Kind, bytes_text, kinds, summary
from gemtune.dataset.partial import MOST_PROBLEMS
from gemtune.dataset.rules import rules
from gemtune_pb.v1 import DatasetProblem, DatasetReport, SupervisedTuningDatasetDistribution, SupervisedTuningDataStats

__all__ = ["page"]

_LISTED = 200
"""Problems of one code that the page lists."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --error: #c62828; --warning: #9a6700; --bar: #4f7cc4; --soft: #8882; }
@media (prefers-color-scheme: dark) { :root { --error: #ff8a80; --warning: #ffcf5c; --bar: #82aaff; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; } p.sub { margin-top: .2rem; opacity: .75; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; } code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .5rem .7rem; overflow-x: auto; margin: .3rem 0; border-radius: 4px; } mark { background: none; color: inherit; border-bottom: 3px solid var(--error); }
.warning mark { border-color: var(--warning); } .badge { font-weight: 600; } .error .badge, .badge.error { color: var(--error); } .warning .badge, .badge.warning { color: var(--warning); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; padding: .4rem .8rem; } summary { cursor: pointer; } .fix { opacity: .85; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: 0; } figcaption { font-size: .9rem; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; } svg rect { fill: var(--bar); }
"""


def page(report: DatasetReport) -> str:
    """The page, as HTML."""
    found = kinds(report)
    told = ", ".join(summary(report)) or "no problem found"
    files = ", ".join(file.name for file in report.files)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>{escape(files)}: {escape(told)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(told[0].upper() + told[1:])}</h1>",
            f'<p class="sub">{report.example_count:,} rows, {bytes_text(report.bytes_read)}, '
            f"for {escape(report.base_model)} ({escape(report.job)})</p>",
            *_files(report),
            *_overview(found),
            *(line for kind in found for line in _kind(kind)),
            *_statistics("training", report.stats),
            *_statistics("validation", report.validation_stats),
            "</body></html>",
            "",
        ]
    )


def _files(report: DatasetReport) -> Iterator[str]:
    yield "<h2>Files</h2><table><thead><tr><th>File<th>For<th class=n>Rows<th class=n>Without error<th class=n>Size</tr></thead><tbody>"
    for file in report.files:
        note = f" <em>not read to its end: {escape(file.incomplete)}</em>" if file.incomplete else ""
        role = "validation" if file.role == 2 else "training"
        yield (
            f"<tr><td><code>{escape(file.name)}</code>{note}<td>{role}<td class=n>{file.example_count:,}"
            f"<td class=n>{file.valid_example_count:,}<td class=n>{bytes_text(file.bytes_read)}</tr>"
        )
    yield "</tbody></table>"


def _overview(found: list[Kind]) -> Iterator[str]:
    if not found:
        return
    yield "<h2>Problems</h2><table><thead><tr><th>Code<th>Severity<th class=n>Count<th>What</tr></thead><tbody>"
    for kind in found:
        yield (
            f'<tr><td><a href="#{kind.code}-{kind.severity}"><code>{kind.code}</code></a><td class="badge {kind.severity}">{kind.severity}'
            f"<td class=n>{kind.count:,}<td>{escape(rules()[kind.code].what)}</tr>"
        )
    yield "</tbody></table>"


def _kind(kind: Kind) -> Iterator[str]:
    rule = rules()[kind.code]
    yield (
        f'<details class="{kind.severity}" id="{kind.code}-{kind.severity}" open><summary><span class=badge>{kind.severity} {kind.code}</span> '
        f"{escape(rule.what)} ({kind.count:,})</summary><p class=fix>To fix it: {escape(rule.fix)}</p>"
    )
    for problem in kind.problems[:_LISTED]:
        yield from _problem(problem, rule.fix)
    more = kind.count - min(len(kind.problems), _LISTED)
    if more > 0:
        kept = f"; a report keeps the first {MOST_PROBLEMS:,}" if kind.count > MOST_PROBLEMS else ""
        yield f"<p>{more:,} more are not listed here{kept}.</p>"
    yield "</details>"


def _problem(problem: DatasetProblem, fix: str) -> Iterator[str]:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    path = f" <code>{escape(problem.path)}</code>" if problem.path else ""
    yield f"<p><code>{escape(place)}</code>{path}<br>{escape(problem.message.removesuffix(f'; {fix}'))}</p>"
    if problem.excerpt:
        start = problem.excerpt_column - 1
        end = start + problem.excerpt_length
        text = problem.excerpt
        yield f"<pre>{escape(text[:start])}<mark>{escape(text[start:end])}</mark>{escape(text[end:])}</pre>"


def _statistics(role: str, stats: SupervisedTuningDataStats) -> Iterator[str]:
    if not stats.tuning_dataset_example_count:
        return
    yield f"<h2>Rows for {role}</h2><p>{stats.tuning_dataset_example_count:,} rows, about {stats.total_billable_token_count:,} tokens a pass</p>"
    yield "<div class=charts>"
    yield _chart("Tokens before the answer", stats.user_input_token_distribution)
    yield _chart("Tokens of the answers", stats.user_output_token_distribution)
    yield _chart("Turns", stats.user_message_per_example_distribution)
    yield "</div>"


_WIDTH, _HEIGHT, _BAR = 288, 120, 44


def _chart(title: str, value: SupervisedTuningDatasetDistribution) -> str:
    highest = max((bucket.count for bucket in value.buckets), default=0)
    bars = []
    span = max((value.max - value.min + 1) / 6, 1e-9)
    for bucket in value.buckets:
        place = min(max(int((bucket.left - value.min) / span + 0.5), 0), 5)
        height = max(1.0, bucket.count / highest * (_HEIGHT - 30))
        x, y = place * (_BAR + 4), _HEIGHT - 15 - height
        label = f"{bucket.left:,.0f} to {bucket.right:,.0f}: {bucket.count:,.0f} rows"
        bars.append(f'<rect x="{x}" y="{y:.1f}" width="{_BAR}" height="{height:.1f}"><title>{label}</title></rect>')
        bars.append(f'<text x="{x + _BAR / 2}" y="{y - 3:.1f}" text-anchor="middle">{bucket.count:,.0f}</text>')
    low, high = f"{value.min:,.0f}", f"{value.max:,.0f}"
    told = f"{title}: {low} to {high}, median {value.median:,.0f}, mean {value.mean:,.1f}"
    return (
        f'<figure><figcaption>{title}</figcaption><svg role="img" aria-label="{told}" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'{"".join(bars)}<text x="0" y="{_HEIGHT - 2}">{low}</text><text x="{_WIDTH}" y="{_HEIGHT - 2}" text-anchor="end">{high}</text></svg>'
        f"<div><small>median {value.median:,.0f} · mean {value.mean:,.1f} · 95 % up to {value.p95:,.0f}</small></div></figure>"
    )
