"""Specs by fingerprint, and the history of submissions, in both databases."""

from __future__ import annotations

from typing import Any

import pytest

import gemtune
from gemtune import TuningJob
from gemtune.store import SpecNotFound, SpecStore, SubmittedJob
from tests.support.frozen_clock import Time

NAME = "projects/7/locations/us-central1/tuningJobs/{}"


def spec(**fields: Any) -> TuningJob:
    job = TuningJob(base_model="gemini-2.5-flash", **fields)
    job.supervised_tuning_spec.training_dataset_uri = "gs://acme/train.jsonl"
    return job


def job(number: int, state: str = "JOB_STATE_PENDING", **fields: Any) -> TuningJob:
    return TuningJob(name=NAME.format(number), state=state, **fields)


PLACE: dict[str, str] = {"project": "acme", "location": "us-central1"}


# -- put and get ------------------------------------------------------------------------------------------------------


def test_what_was_put_is_got_by_its_fingerprint(store: SpecStore) -> None:
    fingerprint = store.put(spec())
    assert fingerprint == gemtune.fingerprint(spec())
    assert store.get(fingerprint) == spec()


def test_a_spec_that_is_put_twice_is_there_once_and_as_of_the_first_time(store: SpecStore, clock: Time) -> None:
    began = clock.seconds
    assert store.put(spec()) == store.put(spec(labels={"gemtune-request": "r", "gemtune-spec": "s"}))
    clock.seconds += 60
    store.put(spec())
    assert [(stored.job, stored.stored_at) for stored in store.find()] == [(spec(), began)]


def test_what_the_service_and_gemtune_set_is_not_kept(store: SpecStore) -> None:
    submitted = spec(labels={"team": "search", "gemtune-request": "r-1", "gemtune-spec": "abc"})
    submitted.name, submitted.state = NAME.format(1), "JOB_STATE_SUCCEEDED"
    submitted.tuned_model.model = "projects/7/locations/us-central1/models/9@1"
    assert store.get(store.put(submitted)) == spec(labels={"team": "search"})


def test_the_message_that_is_put_stays_as_it_is(store: SpecStore) -> None:
    submitted = job(1)
    store.put(submitted)
    assert submitted == job(1)


def test_a_spec_that_is_not_understood_has_no_fingerprint_and_is_refused(store: SpecStore) -> None:
    unknown = TuningJob.FromString(spec().SerializeToString() + b"\xf0\xff\x03\x05")
    with pytest.raises(gemtune.SpecInvalid, match="TuningJob has no field number 8190"):
        store.put(unknown)
    assert store.find() == []


def test_unknown_fields_in_what_the_service_sets_are_no_obstacle(store: SpecStore) -> None:
    answer = spec()
    answer.tuned_model.MergeFromString(b"\xf0\xff\x03\x05")
    assert store.get(store.put(answer)) == spec()


def test_a_spec_that_was_never_put_is_not_found(store: SpecStore) -> None:
    with pytest.raises(SpecNotFound, match=f"there is no spec {gemtune.fingerprint(spec())} in the store"):
        store.get(gemtune.fingerprint(spec()))


@pytest.mark.parametrize("text", ["", "sha256:9f2c", "9f2c" * 16, "sha256:" + "G" * 64])
def test_what_is_no_fingerprint_is_told_so(store: SpecStore, text: str) -> None:
    with pytest.raises(gemtune.ConfigurationError, match="is not a fingerprint, which is sha256: and 64"):
        store.get(text)


def test_texts_of_every_script_come_back(store: SpecStore) -> None:
    odd = spec(description="Zürich 東京 🎛\n\0'; DROP TABLE gemtune_specs; --", labels={"équipe": "recherche"})
    assert store.get(store.put(odd)) == odd


# -- find -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(store: SpecStore, clock: Time) -> SpecStore:
    for number, team in enumerate(["search", "ads", "search"]):
        clock.seconds += 1
        one = spec(description=f"number {number}", labels={"team": team})
        if number == 2:
            one.supervised_tuning_spec.hyper_parameters.adapter_size = gemtune.adapter_size(4)
        store.put(one)
    return store


