"""How a program that tunes models can be tested: its good days and its bad ones, without an account, in milliseconds.

Run it with `pytest examples/test_with_emulator.py`; it needs `pip install 'gemtune[emulator]' pytest`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gemtune
from gemtune.testing import Emulator, emulator

# -- the program ------------------------------------------------------------------------------------------------------


def tune(client: gemtune.TuningClient, dataset: str) -> str:
    """The endpoint of a model tuned with a dataset; the program under test."""
    spec = gemtune.TuningJob(
        base_model="gemini-3.5-flash",
        supervised_tuning_spec=gemtune.SupervisedTuningSpec(training_dataset_uri=dataset),
    )
    job = client.create_tuning_job(spec)
    endpoint: str = client.wait_tuning_job(job.name).tuned_model.endpoint
    return endpoint


# -- its tests --------------------------------------------------------------------------------------------------------

DATASET = "gs://bucket/train.jsonl"


@pytest.fixture
def service() -> Iterator[Emulator]:
    """The tuning service, where a job takes an hour."""
    with emulator(job_duration=3600) as running:
        yield running


@pytest.fixture
def client(service: Emulator) -> gemtune.TuningClient:
    """A client that does not wait: its pauses move the service's clock."""
    return service.client(instant=True)


def test_it_waits_for_the_model(client: gemtune.TuningClient) -> None:
    assert "/endpoints/" in tune(client, DATASET)


def test_it_starts_one_job_whatever_the_network_does(service: Emulator, client: gemtune.TuningClient) -> None:
    test = service.faults({"CreateTuningJob": ["return-503", "return-reset-connection-after"]})
    assert tune(client, DATASET)
    assert test.completed
    assert len(list(client.list_tuning_jobs())) == 1


def test_it_outlives_an_outage_while_it_waits(service: Emulator, client: gemtune.TuningClient) -> None:
    service.faults({"GetTuningJob": ["return-503"] * 40})
    assert tune(client, DATASET)


def test_it_says_why_a_job_failed(service: Emulator, client: gemtune.TuningClient) -> None:
    service.outcome("fail-resource-exhausted", message="No room for a tuned model.")
    with pytest.raises(gemtune.JobFailed, match="No room for a tuned model"):
        tune(client, DATASET)


def test_it_refuses_a_dataset_that_is_none(client: gemtune.TuningClient) -> None:
    with pytest.raises(gemtune.SpecInvalid, match="training_dataset_uri"):
        tune(client, "train.csv")
