"""What a client does, written once: the same over REST, gRPC and no wire at all, blocking and on an event loop."""

from __future__ import annotations

from typing import Any

import pytest

import gemtune
from gemtune import JobState, TuningJob
from tests.support.client_harness import Face, Time
from tests.support.jobs import spec

MISSING = "1111111111111111111"


def job(name: str = "summaries", **fields: Any) -> TuningJob:
    return spec(tuned_model_display_name=name, **fields)


def ended(moved: Time) -> None:
    moved.skip(1000)


# -- create, get, list, cancel ----------------------------------------------------------------------------------------


def test_a_created_job_has_a_name_and_waits_its_turn(client: Face) -> None:
    created = client.create_tuning_job(job("Zürich – 調整"))
    assert created.name.startswith("projects/")
    assert "/locations/us-central1/tuningJobs/" in created.name
    assert created.state == JobState.JOB_STATE_PENDING
    assert created.tuned_model_display_name == "Zürich – 調整"
    assert set(created.labels) == {"gemtune-request", "gemtune-spec"}
    assert client.get_tuning_job(created.name).create_time == created.create_time


def test_the_callers_message_is_not_changed(client: Face) -> None:
    mine = job(labels={"team": "search"})
    before = mine.SerializeToString(deterministic=True)
    client.create_tuning_job(mine)
    assert mine.SerializeToString(deterministic=True) == before


def test_a_job_is_found_however_it_is_named(client: Face) -> None:
    created = client.create_tuning_job(job())
    job_id = created.name.rpartition("/")[2]
    link = (
        f"https://console.cloud.google.com/x/locations/us-central1/tuning/tuningJob/{job_id}?project={client.project}"
    )
    for name in (job_id, f"tuningJobs/{job_id}", created.name, link):
        assert client.get_tuning_job(name).name == created.name


def test_jobs_of_a_location_are_listed_newest_first_and_page_by_page(client: Face) -> None:
    names = [client.create_tuning_job(job()).name for _ in range(5)]
    client.create_tuning_job(job(), location="europe-west4")
    assert [each.name for each in client.list_tuning_jobs(page_size=2)] == names[::-1]
    pages = list(client.pages(client.client.list_tuning_jobs(page_size=2)))
    assert [len(page.tuning_jobs) for page in pages] == [2, 2, 1]
    assert [bool(page.next_page_token) for page in pages] == [True, True, False]
    assert len(list(client.list_tuning_jobs(location="europe-west4"))) == 1


def test_a_list_can_be_read_twice(client: Face) -> None:
    client.create_tuning_job(job())
    jobs = client.client.list_tuning_jobs()
    assert len(list(client.settled(jobs))) == len(list(client.settled(jobs))) == 1


def test_a_filter_is_the_services(client: Face) -> None:
    wanted = client.create_tuning_job(job(labels={"team": "search"}))
    client.create_tuning_job(job(labels={"team": "ads"}))
    assert [each.name for each in client.list_tuning_jobs(filter='labels.team="search"')] == [wanted.name]
    with pytest.raises(gemtune.InvalidArgument):
        list(client.list_tuning_jobs(filter="labels.team=="))


def test_a_cancelled_job_ends_so(client: Face, moved: Time) -> None:
    created = client.create_tuning_job(job())
    assert client.cancel_tuning_job(created.name) is None
    with pytest.raises(gemtune.JobFailed, match="CANCELLED") as caught:
        client.wait_tuning_job(created.name)
    assert caught.value.job.error.code == 1
    assert client.wait_tuning_job(created.name, raise_on_failure=False).state == JobState.JOB_STATE_CANCELLED


# -- errors -----------------------------------------------------------------------------------------------------------


def test_a_missing_job_is_not_found(client: Face) -> None:
    for call in (client.get_tuning_job, client.cancel_tuning_job, client.wait_tuning_job):
        with pytest.raises(gemtune.NotFound) as caught:
            call(MISSING)
        assert caught.value.message == "The TuningJob does not exist."
        assert caught.value.code == 5


def test_the_services_violations_come_through(client: Face) -> None:
    wrong = job()
    wrong.supervised_tuning_spec.training_dataset_uri = "train.csv"
    with pytest.raises(gemtune.InvalidArgument) as caught:
        client.create_tuning_job(wrong, validate=False)
    [violation] = caught.value.violations
    assert violation.field == "tuning_job.supervised_tuning_spec.training_dataset_uri"


def test_a_spec_that_is_wrong_is_not_sent(client: Face) -> None:
    wrong = job()
    wrong.supervised_tuning_spec.training_dataset_uri = "train.csv"
    with pytest.raises(gemtune.SpecInvalid):
        client.create_tuning_job(wrong)
    assert list(client.list_tuning_jobs()) == []


def test_a_name_that_is_no_jobs_is_told_apart(client: Face) -> None:
    with pytest.raises(gemtune.SpecInvalid, match="is a model"):
        client.get_tuning_job("projects/p/locations/us-central1/models/1")


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_a_wait_follows_a_job_to_its_tuned_model(client: Face) -> None:
    seen: list[int] = []
    created = client.create_tuning_job(job())
    done = client.wait_tuning_job(created.name, on_update=lambda each: seen.append(each.state))
    assert done.state == JobState.JOB_STATE_SUCCEEDED
    assert "/models/" in done.tuned_model.model
    assert list(dict.fromkeys(seen)) == [
        JobState.JOB_STATE_PENDING,
        JobState.JOB_STATE_RUNNING,
        JobState.JOB_STATE_SUCCEEDED,
    ]


