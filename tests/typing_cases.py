"""Read by type checkers, not run: right uses pass, and each wrong one is an error that its comment says to ignore.

mypy and pyright in strict mode check this file against the installed package; an ignored line without an error is an
error too, so that what must be wrong stays wrong.
"""

import gemtune
from gemtune import AdapterSize, SupervisedHyperParameters, SupervisedTuningSpec, TuningJob

job = TuningJob(
    base_model="gemini-2.5-flash",
    supervised_tuning_spec=SupervisedTuningSpec(
        training_dataset_uri="gs://bucket/train.jsonl",
        hyper_parameters=SupervisedHyperParameters(epoch_count=4, adapter_size=AdapterSize.ADAPTER_SIZE_FOUR),
    ),
    labels={"team": "search"},
)
name: str = job.name
epochs: int = job.supervised_tuning_spec.hyper_parameters.epoch_count
TuningJob(base_modl="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
job.base_model = 4  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
job.no_such_field  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
job.HasField("nope")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def follow(client: gemtune.TuningClient) -> str:
    created: TuningJob = client.create_tuning_job(job, request_id="mine")
    for each in client.list_tuning_jobs(filter='state="JOB_STATE_RUNNING"', page_size=10):
        client.cancel_tuning_job(each.name)
    client.create_tuning_job("spec.yaml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return client.wait_tuning_job(created.name).tuned_model.model


read: TuningJob = gemtune.from_json("{}", TuningJob)
