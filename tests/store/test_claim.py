"""Who may send: the rules of a claim, in both databases."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import gemtune
from gemtune import TuningJob
from gemtune.store import Claim, SpecStore
from tests.support.frozen_clock import Time

SPEC = TuningJob(base_model="gemini-2.5-flash")
OTHER = TuningJob(base_model="gemini-2.5-pro")
JOB = TuningJob(name="projects/7/locations/us-central1/tuningJobs/42", state="JOB_STATE_PENDING")


def claim(store: SpecStore, clock: Time, *, lasting: float = 30.0, **changes: Any) -> Claim:
    wanted: dict[str, Any] = {"project": "acme", "location": "us-central1", "job": SPEC}
    return store.claim("r-1", until=clock.seconds + lasting, **wanted | changes)


def record(store: SpecStore, job: TuningJob = JOB) -> None:
    store.record("r-1", project="acme", location="us-central1", job=job)


def test_the_first_claim_is_granted_and_nobody_can_have_sent_before(store: SpecStore, clock: Time) -> None:
    made = claim(store, clock)
    assert made == Claim(
        granted=True,
        token=1,
        until=clock.seconds + 30,
        wait=30,
        fingerprint=gemtune.fingerprint(SPEC),
        job_name="",
        submitted_at=clock.seconds,
    )


def test_the_spec_is_stored_with_the_claim(store: SpecStore, clock: Time) -> None:
    made = claim(store, clock)
    assert store.get(made.fingerprint) == SPEC


def test_a_claim_lasts_from_its_grant_however_long_the_database_was_waited_for(
    store: SpecStore, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([clock.seconds, clock.seconds + 5, clock.seconds + 5])
    monkeypatch.setattr(store, "_now", lambda: next(times))
    assert claim(store, clock).until == clock.seconds + 35


def test_another_one_is_not_granted_and_learns_how_long_to_wait(store: SpecStore, clock: Time) -> None:
    first = claim(store, clock)
    clock.seconds += 10
    second = claim(store, clock)
    assert (second.granted, second.token, second.until, second.wait) == (False, 0, first.until, 20)


@pytest.mark.parametrize("lasting", [30.1, 30.123456, 30.0000001, 30.7, 0.3, 1e8 / 3])
def test_all_see_one_beginning_and_one_end_of_a_claim_and_the_end_is_no_earlier_than_asked(
    store: SpecStore, clock: Time, lasting: float
) -> None:
    clock.seconds += 0.1234567
    asked = clock.seconds + lasting
    first, second = claim(store, clock, lasting=lasting), claim(store, clock)
    assert (first.until, first.submitted_at) == (second.until, second.submitted_at)
    assert asked <= first.until <= asked + 1e-6
    assert store.submissions()[0].submitted_at == first.submitted_at
    clock.seconds = first.until
    assert not claim(store, clock).granted


def test_at_the_very_moment_that_the_time_runs_out_it_is_not_granted_yet(store: SpecStore, clock: Time) -> None:
    claim(store, clock)
    clock.seconds += 30
    assert not claim(store, clock).granted
    clock.seconds += 0.001
    assert claim(store, clock).granted


def test_a_claim_whose_time_has_run_out_is_taken_over_and_somebody_may_have_sent(store: SpecStore, clock: Time) -> None:
    first = claim(store, clock)
    clock.seconds += 31
    second = claim(store, clock)
    assert (second.granted, second.token, second.until) == (True, 2, clock.seconds + 30)
    assert second.submitted_at == first.submitted_at


def test_a_claim_is_renewed_with_its_token_before_its_time_has_run_out(store: SpecStore, clock: Time) -> None:
    token = claim(store, clock).token
    clock.seconds += 10
    renewed = claim(store, clock, token=token)
    assert (renewed.granted, renewed.token, renewed.until) == (True, 2, clock.seconds + 30)
    assert claim(store, clock, token=renewed.token).token == 3


def test_a_token_renews_once(store: SpecStore, clock: Time) -> None:
    token = claim(store, clock).token
    claim(store, clock, token=token)
    assert not claim(store, clock, token=token).granted


def test_who_was_overtaken_cannot_renew(store: SpecStore, clock: Time) -> None:
    mine = claim(store, clock)
    clock.seconds += 31
    assert claim(store, clock).granted
    assert not claim(store, clock, token=mine.token).granted


def test_a_job_that_is_known_ends_all_claims(store: SpecStore, clock: Time) -> None:
    token = claim(store, clock).token
    record(store)
    clock.seconds += 1000
    for made in (claim(store, clock), claim(store, clock, token=token)):
        assert (made.granted, made.token, made.job_name) == (False, 0, JOB.name)


def test_of_two_jobs_a_claim_is_told_the_first(store: SpecStore, clock: Time) -> None:
    claim(store, clock)
    record(store)
    record(store, TuningJob(name="projects/7/locations/us-central1/tuningJobs/41"))
    assert claim(store, clock).job_name == JOB.name


def test_another_spec_under_the_id_is_refused_whatever_the_time(store: SpecStore, clock: Time) -> None:
    token = claim(store, clock).token
    clock.seconds += 1000
    for made in (claim(store, clock, job=OTHER), claim(store, clock, job=OTHER, token=token)):
        assert (made.granted, made.token, made.fingerprint) == (False, 0, gemtune.fingerprint(SPEC))
    assert [stored.job for stored in store.find()] == [SPEC]


def test_another_spec_is_refused_and_shown_the_job_too(store: SpecStore, clock: Time) -> None:
    claim(store, clock)
    record(store)
    made = claim(store, clock, job=OTHER)
    assert (made.granted, made.fingerprint, made.job_name) == (False, gemtune.fingerprint(SPEC), JOB.name)


def test_a_refused_claim_changes_nothing(store: SpecStore, clock: Time) -> None:
    claim(store, clock)
    before = store.submissions()
    clock.seconds += 1
    claim(store, clock, lasting=1000)
    claim(store, clock, job=OTHER)
    assert store.submissions() == before
    clock.seconds += 30
    assert claim(store, clock).granted


def test_our_own_labels_make_no_other_spec(store: SpecStore, clock: Time) -> None:
    claim(store, clock)
    clock.seconds += 31
    marked = TuningJob(base_model=SPEC.base_model, labels={"gemtune-request": "r-1", "gemtune-spec": "abc"})
    assert claim(store, clock, job=marked).granted


def test_a_job_that_was_found_and_not_sent_from_here_ends_claims_of_any_spec(store: SpecStore, clock: Time) -> None:
    record(store)
    for spec in (SPEC, OTHER):
        made = claim(store, clock, job=spec)
        assert (made.granted, made.job_name, made.fingerprint) == (False, JOB.name, gemtune.fingerprint(spec))


@pytest.mark.parametrize("changes", [{"project": "other"}, {"location": "europe-west4"}])
def test_an_id_in_another_place_is_another_submission(store: SpecStore, clock: Time, changes: dict[str, str]) -> None:
    claim(store, clock)
    assert claim(store, clock, **changes).token == 1


def test_a_spec_without_a_fingerprint_claims_nothing(store: SpecStore, clock: Time) -> None:
    with pytest.raises(gemtune.SpecInvalid, match="has no field number 8190"):
        claim(store, clock, job=TuningJob.FromString(b"\xf0\xff\x03\x05"))
    assert store.submissions() == []


def test_a_claim_cannot_be_changed(store: SpecStore, clock: Time) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        claim(store, clock).granted = False  # type: ignore[misc]


def test_a_claim_outlives_the_store_that_made_it(url: str, clock: Time) -> None:
    with SpecStore(url, now=clock) as store:
        claim(store, clock)
    with SpecStore(url, now=clock) as store:
        assert not claim(store, clock).granted


def release(store: SpecStore, token: int) -> None:
    store.release("r-1", project="acme", location="us-central1", token=token)


def test_a_claim_that_is_given_back_leaves_the_id_free_for_any_spec(store: SpecStore, clock: Time) -> None:
    """The service refused the first spec; mended, it has the same id."""
    release(store, claim(store, clock).token)
    [kept] = store.submissions()
    assert (kept.claims, kept.fingerprint) == (0, gemtune.fingerprint(SPEC))
    second = claim(store, clock, job=OTHER)
    assert (second.granted, second.token, second.fingerprint) == (True, 1, gemtune.fingerprint(OTHER))
    assert not claim(store, clock).granted
    [kept] = store.submissions()
    assert (kept.claims, kept.fingerprint) == (1, gemtune.fingerprint(OTHER))
    assert store.get(kept.fingerprint) == OTHER


def test_a_claim_that_was_taken_over_cannot_be_given_back(store: SpecStore, clock: Time) -> None:
    first = claim(store, clock)
    clock.seconds += 31
    claim(store, clock)
    release(store, first.token)
    assert store.submissions()[0].claims == 2


def test_a_claim_with_a_job_cannot_be_given_back(store: SpecStore, clock: Time) -> None:
    first = claim(store, clock)
    record(store)
    release(store, first.token)
    assert claim(store, clock).job_name == JOB.name
