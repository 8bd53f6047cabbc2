"""What a look brings back: jobs on several pages, jobs without a label, rows that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from gemtune._client_base import METHODS
from gemtune.errors import TransportError
from gemtune.flows import find_jobs
from gemtune.flows.submission import Created, Submission
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import World

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
WHICH = Submission(
    request_id="id-1",
    fingerprint="sha256:" + "ab" * 32,
    project="p",
    location="l",
    known=True,
    started=1000.0,
)


def job(number: int, *, seconds: int = 1000, nanos: int = 0, **labels: str) -> TuningJob:
    made = TuningJob(name=f"projects/p/locations/l/tuningJobs/{number}", labels={**WHICH.labels, **labels})
    made.create_time.seconds, made.create_time.nanos = seconds, nanos
    return made


def look(*jobs: TuningJob, **options: Any) -> list[str]:
    world = World(jobs=[(0.0, each) for each in jobs])
    found = world.drive(find_jobs.find(RPCS, WHICH, timeout=9, retry=None, **options))
    return [each.name[-1] for each in found]


def numbers(created: Created) -> list[str]:
    return [each.name[-1] for each in (created.job, *created.doubles)]


@pytest.mark.parametrize("how", ["filtered", "surely", "whole"])
def test_jobs_of_every_page_are_found(how: find_jobs.How) -> None:
    assert sorted(look(*(job(n, seconds=1000 + n) for n in range(1, 6)), how=how)) == list("12345")


def test_the_oldest_of_several_is_the_job_and_the_others_are_its_doubles_to_the_nanosecond() -> None:
    found = [job(1, nanos=7), job(2, seconds=1001), job(3, nanos=5)]
    assert numbers(find_jobs.oldest(found, WHICH)) == ["3", "1", "2"]
    assert numbers(find_jobs.ours(found, WHICH)) == ["3", "1", "2"]


def test_a_job_without_a_label_of_its_spec_may_be_the_one_and_one_of_another_spec_is_not() -> None:
    plain, foreign, named = job(1), job(2, **{"gemtune-spec": "cd" * 20}), job(3)
    del plain.labels["gemtune-spec"]
    assert [each.name[-1] for each in find_jobs.of_spec([plain, foreign, named], WHICH)] == ["1", "3"]
    assert numbers(find_jobs.oldest([plain], WHICH)) == ["1"]
    assert numbers(find_jobs.ours([foreign, plain], WHICH)) == ["1", "2"]


def test_a_page_ends_a_look_only_when_all_of_its_jobs_are_older_than_the_limit() -> None:
    """Two jobs in a page; what stands exactly at the limit is still looked at."""
    newest = [job(n, seconds=2000, **{"gemtune-request": "other"}) for n in (8, 9)]
    middle = [job(n, seconds=1000, **{"gemtune-request": "other"}) for n in (6, 7)]
    wanted = job(1, seconds=999)
    assert look(*newest, *middle, wanted, how="whole", back=1000.0) == ["1"]
    assert look(*newest, *middle, wanted, how="whole", back=999.0) == []


def test_the_limit_is_kept_to_the_fraction_of_a_second() -> None:
    newest = [job(n, seconds=2000, nanos=400_000_000, **{"gemtune-request": "other"}) for n in (8, 9)]
    at_the_limit = [job(n, seconds=1000, nanos=500_000_000, **{"gemtune-request": "other"}) for n in (6, 7)]
    assert look(*newest, *at_the_limit, job(1, seconds=999), how="whole", back=1000.0) == ["1"]
    assert look(*newest, *at_the_limit, job(1, seconds=999), how="whole", back=999.75) == []


def test_a_look_without_a_filter_asks_for_large_pages() -> None:
    world, sizes = World(), []
    real = world.ListTuningJobs
    world.ListTuningJobs = lambda request, at: (sizes.append(request.page_size), real(request, at))[1]  # type: ignore[method-assign]
    world.drive(find_jobs.find(RPCS, WHICH, timeout=9, retry=None, how="whole"))
    assert sizes == [find_jobs.PAGE]


def test_a_filtered_look_that_is_whole_enough_asks_once() -> None:
    world = World()
    assert world.drive(find_jobs.find(RPCS, WHICH, timeout=9, retry=None)) == []
    assert len(world.sent) == 1
    world = World()
    assert world.drive(find_jobs.find(RPCS, WHICH, timeout=9, retry=None, how="surely")) == []
    assert len(world.sent) == 2, "once with the filter, once without"


def test_a_row_that_cannot_be_read_and_may_be_the_one_is_an_answer_that_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(find_jobs, "unreadable", lambda _: ["row 0 cannot be read"])
    monkeypatch.setattr(find_jobs, "_may_carry", lambda *_: True)
    with pytest.raises(TransportError, match="may be the one looked for is in the list, but row 0") as caught:
        look(job(1))
    assert (caught.value.maybe_sent, caught.value.final, caught.value.answered) == (True, True, True)