def descriptions(store: SpecStore, *args: Any, **options: Any) -> list[str]:
    return [stored.job.description for stored in store.find(*args, **options)]


def test_all_specs_are_found_newest_first(three: SpecStore) -> None:
    assert descriptions(three) == ["number 2", "number 1", "number 0"]


ADAPTER = "supervised_tuning_spec.hyper_parameters.adapter_size"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"labels.team": "search"}, ["number 2", "number 0"]),
        ({"labels.team": "search", "description": "number 0"}, ["number 0"]),
        ({ADAPTER: "ADAPTER_SIZE_FOUR"}, ["number 2"]),
        ({ADAPTER: None}, ["number 1", "number 0"]),
        ({"base_model": "gemini-2.5-pro"}, []),
    ],
)
def test_specs_are_found_by_any_field(three: SpecStore, where: dict[str, Any], found: list[str]) -> None:
    assert descriptions(three, where) == found


def test_the_newest_that_fit_are_found_when_few_are_wanted(three: SpecStore) -> None:
    assert descriptions(three, {"labels.team": "search"}, limit=1) == ["number 2"]
    assert descriptions(three, limit=0) == []


@pytest.mark.parametrize("length", [8, 12, 71])
def test_a_spec_is_found_by_how_its_fingerprint_begins(three: SpecStore, length: int) -> None:
    whole = three.find(limit=1)[0].fingerprint
    assert descriptions(three, fingerprint=whole[7:length]) == descriptions(three, fingerprint=whole[:length])
    assert "number 2" in descriptions(three, fingerprint=whole[:length])


def test_a_beginning_of_no_fingerprint_is_told_so(three: SpecStore) -> None:
    with pytest.raises(gemtune.ConfigurationError, match="'%' is not the beginning of a fingerprint"):
        three.find(fingerprint="%")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("base_modell", "base_modell: no such field; did you mean base_model?"),
        ("supervised_tuning_spec.epochs.x", "epochs: no such field; a path looks like"),
        ("base_model.x", "x: no such field"),
        ("supervised_tuning_spec", "a message, which is found by a field in it, such as training_dataset_uri"),
    ],
)
def test_a_path_that_no_spec_has_is_refused(three: SpecStore, path: str, sentence: str) -> None:
    with pytest.raises(gemtune.SpecInvalid, match=sentence.replace("?", r"\?")):
        three.find({path: "x"})


def test_an_entry_of_a_list_can_be_asked_for(store: SpecStore) -> None:
    one = spec()
    one.supervised_tuning_spec.evaluation_config.metrics.add().exact_match_spec.SetInParent()
    store.put(one)
    path = "supervised_tuning_spec.evaluation_config.metrics[0].rouge_spec.rouge_type"
    assert store.find({path: None})
    assert store.find({path: "rouge1"}) == []


# -- the history ------------------------------------------------------------------------------------------------------


def test_a_submission_and_its_job_are_in_the_history(store: SpecStore, clock: Time) -> None:
    fingerprint = gemtune.fingerprint(spec())
    store.claim("r-1", **PLACE, job=spec(), until=clock.seconds + 30)
    began = clock.seconds
    clock.seconds += 2
    store.record("r-1", **PLACE, job=job(42))
    [submission] = store.submissions()
    assert (submission.request_id, submission.project, submission.location) == ("r-1", "acme", "us-central1")
    assert (submission.fingerprint, submission.submitted_at, submission.claims) == (fingerprint, began, 1)
    assert submission.jobs == (SubmittedJob(NAME.format(42), "PENDING", clock.seconds),)
    assert store.get(submission.fingerprint) == spec()


def test_a_submission_without_an_answer_is_in_the_history_without_a_job(store: SpecStore) -> None:
    store.claim("r-1", **PLACE, job=spec(), until=1.0)
    assert [submission.jobs for submission in store.submissions()] == [()]


