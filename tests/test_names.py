"""Names, locations and hosts: every form that people have at hand, and what is something else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from gemtune.errors import ConfigurationError, GemtuneError, SpecInvalid
from gemtune.names import JobName, check_location, host_of, location_of, operation_name, parse_job_name

ID = "4982013113894174720"
FULL = f"projects/p-1/locations/europe-west4/tuningJobs/{ID}"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (ID, (None, None, ID)),
        (f"  {ID}\n", (None, None, ID)),
        (f"tuningJobs/{ID}", (None, None, ID)),
        (FULL, ("p-1", "europe-west4", ID)),
        (f"projects/646763706049/locations/us/tuningJobs/{ID}", ("646763706049", "us", ID)),
        (f"projects/example.com:p/locations/global/tuningJobs/{ID}", ("example.com:p", "global", ID)),
        (
            f"https://console.cloud.google.com/vertex-ai/generative/language/locations/us-central1/tuning/tuningJob/{ID}?project=p-1",
            ("p-1", "us-central1", ID),
        ),
        (
            f"https://console.cloud.google.com/vertex-ai/generative/language/locations/us-central1/tuning/tuningJob/{ID}",
            (None, "us-central1", ID),
        ),
        (f"https://europe-west4-aiplatform.googleapis.com/v1/{FULL}", ("p-1", "europe-west4", ID)),
        (f"https://europe-west4-aiplatform.googleapis.com/v1/{FULL}:cancel", ("p-1", "europe-west4", ID)),
    ],
)
def test_a_job_is_known_by_any_of_its_names(name: str, parts: tuple[str | None, str | None, str]) -> None:
    assert parse_job_name(name) == parts


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("projects/p/locations/l/models/7712@1", "is a model"),
        ("models/7712", "is a model"),
        ("projects/p/locations/l/endpoints/8812", "is an endpoint"),
        (f"{FULL}/operations/5", "is an operation"),
        ("projects/p/locations/l/pipelineJobs/x", "is a pipeline job"),
        ("https://example.com/x", "not to a tuning job"),
        ("", "is empty"),
        ("tuningJobs/", "where the id should be"),
        ("a b", "where the id should be"),
        ("projects/p/locations/l", "is not a job's name"),
        ("projects/p/tuningJobs/1", "is not a job's name"),
        (f"{FULL}/..", "is not a job's name"),
    ],
)
def test_what_is_something_else_is_told_apart(name: str, says: str) -> None:
    with pytest.raises(SpecInvalid) as refusal:
        parse_job_name(name)
    assert says in str(refusal.value)
    assert "a job is named by its id" in str(refusal.value)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
    ],
)
def test_the_host_belongs_to_the_location(location: str, host: str) -> None:
    assert host_of(location) == host


@pytest.mark.parametrize(
    "location", ["", "evil.example/", "us-central1.evil.example#", "US", "a b", "-x", "us\n", "1a", "ü"]
)
def test_what_is_no_location_never_becomes_a_host(location: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a location"):
        check_location(location)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_a_refusal(text: str) -> None:
    try:
        project, location, job_id = parse_job_name(text)
    except GemtuneError:
        return
    whole = str(JobName(project or "p", location or "l", job_id))
    assert parse_job_name(whole) == (project or "p", location or "l", job_id)
    assert not set(whole) & set("?#\\ \n%")


def test_the_location_in_a_name() -> None:
    assert location_of(FULL) == "europe-west4"
    assert location_of("projects/p") is None


def test_an_operation_is_asked_for_by_its_full_name() -> None:
    assert operation_name(f"{FULL}/operations/5") == f"{FULL}/operations/5"
    with pytest.raises(SpecInvalid, match="operations/ID"):
        operation_name(FULL)