def test_a_wait_that_runs_out_has_the_job_as_it_stands(client: Face) -> None:
    created = client.create_tuning_job(job())
    with pytest.raises(gemtune.WaitTimeout, match="has not ended after 20 s; it goes on") as caught:
        client.wait_tuning_job(created.name, timeout=20)
    assert caught.value.job.state == JobState.JOB_STATE_RUNNING


def test_many_jobs_are_yielded_each_as_it_ends(client: Face) -> None:
    first = [client.create_tuning_job(job()).name for _ in range(3)]
    elsewhere = client.create_tuning_job(job(), location="europe-west4").name
    client.cancel_tuning_job(first[1])
    ended_ = list(client.wait_tuning_jobs([*first, elsewhere, first[0]], poll_interval=1))
    assert ended_[0].name == first[1]
    assert ended_[0].state == JobState.JOB_STATE_CANCELLED
    assert sorted(each.name for each in ended_[1:]) == sorted([first[0], first[2], elsewhere])


def test_waiting_for_many_jobs_may_run_out(client: Face, moved: Time) -> None:
    done = client.create_tuning_job(job()).name
    ended(moved)
    fresh = client.create_tuning_job(job()).name
    waiting = client.wait_tuning_jobs([done, fresh], timeout=20)
    assert next(waiting).name == done
    with pytest.raises(gemtune.WaitTimeout, match="1 of the jobs waited for have not ended after 20 s") as caught:
        next(waiting)
    assert caught.value.job.name == fresh


def test_waiting_for_a_job_that_does_not_exist_says_so(client: Face) -> None:
    names = [client.create_tuning_job(job()).name for _ in range(2)]
    with pytest.raises(gemtune.NotFound):
        list(client.wait_tuning_jobs([*names, MISSING]))


def test_waiting_for_nothing_is_over_at_once(client: Face) -> None:
    assert list(client.wait_tuning_jobs([])) == []


# -- rebase and operations --------------------------------------------------------------------------------------------


def test_a_rebase_is_an_operation_whose_result_is_a_job(client: Face, moved: Time) -> None:
    source = client.create_tuning_job(job())
    ended(moved)
    operation = client.rebase_tuned_model(
        gemtune.TunedModelRef(tuning_job=source.name), tuning_job=TuningJob(tuned_model_display_name="newer")
    )
    assert not operation.done
    assert client.get_operation(operation).name == operation.name
    made = client.wait_operation(operation.name)
    assert made.tuned_model_display_name == "newer"
    assert made.state == JobState.JOB_STATE_SUCCEEDED
    assert client.get_operation(operation.name).done


def test_operations_are_listed_and_forgotten(client: Face, moved: Time) -> None:
    source = client.create_tuning_job(job())
    ended(moved)
    operation = client.rebase_tuned_model(gemtune.TunedModelRef(tuning_job=source.name))
    made = operation.name.partition("/operations/")[0]
    assert [found.name for found in client.list_operations(made)] == [operation.name]
    assert client.list_operations(source) == []
    client.delete_operation(operation)
    assert client.list_operations(made) == []
    with pytest.raises(gemtune.NotFound):
        client.get_operation(operation)
    assert client.get_tuning_job(made).name == made


def test_a_cancelled_operation_is_an_error(client: Face, moved: Time) -> None:
    source = client.create_tuning_job(job())
    ended(moved)
    operation = client.rebase_tuned_model(gemtune.TunedModelRef(tuning_job=source.name))
    client.cancel_operation(operation)
    with pytest.raises(gemtune.Cancelled):
        client.wait_operation(operation)


# -- exactly once -----------------------------------------------------------------------------------------------------


def test_one_request_id_is_one_job_for_ever(client: Face) -> None:
    first = client.create_tuning_job(job(), request_id="nightly-1")
    assert client.create_tuning_job(job(), request_id="nightly-1").name == first.name
    assert client.settle("nightly-1").name == first.name
    assert client.settle("nightly-2") is None
    with pytest.raises(gemtune.SpecInvalid, match=r"names .* already"):
        client.create_tuning_job(job("another"), request_id="nightly-1")
    assert len(list(client.list_tuning_jobs())) == 1


# -- versions, closing ------------------------------------------------------------------------------------------------


def test_v1beta1_has_what_v1_has_not(opened: Any) -> None:
    beta = opened(api_version="v1beta1")
    open_model = job()
    open_model.base_model = "meta/llama3_1@llama-3.1-8b-instruct"
    open_model.supervised_tuning_spec.tuning_mode = gemtune.SupervisedTuningSpec.TUNING_MODE_FULL
    open_model.output_uri = "gs://bucket/output"
    created = beta.create_tuning_job(open_model)
    assert beta.get_tuning_job(created.name).output_uri == "gs://bucket/output"


def test_a_client_can_be_used_after_close(client: Face) -> None:
    created = client.create_tuning_job(job())
    client.close()
    assert client.get_tuning_job(created.name).name == created.name


def test_a_client_is_a_context_manager(opened: Any) -> None:
    face = opened()
    if face.asynchronous:
        assert face.settled(face.client.__aenter__()) is face.client
        face.settled(face.client.__aexit__(None, None, None))
    else:
        with face.client as entered:
            assert entered is face.client
