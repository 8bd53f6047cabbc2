"""Nobody is advised to use a model that is closed to new projects, or about to be; and the catalogue does not grow old.

Whether a model is going is read from the catalogue whatever the day, so that no test begins to fail by itself: a date
that the catalogue has is enough.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import gemtune
from gemtune.specs import catalogue
from gemtune.specs.catalogue import as_of, near_models
from gemtune.specs.lifecycle import Stage, stage_of
from tests.support.jobs import changed, good

ROOT = Path(__file__).parents[2]
MODELS = catalogue({})

ALLOWED = {
    ("docs/checks.md", "text-bison"): "as an example of what is gone",
    ("gemtune/specs/models.yaml", ""): "the catalogue itself",
    (
        "docs/emulator.md",
        "gemini-2.5",
    ): "what the emulator rebases old models on, as the service did while it offered them",
    ("gemtune/emulator/checks.py", ""): "the same table",
    ("gemtune/specs/prices.yaml", ""): "prices are known of these alone",
    ("gemtune/specs/prices.py", "gemini-2.0-flash"): "a name with the number of its build",
    ("protos/gemtune/v1/tuning_service.proto", "gemini-1.0-pro-002"): "the service's own limit for what can be rebased",
}
"""Where a model that is going may be named: the file and the beginning of the name, with the reason."""


def is_going(name: str) -> bool:
    """Whether a name means a model that is closed or gone, or will be by a date that is known."""
    known = MODELS.get(name)
    if known is None and MODELS.gone_since(name):
        return True
    near = [known] if known else near_models(name, MODELS)
    return bool(near) and all(stage_of(model, date.min) is not Stage.OFFERED for model in near)


def named(text: str) -> Iterator[tuple[int, str]]:
    """The models that a text names, each with its line; the folder of a dataset is none, nor is a generation."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in re.finditer(r"gemini-(?![\w.-]*/)\d[\d.]*-[\w.-]+|\w+-(?:bison|unicorn|gecko)[\w@-]*", line):
            yield number, found[0].rstrip(".-")


def texts() -> list[Path]:
    """Every text of the project that users read, or that makes what they read."""
    found = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]  # what was, stays as it was
    found += (ROOT / "docs").rglob("*.md")
    for folder in ("examples", "gemtune", "protos"):
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    return sorted(found)


TEXTS = {".md", ".py", ".pyi", ".proto", ".sh", ".toml", ".yaml"}


def test_no_example_page_or_hint_names_a_model_that_is_going() -> None:
    pages = texts()
    assert len(pages) > 200
    wrong = []
    for path in pages:
        file = path.relative_to(ROOT).as_posix()
        for line, name in named(path.read_text(encoding="utf-8")):
            reasons = [why for (where, what), why in ALLOWED.items() if where == file and name.startswith(what)]
            if is_going(name) and not reasons:
                wrong.append(f"{file}:{line}: {name} is closed to new projects, or will be; name one of gemtune models")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("file", "name"), ALLOWED)
def test_what_is_allowed_is_still_there(file: str, name: str) -> None:
    said = [each for _, each in named((ROOT / file).read_text(encoding="utf-8")) if each.startswith(name)]
    assert any(is_going(each) for each in said)


@pytest.mark.parametrize(
    ("name", "going"),
    [
        ("gemini-2.5-flash", True),
        ("gemini-2.5-flash-preview-05-20", True),
        ("gemini-1.0-pro", True),
        ("text-bison@002", True),
        ("gemini-3.5-flash", False),
        ("gemini-3.6-flash", False),
        ("gemini-4-argon", False),
        ("gemini-flash-latest", False),
    ],
)
def test_what_counts_as_going(name: str, going: bool) -> None:
    assert is_going(name) is going


def misspelt() -> Iterator[str]:
    for model in MODELS:
        for form in ("{}", "{}-latest", "{}-preview-05-20", "models/{}", "publishers/google/models/{}@001", "{}x"):
            yield form.format(model.name)
    yield from (
        "",
        "gemini",
        "gemini-2.5",
        "gemini-flash",
        "gemini-pro",
        "text-bison",
        "tunedModels/x",
        "gpt-5",
        "endpoints/1",
    )


@pytest.mark.parametrize("location", [None, "us-central1", "us-east1", "global"])
def test_no_remedy_names_a_model_that_is_going(location: str | None) -> None:
    job = good()
    job.supervised_tuning_spec.evaluation_config.SetInParent()
    job.encryption_spec.kms_key_name = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    for name in misspelt():
        job.base_model = name
        for day in (date(2026, 8, 1), date(2026, 12, 1), date(2028, 1, 1)):
            for finding in gemtune.check(job, location=location, today=day):
                other = [each for _, each in named(finding.remedy) if is_going(each) and day >= date(2026, 10, 1)]
                assert not other, f"{name}: {finding}"


def test_before_it_closes_a_model_is_no_longer_advised(tmp_path: Path) -> None:
    from gemtune.specs import read_catalogue

    path = tmp_path / "models.yaml"
    path.write_text("models: {gemini-3.5-flash: {lifecycle: {closed: 2027-05-01}}}")
    models = read_catalogue(path)
    for name in ("gemini-3.5-flsh", "gemini-3.5", "models/gemini-3.5-flash", "gpt-5"):
        findings = gemtune.check(changed(base_model=name), models=models, today=date(2027, 1, 1))
        assert "gemini-3.5-flash" not in re.findall(r"[\w.-]+", findings[0].remedy.replace(",", " ")), name


# -- age ------------------------------------------------------------------------------------------------------------------

MOST_DAYS = 90
STRICT = bool(os.environ.get("CATALOGUE_MUST_BE_NEW"))  # read here: a test has none of this machine's settings


def too_old(latest: str, today: date) -> str:
    """What to say about a catalogue whose latest date is `latest`; "" while it is new enough."""
    days = (today - date.fromisoformat(f"{latest}-01-01"[:10])).days
    return f"the catalogue of base models is {days} days old: look at {WHERE}, and renew it" if days > MOST_DAYS else ""


WHERE = "Google's pages of model versions and of supervised tuning (gemtune/specs/models.yaml names them)"


@pytest.mark.filterwarnings("default:the catalogue of base models:UserWarning")
def test_the_catalogue_is_not_older_than_ninety_days() -> None:
    """A warning under the tests; a failure for those who ask for it (`make catalogue-age`), as no commit caused it."""
    if said := too_old(as_of(MODELS), datetime.now(UTC).date()):
        assert not STRICT, said
        warnings.warn(said, stacklevel=1)


@pytest.mark.parametrize(
    ("latest", "today", "old"),
    [
        ("2026-10-13", date(2027, 1, 11), False),
        ("2026-10-13", date(2027, 1, 12), True),
        ("2026-10", date(2026, 12, 30), False),
        ("2026", date(2026, 12, 1), True),
    ],
)
def test_how_old_the_catalogue_is(latest: str, today: date, old: bool) -> None:
    assert bool(too_old(latest, today)) is old