def test_an_answer_that_is_recorded_again_is_one_job_in_its_newest_state(store: SpecStore, clock: Time) -> None:
    began = clock.seconds
    store.record("r-1", **PLACE, job=job(42))
    clock.seconds += 60
    store.record("r-1", **PLACE, job=job(42, "JOB_STATE_SUCCEEDED"))
    [submission] = store.submissions()
    assert submission.jobs == (SubmittedJob(NAME.format(42), "SUCCEEDED", began),)


def test_a_second_job_of_one_submission_is_shown_beside_the_first(store: SpecStore) -> None:
    first = store.record("r-1", **PLACE, job=job(42))
    both = store.record("r-1", **PLACE, job=job(41))
    assert [made.name for made in first] == [NAME.format(42)]
    assert [made.name for made in both] == [NAME.format(42), NAME.format(41)]
    assert store.record("r-1", **PLACE, job=job(42)) == both
    [submission] = store.submissions()
    assert [made.name for made in submission.jobs] == [NAME.format(42), NAME.format(41)]


def test_a_job_that_was_found_and_not_sent_from_here_is_as_old_as_the_service_says(store: SpecStore) -> None:
    found = job(42)
    found.create_time.FromSeconds(1_700_000_000)
    store.record("r-1", **PLACE, job=found)
    [submission] = store.submissions()
    assert (submission.fingerprint, submission.submitted_at) == ("", 1_700_000_000.0)


def test_one_id_in_two_places_names_two_submissions(store: SpecStore) -> None:
    store.record("r-1", project="acme", location="us-central1", job=job(1))
    store.record("r-1", project="acme", location="europe-west4", job=job(2))
    store.record("r-1", project="other", location="us-central1", job=job(3))
    assert len(store.submissions(request_id="r-1")) == 3
    assert [s.jobs[0].name for s in store.submissions(location="europe-west4")] == [NAME.format(2)]


def test_the_history_is_newest_first_and_can_be_asked_for_a_part(store: SpecStore) -> None:
    for number in range(3):
        store.claim(f"r-{number}", **PLACE, job=spec(description=str(number % 2)), until=1.0)
        store.record(f"r-{number}", **PLACE, job=job(number))
    asked = gemtune.fingerprint(spec(description="0"))
    assert [s.request_id for s in store.submissions()] == ["r-2", "r-1", "r-0"]
    assert [s.request_id for s in store.submissions(limit=1)] == ["r-2"]
    assert [s.request_id for s in store.submissions(fingerprint=asked)] == ["r-2", "r-0"]
    assert [s.request_id for s in store.submissions(job_name=NAME.format(1))] == ["r-1"]
    assert store.submissions(project="nobody") == []


def test_an_answer_without_a_name_is_no_answer(store: SpecStore) -> None:
    with pytest.raises(gemtune.SpecInvalid, match="the job has no name; record what the service returned"):
        store.record("r-1", **PLACE, job=spec())
    assert store.submissions() == []


@pytest.mark.parametrize("request_id", ["", "a\0b", "a\ud800"])
def test_an_id_that_cannot_be_stored_is_refused_before_anything_is(store: SpecStore, request_id: str) -> None:
    with pytest.raises(gemtune.SpecInvalid, match=r"request_id (is empty|holds characters)"):
        store.record(request_id, **PLACE, job=job(1))
    with pytest.raises(gemtune.SpecInvalid, match=r"request_id (is empty|holds characters)"):
        store.claim(request_id, **PLACE, job=spec(), until=1.0)


def test_ids_of_every_script_are_told_apart(store: SpecStore) -> None:
    ids = ["r\u00e9sum\u00e9", "re\u0301sume\u0301", "'; DROP TABLE gemtune_jobs; --", "R", "r", " r"]
    for number, request_id in enumerate(ids):
        store.record(request_id, **PLACE, job=job(number))
    assert [s.request_id for s in store.submissions()] == ids[::-1]
